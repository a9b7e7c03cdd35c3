//! Arithmetic on float64 values of which float32 cannot hold the range.

use burn_backend::Backend;
use model::DType;
use model::op::Binary;

use super::{Context, Output};
use crate::value::{Doubles, Ints, Value, broadcast, spread};

fn side<B: Backend>(c: &Context<B>, i: usize) -> Result<Vec<f64>, String> {
    Ok(match c.value(i)? {
        Value::Double(d) => d.data.to_vec(),
        Value::Int(ints) => ints.data.iter().map(|&v| v as f64).collect(),
        _ => c.host(i)?.iter().map(|&v| v as f64).collect(),
    })
}

/// A function of two broadcast values, one of them a [`Value::Double`].
pub fn binary<B: Backend>(c: &Context<B>, kind: Binary) -> Output<B> {
    let (a, b) = (c.value(0)?.shape(), c.value(1)?.shape());
    let shape = broadcast(&a, &b)?;
    let (x, y) = (side(c, 0)?, side(c, 1)?);
    let places = spread(&a, &shape).into_iter().zip(spread(&b, &shape));
    let pairs = places.map(|(i, j)| (x[i], y[j]));
    let compare = |f: fn(f64, f64) -> bool| -> Output<B> {
        let data = pairs.clone().map(|(a, b)| f(a, b) as i64).collect();
        Ok(Value::Int(Ints::new(shape.clone(), data).typed(DType::Bool)))
    };
    let f: fn(f64, f64) -> f64 = match kind {
        Binary::Add => |a, b| a + b,
        Binary::Sub => |a, b| a - b,
        Binary::Mul => |a, b| a * b,
        Binary::Div => |a, b| a / b,
        Binary::Pow => f64::powf,
        Binary::Mod { .. } => |a, b| a % b,
        Binary::Equal => return compare(|a, b| a == b),
        Binary::Greater => return compare(|a, b| a > b),
        Binary::GreaterOrEqual => return compare(|a, b| a >= b),
        Binary::Less => return compare(|a, b| a < b),
        Binary::LessOrEqual => return compare(|a, b| a <= b),
        other => return Err(format!("{other:?} of floats is not defined")),
    };
    let data: Vec<f64> = pairs.clone().map(|(a, b)| f(a, b)).collect();
    Ok(Value::Double(Doubles {
        shape,
        data: data.into(),
    }))
}
