//! Layers that carry a state along the sequence: linear attention and causal convolution.

use burn_backend::Backend;
use burn_backend::ops::ConvOptions;
use burn_backend::tensor::FloatTensor;
use model::op::{LinearAttention, Unary};

use super::attention::{heads, joined, shared};
use super::elementwise::unary;
use super::matmul::product;
use super::shape::range;
use super::{Context, Outputs};
use crate::value::{Value, dims, float};

/// `LinearAttention`: `Q [N, T, Hq*K]`, `K [N, T, H*K]`, `V [N, T, H*V]`, state `[N, H, K, V]`,
/// decay `[N, T, H]` or `[N, T, H*K]`, rate `[N, T, H]` or `[N, T, 1]`. Out: `Y [N, T, Hq*V]`,
/// state. The correction by what the state recalls is the delta rule (Schlag et al. 2021).
pub fn linear_attention<B: Backend>(c: &Context<B>, o: &LinearAttention) -> Outputs<B> {
    let three = (0..3).all(|i| c.value(i).is_ok_and(|v| v.shape().len() == 3));
    if !three {
        return Err("queries, keys and values need 3 axes".into());
    }
    let q = heads::<B>(c.float(0)?, o.heads)?;
    let k = heads::<B>(c.float(1)?, o.kv_heads)?;
    let v = heads::<B>(c.float(2)?, o.kv_heads)?;
    let (qs, ks, vs) = (dims::<B>(&q), dims::<B>(&k), dims::<B>(&v));
    if ks[..3] != vs[..3] || [qs[0], qs[2], qs[3]] != [ks[0], ks[2], ks[3]] || ks[2] == 0 {
        return Err(format!(
            "queries {qs:?}, keys {ks:?} and values {vs:?} do not fit"
        ));
    }
    let [n, count, time, width] = [ks[0], ks[1], ks[2], ks[3]];
    let mut state = match c.opt_float(3)? {
        Some(s) => s,
        None => float::<B>(
            vec![0.0; n * count * width * vs[3]],
            &[n, count, width, vs[3]],
            c.device,
        ),
    };
    if dims::<B>(&state) != [n, count, width, vs[3]] {
        let problem = format!(
            "a state {:?} for keys {ks:?} and values {vs:?}",
            dims::<B>(&state)
        );
        return Err(problem);
    }
    // The growth of the state in each step, as [N, H, T, K or 1].
    let decay = match (o.gated, c.opt_float(4)?) {
        (false, None) => None,
        (true, Some(t)) => Some(B::float_exp(gate::<B>(t, [n, time, count], width)?)),
        (true, None) => return Err("input 4 (decay) is missing".into()),
        (false, Some(_)) => return Err("this update rule takes no decay".into()),
    };
    let rate = match (o.delta, c.opt_float(5)?) {
        (false, None) => None,
        (true, Some(t)) if dims::<B>(&t) == [n, time, 1] => Some(gate::<B>(t, [n, time, 1], 1)?),
        (true, Some(t)) => Some(gate::<B>(t, [n, time, count], 1)?),
        (true, None) => return Err("input 5 (beta) is missing".into()),
        (false, Some(_)) => return Err("this update rule takes no beta".into()),
    };
    let scale = o.scale.unwrap_or(1.0 / (width as f32).sqrt());
    let mut outputs = Vec::with_capacity(time);
    for t in 0..time {
        let at = |x: &FloatTensor<B>| {
            let s = dims::<B>(x);
            range::<B>(x.clone(), &[(0, s[0]), (0, s[1]), (t, t + 1), (0, s[3])])
        };
        if let Some(decay) = &decay {
            state = B::float_mul(state, B::float_swap_dims(at(decay), 2, 3));
        }
        let (key, mut value) = (at(&k), at(&v));
        if let Some(rate) = &rate {
            let recalled = product::<B>(key.clone(), state.clone())?;
            value = B::float_mul(B::float_sub(value, recalled), at(rate));
        }
        state = B::float_add(state, B::float_mul(B::float_swap_dims(key, 2, 3), value));
        outputs.push(product::<B>(at(&q), shared::<B>(state.clone(), qs[1])?)?);
    }
    let y = B::float_mul_scalar(B::float_cat(outputs, 2), scale.into());
    Ok(vec![Value::Float(joined::<B>(y)), Value::Float(state)])
}

/// `[N, T, H]` or `[N, T, H*K]` as `[N, H, T, 1 or K]`.
fn gate<B: Backend>(
    t: FloatTensor<B>,
    [n, time, count]: [usize; 3],
    width: usize,
) -> Result<FloatTensor<B>, String> {
    let own = dims::<B>(&t);
    match own[..] {
        [a, b, w] if [a, b] == [n, time] && (w == count || w == count * width) => heads::<B>(t, count as i64),
        _ => Err(format!("a gate {own:?} for {count} heads over [{n}, {time}]")),
    }
}

/// `CausalConvWithState`: `X [N, C, T]`, `W [C, 1, k]`, optional `B [C]` and the `k - 1` values
/// before `X`. Out: `Y [N, C, T]`, the last `k - 1` values.
pub fn causal_conv<B: Backend>(c: &Context<B>, swish: bool) -> Outputs<B> {
    let (x, w, bias) = (c.float(0)?, c.float(1)?, c.opt_float(2)?);
    let (xs, ws) = (dims::<B>(&x), dims::<B>(&w));
    let ([n, channels, time], [rows, 1, kernel @ 1..=usize::MAX]) = (&xs[..], &ws[..]) else {
        return Err(format!("input {xs:?} and weights {ws:?} do not fit"));
    };
    let [n, channels, time, kernel] = [*n, *channels, *time, *kernel];
    let biased = bias.as_ref().is_none_or(|b| dims::<B>(b) == [channels]);
    if *rows != channels || !biased || time == 0 {
        return Err(format!("input {xs:?}, weights {ws:?} and their bias do not fit"));
    }
    let before = [n, channels, kernel - 1];
    let zeros = || float::<B>(vec![0.0; before.iter().product()], &before, c.device);
    let past = c.opt_float(3)?.unwrap_or_else(zeros);
    if dims::<B>(&past) != before {
        return Err(format!("a past {:?}: {before:?} is expected", dims::<B>(&past)));
    }
    let (padded, present) = match kernel {
        1 => (x, past),
        _ => {
            let all = B::float_cat(vec![past, x], 2);
            let last = range::<B>(all.clone(), &[(0, n), (0, channels), (time, time + kernel - 1)]);
            (all, last)
        }
    };
    let mut y = B::conv1d(padded, w, bias, ConvOptions::new([1], [0], [1], channels));
    if swish {
        y = unary::<B>(y, Unary::Swish { alpha: 1.0 });
    }
    Ok(vec![Value::Float(y), Value::Float(present)])
}
