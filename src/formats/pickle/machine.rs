//! The stack machine's state and hands: arguments, stack, memo, faults.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Id, MAX_VALUES, Node, Policy};
use crate::error::Fault;

pub(super) type Step<T> = Result<T, Fault>;

pub(super) struct Machine {
    pub(super) bytes: Bytes,
    pub(super) policy: Policy,
    /// Next byte to read.
    pub(super) at: usize,
    /// Offset of the opcode in work, for faults.
    op_at: usize,
    pub(super) nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Id>,
    /// Bytes that may still be copied, since a few opcodes can ask for the same copy again and again.
    budget: usize,
}

impl Machine {
    pub(super) fn new(bytes: &Bytes, at: usize, policy: Policy) -> Self {
        Machine {
            bytes: bytes.clone(),
            policy,
            at: at.min(bytes.len()),
            op_at: at,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            budget: bytes.len().saturating_mul(8).saturating_add(1 << 16),
        }
    }

    /// Notes where the next opcode stands and checks that the machine has not outgrown itself.
    pub(super) fn begin_step(&mut self) -> Step<()> {
        self.op_at = self.at;
        let held = [
            self.nodes.len(),
            self.stack.len(),
            self.marks.len(),
            self.memo.len(),
        ];
        match held.iter().any(|&n| n >= MAX_VALUES) {
            true => Err(self.bad(format!("expected at most {MAX_VALUES} values, found more"))),
            false => Ok(()),
        }
    }

    pub(super) fn bad(&self, problem: impl Into<String>) -> Fault {
        Fault::new(format!("pickle byte {}", self.op_at), problem)
    }

    /// Takes `bytes` from the budget for copies.
    pub(super) fn spend(&mut self, bytes: usize) -> Step<()> {
        self.budget = self
            .budget
            .checked_sub(bytes)
            .ok_or_else(|| self.bad("expected copies in proportion to the file, found far more"))?;
        Ok(())
    }

    pub(super) fn take(&mut self, n: usize) -> Step<Bytes> {
        let rest = self.bytes.len() - self.at;
        if rest < n {
            return Err(self.bad(format!("expected {n} more bytes, found {rest} and the end")));
        }
        self.at += n;
        Ok(self.bytes.slice(self.at - n..self.at))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(&self.take(N)?);
        Ok(out)
    }

    /// Bytes after their length, which has `width` bytes itself.
    pub(super) fn counted(&mut self, width: usize) -> Step<Bytes> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(&self.take(width)?);
        let length = u64::from_le_bytes(wide);
        let rest = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(n) if n <= rest => self.take(n),
            _ => Err(self.bad(format!(
                "expected at most the {rest} bytes that are left, found a length of {length}"
            ))),
        }
    }

    /// The rest of a line, its end dropped.
    pub(super) fn line(&mut self) -> Step<Bytes> {
        let rest = &self.bytes[self.at..];
        let Some(n) = rest.iter().position(|&b| b == b'\n') else {
            return Err(self.bad("expected a line, found no end of it"));
        };
        let line = self.bytes.slice(self.at..self.at + n);
        self.at += n + 1;
        Ok(line)
    }

    pub(super) fn push(&mut self, node: Node) -> Step<()> {
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
        Ok(())
    }

    pub(super) fn push_id(&mut self, id: Id) {
        self.stack.push(id);
    }

    pub(super) fn mark(&mut self) {
        self.marks.push(self.stack.len());
    }

    pub(super) fn top(&self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err(self.bad("expected a value, found an empty stack")),
        }
    }

    pub(super) fn pop(&mut self) -> Step<Id> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    pub(super) fn pop_mark(&mut self) -> Step<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.bad("expected a mark on the stack, found no mark")),
        }
    }

    /// Drops the value on top, or the mark where that is on top.
    pub(super) fn drop_top(&mut self) -> Step<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    pub(super) fn extend_list(&mut self, items: Vec<Id>) -> Step<()> {
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::List(list) => list.extend(items),
            _ => return Err(self.bad("expected a list below the items, found something else")),
        }
        Ok(())
    }

    pub(super) fn extend_dict(&mut self, items: Vec<Id>) -> Step<()> {
        let target = self.top()?;
        if items.len() % 2 == 1 {
            return Err(self.bad("expected pairs, found a key without a value"));
        }
        match &mut self.nodes[target as usize] {
            Node::Dict(pairs) => pairs.extend(items.chunks_exact(2).map(|p| (p[0], p[1]))),
            _ => return Err(self.bad("expected a dict below the pairs, found something else")),
        }
        Ok(())
    }

    pub(super) fn memoize(&mut self, key: u32) -> Step<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    pub(super) fn recall(&mut self, key: u32) -> Step<()> {
        let id = self.memo.get(&key).copied();
        let id = id.ok_or_else(|| self.bad(format!("expected memo {key}, found none")))?;
        self.push_id(id);
        Ok(())
    }

    /// A memo key or another small number in decimal on a line.
    pub(super) fn decimal<T: std::str::FromStr>(&mut self) -> Step<T> {
        let line = self.line()?;
        let text = std::str::from_utf8(&line).ok().map(str::trim);
        text.and_then(|t| t.parse().ok())
            .ok_or_else(|| self.bad("expected a number in decimal, found something else"))
    }
}
