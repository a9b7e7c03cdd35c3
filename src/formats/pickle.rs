//! Python pickles as plain values. Nothing is executed: a pickle may name only what
//! [`Policy`] lists, and a call of that is kept as a value for the reader to understand.
//!
//! Values live in one flat store and refer to each other by index, so nesting costs no stack and
//! sharing costs no copies. Memory stays within a small multiple of the file.
//! The opcodes are those of Python's `pickletools`, protocols 0 to 5.

mod machine;
mod ops;

use bytes::Bytes;

use crate::error::Fault;

/// Most values that one pickle may create.
pub(crate) const MAX_VALUES: usize = 1 << 22;

/// Index of a value in its pickle.
pub(crate) type Id = u32;

/// True for globals that a pickle may name, by `module` and `name`.
pub(crate) type Policy = fn(&str, &str) -> bool;

/// One value.
#[derive(Debug)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An int beyond 64 bits, kept only so that the rest can be read.
    Long,
    Float(f64),
    /// str, or bytes of Python 2.
    Text(Bytes),
    /// Bytes, which no tensor is made of.
    Bytes,
    Tuple(Vec<Id>),
    /// list, set or frozenset.
    List(Vec<Id>),
    /// dict or a relative, in order of insertion; a later pair of the same key counts.
    Dict(Vec<(Id, Id)>),
    /// An allowed global, `module.name`.
    Global(String),
    /// A call of an allowed global, or an instance of it, with the state that was set afterwards.
    Object {
        class: Id,
        arguments: Id,
        state: Option<Id>,
    },
    /// What the file keeps outside the pickle, by the value that names it.
    Persistent(Id),
}

/// A pickle that has been read.
pub(crate) struct Pickle {
    nodes: Vec<Node>,
    root: Id,
    /// Byte after its last opcode.
    pub(crate) end: usize,
}

/// Reads the pickle that begins at byte `at`.
pub(crate) fn read(bytes: &Bytes, at: usize, policy: Policy) -> Result<Pickle, Fault> {
    machine::Machine::new(bytes, at, policy).run()
}

impl Pickle {
    /// The value that was pickled.
    pub(crate) fn root(&self) -> Id {
        self.root
    }

    /// Every value that the file keeps outside.
    pub(crate) fn persistent(&self) -> impl Iterator<Item = Id> + '_ {
        let outside = |i: &usize| matches!(self.nodes[*i], Node::Persistent(_));
        (0..self.nodes.len()).filter(outside).map(|i| i as Id)
    }

    /// The value `id`.
    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// A str that is UTF-8.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// An int that is no bool.
    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        match self.node(id) {
            Node::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Tuple(items) | Node::List(items) => Some(items),
            _ => None,
        }
    }

    /// `module.name` of a global.
    pub(crate) fn global(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Global(name) => Some(name),
            _ => None,
        }
    }

    /// The global and the arguments of a call.
    pub(crate) fn call(&self, id: Id) -> Option<(&str, &[Id])> {
        match self.node(id) {
            Node::Object { class, arguments, .. } => Some((self.global(*class)?, self.items(*arguments)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(module: &str, name: &str) -> bool {
        (module, name) == ("collections", "OrderedDict") || module == "demo"
    }

    fn run(bytes: &[u8]) -> Result<Pickle, String> {
        let problem = |f: Fault| format!("{}: {}", f.place, f.problem);
        read(&Bytes::copy_from_slice(bytes), 0, allowed).map_err(problem)
    }

    #[test]
    fn plain_values_are_read() {
        // {'a': [1, -2, 300, 70000], 'b': (1.5, None, True)} in protocol 2.
        let p = run(
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00e\
              X\x01\x00\x00\x00bq\x03G?\xf8\x00\x00\x00\x00\x00\x00N\x88\x87q\x04u.",
        )
        .unwrap();
        let Node::Dict(pairs) = p.node(p.root()) else {
            panic!("a dict is expected")
        };
        assert_eq!(p.text(pairs[0].0), Some("a"));
        let ints: Vec<i64> = p
            .items(pairs[0].1)
            .unwrap()
            .iter()
            .map(|&i| p.int(i).unwrap())
            .collect();
        assert_eq!(ints, [1, -2, 300, 70_000]);
        let items = p.items(pairs[1].1).unwrap();
        assert!(matches!(p.node(items[0]), Node::Float(v) if *v == 1.5));
        assert!(matches!(p.node(items[1]), Node::None));
        assert!(matches!(p.node(items[2]), Node::Bool(true)));
    }

    #[test]
    fn calls_are_kept_and_not_made() {
        let p = run(b"\x80\x02cdemo\nmake\nK\x05\x85R}X\x01\x00\x00\x00xK\x07sb.").unwrap();
        let (name, arguments) = p.call(p.root()).unwrap();
        assert_eq!((name, p.int(arguments[0])), ("demo.make", Some(5)));
        let Node::Object {
            state: Some(state), ..
        } = p.node(p.root())
        else {
            panic!("its state is expected")
        };
        assert!(matches!(p.node(*state), Node::Dict(pairs) if pairs.len() == 1));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let cases: &[(&[u8], &str)] = &[
            (b"cos\nsystem\n(S'ls'\ntR.", "global \"os.system\" is not allowed"),
            (
                b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
                "\"posix.system\"",
            ),
            (b"(S'ls'\nios\nsystem\n.", "global \"os.system\" is not allowed"),
            (
                b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
                "\"__builtin__.eval\"",
            ),
            (b"\x80\x02\x82\x01.", "extension registry"),
            (b"\x80\x02K\x01K\x02\x85R.", "calls a value that is no global"),
            (b"\x80\x06N.", "protocol 6"),
            (b"\x80\x02", "the end"),
            (b"\x80\x02h\x05.", "memo 5"),
            (b"\x80\x02e.", "no mark"),
            (b"\x80\x02.", "empty stack"),
            (b"\x80\x02X\xff\xff\xff\x7fa.", "a length of 2147483647"),
            (b"\x80\x02\x8b\xff\xff\xff\xff.", "a length of 4294967295"),
            (b"\x80\x02\xfe.", "opcode 0xfe"),
            (b"\x80\x04\x97.", "buffer outside"),
            (b"\x80\x02K\x01K\x02a.", "a list below"),
            (b"\x80\x02}(K\x01u.", "pairs"),
        ];
        for (bytes, expected) in cases {
            let error = run(bytes).err().unwrap_or_else(|| panic!("{expected} was read"));
            assert!(
                error.contains(expected) && error.contains("pickle byte"),
                "{error}"
            );
        }
    }

    #[test]
    fn no_repetition_grows_without_bound() {
        // Marks, memo entries and values, one a byte, beyond what a pickle may hold.
        for op in [b'(', b']', 0x94] {
            let mut bytes = b"\x80\x04N".to_vec();
            bytes.resize(MAX_VALUES + 16, op);
            let error = run(&bytes).err().unwrap_or_else(|| panic!("{op:#x} was read"));
            assert!(error.contains("at most") || error.contains("the end"), "{error}");
        }
    }
}
