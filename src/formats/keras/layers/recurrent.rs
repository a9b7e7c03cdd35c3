//! Recurrent layers and wrappers. Keras's gates (i, f, c, o and z, r, h) become ONNX's (i, o, f, c
//! and z, r, h).

mod gates;

use model::TensorId;
use model::op::{Cell, Direction, Op, Recurrent, Reduction};
use serde_json::Value;

use crate::channels::{Flow, Node, Order, Sizes};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};
use crate::keras::config::Layer;
use crate::keras::weights::wrapped;
use gates::weights;

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    Some(match at.class() {
        "LSTM" | "GRU" | "SimpleRNN" => one(r, at, x),
        "Bidirectional" => both(r, at, x),
        "TimeDistributed" => distributed(r, at, &x[0]),
        _ => return None,
    })
}

/// A cell's settings.
struct Settings {
    cell: Cell,
    gates: usize,
    units: i64,
    bias: bool,
    /// GRU: the recurrent product has a bias of its own.
    reset_after: bool,
    activations: Vec<String>,
    sequences: bool,
    state: bool,
    backwards: bool,
}

fn settings(r: &Reader, at: &At) -> Result<Settings, Fault> {
    let (cell, gates) = match at.class() {
        "LSTM" => (Cell::Lstm, 4),
        "GRU" => (Cell::Gru, 3),
        _ => (Cell::Rnn, 1),
    };
    let main = match at.value("activation") {
        Some(_) => Activation::of(r, at, "activation").gate(),
        None => "Affine".into(),
    };
    let gate = Activation::of(r, at, "recurrent_activation").gate();
    Ok(Settings {
        cell,
        gates,
        units: at.size("units", None)?,
        bias: at.flag("use_bias", true),
        // Keras 2 wrote nothing where it was not chosen, which meant before.
        reset_after: cell == Cell::Gru && at.flag("reset_after", r.keras3),
        activations: match cell {
            Cell::Lstm => vec![gate, main.clone(), main],
            Cell::Gru => vec![gate, main],
            Cell::Rnn => vec![main],
        },
        sequences: at.flag("return_sequences", false),
        state: at.flag("return_state", false),
        backwards: at.flag("go_backwards", false),
    })
}

fn operator(s: &Settings, direction: Direction) -> Op {
    let times = if direction == Direction::Bidirectional {
        2
    } else {
        1
    };
    Op::Recurrent(Recurrent {
        cell: s.cell,
        hidden_size: s.units,
        direction,
        activations: (0..times).flat_map(|_| s.activations.clone()).collect(),
        alphas: Vec::new(),
        betas: Vec::new(),
        clip: None,
        linear_before_reset: s.reset_after,
        input_forget: false,
        batch_first: true,
    })
}

/// The recurrent layer itself: `Y [N, T, D, H]`, `Y_h [N, D, H]`, `Y_c`.
fn run(
    r: &mut Reader,
    at: &At,
    s: &Settings,
    direction: Direction,
    x: &Flow,
    weights: Vec<Option<TensorId>>,
    states: Vec<TensorId>,
) -> Result<Vec<TensorId>, Fault> {
    let mut inputs = vec![Some(x.tensor)];
    inputs.extend(weights);
    if !states.is_empty() {
        inputs.resize(5, None);
        inputs.extend(states.into_iter().map(Some));
    }
    r.b.add(Node {
        name: at.path.clone(),
        kind: at.class().to_string(),
        op: operator(s, direction),
        inputs,
        outputs: if s.cell == Cell::Lstm { 3 } else { 2 },
        attributes: at.attributes(),
        activation: None,
    })
}

/// Inputs after the sequence, and those called `initial_state`, are the states to begin with.
fn one(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let s = settings(r, at)?;
    if x[0].rank().is_some_and(|rank| rank != 3) || at.flag("unroll", false) && x[0].rank().is_none() {
        return Err(at.fault(format!("expected an input of 3 axes, found {}", x[0].rank_or(0))));
    }
    let input = r.b.file(&x[0])?;
    let wanted = if s.cell == Cell::Lstm { 2 } else { 1 };
    if x.len() > 1 && x.len() != 1 + wanted {
        return Ok(None);
    }
    let mut states = Vec::new();
    for state in &x[1..] {
        let state = r.b.file(state)?;
        states.push(r.step(
            at,
            "initial state",
            Op::Unsqueeze { axes: Some(vec![1]) },
            &[state.tensor],
        )?);
    }
    let weights = weights(r, at, &s, &[""])?;
    let direction = if s.backwards {
        Direction::Reverse
    } else {
        Direction::Forward
    };
    let outputs = run(r, at, &s, direction, &input, weights, states)?;
    let (batch, time) = (input.size(0), input.size(1));
    let units = Some(s.units as u64);
    let squeeze = |axis: i64| Op::Squeeze {
        axes: Some(vec![axis]),
    };
    let last = r.step(at, "last", squeeze(1), &[outputs[1]])?;
    let last = r.b.flow(last, Some(vec![batch, units]), Order::File);
    let mut given = Vec::new();
    if s.sequences {
        let mut y = r.step(at, "sequence", squeeze(2), &[outputs[0]])?;
        if s.backwards {
            // Keras gives them in the order in which they were computed.
            y = backwards(r, at, y)?;
        }
        given.push(r.b.flow(y, Some(vec![batch, time, units]), Order::File));
    } else {
        given.push(last.clone());
    }
    if s.state {
        given.push(last);
        if s.cell == Cell::Lstm {
            let cell = r.step(at, "cell", squeeze(1), &[outputs[2]])?;
            given.push(r.b.flow(cell, Some(vec![batch, units]), Order::File));
        }
    }
    Ok(Some(given))
}

fn backwards(r: &mut Reader, at: &At, y: TensorId) -> Result<TensorId, Fault> {
    let op = Op::Slice {
        starts: None,
        ends: None,
        axes: None,
    };
    let lists = [("starts", -1), ("ends", i64::MIN + 1), ("axes", 1), ("steps", -1)];
    let mut inputs = vec![y];
    for (name, value) in lists {
        inputs.push(r.ints(at, name, &[value]));
    }
    r.step(at, "backwards", op, &inputs)
}

fn both(r: &mut Reader, at: &At, x: &[Flow]) -> Made {
    let (Some(forward), 1) = (wrapped(at.layer, "layer"), x.len()) else {
        return Ok(None);
    };
    let backward = wrapped(at.layer, "backward_layer");
    let inner = inside(at, &forward);
    let s = settings(r, &inner)?;
    let alike = backward.is_none_or(|b| {
        let same = |key: &str| b.config.get(key) == forward.config.get(key);
        let keys = [
            "units",
            "activation",
            "recurrent_activation",
            "use_bias",
            "reset_after",
        ];
        b.class == forward.class && keys.iter().all(|k| same(k))
    });
    if !matches!(forward.class.as_str(), "LSTM" | "GRU" | "SimpleRNN") || s.backwards || s.state || !alike {
        return Ok(None);
    }
    if x[0].rank().is_some_and(|rank| rank != 3) {
        return Err(at.fault(format!("expected an input of 3 axes, found {}", x[0].rank_or(0))));
    }
    let merge = at.value("merge_mode").and_then(Value::as_str).map(str::to_string);
    let input = r.b.file(&x[0])?;
    let weights = weights(r, at, &s, &["forward/", "backward/"])?;
    let outputs = run(r, at, &s, Direction::Bidirectional, &input, weights, Vec::new())?;
    let (batch, time, units) = (input.size(0), input.size(1), s.units as u64);
    let (source, axis) = if s.sequences {
        (outputs[0], 2)
    } else {
        (outputs[1], 1)
    };
    let shape = |units: u64| -> Option<Sizes> {
        Some(match s.sequences {
            true => vec![batch, time, Some(units)],
            false => vec![batch, Some(units)],
        })
    };
    let reduce = |kind| Op::Reduce {
        kind,
        axes: Some(vec![axis]),
        keep_dims: false,
        noop_if_empty: false,
    };
    let (op, units) = match merge.as_deref() {
        Some("concat") => {
            let mut to = vec![0; axis as usize];
            to.push(2 * s.units);
            (
                Op::Reshape {
                    shape: Some(to),
                    allow_zero: false,
                },
                2 * units,
            )
        }
        Some("sum") => (reduce(Reduction::Sum), units),
        Some("ave") => (reduce(Reduction::Mean), units),
        Some("mul") => (reduce(Reduction::Prod), units),
        _ => return Ok(None),
    };
    let y = r.step(at, "merged", op, &[source])?;
    Ok(Some(vec![r.b.flow(y, shape(units), Order::File)]))
}

/// A wrapped layer under the name of its wrapper.
fn inside<'a>(at: &'a At, inner: &'a Layer) -> At<'a> {
    At {
        layer: inner,
        path: at.path.clone(),
        part: String::new(),
        call: at.call,
    }
}

/// A layer on every step of time: time joins the batch.
fn distributed(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let Some(inner) = wrapped(at.layer, "layer") else {
        return Ok(None);
    };
    if matches!(inner.class.as_str(), "TimeDistributed" | "Bidirectional") {
        return Ok(None);
    }
    let within = At {
        part: "layer/".into(),
        ..inside(at, &inner)
    };
    // These act on the last axis anyway.
    if matches!(
        inner.class.as_str(),
        "Dense" | "Activation" | "Dropout" | "ReLU" | "LeakyReLU"
    ) {
        let file = r.b.file(x)?;
        return super::layer(r, &within, &[file]);
    }
    let x = r.b.file(x)?;
    let Some((time, rest)) = x
        .shape
        .as_ref()
        .and_then(|s| Some((s.get(1).copied()??, &s[2..])))
    else {
        return Ok(None);
    };
    let sizes = |rest: &[Option<u64>]| -> Option<Vec<i64>> {
        rest.iter().map(|s| i64::try_from((*s)?).ok()).collect()
    };
    let Some(each) = sizes(rest) else { return Ok(None) };
    let reshape = |shape: Vec<i64>| Op::Reshape {
        shape: Some(shape),
        allow_zero: false,
    };
    let joined = r.step(at, "steps", reshape([vec![-1], each].concat()), &[x.tensor])?;
    let shape: Sizes = std::iter::once(None).chain(rest.iter().copied()).collect();
    let joined = r.b.flow(joined, Some(shape), Order::File);
    let Some(made) = super::layer(r, &within, &[joined])? else {
        return Ok(None);
    };
    let [y] = &made[..] else { return Ok(None) };
    let y = r.b.file(y)?;
    let Some(out) = y.shape.as_ref().and_then(|s| sizes(&s[1..])) else {
        return Ok(None);
    };
    let to = [vec![-1, time as i64], out].concat();
    let back = r.step(at, "sequence", reshape(to), &[y.tensor])?;
    let mut shape: Sizes = vec![x.size(0), Some(time)];
    shape.extend(y.shape.iter().flat_map(|s| s[1..].to_vec()));
    Ok(Some(vec![r.b.flow(back, Some(shape), Order::File)]))
}
