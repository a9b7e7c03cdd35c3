//! `Det`: determinants by elimination.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::shape::{range, take};
use super::{Context, Outputs};
use crate::value::{Value, dims, float, reshape};

/// Rows in the order in which elimination takes them as pivots, the largest first; whether their
/// number of swaps is odd; and the determinant.
fn pivots(matrix: &[f32], n: usize) -> (Vec<usize>, bool, f64) {
    let mut m: Vec<f64> = matrix.iter().map(|&v| v as f64).collect();
    let (mut rows, mut odd, mut result): (Vec<usize>, _, _) = ((0..n).collect(), false, 1f64);
    for k in 0..n {
        let largest = (k..n).max_by(|&a, &b| m[a * n + k].abs().total_cmp(&m[b * n + k].abs()));
        let pivot = largest.unwrap_or(k);
        if m[pivot * n + k] == 0.0 {
            return (rows, odd, 0.0);
        }
        if pivot != k {
            (0..n).for_each(|j| m.swap(pivot * n + j, k * n + j));
            rows.swap(pivot, k);
            odd = !odd;
        }
        result *= m[k * n + k];
        for i in k + 1..n {
            let by = m[i * n + k] / m[k * n + k];
            (k..n).for_each(|j| m[i * n + j] -= by * m[k * n + j]);
        }
    }
    (rows, odd, if odd { -result } else { result })
}

/// `Det` of the matrices in the last two axes. The order of pivots is found on the host, the
/// elimination runs on the device, so that gradients pass it. Where a matrix is singular they do not.
pub fn det<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let [lead @ .., n, columns] = &shape[..] else {
        return Err(format!("matrices are expected, {shape:?} found"));
    };
    let n = *n;
    if n != *columns {
        return Err(format!("square matrices are expected, {shape:?} found"));
    }
    let count: usize = lead.iter().product();
    let host = match c.value(0)? {
        Value::Int(ints) => ints.floats(),
        _ => c.host(0)?.to_vec(),
    };
    let found: Vec<_> = (0..count)
        .map(|i| pivots(&host[i * n * n..(i + 1) * n * n], n))
        .collect();
    if n == 0 || count == 0 || found.iter().any(|f| f.2 == 0.0) {
        let values = found.iter().map(|f| f.2 as f32).collect();
        return Ok(vec![Value::Float(float::<B>(values, lead, c.device))]);
    }
    let order: Vec<usize> = (found.iter().enumerate())
        .flat_map(|(i, f)| f.0.iter().map(move |&r| i * n + r))
        .collect();
    let rows = Value::<B>::Float(reshape::<B>(x, &[count * n, n]));
    let Value::Float(rows) = take(&rows, 0, &order, c.device) else {
        return Err("floats are expected".into());
    };
    let mut left = reshape::<B>(rows, &[count, n, n]);
    let signs = found.iter().map(|f| if f.1 { -1f32 } else { 1.0 }).collect();
    let mut result = float::<B>(signs, &[count, 1, 1], c.device);
    for size in (1..=n).rev() {
        let part = |t: &FloatTensor<B>, i: (usize, usize), j: (usize, usize)| {
            range::<B>(t.clone(), &[(0, count), i, j])
        };
        let pivot = part(&left, (0, 1), (0, 1));
        result = B::float_mul(result, pivot.clone());
        if size > 1 {
            let (column, row) = (part(&left, (1, size), (0, 1)), part(&left, (0, 1), (1, size)));
            let by = B::float_div(B::float_matmul(column, row), pivot);
            left = B::float_sub(part(&left, (1, size), (1, size)), by);
        }
    }
    Ok(vec![Value::Float(reshape::<B>(result, lead))])
}
