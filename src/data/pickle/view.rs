//! Looking at the values of a pickle that has been read.

use crate::error::DataError;
use crate::pickle::{Id, Node, Pickle};

/// One value of a [`Pickle`]. Its methods answer `None` when the value is of another kind.
#[derive(Clone, Copy, Debug)]
pub struct View<'p, 'a> {
    pub(crate) pickle: &'p Pickle<'a>,
    pub(crate) id: Id,
}

impl<'p, 'a> View<'p, 'a> {
    fn node(self) -> &'p Node<'a> {
        &self.pickle.nodes[self.id as usize]
    }

    fn at(self, id: Id) -> Self {
        View { id, ..self }
    }

    /// What kind of value this is, in Python's words.
    pub fn kind(self) -> &'static str {
        match self.node() {
            Node::None => "None",
            Node::Int(_) => "int",
            Node::Opaque => "float or big int",
            Node::Text(_) | Node::Owned(_) => "str or bytes",
            Node::Tuple(_) => "tuple",
            Node::List(_) => "list",
            Node::Dict(_) => "dict",
            Node::Name(_) => "a callable",
            Node::DtypeU8 => "numpy.dtype",
            Node::Array(_) => "numpy.ndarray",
        }
    }

    /// An int or bool.
    pub fn int(self) -> Option<i64> {
        match self.node() {
            Node::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The bytes of a str (UTF-8, or as Python 2 stored it) or of a bytes object.
    pub fn bytes(self) -> Option<&'p [u8]> {
        match self.node() {
            Node::Text(b) => Some(b),
            Node::Owned(b) => Some(b),
            _ => None,
        }
    }

    /// The members of a list or tuple.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = View<'p, 'a>> + use<'p, 'a>> {
        match self.node() {
            Node::List(ids) | Node::Tuple(ids) => Some(ids.iter().map(move |&id| self.at(id))),
            _ => None,
        }
    }

    /// The value under a str or bytes key of a dict; the last one where a key is repeated.
    pub fn get(self, key: &str) -> Option<View<'p, 'a>> {
        let Node::Dict(pairs) = self.node() else {
            return None;
        };
        let found = pairs
            .iter()
            .rev()
            .find(|(k, _)| self.at(*k).bytes() == Some(key.as_bytes()))?;
        Some(self.at(found.1))
    }

    /// Like [`View::get`], with an error that names what is missing.
    pub fn require(self, key: &str) -> Result<View<'p, 'a>, DataError> {
        self.get(key).ok_or_else(|| {
            DataError::malformed(
                self.pickle.file,
                "pickled value",
                format!("{} without '{key}'", self.kind()),
                format!("a dict with '{key}'"),
            )
        })
    }

    /// The shape and the row-major elements of a uint8 array.
    pub fn array_u8(self) -> Option<(&'p [usize], Vec<u8>)> {
        let Node::Array(Some(array)) = self.node() else {
            return None;
        };
        let bytes = self.at(array.bytes).bytes()?;
        if !array.fortran || array.shape.len() < 2 {
            return Some((&array.shape, bytes.to_vec()));
        }
        Some((&array.shape, crate::npz::row_major(bytes, &array.shape, 1)))
    }
}
