//! Sizes that may be symbolic (`N`, `(W + 1) / 2`), and values bound to the symbols.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Computed from named sizes.
    Expr(Arc<Expr>),
    /// Nothing is known.
    Unknown,
}

/// A computation on sizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Expr {
    /// Sum of both.
    Add(Dim, Dim),
    /// First less second.
    Sub(Dim, Dim),
    /// Product of both.
    Mul(Dim, Dim),
    /// First divided by second, rounded down.
    Div(Dim, Dim),
}

/// Deeper expressions than this are given up as [`Dim::Unknown`].
const MAX_DEPTH: usize = 24;

impl Dim {
    /// The number, when it is one.
    pub fn known(&self) -> Option<u64> {
        match self {
            Dim::Known(n) => Some(*n),
            _ => None,
        }
    }

    /// The number under `bindings`; `None` where a symbol is unbound, or where the computation
    /// leaves `u64`.
    pub fn eval(&self, bindings: &Bindings) -> Option<u64> {
        match self {
            Dim::Known(n) => Some(*n),
            Dim::Symbol(name) => bindings.get(name).copied(),
            Dim::Unknown => None,
            Dim::Expr(e) => match &**e {
                Expr::Add(a, b) => a.eval(bindings)?.checked_add(b.eval(bindings)?),
                Expr::Sub(a, b) => a.eval(bindings)?.checked_sub(b.eval(bindings)?),
                Expr::Mul(a, b) => a.eval(bindings)?.checked_mul(b.eval(bindings)?),
                Expr::Div(a, b) => a.eval(bindings)?.checked_div(b.eval(bindings)?),
            },
        }
    }

    /// Sum; `None`-like results become [`Dim::Unknown`].
    pub fn add(&self, other: &Dim) -> Dim {
        match (self, other) {
            (Dim::Known(0), d) | (d, Dim::Known(0)) => d.clone(),
            (Dim::Known(a), Dim::Known(b)) => known(a.checked_add(*b)),
            // (x - a) + b and (x + a) + b keep one constant.
            (Dim::Expr(e), Dim::Known(b)) => match &**e {
                Expr::Sub(x, Dim::Known(a)) if b >= a => x.add(&Dim::Known(b - a)),
                Expr::Sub(x, Dim::Known(a)) => x.sub(&Dim::Known(a - b)),
                Expr::Add(x, Dim::Known(a)) => x.add(&known(a.checked_add(*b))),
                _ => self.expr(other, Expr::Add),
            },
            _ => self.expr(other, Expr::Add),
        }
    }

    /// Difference.
    pub fn sub(&self, other: &Dim) -> Dim {
        match (self, other) {
            (d, Dim::Known(0)) => d.clone(),
            (Dim::Known(a), Dim::Known(b)) => known(a.checked_sub(*b)),
            (a, b) if a == b && *a != Dim::Unknown => Dim::Known(0),
            (Dim::Expr(e), Dim::Known(b)) => match &**e {
                Expr::Add(x, Dim::Known(a)) if a >= b => x.add(&Dim::Known(a - b)),
                Expr::Add(x, Dim::Known(a)) => x.sub(&Dim::Known(b - a)),
                Expr::Sub(x, Dim::Known(a)) => x.sub(&known(a.checked_add(*b))),
                _ => self.expr(other, Expr::Sub),
            },
            _ => self.expr(other, Expr::Sub),
        }
    }

    /// Product.
    pub fn mul(&self, other: &Dim) -> Dim {
        match (self, other) {
            (Dim::Known(1), d) | (d, Dim::Known(1)) => d.clone(),
            (Dim::Known(0), _) | (_, Dim::Known(0)) => Dim::Known(0),
            (Dim::Known(a), Dim::Known(b)) => known(a.checked_mul(*b)),
            (Dim::Known(_), d) => d.expr(self, Expr::Mul),
            (Dim::Expr(e), Dim::Known(b)) => match &**e {
                Expr::Mul(x, Dim::Known(a)) => x.mul(&known(a.checked_mul(*b))),
                _ => self.expr(other, Expr::Mul),
            },
            _ => self.expr(other, Expr::Mul),
        }
    }

    /// Quotient, rounded down.
    pub fn div(&self, other: &Dim) -> Dim {
        match (self, other) {
            (d, Dim::Known(1)) => d.clone(),
            (_, Dim::Known(0)) => Dim::Unknown,
            (Dim::Known(a), Dim::Known(b)) => Dim::Known(a / b),
            (a, b) if a == b && *a != Dim::Unknown => Dim::Known(1),
            (Dim::Expr(e), b) => match (&**e, b) {
                (Expr::Mul(x, y), b) if y == b => x.clone(),
                (Expr::Mul(x, y), b) if x == b => y.clone(),
                (Expr::Mul(x, Dim::Known(a)), Dim::Known(b)) if a % b == 0 => x.mul(&Dim::Known(a / b)),
                // Rounding down twice is rounding down once by the product.
                (Expr::Div(x, Dim::Known(a)), Dim::Known(b)) => x.div(&known(a.checked_mul(*b))),
                _ => self.expr(other, Expr::Div),
            },
            _ => self.expr(other, Expr::Div),
        }
    }

    fn expr(&self, other: &Dim, make: impl FnOnce(Dim, Dim) -> Expr) -> Dim {
        if *self == Dim::Unknown || *other == Dim::Unknown || self.depth().max(other.depth()) >= MAX_DEPTH {
            return Dim::Unknown;
        }
        Dim::Expr(Arc::new(make(self.clone(), other.clone())))
    }

    fn depth(&self) -> usize {
        match self {
            Dim::Expr(e) => match &**e {
                Expr::Add(a, b) | Expr::Sub(a, b) | Expr::Mul(a, b) | Expr::Div(a, b) => {
                    1 + a.depth().max(b.depth())
                }
            },
            _ => 0,
        }
    }
}

fn known(n: Option<u64>) -> Dim {
    n.map_or(Dim::Unknown, Dim::Known)
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let atom = |d: &Dim| match d {
            Dim::Expr(_) => format!("({d})"),
            _ => d.to_string(),
        };
        match self {
            Dim::Known(n) => write!(f, "{n}"),
            Dim::Symbol(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
            Dim::Expr(e) => match &**e {
                Expr::Add(a, b) => write!(f, "{a} + {b}"),
                Expr::Sub(a, b) => write!(f, "{a} - {}", atom(b)),
                Expr::Mul(a, b) => write!(f, "{} * {}", atom(a), atom(b)),
                Expr::Div(a, b) => write!(f, "{} / {}", atom(a), atom(b)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_s_size_stays_readable_and_evaluates() {
        let w = Dim::Symbol("W".into());
        // Kernel 3, padding 1, stride 2: (W + 2 - 3) / 2 + 1.
        let out = w
            .add(&Dim::Known(2))
            .sub(&Dim::Known(3))
            .div(&Dim::Known(2))
            .add(&Dim::Known(1));
        assert_eq!(out.to_string(), "(W - 1) / 2 + 1");
        for size in [1u64, 2, 7, 224] {
            let bindings = Bindings::from([("W".to_string(), size)]);
            assert_eq!(out.eval(&bindings), Some((size + 2 - 3) / 2 + 1));
        }
        assert_eq!(out.eval(&Bindings::new()), None);
    }

    #[test]
    fn constants_merge_and_overflow_is_unknown() {
        let n = Dim::Symbol("N".into());
        assert_eq!(n.add(&Dim::Known(3)).sub(&Dim::Known(3)), n);
        assert_eq!(n.mul(&Dim::Known(4)).div(&Dim::Known(2)).to_string(), "N * 2");
        assert_eq!(n.mul(&Dim::Known(4)).div(&n), Dim::Known(4));
        assert_eq!(Dim::Known(u64::MAX).add(&Dim::Known(1)), Dim::Unknown);
        assert_eq!(Dim::Unknown.mul(&n), Dim::Unknown);
        assert_eq!(Dim::Known(2).sub(&Dim::Known(3)), Dim::Unknown);
    }
}
