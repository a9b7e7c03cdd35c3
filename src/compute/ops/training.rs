//! Steps of optimisers (`ai.onnx.preview.training`): inputs are rate, step, then parameters,
//! gradients and states, each kind for all parameters before the next.

use super::plain::{Call, Plain};

/// One parameter's tensors.
struct Part {
    shape: Vec<usize>,
    /// Parameter, gradient, states.
    values: Vec<Vec<f32>>,
}

/// Rate, step, and the parameters with `states` states each.
fn parts(c: &Call, states: usize) -> Result<(f32, i64, Vec<Part>), String> {
    let rate = c.opt_number(0)?.ok_or("the rate is missing")?;
    let step = c.opt_int(1)?.ok_or("the step is missing")?;
    let count = c.inputs.len() - 2;
    if !count.is_multiple_of(2 + states) {
        return Err(format!(
            "{count} tensors for parameters, gradients and {states} states"
        ));
    }
    let each = count / (2 + states);
    let mut parts = Vec::with_capacity(each);
    for p in 0..each {
        let shape = c.floats(2 + p)?.1.to_vec();
        let mut values = Vec::with_capacity(2 + states);
        for kind in 0..2 + states {
            let (data, own) = c.floats(2 + kind * each + p)?;
            if own != shape {
                return Err(format!("{own:?} for a parameter of {shape:?}"));
            }
            values.push(data.into_owned());
        }
        parts.push(Part { shape, values });
    }
    Ok((rate, step, parts))
}

/// Parameters first, then each state, all without the gradients.
fn outputs(parts: Vec<Part>) -> Vec<Plain> {
    let kinds = parts.first().map_or(0, |p| p.values.len());
    (0..kinds)
        .filter(|&kind| kind != 1)
        .flat_map(|kind| {
            parts
                .iter()
                .map(move |p| Plain::floats(p.shape.clone(), p.values[kind].clone()))
        })
        .collect()
}

/// `Adagrad` (Duchi et al. 2011).
pub fn adagrad(c: &Call) -> Result<Vec<Plain>, String> {
    let (rate, step, mut parts) = parts(c, 1)?;
    let a = c.attrs();
    let (decay, epsilon) = (a.float("decay_factor", 0.0)?, a.float("epsilon", 0.0)?);
    let norm = a.float("norm_coefficient", 0.0)?;
    let rate = rate / (1.0 + step as f32 * decay);
    for p in &mut parts {
        for i in 0..p.values[0].len() {
            let (x, h) = (p.values[0][i], p.values[2][i]);
            let g = norm * x + p.values[1][i];
            let h = h + g * g;
            p.values[0][i] = x - rate * g / (h.sqrt() + epsilon);
            p.values[2][i] = h;
        }
    }
    Ok(outputs(parts))
}

/// `Adam` (Kingma and Ba 2015).
pub fn adam(c: &Call) -> Result<Vec<Plain>, String> {
    let (rate, step, mut parts) = parts(c, 2)?;
    let a = c.attrs();
    let (alpha, beta) = (a.float("alpha", 0.9)?, a.float("beta", 0.999)?);
    let epsilon = a.float("epsilon", 0.0)?;
    let (norm, after) = (
        a.float("norm_coefficient", 0.0)?,
        a.float("norm_coefficient_post", 0.0)?,
    );
    let rate = match step {
        ..=0 => rate,
        t => rate * (1.0 - beta.powf(t as f32)).sqrt() / (1.0 - alpha.powf(t as f32)),
    };
    for p in &mut parts {
        for i in 0..p.values[0].len() {
            let x = p.values[0][i];
            let g = norm * x + p.values[1][i];
            let v = alpha * p.values[2][i] + (1.0 - alpha) * g;
            let h = beta * p.values[3][i] + (1.0 - beta) * g * g;
            p.values[0][i] = (1.0 - after) * (x - rate * v / (h.sqrt() + epsilon));
            (p.values[2][i], p.values[3][i]) = (v, h);
        }
    }
    Ok(outputs(parts))
}

/// `Momentum`, standard or Nesterov's.
pub fn momentum(c: &Call) -> Result<Vec<Plain>, String> {
    let (rate, step, mut parts) = parts(c, 1)?;
    let a = c.attrs();
    let (alpha, beta) = (a.float("alpha", 0.0)?, a.float("beta", 0.0)?);
    let norm = a.float("norm_coefficient", 0.0)?;
    let nesterov = a.string("mode", "standard")? == "nesterov";
    let beta = if step > 0 { beta } else { 1.0 };
    for p in &mut parts {
        for i in 0..p.values[0].len() {
            let x = p.values[0][i];
            let g = norm * x + p.values[1][i];
            let v = alpha * p.values[2][i] + beta * g;
            let by = if nesterov { g + alpha * v } else { v };
            p.values[0][i] = x - rate * by;
            p.values[2][i] = v;
        }
    }
    Ok(outputs(parts))
}
