//! A forecaster of series.

use super::Build;
use crate::Network;
use crate::op::{Attribute, Cell, Op, Recurrent};

/// A recurrent layer over `[N, window, features]` whose last state is brought to `outputs` numbers.
/// Weights are evenly from `-1 / sqrt(hidden)` to `1 / sqrt(hidden)`, as PyTorch begins them.
pub fn forecaster(
    name: &str,
    cell: Cell,
    window: u64,
    features: u64,
    hidden: u64,
    outputs: u64,
    seed: u64,
) -> Network {
    let mut build = Build::new(name, seed);
    let input = build.input("input", &[window, features]);
    let turned = Op::Transpose {
        perm: Some(vec![1, 0, 2]),
    };
    let perm = [("perm", Attribute::Ints(vec![1, 0, 2]))];
    let x = build.op("time_first", "Transpose", turned, &[input], &perm);
    let (kind, gates) = match cell {
        Cell::Lstm => ("LSTM", 4),
        Cell::Gru => ("GRU", 3),
        Cell::Rnn => ("RNN", 1),
    };
    let bound = (1.0 / hidden as f64).sqrt();
    let name = kind.to_lowercase();
    let mut part = |what: &str, shape: &[u64]| build.uniform_values(&format!("{name}.{what}"), shape, bound);
    let weights = [
        part("W", &[1, gates * hidden, features]),
        part("R", &[1, gates * hidden, hidden]),
        part("B", &[1, 2 * gates * hidden]),
    ];
    let mut recurrent = Recurrent::new(cell, hidden as i64);
    let mut attributes = vec![("hidden_size", Attribute::Int(hidden as i64))];
    if cell == Cell::Gru {
        // As PyTorch and cuDNN have it.
        recurrent.linear_before_reset = true;
        attributes.push(("linear_before_reset", Attribute::Int(1)));
    }
    let inputs = [x, weights[0], weights[1], weights[2]];
    let outputs_of = ["Y", "Y_h"];
    let [_, last] = build.op_of_several(
        &name,
        kind,
        Op::Recurrent(recurrent),
        &inputs,
        &attributes,
        outputs_of,
    );
    let axes = build.ints("last.axes", &[0]);
    let x = build.op("last", "Squeeze", Op::Squeeze { axes: None }, &[last, axes], &[]);
    let x = build.linear("output", x, hidden, outputs);
    build.finish(&[x])
}
