//! What each opcode does to the store.

use bytes::Bytes;

use super::machine::{Machine, Step};
use super::{Id, Node, Pickle};

/// Longest name of a module, class or function, bytes.
const MAX_NAME: usize = 256;

impl Machine {
    pub(super) fn run(mut self) -> Step<Pickle> {
        loop {
            self.begin_step()?;
            let [op] = self.array()?;
            if op == b'.' {
                let root = self.pop()?;
                return Ok(Pickle {
                    nodes: self.nodes,
                    root,
                    end: self.at,
                });
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Step<()> {
        match op {
            // Framing.
            0x80 => match self.array()? {
                [0..=5] => Ok(()),
                [protocol] => Err(self.bad(format!("expected protocol 0 to 5, found protocol {protocol}"))),
            },
            0x95 => self.take(8).map(drop),
            // Numbers.
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'J' => {
                let n = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(n.into()))
            }
            b'K' => {
                let [n] = self.array()?;
                self.push(Node::Int(n.into()))
            }
            b'M' => {
                let n = u16::from_le_bytes(self.array()?);
                self.push(Node::Int(n.into()))
            }
            b'I' | b'L' => self.text_int(),
            0x8a => self.long(1),
            0x8b => self.long(4),
            b'F' => {
                let number = self.decimal()?;
                self.push(Node::Float(number))
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(number))
            }
            // Text and bytes.
            b'S' => {
                let line = self.line()?;
                let inner = match &line[..] {
                    [a @ (b'\'' | b'"'), .., b] if a == b => line.slice(1..line.len() - 1),
                    _ => return Err(self.bad("expected a string in quotes, found something else")),
                };
                self.push(Node::Text(inner))
            }
            b'V' => {
                let line = self.line()?;
                self.push(Node::Text(line))
            }
            b'T' | b'X' => self.text(4),
            b'U' | 0x8c => self.text(1),
            0x8d => self.text(8),
            b'B' => self.raw(4),
            b'C' => self.raw(1),
            0x8e | 0x96 => self.raw(8),
            // Containers.
            b'(' => {
                self.mark();
                Ok(())
            }
            b'0' => self.drop_top(),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push_id(top);
                Ok(())
            }
            b')' => self.push(Node::Tuple(Vec::new())),
            b']' | 0x8f => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))
            }
            0x85..=0x87 => {
                let mut items = (0x85..=op).map(|_| self.pop()).collect::<Step<Vec<Id>>>()?;
                items.reverse();
                self.push(Node::Tuple(items))
            }
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()))?;
                self.extend_dict(items)
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend_list(items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.extend_dict(vec![key, value])
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_dict(items)
            }
            // Memo.
            b'p' => {
                let key = self.decimal()?;
                self.memoize(key)
            }
            b'q' => {
                let [key] = self.array()?;
                self.memoize(key.into())
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.memoize(key)
            }
            0x94 => {
                let key = self.memo.len() as u32;
                self.memoize(key)
            }
            b'g' => {
                let key = self.decimal()?;
                self.recall(key)
            }
            b'h' => {
                let [key] = self.array()?;
                self.recall(key.into())
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)
            }
            // Globals and what is made of them.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.name(module)?, self.name(name)?);
                self.global(&module, &name)
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let arguments = self.pop_mark()?;
                self.global(&module, &name)?;
                self.push(Node::Tuple(arguments))?;
                self.call()
            }
            b'o' => {
                let mut items = self.pop_mark()?.into_iter();
                let class = items.next();
                let class = class.ok_or_else(|| self.bad("expected a class after the mark, found none"))?;
                self.push_id(class);
                self.push(Node::Tuple(items.collect()))?;
                self.call()
            }
            b'R' | 0x81 => self.call(),
            0x92 => {
                // Arguments by name are not looked at.
                self.pop()?;
                self.call()
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                if let Node::Object { state: own, .. } = &mut self.nodes[target as usize] {
                    *own = Some(state);
                }
                Ok(())
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))
            }
            b'P' => {
                let line = self.line()?;
                let id = self.nodes.len() as Id;
                self.nodes.push(Node::Text(line));
                self.push(Node::Persistent(id))
            }
            0x82..=0x84 => Err(self.bad("a value of Python's extension registry is not allowed")),
            0x97 | 0x98 => Err(self.bad("expected all data in the pickle, found a buffer outside it")),
            _ => Err(self.bad(format!("expected an opcode of pickle, found opcode {op:#04x}"))),
        }
    }

    fn text(&mut self, width: usize) -> Step<()> {
        let text = self.counted(width)?;
        self.push(Node::Text(text))
    }

    fn raw(&mut self, width: usize) -> Step<()> {
        self.counted(width)?;
        self.push(Node::Bytes)
    }

    /// An int in binary, after its length.
    fn long(&mut self, width: usize) -> Step<()> {
        let bytes = self.counted(width)?;
        let fill = match bytes.last() {
            Some(b) if *b >= 0x80 => 0xff,
            _ => 0,
        };
        let mut wide = [fill; 8];
        match wide.get_mut(..bytes.len()) {
            Some(low) => low.copy_from_slice(&bytes),
            None => return self.push(Node::Long),
        }
        self.push(Node::Int(i64::from_le_bytes(wide)))
    }

    /// An int, long or bool in decimal on a line.
    fn text_int(&mut self) -> Step<()> {
        let line = self.line()?;
        match &line[..] {
            b"00" => return self.push(Node::Bool(false)),
            b"01" => return self.push(Node::Bool(true)),
            _ => {}
        }
        let line = line.strip_suffix(b"L").unwrap_or(&line);
        let number = std::str::from_utf8(line).ok().and_then(|s| s.trim().parse().ok());
        let number = number.ok_or_else(|| self.bad("expected an int in decimal, found something else"))?;
        self.push(Node::Int(number))
    }

    fn name(&self, id: Id) -> Step<Bytes> {
        match &self.nodes[id as usize] {
            Node::Text(text) => Ok(text.clone()),
            _ => Err(self.bad("expected the name of a global, found a value of another kind")),
        }
    }

    /// Pushes a global, if it is allowed.
    fn global(&mut self, module: &[u8], name: &[u8]) -> Step<()> {
        let show = |b: &[u8]| String::from_utf8_lossy(&b[..b.len().min(MAX_NAME)]).into_owned();
        let (shown, own) = (show(module), show(name));
        let short = module.len() <= MAX_NAME && name.len() <= MAX_NAME;
        if !short || !(self.policy)(&shown, &own) {
            // What is read as a name by mistake may be very long.
            let name: String = format!("{shown}.{own}").chars().take(100).collect();
            return Err(self.bad(format!("global {name:?} is not allowed")));
        }
        self.spend(shown.len() + own.len())?;
        self.push(Node::Global(format!("{shown}.{own}")))
    }

    /// Takes a global and its arguments from the stack and keeps the call as a value.
    fn call(&mut self) -> Step<()> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let Node::Tuple(items) = &self.nodes[arguments as usize] else {
            return Err(self.bad("expected a tuple of arguments, found something else"));
        };
        let copied = match items.first().map(|&i| &self.nodes[i as usize]) {
            Some(Node::List(list)) => 8 * list.len(),
            _ => 0,
        };
        self.spend(copied)?;
        let Node::Global(name) = &self.nodes[class as usize] else {
            return Err(self.bad("calls a value that is no global"));
        };
        let Node::Tuple(items) = &self.nodes[arguments as usize] else {
            return Err(self.bad("expected a tuple of arguments, found something else"));
        };
        // Containers by another name.
        let first = items.first().map(|&i| &self.nodes[i as usize]);
        let node = match (name.as_str(), first) {
            ("collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", Some(Node::List(pairs))) => {
                let pair = |&id: &Id| match &self.nodes[id as usize] {
                    Node::Tuple(p) | Node::List(p) if p.len() == 2 => Some((p[0], p[1])),
                    _ => None,
                };
                let pairs: Option<Vec<(Id, Id)>> = pairs.iter().map(pair).collect();
                Node::Dict(pairs.ok_or_else(|| self.bad("expected pairs for a dict, found something else"))?)
            }
            (
                "collections.OrderedDict" | "collections.defaultdict" | "builtins.dict" | "__builtin__.dict",
                _,
            ) => Node::Dict(Vec::new()),
            (
                "builtins.set"
                | "__builtin__.set"
                | "builtins.frozenset"
                | "__builtin__.frozenset"
                | "builtins.list"
                | "__builtin__.list",
                Some(Node::List(all)),
            ) => Node::List(all.clone()),
            _ => Node::Object {
                class,
                arguments,
                state: None,
            },
        };
        self.push(node)
    }
}
