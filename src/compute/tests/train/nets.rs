//! Small networks and examples, as `pytorch.py` beside this file has them.

use std::sync::Arc;

use model::op::{Binary, Cell, Op, Unary};
use model::templates::Build;
use model::{Cells, Column, Dataset, Network, Random, Targets, TensorData};

pub const COUNT: usize = 40;

/// Numbers evenly from `low` to `high`, by the generator of both sides.
pub fn drawn(key: u64, count: usize, low: f64, high: f64) -> Vec<f32> {
    let mut random = Random::new(&[key]);
    let one = |_| (low + (high - low) * random.uniform()) as f32;
    (0..count).map(one).collect()
}

/// Gives the tensor `name` these values.
fn set(network: &mut Network, name: &str, values: &[f32]) {
    let id = network.tensor_named(name).unwrap_or_else(|| panic!("{name}"));
    let tensor = &mut network.tensors[id.0 as usize];
    let shape = tensor.data.as_ref().expect("a stored tensor").shape.clone();
    tensor.data = Some(Arc::new(TensorData::from_f32(&shape, values)));
}

/// Convolution, batch normalisation, rectifier, linear layer.
pub fn net() -> Network {
    let mut build = Build::new("net", 1);
    let x = build.input("image", &[2, 6, 6]);
    let x = build.conv("conv", x, 2, 4, 3, 1);
    let x = build.norm("norm", x, 4);
    let x = build.unary("relu", "Relu", Unary::Relu, x);
    let x = build.flatten("flatten", x);
    let x = build.linear("linear", x, 144, 3);
    let mut network = build.finish(&[x]);
    set(&mut network, "conv.weight", &drawn(1, 72, -0.4, 0.4));
    set(&mut network, "linear.weight", &drawn(2, 432, -0.1, 0.1));
    set(&mut network, "linear.bias", &drawn(3, 3, -0.1, 0.1));
    network
}

/// A variational autoencoder that is fed its noise.
pub fn vae() -> Network {
    let mut build = Build::new("vae", 1);
    let x = build.input("x", &[16]);
    let noise = build.input("noise", &[3]);
    let x = build.linear("encode", x, 16, 8);
    let x = build.unary("relu1", "Relu", Unary::Relu, x);
    let mean = build.linear("mean", x, 8, 3);
    let variance = build.linear("variance", x, 8, 3);
    let half = build.fixed("half", TensorData::from_f32(&[], &[0.5]));
    let x = build.op("halved", "Mul", Op::Binary(Binary::Mul), &[variance, half], &[]);
    let x = build.unary("deviation", "Exp", Unary::Exp, x);
    let x = build.op("scaled", "Mul", Op::Binary(Binary::Mul), &[x, noise], &[]);
    let x = build.op("latent", "Add", Op::Binary(Binary::Add), &[mean, x], &[]);
    let x = build.linear("decode", x, 3, 8);
    let x = build.unary("relu2", "Relu", Unary::Relu, x);
    let x = build.linear("output", x, 8, 16);
    let x = build.unary("sigmoid", "Sigmoid", Unary::Sigmoid, x);
    let mut network = build.finish(&[x, mean, variance]);
    let sizes = [
        ("encode", 16, 8),
        ("mean", 8, 3),
        ("variance", 8, 3),
        ("decode", 3, 8),
        ("output", 8, 16),
    ];
    for (i, (name, from, to)) in sizes.into_iter().enumerate() {
        let key = 10 + 2 * i as u64;
        set(
            &mut network,
            &format!("{name}.weight"),
            &drawn(key, from * to, -0.4, 0.4),
        );
        set(
            &mut network,
            &format!("{name}.bias"),
            &drawn(key + 1, to, -0.2, 0.2),
        );
    }
    network
}

/// A recurrent layer of 5 units over 7 steps of 3 features. PyTorch has its gates in another order.
pub fn forecaster(cell: Cell) -> Network {
    const HIDDEN: usize = 5;
    let mut network = model::templates::forecaster("forecaster", cell, 7, 3, HIDDEN as u64, 2, 1);
    let (name, order): (&str, &[usize]) = match cell {
        // Input, forget, cell, output there; input, output, forget, cell here.
        Cell::Lstm => ("lstm", &[0, 3, 1, 2]),
        // Reset, update, new there; update, reset, new here.
        _ => ("gru", &[1, 0, 2]),
    };
    let gates = order.len();
    let part = |key: u64, width: usize| {
        let values = drawn(key, gates * HIDDEN * width, -0.4, 0.4);
        let gate = |&g: &usize| values[g * HIDDEN * width..(g + 1) * HIDDEN * width].to_vec();
        order.iter().flat_map(gate).collect::<Vec<f32>>()
    };
    set(&mut network, &format!("{name}.W"), &part(30, 3));
    set(&mut network, &format!("{name}.R"), &part(31, HIDDEN));
    set(
        &mut network,
        &format!("{name}.B"),
        &[part(32, 1), part(33, 1)].concat(),
    );
    set(&mut network, "output.weight", &drawn(34, 10, -0.4, 0.4));
    set(&mut network, "output.bias", &drawn(35, 2, -0.4, 0.4));
    network
}

fn column(name: &str, shape: &[usize], values: Vec<f32>) -> Column {
    Column {
        name: name.into(),
        shape: shape.to_vec(),
        cells: Cells::Floats(values),
    }
}

fn set_of(inputs: Vec<Column>, targets: Targets) -> Dataset {
    Dataset {
        name: "drawn".into(),
        inputs,
        targets,
        training: (0..COUNT as u32).collect(),
        ..Dataset::default()
    }
}

fn images() -> Vec<Column> {
    vec![column("", &[2, 6, 6], drawn(20, COUNT * 72, -1.0, 1.0))]
}

/// Pictures with classes.
pub fn classes() -> Dataset {
    let mut random = Random::new(&[21]);
    let cells = Cells::Ints((0..COUNT).map(|_| random.below(3) as i64).collect());
    let targets = Column {
        name: String::new(),
        shape: vec![],
        cells,
    };
    set_of(images(), Targets::Classes(targets))
}

/// The same pictures with three numbers each.
pub fn values() -> Dataset {
    let targets = column("", &[3], drawn(22, COUNT * 3, 0.0, 1.0));
    set_of(images(), Targets::Values(targets))
}

/// Rows for an autoencoder, with its noise.
pub fn rows() -> Dataset {
    let inputs = vec![
        column("x", &[16], drawn(23, COUNT * 16, 0.0, 1.0)),
        column("noise", &[3], drawn(24, COUNT * 3, -2.0, 2.0)),
    ];
    set_of(inputs, Targets::Inputs)
}

/// Series, and two numbers that follow.
pub fn series() -> Dataset {
    let inputs = vec![column("", &[7, 3], drawn(25, COUNT * 21, -1.0, 1.0))];
    let targets = column("", &[2], drawn(26, COUNT * 2, -1.0, 1.0));
    set_of(inputs, Targets::Values(targets))
}
