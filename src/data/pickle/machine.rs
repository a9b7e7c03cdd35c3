//! The stack machine's state and hands: arguments, stack, memo, errors.

use std::collections::HashMap;

use crate::error::DataError;
use crate::pickle::{Id, MAX_VALUES, Node};

pub(super) type Result<T> = std::result::Result<T, DataError>;

pub(super) struct Machine<'a> {
    pub(super) file: &'a str,
    bytes: &'a [u8],
    /// Next byte to read.
    at: usize,
    /// Offset of the opcode in work, for errors.
    op_at: usize,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Id>,
    /// Bytes that decoded strings may still take.
    budget: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(file: &'a str, bytes: &'a [u8]) -> Self {
        Machine {
            file,
            bytes,
            at: 0,
            op_at: 0,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            budget: bytes.len().saturating_mul(4),
        }
    }

    /// Notes where the next opcode stands and checks that the machine has not outgrown itself.
    pub(super) fn begin_step(&mut self) -> Result<()> {
        self.op_at = self.at;
        let held = [
            self.nodes.len(),
            self.stack.len(),
            self.marks.len(),
            self.memo.len(),
        ];
        if held.iter().any(|&n| n >= MAX_VALUES) {
            return Err(DataError::too_large(
                self.file,
                format!("pickle byte {}", self.op_at),
                "the number of values",
                format!("{MAX_VALUES} values"),
            ));
        }
        Ok(())
    }

    pub(super) fn bad(&self, found: impl Into<String>, expected: impl Into<String>) -> DataError {
        let place = format!("pickle byte {}", self.op_at);
        DataError::malformed(self.file, place, found, expected)
    }

    pub(super) fn forbidden(&self, asked: String) -> DataError {
        DataError::Forbidden {
            file: self.file.into(),
            asked,
        }
    }

    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        if rest.len() < n {
            return Err(self.bad(
                format!("{} bytes, then the end", rest.len()),
                format!("{n} more bytes"),
            ));
        }
        self.at += n;
        Ok(&rest[..n])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// A little-endian length of `width` bytes, which may not pass the end of the file.
    pub(super) fn length(&mut self, width: usize) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.take(width)?);
        let length = u64::from_le_bytes(wide);
        let rest = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(n) if n <= rest => Ok(n),
            _ => Err(self.bad(
                format!("a length of {length}"),
                format!("at most the {rest} bytes left"),
            )),
        }
    }

    /// The rest of a line, its end dropped.
    pub(super) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(n) = rest.iter().position(|&b| b == b'\n') else {
            return Err(self.bad("no end of line", "a line"));
        };
        self.at += n + 1;
        Ok(rest[..n].strip_suffix(b"\r").unwrap_or(&rest[..n]))
    }

    pub(super) fn push(&mut self, node: Node<'a>) -> Result<()> {
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
        Ok(())
    }

    /// Pushes bytes that had to be decoded, within the budget.
    pub(super) fn own(&mut self, bytes: Vec<u8>) -> Result<()> {
        let Some(left) = self.budget.checked_sub(bytes.len()) else {
            return Err(self.bad("more decoded text than the file can hold", "plain text"));
        };
        self.budget = left;
        self.push(Node::Owned(bytes))
    }

    /// Pushes a string or bytes with a length of `width` bytes before it.
    pub(super) fn text(&mut self, width: usize) -> Result<()> {
        let n = self.length(width)?;
        let text = self.take(n)?;
        self.push(Node::Text(text))
    }

    /// Pushes an int, long or bool written in decimal on a line.
    pub(super) fn text_int(&mut self) -> Result<()> {
        let line = self.line()?;
        let line = line.strip_suffix(b"L").unwrap_or(line);
        let digits = line.strip_prefix(b"-").unwrap_or(line);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(self.bad("an int that is no number", "decimal digits"));
        }
        let value = std::str::from_utf8(line).ok().and_then(|s| s.parse().ok());
        self.push(value.map_or(Node::Opaque, Node::Int))
    }

    pub(super) fn memo_key(&mut self, decimal: bool, width: usize) -> Result<u32> {
        if decimal {
            let line = self.line()?;
            let key = std::str::from_utf8(line).ok().and_then(|s| s.parse().ok());
            return key.ok_or_else(|| self.bad("a memo name", "a number"));
        }
        let mut wide = [0; 4];
        wide[..width].copy_from_slice(self.take(width)?);
        Ok(u32::from_le_bytes(wide))
    }

    pub(super) fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err(self.bad("an empty stack", "a value on it")),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Id> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.bad("no mark", "a mark on the stack")),
        }
    }

    pub(super) fn extend_list(&mut self, items: Vec<Id>) -> Result<()> {
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::List(list) => list.extend(items),
            _ => return Err(self.bad("items for something else", "a list below them")),
        }
        Ok(())
    }

    pub(super) fn extend_dict(&mut self, items: Vec<Id>) -> Result<()> {
        let target = self.top()?;
        if items.len() % 2 == 1 {
            return Err(self.bad("a key without a value", "pairs"));
        }
        match &mut self.nodes[target as usize] {
            Node::Dict(pairs) => pairs.extend(items.chunks_exact(2).map(|p| (p[0], p[1]))),
            _ => return Err(self.bad("pairs for something else", "a dict below them")),
        }
        Ok(())
    }

    /// The bytes of a string or bytes value.
    pub(super) fn text_of(&self, id: Id) -> Result<&[u8]> {
        match &self.nodes[id as usize] {
            Node::Text(text) => Ok(text),
            Node::Owned(text) => Ok(text),
            _ => Err(self.bad("a value of another kind", "a string or bytes")),
        }
    }

    /// A short string, such as a module's name.
    pub(super) fn string(&self, id: Id) -> Result<Vec<u8>> {
        let text = self.text_of(id)?;
        match text.len() {
            0..=256 => Ok(text.to_vec()),
            n => Err(self.bad(format!("a name of {n} bytes"), "at most 256")),
        }
    }
}

/// `module.name` as far as it can be shown.
pub(super) fn dotted(module: &[u8], name: &[u8]) -> String {
    let part = |b: &[u8]| String::from_utf8_lossy(&b[..b.len().min(120)]).into_owned();
    format!("{}.{}", part(module), part(name))
}

/// A little-endian two's-complement int; `None` beyond 64 bits.
pub(super) fn little_int(bytes: &[u8]) -> Option<i64> {
    let fill = match bytes.last() {
        Some(b) if *b >= 0x80 => 0xff,
        _ => 0,
    };
    let mut wide = [fill; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

/// The bytes of a string literal as Python 2's `repr` writes it.
pub(super) fn unquote(line: &[u8]) -> Option<Vec<u8>> {
    let (&quote, rest) = line.split_first()?;
    let inner = rest.strip_suffix(&[quote])?;
    if !matches!(quote, b'\'' | b'"') {
        return None;
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(b) = bytes.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        out.push(match bytes.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                (high << 4 | low) as u8
            }
            plain @ (b'\\' | b'\'' | b'"') => plain,
            _ => return None,
        });
    }
    Some(out)
}

/// The UTF-8 of a line in Python's raw-unicode-escape: latin1 with `\uXXXX`, `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(line.len());
    let mut i = 0;
    while i < line.len() {
        let digits = match (line[i], line.get(i + 1)) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(line[i]));
                i += 1;
                continue;
            }
        };
        let code = line.get(i + 2..i + 2 + digits)?;
        let code = code
            .iter()
            .try_fold(0u32, |n, &b| Some(n.checked_mul(16)? + hex(b)?))?;
        out.push(char::from_u32(code)?);
        i += 2 + digits;
    }
    Some(out.into_bytes())
}

fn hex(b: u8) -> Option<u32> {
    char::from(b).to_digit(16)
}
