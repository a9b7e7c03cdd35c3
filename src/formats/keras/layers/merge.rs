//! Layers that join several tensors.

use model::op::{Binary, Op, Reduction, Variadic};
use serde_json::Value;

use crate::channels::{Flow, Order, Sizes};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    // Operations of the same names (`keras.ops`) may take numbers.
    let numbers = !at.layer.is_layer || x.len() < 2;
    let many = x.len() > 2;
    Some(match at.class() {
        "Add" | "Subtract" | "Multiply" | "Divide" | "TrueDivide" if numbers => operation(r, at, x),
        "Add" if many => joined(r, at, x, Op::Variadic(Variadic::Sum)),
        "Add" => joined(r, at, x, Op::Binary(Binary::Add)),
        "Subtract" => joined(r, at, x, Op::Binary(Binary::Sub)),
        "Multiply" => product(r, at, x),
        "Average" => joined(r, at, x, Op::Variadic(Variadic::Mean)),
        "Maximum" => joined(r, at, x, Op::Variadic(Variadic::Max)),
        "Minimum" => joined(r, at, x, Op::Variadic(Variadic::Min)),
        "Concatenate" => concat(r, at, x),
        "Dot" => dot(r, at, x),
        _ => return None,
    })
}

/// The inputs in one order, as they broadcast in Keras: lower ranks get axes after the batch.
fn aligned(r: &mut Reader, at: &At, x: &[Flow]) -> Result<(Vec<Flow>, Order), Fault> {
    let orders: Vec<Order> = x.iter().map(|f| r.b.order(f)).collect();
    if orders.iter().all(|o| *o == orders[0]) && matches!(orders[0], Order::Flat { .. }) {
        return Ok((x.to_vec(), orders[0]));
    }
    let rank = x.iter().filter_map(Flow::rank).max().unwrap_or(0);
    let images = rank >= 4 || orders.contains(&Order::ChannelsFirst);
    let mut all = Vec::with_capacity(x.len());
    for flow in x {
        let mut flow = flow.clone();
        if let Some(own) = flow.rank().filter(|&own| (1..rank).contains(&own)) {
            let file = r.b.file(&flow)?;
            let axes: Vec<i64> = (1..=(rank - own) as i64).collect();
            let mut shape = file.shape.clone().unwrap_or_default();
            shape.splice(1..1, axes.iter().map(|_| Some(1)));
            let tensor = r.step(at, "axes", Op::Unsqueeze { axes: Some(axes) }, &[file.tensor])?;
            flow = r.b.flow(tensor, Some(shape), Order::File);
        }
        all.push(match images {
            true => r.b.first(&flow)?,
            false => r.b.file(&flow)?,
        });
    }
    Ok((all, if images { Order::ChannelsFirst } else { Order::File }))
}

fn broadcast(x: &[Flow]) -> Option<Sizes> {
    let mut shape = x.first()?.shape.clone()?;
    for flow in &x[1..] {
        let other = flow.shape.as_ref().filter(|s| s.len() == shape.len())?;
        for (a, b) in shape.iter_mut().zip(other) {
            *a = match (*a, *b) {
                (Some(1), b) => b,
                (a, Some(1)) => a,
                (Some(a), _) => Some(a),
                (None, b) => b,
            };
        }
    }
    // The batch stays free.
    if x.iter().any(|f| f.size(0).is_none()) {
        shape[0] = None;
    }
    Some(shape)
}

fn joined(r: &mut Reader, at: &At, x: &[Flow], op: Op) -> Made {
    let (x, order) = aligned(r, at, x)?;
    let inputs = x.iter().map(|f| Some(f.tensor)).collect();
    Ok(Some(vec![r.main(
        at,
        op,
        inputs,
        broadcast(&x),
        order,
        Activation::Linear,
    )?]))
}

fn product(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let (x, order) = aligned(r, at, x)?;
    let mut y = x[0].tensor;
    for flow in &x[1..x.len() - 1] {
        y = r.step(at, "product", Op::Binary(Binary::Mul), &[y, flow.tensor])?;
    }
    let inputs = vec![Some(y), Some(x[x.len() - 1].tensor)];
    let op = Op::Binary(Binary::Mul);
    Ok(Some(vec![r.main(
        at,
        op,
        inputs,
        broadcast(&x),
        order,
        Activation::Linear,
    )?]))
}

/// Arithmetic of two tensors, or of one and a number.
fn operation(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let kind = match at.class() {
        "Add" => Binary::Add,
        "Subtract" => Binary::Sub,
        "Multiply" => Binary::Mul,
        _ => Binary::Div,
    };
    if x.len() == 2 {
        // NumPy's rules differ from those of layers where ranks do.
        return match x[0].rank() == x[1].rank() {
            true => joined(r, at, x, Op::Binary(kind)),
            false => Ok(None),
        };
    }
    let named = ["x1", "x2", "x", "y"]
        .iter()
        .find_map(|k| Some((*k, at.call.settings.get(*k)?.as_f64()?)));
    let placed = at
        .call
        .plain
        .iter()
        .find_map(|(place, v)| Some((*place, v.as_f64()?)));
    let (before, number) = match (placed, named) {
        (Some((place, number)), _) => (place == 0, number),
        (None, Some((key, number))) => (key == "x1", number),
        // A layer that joins one tensor with nothing leaves it alone.
        (None, None) if at.layer.is_layer => {
            let order = r.b.order(&x[0]);
            let y = r.main(
                at,
                Op::Identity,
                vec![Some(x[0].tensor)],
                x[0].shape.clone(),
                order,
                Activation::Linear,
            )?;
            return Ok(Some(vec![y]));
        }
        (None, None) => return Ok(None),
    };
    let x = r.b.settled(&x[0])?;
    let order = r.b.order(&x);
    let number = r.scalar(at, "number", number as f32);
    let inputs = match before {
        true => vec![Some(number), Some(x.tensor)],
        false => vec![Some(x.tensor), Some(number)],
    };
    Ok(Some(vec![r.main(
        at,
        Op::Binary(kind),
        inputs,
        x.shape.clone(),
        order,
        Activation::Linear,
    )?]))
}

fn concat(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let axis = at.int("axis", -1)?;
    let Some(rank) = x[0].rank() else { return Ok(None) };
    if x.iter().any(|f| f.rank() != Some(rank)) {
        return Err(at.fault("expected inputs of equal rank"));
    }
    let images = rank >= 4 || x.iter().any(|f| r.b.order(f) == Order::ChannelsFirst);
    let mut all = Vec::with_capacity(x.len());
    for flow in x {
        all.push(match images {
            true => r.b.first(flow)?,
            false => r.b.file(flow)?,
        });
    }
    let place = if axis < 0 { axis + rank as i64 } else { axis };
    let (Some(own), Ok(place)) = (r.b.axis(&all[0], axis), usize::try_from(place)) else {
        return Err(at.fault(format!("\"axis\": {axis} of {rank} axes")));
    };
    let mut shape = all[0].shape.clone().unwrap_or_default();
    let sizes = all.iter().map(|f| f.size(place));
    shape[place] = sizes.reduce(|a, b| a?.checked_add(b?)).flatten();
    let order = r.b.order(&all[0]);
    let inputs = all.iter().map(|f| Some(f.tensor)).collect();
    Ok(Some(vec![r.main(
        at,
        Op::Concat { axis: own },
        inputs,
        Some(shape),
        order,
        Activation::Linear,
    )?]))
}

/// Products along one axis of each input.
fn dot(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let [a, b] = x else { return Ok(None) };
    let (Some(ranks), false) = (a.rank().zip(b.rank()), at.flag("normalize", false)) else {
        return Ok(None);
    };
    let axes = match at.value("axes") {
        Some(Value::Array(l)) if l.len() == 2 => l[0].as_i64().zip(l[1].as_i64()),
        Some(value) => value.as_i64().map(|a| (a, a)),
        None => None,
    };
    let wrap = |axis: i64, rank: usize| if axis < 0 { axis + rank as i64 } else { axis };
    let Some((p, q)) = axes.map(|(p, q)| (wrap(p, ranks.0), wrap(q, ranks.1))) else {
        return Ok(None);
    };
    let (a, b) = (r.b.file(a)?, r.b.file(b)?);
    match (ranks, p, q) {
        ((2, 2), 1, 1) => {
            let y = r.step(at, "product", Op::Binary(Binary::Mul), &[a.tensor, b.tensor])?;
            let op = Op::Reduce {
                kind: Reduction::Sum,
                axes: Some(vec![1]),
                keep_dims: true,
                noop_if_empty: false,
            };
            let shape = vec![a.size(0), Some(1)];
            Ok(Some(vec![r.main(
                at,
                op,
                vec![Some(y)],
                Some(shape),
                Order::File,
                Activation::Linear,
            )?]))
        }
        ((3, 3), 1 | 2, 1 | 2) => {
            let turned = || Op::Transpose {
                perm: Some(vec![0, 2, 1]),
            };
            let (mut s, mut t) = (a.tensor, b.tensor);
            if p == 1 {
                s = r.step(at, "left", turned(), &[s])?;
            }
            if q == 2 {
                t = r.step(at, "right", turned(), &[t])?;
            }
            let shape = vec![a.size(0), a.size(3 - p as usize), b.size(3 - q as usize)];
            let inputs = vec![Some(s), Some(t)];
            Ok(Some(vec![r.main(
                at,
                Op::MatMul,
                inputs,
                Some(shape),
                Order::File,
                Activation::Linear,
            )?]))
        }
        _ => Ok(None),
    }
}
