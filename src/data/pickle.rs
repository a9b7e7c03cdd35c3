//! A reader for the few Python pickles that carry image data, which executes nothing.
//!
//! It follows protocols 0 to 4 for dictionaries, lists, tuples, strings, bytes, numbers and
//! NumPy uint8 arrays. Any other name that a pickle asks for is a named rejection:
//! `pickle asks for os.system: not read`.
//!
//! Values live in one flat store and refer to each other by index, so nesting costs no stack
//! and sharing costs no copies. Memory stays within a small multiple of the file.

use crate::error::DataError;

mod machine;
mod ops;
mod view;

pub use view::View;

/// Most values that one pickle may create.
pub const MAX_VALUES: usize = 1 << 22;

/// Index of a value in the store.
pub(crate) type Id = u32;

/// One Python value.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// None.
    None,
    /// bool or int.
    Int(i64),
    /// An int beyond 64 bits, or a float: kept only so that the rest can be read.
    Opaque,
    /// str or bytes inside the file.
    Text(&'a [u8]),
    /// str or bytes that had to be decoded.
    Owned(Vec<u8>),
    /// tuple.
    Tuple(Vec<Id>),
    /// list.
    List(Vec<Id>),
    /// dict, in order of insertion.
    Dict(Vec<(Id, Id)>),
    /// An allowed callable, not yet called.
    Name(Allowed),
    /// numpy.dtype, before and after its state is set; only one byte unsigned is accepted.
    DtypeU8,
    /// numpy.ndarray of uint8; `None` until its state is set.
    Array(Option<ArrayNode>),
}

/// State of an ndarray: where its bytes are, and their shape.
#[derive(Clone, Debug)]
pub(crate) struct ArrayNode {
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran: bool,
    pub(crate) bytes: Id,
}

/// The whole allow-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// `numpy.core.multiarray._reconstruct`
    Reconstruct,
    /// `numpy.ndarray`
    NdArray,
    /// `numpy.dtype`
    Dtype,
    /// `_codecs.encode`, how protocols 0 to 2 write bytes
    Encode,
    /// `bytes`, how protocols 0 to 2 write empty bytes
    Bytes,
}

impl Allowed {
    fn find(module: &str, name: &str) -> Option<Allowed> {
        Some(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Allowed::Reconstruct,
            ("numpy", "ndarray") => Allowed::NdArray,
            ("numpy", "dtype") => Allowed::Dtype,
            ("_codecs", "encode") => Allowed::Encode,
            ("__builtin__" | "builtins", "bytes") => Allowed::Bytes,
            _ => return None,
        })
    }
}

/// A pickle that has been read.
#[derive(Debug)]
pub struct Pickle<'a> {
    pub(crate) file: &'a str,
    pub(crate) nodes: Vec<Node<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads the first pickle in `bytes`. `file` names the source in errors.
    pub fn read(file: &'a str, bytes: &'a [u8]) -> Result<Self, DataError> {
        machine::Machine::new(file, bytes).run()
    }

    /// The value that was pickled.
    pub fn root(&self) -> View<'_, 'a> {
        View {
            pickle: self,
            id: self.root,
        }
    }
}
