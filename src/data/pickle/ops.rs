//! What each pickle opcode does to the flat store.

use crate::pickle::machine::{Machine, Result, dotted, little_int, raw_unicode, unquote};
use crate::pickle::{Allowed, ArrayNode, Id, Node, Pickle};

impl<'a> Machine<'a> {
    pub(super) fn run(mut self) -> Result<Pickle<'a>> {
        loop {
            self.begin_step()?;
            let op = self.take(1)?[0];
            if op == b'.' {
                let root = self.pop()?;
                return Ok(Pickle {
                    file: self.file,
                    nodes: self.nodes,
                    root,
                });
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            // Framing.
            0x80 => {
                let protocol = self.take(1)?[0];
                if protocol > 4 {
                    return Err(self.bad(format!("protocol {protocol}"), "protocol 0 to 4"));
                }
            }
            0x95 => drop(self.take(8)?),
            // Numbers.
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Int(1))?,
            0x89 => self.push(Node::Int(0))?,
            b'J' => {
                let b = self.array::<4>()?;
                self.push(Node::Int(i32::from_le_bytes(b).into()))?;
            }
            b'K' => {
                let b = self.array::<1>()?;
                self.push(Node::Int(b[0].into()))?;
            }
            b'M' => {
                let b = self.array::<2>()?;
                self.push(Node::Int(u16::from_le_bytes(b).into()))?;
            }
            b'I' | b'L' => self.text_int()?,
            0x8a | 0x8b => {
                let n = self.length(if op == 0x8a { 1 } else { 4 })?;
                let long = little_int(self.take(n)?);
                self.push(long.map_or(Node::Opaque, Node::Int))?;
            }
            b'F' => {
                self.line()?;
                self.push(Node::Opaque)?;
            }
            b'G' => {
                self.take(8)?;
                self.push(Node::Opaque)?;
            }
            // Strings and bytes.
            b'U' | 0x8c | b'C' => self.text(1)?,
            b'T' | b'X' | b'B' => self.text(4)?,
            0x8d | 0x8e => self.text(8)?,
            b'S' => {
                let line = self.line()?;
                let Some(text) = unquote(line) else {
                    return Err(self.bad("a string without quotes", "a quoted string"));
                };
                self.own(text)?;
            }
            b'V' => {
                let line = self.line()?;
                let Some(text) = raw_unicode(line) else {
                    return Err(self.bad("a broken \\u escape", "4 or 8 hex digits"));
                };
                self.own(text)?;
            }
            _ => self.step_container(op)?,
        }
        Ok(())
    }

    fn step_container(&mut self, op: u8) -> Result<()> {
        match op {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                // Python's POP takes the mark when nothing lies on it.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            0x85..=0x87 => {
                let n = usize::from(op - 0x84);
                let mut items = Vec::with_capacity(n);
                for _ in 0..n {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Node::Tuple(items))?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.extend_list(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()))?;
                self.extend_dict(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(vec![key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_dict(items)?;
            }
            // Memo.
            b'p' | b'q' | b'r' => {
                let key = self.memo_key(op == b'p', if op == b'q' { 1 } else { 4 })?;
                let top = self.top()?;
                self.memo.insert(key, top);
            }
            0x94 => {
                let (key, top) = (self.memo.len() as u32, self.top()?);
                self.memo.insert(key, top);
            }
            b'g' | b'h' | b'j' => {
                let key = self.memo_key(op == b'g', if op == b'h' { 1 } else { 4 })?;
                let Some(&id) = self.memo.get(&key) else {
                    return Err(self.bad(format!("memo {key}"), "a memo set before"));
                };
                self.stack.push(id);
            }
            _ => self.step_name(op)?,
        }
        Ok(())
    }

    fn step_name(&mut self, op: u8) -> Result<()> {
        match op {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.string(module)?, self.string(name)?);
                self.name(&module, &name)?;
            }
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.reduce(callable, arguments)?;
            }
            b'b' => {
                let state = self.pop()?;
                self.build(state)?;
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                return Err(self.forbidden(dotted(module, name)));
            }
            other => {
                let asked = match other {
                    b'o' => "an object (OBJ)",
                    0x81 | 0x92 => "a new object (NEWOBJ)",
                    b'P' | b'Q' => "a persistent object (PERSID)",
                    0x82..=0x84 => "a registered extension (EXT)",
                    0x8f..=0x91 => "a set",
                    0x96..=0x98 => "a protocol 5 buffer",
                    _ => return Err(self.bad(format!("opcode {other:#04x}"), "a pickle opcode")),
                };
                return Err(self.forbidden(asked.into()));
            }
        }
        Ok(())
    }

    fn name(&mut self, module: &[u8], name: &[u8]) -> Result<()> {
        let allowed = std::str::from_utf8(module)
            .ok()
            .zip(std::str::from_utf8(name).ok())
            .and_then(|(m, n)| Allowed::find(m, n));
        match allowed {
            Some(allowed) => self.push(Node::Name(allowed)),
            None => Err(self.forbidden(dotted(module, name))),
        }
    }

    /// What an allowed callable would make of its arguments.
    fn reduce(&mut self, callable: Id, arguments: Id) -> Result<()> {
        let Node::Name(allowed) = self.nodes[callable as usize] else {
            return Err(self.bad("a call of something else", "a call of an allowed name"));
        };
        let arguments = match &self.nodes[arguments as usize] {
            Node::Tuple(items) if items.len() <= 4 => items.clone(),
            _ => return Err(self.bad("call arguments", "a tuple of at most 4")),
        };
        let node = match (allowed, &arguments[..]) {
            (Allowed::Reconstruct, &[class, _, _])
                if matches!(self.nodes[class as usize], Node::Name(Allowed::NdArray)) =>
            {
                Node::Array(None)
            }
            (Allowed::Dtype, &[code, ..]) => {
                let code = self.string(code)?;
                if !matches!(&code[..], b"u1" | b"|u1" | b"uint8") {
                    let code = String::from_utf8_lossy(&code).into_owned();
                    return Err(self.bad(format!("numpy.dtype('{code}')"), "uint8 ('u1')"));
                }
                Node::DtypeU8
            }
            (Allowed::Encode, &[text, codec]) => {
                let codec = self.string(codec)?;
                if !matches!(&codec[..], b"latin1" | b"latin-1") {
                    let codec = String::from_utf8_lossy(&codec).into_owned();
                    return Err(self.bad(format!("encoding '{codec}'"), "'latin1'"));
                }
                let text = self.text_of(text)?;
                let latin: Option<Vec<u8>> = std::str::from_utf8(text)
                    .ok()
                    .and_then(|s| s.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect());
                let Some(latin) = latin else {
                    return Err(self.bad("text beyond latin1", "bytes written as latin1"));
                };
                return self.own(latin);
            }
            (Allowed::Bytes, []) => Node::Text(&[]),
            _ => return Err(self.bad(format!("a call of {allowed:?}"), "its usual arguments")),
        };
        self.push(node)
    }

    /// `__setstate__` of the two NumPy types.
    fn build(&mut self, state: Id) -> Result<()> {
        let target = self.top()?;
        let Node::Tuple(state) = &self.nodes[state as usize] else {
            return Err(self.bad("a state of another kind", "a tuple"));
        };
        match (&self.nodes[target as usize], &state[..]) {
            (Node::DtypeU8, _) => Ok(()),
            (Node::Array(None), &[_, shape, dtype, fortran, bytes]) => {
                let array = self.array_state(shape, dtype, fortran, bytes)?;
                self.nodes[target as usize] = Node::Array(Some(array));
                Ok(())
            }
            _ => Err(self.bad("a state", "the state of a numpy.ndarray or numpy.dtype")),
        }
    }

    fn array_state(&self, shape: Id, dtype: Id, fortran: Id, bytes: Id) -> Result<ArrayNode> {
        let node = |id: Id| &self.nodes[id as usize];
        let sizes: Option<Vec<usize>> = match node(shape) {
            Node::Tuple(ids) if ids.len() <= 8 => ids
                .iter()
                .map(|&id| match node(id) {
                    Node::Int(i) => usize::try_from(*i).ok(),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let Some(shape) = sizes else {
            return Err(self.bad("an array shape", "a tuple of up to 8 sizes"));
        };
        if !matches!(node(dtype), Node::DtypeU8) {
            return Err(self.bad("an array of another type", "uint8"));
        }
        let held = self.text_of(bytes)?.len();
        let wanted = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if wanted != Some(held) {
            let found = format!("{held} bytes for uint8 {shape:?}");
            return Err(self.bad(found, "one byte an element"));
        }
        let fortran = matches!(node(fortran), Node::Int(i) if *i != 0);
        Ok(ArrayNode {
            shape,
            fortran,
            bytes,
        })
    }
}
