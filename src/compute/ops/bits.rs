//! Operators on the bits of integers.

use model::DType;

use super::plain::{Call, Plain};
use crate::value::{Ints, broadcast, wrap};

fn binary(c: &Call, f: impl Fn(DType, i64, i64) -> i64) -> Result<Vec<Plain>, String> {
    let (a, b) = (c.ints(0)?, c.ints(1)?);
    let shape = broadcast(&a.shape, &b.shape)?;
    let (x, y) = (a.expand(&shape), b.expand(&shape));
    let one = |(&x, &y): (&i64, &i64)| wrap(a.dtype, f(a.dtype, x, y));
    let data = x.data.iter().zip(y.data.iter()).map(one).collect();
    Ok(vec![Plain::Int(Ints::new(shape, data).typed(a.dtype))])
}

/// `BitwiseAnd`.
pub fn and(c: &Call) -> Result<Vec<Plain>, String> {
    binary(c, |_, a, b| a & b)
}

/// `BitwiseOr`.
pub fn or(c: &Call) -> Result<Vec<Plain>, String> {
    binary(c, |_, a, b| a | b)
}

/// `BitwiseXor`.
pub fn xor(c: &Call) -> Result<Vec<Plain>, String> {
    binary(c, |_, a, b| a ^ b)
}

/// `BitwiseNot`.
pub fn not(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.ints(0)?;
    let data = x.data.iter().map(|&v| wrap(x.dtype, !v)).collect();
    Ok(vec![Plain::Int(Ints::new(x.shape.clone(), data).typed(x.dtype))])
}

/// `BitShift` of unsigned integers; what leaves the width is lost.
pub fn shift(c: &Call) -> Result<Vec<Plain>, String> {
    let right = match c.attrs().string("direction", "")? {
        "RIGHT" => true,
        "LEFT" => false,
        other => return Err(format!("direction {other:?}: LEFT or RIGHT is expected")),
    };
    binary(c, |dtype, a, b| {
        let by = u32::try_from(b).unwrap_or(u32::MAX);
        let bits = a as u64;
        if by as u64 >= dtype.bits() {
            return 0;
        }
        (if right { bits >> by } else { bits << by }) as i64
    })
}
