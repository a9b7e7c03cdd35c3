//! Matrix products.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::conv::finished;
use super::host::Done;
use super::host_product::Product;
use super::{Context, Output};
use crate::value::{Value, broadcast, dims, expand, raise, reshape};

/// `alpha * A' * B' + beta * C` on matrices; of fused networks input 3 is added too.
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
    let (a, b) = (turn(a, trans_a), turn(b, trans_b));
    let (bias, sum) = (c.opt_float(2)?, c.opt_float(3)?);
    let columns = dims::<B>(&b)[1];
    let vector = |bias: &FloatTensor<B>| matches!(dims::<B>(bias)[..], [n] | [1, n] if n == columns);
    if alpha == 1.0 && beta == 1.0 && bias.as_ref().is_none_or(vector) {
        inner(&dims::<B>(&a), &dims::<B>(&b))?;
        let fast = Product::<B> {
            a: &a,
            b: &b,
            bias: bias.as_ref(),
            sum: sum.as_ref(),
            activation: c.layer.activation,
        };
        if let Some((y, done)) = fast.run(c.device) {
            return finished(c, Value::Float(y), sum, done);
        }
    }
    let mut y = product::<B>(a, b)?;
    if alpha != 1.0 {
        y = B::float_mul_scalar(y, alpha.into());
    }
    if let Some(mut bias) = bias {
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
    finished(c, Value::Float(y), sum, Done::default())
}

/// NumPy's `matmul`, with vectors and broadcast batch axes. Of fused networks input 2 is a bias
/// `[N]`, and input 3 is added too.
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
    let (bias, sum) = (c.opt_float(2)?, c.opt_float(3)?);
    let (a, b) = (reshape::<B>(a, &sa), reshape::<B>(b, &sb));
    if sb.len() == 2 && !row && !column {
        inner(&sa, &sb)?;
        let fast = Product::<B> {
            a: &a,
            b: &b,
            bias: bias.as_ref(),
            sum: sum.as_ref(),
            activation: c.layer.activation,
        };
        if let Some((y, done)) = fast.run(c.device) {
            return finished(c, Value::Float(y), sum, done);
        }
    }
    let y = product::<B>(a, b)?;
    let mut shape = dims::<B>(&y);
    if column {
        shape.pop();
    }
    if row {
        shape.remove(shape.len() - 1 - usize::from(!column));
    }
    let y = match bias {
        Some(bias) => B::float_add(y.clone(), raise::<B>(bias, dims::<B>(&y).len())),
        None => y,
    };
    finished(c, Value::Float(reshape::<B>(y, &shape)), sum, Done::default())
}

/// An error where `[..., M, K]` and `[..., K, N]` have no product.
fn inner(a: &[usize], b: &[usize]) -> Result<(), String> {
    if a.len() < 2 || b.len() < 2 || a[a.len() - 1] != b[b.len() - 2] {
        return Err(format!("{a:?} times {b:?}: the inner sizes differ"));
    }
    Ok(())
}

/// Product over the last two axes, the others broadcast.
pub fn product<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>) -> Result<FloatTensor<B>, String> {
    let (sa, sb) = (dims::<B>(&a), dims::<B>(&b));
    inner(&sa, &sb)?;
    let batch = match sb.len() {
        2 => sa[..sa.len() - 2].to_vec(),
        _ => broadcast(&sa[..sa.len() - 2], &sb[..sb.len() - 2])?,
    };
    let fast = Product::<B> {
        a: &a,
        b: &b,
        bias: None,
        sum: None,
        activation: None,
    };
    if let Some((y, _)) = fast.run(&B::float_device(&a)) {
        return Ok(y);
    }
    let (m, k, n) = (sa[sa.len() - 2], sa[sa.len() - 1], sb[sb.len() - 1]);
    if sb.len() == 2 {
        // Weights: all rows of the batch in one product.
        let rows = sa[..sa.len() - 1].iter().product();
        let y = B::float_matmul(reshape::<B>(a, &[rows, k]), b);
        return Ok(reshape::<B>(y, &[&batch[..], &[m, n]].concat()));
    }
    let full = |rows, columns| [&batch[..], &[rows, columns]].concat();
    let flat: usize = batch.iter().product();
    let a = reshape::<B>(expand::<B>(a, &full(m, k)), &[flat, m, k]);
    let b = reshape::<B>(expand::<B>(b, &full(k, n)), &[flat, k, n]);
    Ok(reshape::<B>(B::float_matmul(a, b), &full(m, n)))
}
