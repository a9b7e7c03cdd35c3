//! Sizes that may be symbolic (`N`, `(W + 1) / 2`), and values bound to the symbols.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Values for the symbols of a network, such as `batch = 1`.
pub type Bindings = BTreeMap<String, u64>;

/// The size of an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dim {
    /// A number.
    Known(u64),
    /// A named free size.
    Symbol(String),
    /// Nothing is known.
    Unknown,
}

impl Dim {
    /// The number, when it is one.
    pub fn known(&self) -> Option<u64> {
        match self {
            Dim::Known(n) => Some(*n),
            _ => None,
        }
    }

    /// The number under `bindings`.
    pub fn eval(&self, bindings: &Bindings) -> Option<u64> {
        match self {
            Dim::Known(n) => Some(*n),
            Dim::Symbol(name) => bindings.get(name).copied(),
            Dim::Unknown => None,
        }
    }
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Dim::Known(n) => write!(f, "{n}"),
            Dim::Symbol(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}
