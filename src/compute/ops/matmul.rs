//! Matrix products.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::{Context, Output};
use crate::value::{Value, broadcast, dims, expand, raise, reshape};

/// `alpha * A' * B' + beta * C` on matrices.
pub fn gemm<B: Backend>(c: &Context<B>, alpha: f32, beta: f32, trans_a: bool, trans_b: bool) -> Output<B> {
    let turn = |t: FloatTensor<B>, yes: bool| if yes { B::float_transpose(t) } else { t };
    let (a, b) = (c.float(0)?, c.float(1)?);
    if dims::<B>(&a).len() != 2 || dims::<B>(&b).len() != 2 {
        return Err(format!(
            "{:?} times {:?}: matrices are expected",
            dims::<B>(&a),
            dims::<B>(&b)
        ));
    }
    let mut y = product::<B>(turn(a, trans_a), turn(b, trans_b))?;
    if alpha != 1.0 {
        y = B::float_mul_scalar(y, alpha.into());
    }
    if let Some(mut bias) = c.opt_float(2)? {
        if beta != 1.0 {
            bias = B::float_mul_scalar(bias, beta.into());
        }
        let shape = dims::<B>(&y);
        if broadcast(&dims::<B>(&bias), &shape)? != shape {
            return Err(format!(
                "bias {:?} does not broadcast to {shape:?}",
                dims::<B>(&bias)
            ));
        }
        y = B::float_add(y, raise::<B>(bias, 2));
    }
    Ok(Value::Float(y))
}

/// NumPy's `matmul`, with vectors and broadcast batch axes.
pub fn matmul<B: Backend>(c: &Context<B>) -> Output<B> {
    let (a, b) = (c.float(0)?, c.float(1)?);
    let (mut sa, mut sb) = (dims::<B>(&a), dims::<B>(&b));
    let (row, column) = (sa.len() == 1, sb.len() == 1);
    if row {
        sa.insert(0, 1);
    }
    if column {
        sb.push(1);
    }
    let y = product::<B>(reshape::<B>(a, &sa), reshape::<B>(b, &sb))?;
    let mut shape = dims::<B>(&y);
    if column {
        shape.pop();
    }
    if row {
        shape.remove(shape.len() - 1 - usize::from(!column));
    }
    Ok(Value::Float(reshape::<B>(y, &shape)))
}

/// Product over the last two axes, the others broadcast.
pub fn product<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> Result<FloatTensor<B>, String> {
    let (sa, sb) = (dims::<B>(&a), dims::<B>(&b));
    if sa.len() < 2 || sb.len() < 2 || sa[sa.len() - 1] != sb[sb.len() - 2] {
        return Err(format!("{sa:?} times {sb:?}: the inner sizes differ"));
    }
    let (m, k, n) = (sa[sa.len() - 2], sa[sa.len() - 1], sb[sb.len() - 1]);
    if sb.len() == 2 {
        // Weights: all rows of the batch in one product.
        let rows = sa[..sa.len() - 1].iter().product();
        let y = B::float_matmul(reshape::<B>(a, &[rows, k]), b);
        let mut shape = sa;
        *shape.last_mut().expect("rank is at least 2") = n;
        return Ok(reshape::<B>(y, &shape));
    }
    let batch = broadcast(&sa[..sa.len() - 2], &sb[..sb.len() - 2])?;
    let full = |rows, columns| [&batch[..], &[rows, columns]].concat();
    let flat: usize = batch.iter().product();
    let a = reshape::<B>(expand::<B>(a, &full(m, k)), &[flat, m, k]);
    let b = reshape::<B>(expand::<B>(b, &full(k, n)), &[flat, k, n]);
    Ok(reshape::<B>(B::float_matmul(a, b), &full(m, n)))
}
