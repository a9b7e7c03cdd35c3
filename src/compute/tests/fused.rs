//! Merged layers compute what the layers did, and only what may be merged is.

use std::sync::Arc;

use compute::{Device, Engine, Keep, RunOptions, fuse, wait};
use model::network::TensorKind;
use model::op::{Binary, Op, Padding, Reduction, Unary, Window};
use model::{
    Graph, GraphId, HostValue, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorSpec,
};

/// Repeatable values between -1 and 1.
fn noise(shape: &[u64], seed: u64) -> TensorData {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product::<u64>()).map(|_| next()).collect();
    TensorData::from_f32(shape, &values)
}

/// A network under construction.
struct Net(Network);

impl Net {
    fn new() -> Self {
        Net(Network {
            graphs: vec![Graph::default()],
            ..Network::default()
        })
    }

    fn tensor(&mut self, kind: TensorKind, spec: TensorSpec, data: Option<TensorData>) -> TensorId {
        let name = format!("t{}", self.0.tensors.len());
        self.0.add_tensor(Tensor {
            name,
            spec,
            kind,
            data: data.map(Arc::new),
            producer: None,
        })
    }

    fn input(&mut self, shape: &[u64]) -> TensorId {
        let spec = TensorSpec::fixed(model::DType::F32, shape);
        let id = self.tensor(TensorKind::Input, spec, None);
        self.0.graphs[0].inputs.push(id);
        id
    }

    fn stored(&mut self, data: TensorData) -> TensorId {
        self.tensor(TensorKind::Parameter, data.spec(), Some(data))
    }

    fn number(&mut self, value: f32) -> TensorId {
        self.stored(TensorData::from_f32(&[], &[value]))
    }

    /// A layer whose output has `shape`.
    fn layer(&mut self, op: Op, inputs: &[TensorId], shape: &[u64]) -> TensorId {
        let spec = TensorSpec::fixed(model::DType::F32, shape);
        let output = self.tensor(TensorKind::Activation, spec, None);
        let id = LayerId(self.0.layers.len() as u32);
        self.0.layers.push(Layer {
            name: format!("l{}", id.0),
            kind: format!("{op:?}"),
            op,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![Some(output)],
            attributes: Default::default(),
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        self.0.graphs[0].layers.push(id);
        self.0.tensors[output.0 as usize].producer = Some(id);
        output
    }

    fn binary(&mut self, kind: Binary, a: TensorId, b: TensorId, shape: &[u64]) -> TensorId {
        self.layer(Op::Binary(kind), &[a, b], shape)
    }

    fn unary(&mut self, kind: Unary, x: TensorId, shape: &[u64]) -> TensorId {
        self.layer(Op::Unary(kind), &[x], shape)
    }

    fn mean(&mut self, x: TensorId, shape: &[u64]) -> TensorId {
        let op = Op::Reduce {
            kind: Reduction::Mean,
            axes: Some(vec![-1]),
            keep_dims: true,
            noop_if_empty: false,
        };
        self.layer(op, &[x], shape)
    }

    /// Convolution of `x` with a 3 x 3 window, padded, `outputs` channels of `shape`.
    fn conv(&mut self, x: TensorId, inputs: u64, shape: &[u64], seed: u64) -> TensorId {
        let weights = self.stored(noise(&[shape[1], inputs, 3, 3], seed));
        let bias = self.stored(noise(&[shape[1]], seed + 1));
        let window = Window {
            kernel: vec![3, 3],
            strides: vec![1, 1],
            dilations: vec![1, 1],
            padding: Padding::Explicit(vec![1, 1, 1, 1]),
        };
        self.layer(Op::Conv { window, groups: 1 }, &[x, weights, bias], shape)
    }

    /// Batch normalisation by made-up statistics.
    fn norm(&mut self, x: TensorId, shape: &[u64]) -> TensorId {
        let mut inputs = vec![x];
        for seed in 0..4 {
            let mut data = noise(&[shape[1]], 90 + seed);
            if seed == 3 {
                let positive: Vec<f32> = data.to_f32().unwrap().iter().map(|v| v.abs() + 0.1).collect();
                data = TensorData::from_f32(&[shape[1]], &positive);
            }
            inputs.push(self.stored(data));
        }
        self.layer(Op::BatchNorm { epsilon: 1e-5 }, &inputs, shape)
    }

    /// Runs it as it is and merged, both with `outputs`, compares, and returns how many layers are
    /// left.
    fn check(mut self, outputs: &[TensorId]) -> usize {
        self.0.graphs[0].outputs = outputs.to_vec();
        let network = Arc::new(self.0);
        let inputs: Vec<(String, HostValue)> = network
            .main()
            .inputs
            .iter()
            .zip(1..)
            .map(|(&t, seed)| {
                let tensor = network.tensor(t);
                let shape = tensor.spec.shape(&Default::default()).unwrap();
                (tensor.name.clone(), noise(&shape, seed).into())
            })
            .collect();
        let mut engine = Engine::new(Device::Cpu);
        let mut run = |keep| {
            let options = RunOptions {
                keep,
                ..RunOptions::default()
            };
            wait(engine.evaluate(&network, &inputs, &options))
                .unwrap()
                .unwrap()
        };
        let (merged, all) = (run(Keep::Outputs), run(Keep::All));
        assert_eq!(merged.len(), outputs.len());
        for (name, found) in merged {
            let wanted = &all.iter().find(|(n, _)| *n == name).expect("the same outputs").1;
            let numbers = |v: &HostValue| v.tensor().unwrap().to_f32().unwrap();
            assert_eq!(found.tensor().unwrap().shape, wanted.tensor().unwrap().shape);
            for (f, w) in numbers(&found).iter().zip(numbers(wanted)) {
                assert!((f - w).abs() <= 2e-5 * w.abs().max(1.0), "{name}: {f}, apart {w}");
            }
        }
        fuse::fuse(&network).main().layers.len()
    }
}

const PICTURE: [u64; 4] = [1, 6, 9, 11];

#[test]
fn a_residual_block_is_two_convolutions() {
    let mut net = Net::new();
    let x = net.input(&PICTURE);
    let a = net.conv(x, 6, &PICTURE, 3);
    let a = net.norm(a, &PICTURE);
    let a = net.unary(Unary::Relu, a, &PICTURE);
    let b = net.conv(a, 6, &PICTURE, 5);
    let b = net.norm(b, &PICTURE);
    let sum = net.binary(Binary::Add, x, b, &PICTURE);
    let y = net.unary(Unary::Relu, sum, &PICTURE);
    assert_eq!(net.check(&[y]), 2);
}

/// What is wanted, or read twice, stays.
#[test]
fn what_others_need_is_not_merged_away() {
    let mut net = Net::new();
    let x = net.input(&PICTURE);
    let a = net.conv(x, 6, &PICTURE, 3);
    let n = net.norm(a, &PICTURE);
    let y = net.unary(Unary::Relu, n, &PICTURE);
    assert_eq!(net.check(&[a, y]), 3);

    let mut net = Net::new();
    let x = net.input(&PICTURE);
    let a = net.conv(x, 6, &PICTURE, 3);
    let r = net.unary(Unary::Relu, a, &PICTURE);
    let y = net.binary(Binary::Mul, a, r, &PICTURE);
    assert_eq!(net.check(&[y]), 3);
}

#[test]
fn numbers_for_each_channel_go_into_the_weights() {
    let mut net = Net::new();
    let x = net.input(&PICTURE);
    let a = net.conv(x, 6, &PICTURE, 3);
    let gain = net.stored(noise(&[6, 1, 1], 7));
    let a = net.binary(Binary::Mul, a, gain, &PICTURE);
    let shift = net.stored(noise(&[1, 6, 1, 1], 8));
    let a = net.binary(Binary::Add, shift, a, &PICTURE);
    let y = net.unary(Unary::HardSwish, a, &PICTURE);
    assert_eq!(net.check(&[y]), 1);

    // Numbers for each column are not.
    let mut net = Net::new();
    let x = net.input(&[1, 6, 9, 6]);
    let a = net.conv(x, 6, &[1, 6, 9, 6], 3);
    let gain = net.stored(noise(&[6], 7));
    let y = net.binary(Binary::Mul, a, gain, &[1, 6, 9, 6]);
    assert_eq!(net.check(&[y]), 2);
}

/// The sum is larger than the product.
#[test]
fn a_sum_may_broadcast() {
    let mut net = Net::new();
    let (x, z) = (net.input(&[1, 6, 1, 1]), net.input(&PICTURE));
    let a = net.conv(x, 6, &[1, 6, 1, 1], 3);
    let sum = net.binary(Binary::Add, a, z, &PICTURE);
    let y = net.unary(Unary::Relu, sum, &PICTURE);
    assert_eq!(net.check(&[y]), 1);
}

const TOKENS: [u64; 3] = [2, 7, 24];

fn linear(net: &mut Net, x: TensorId, [from, to]: [u64; 2], seed: u64) -> TensorId {
    let shape = [TOKENS[0], TOKENS[1], to];
    let weights = net.stored(noise(&[from, to], seed));
    let bias = net.stored(noise(&[to], seed + 1));
    let product = net.layer(Op::MatMul, &[x, weights], &shape);
    net.binary(Binary::Add, bias, product, &shape)
}

fn layer_norm(net: &mut Net, x: TensorId, twice: bool) -> TensorId {
    let row = [TOKENS[0], TOKENS[1], 1];
    let mean = net.mean(x, &row);
    let centred = net.binary(Binary::Sub, x, mean, &TOKENS);
    let divided = match twice {
        true => net.binary(Binary::Sub, x, mean, &TOKENS),
        false => centred,
    };
    let two = net.number(2.0);
    let square = net.binary(Binary::Pow, centred, two, &TOKENS);
    let variance = net.mean(square, &row);
    let epsilon = net.number(1e-5);
    let raised = net.binary(Binary::Add, variance, epsilon, &row);
    let root = net.unary(Unary::Sqrt, raised, &row);
    let standard = net.binary(Binary::Div, divided, root, &TOKENS);
    let (gain, shift) = (net.stored(noise(&[24], 20)), net.stored(noise(&[24], 21)));
    let scaled = net.binary(Binary::Mul, standard, gain, &TOKENS);
    net.binary(Binary::Add, scaled, shift, &TOKENS)
}

/// `order`: where the half stands.
fn gelu(net: &mut Net, x: TensorId, order: usize) -> TensorId {
    let shape = [TOKENS[0], TOKENS[1], 48];
    let root = net.number(std::f32::consts::SQRT_2);
    let scaled = net.binary(Binary::Div, x, root, &shape);
    let erf = net.unary(Unary::Erf, scaled, &shape);
    let (one, half) = (net.number(1.0), net.number(0.5));
    let plus = net.binary(Binary::Add, erf, one, &shape);
    let steps = match order {
        0 => [x, half],
        1 => [half, x],
        _ => {
            let halved = net.binary(Binary::Mul, x, half, &shape);
            return net.binary(Binary::Mul, halved, plus, &shape);
        }
    };
    let first = net.binary(Binary::Mul, plus, steps[0], &shape);
    net.binary(Binary::Mul, first, steps[1], &shape)
}

#[test]
fn a_transformer_block_is_norms_and_products() {
    for order in 0..3 {
        let mut net = Net::new();
        let x = net.input(&TOKENS);
        let normed = layer_norm(&mut net, x, order == 1);
        let wide = linear(&mut net, normed, [24, 48], 3);
        let active = gelu(&mut net, wide, order);
        let narrow = linear(&mut net, active, [48, 24], 5);
        let sum = net.binary(Binary::Add, narrow, x, &TOKENS);
        let y = layer_norm(&mut net, sum, order == 2);
        assert_eq!(net.check(&[y]), 4, "order {order}");
    }
}

/// Another number than a half, another root: no GELU.
#[test]
fn near_misses_stay_written_out() {
    let mut net = Net::new();
    let shape = [TOKENS[0], TOKENS[1], 48];
    let x = net.input(&shape);
    let root = net.number(1.5);
    let scaled = net.binary(Binary::Div, x, root, &shape);
    let erf = net.unary(Unary::Erf, scaled, &shape);
    let (one, half) = (net.number(1.0), net.number(0.5));
    let plus = net.binary(Binary::Add, erf, one, &shape);
    let joined = net.binary(Binary::Mul, plus, x, &shape);
    let y = net.binary(Binary::Mul, joined, half, &shape);
    assert_eq!(net.check(&[y]), 5);
}

#[test]
fn gates_become_one_operator() {
    for (kind, left) in [
        (Unary::Sigmoid, 1),
        (
            Unary::HardSigmoid {
                alpha: 1.0 / 6.0,
                beta: 0.5,
            },
            1,
        ),
        (
            Unary::HardSigmoid {
                alpha: 0.2,
                beta: 0.5,
            },
            2,
        ),
    ] {
        let mut net = Net::new();
        let x = net.input(&PICTURE);
        let gate = net.unary(kind, x, &PICTURE);
        let y = net.binary(Binary::Mul, x, gate, &PICTURE);
        assert_eq!(net.check(&[y]), left, "{kind:?}");
    }
}

#[test]
fn a_hard_swish_is_found_by_its_bounds() {
    for (upper, left) in [(6.0, 1), (5.0, 4)] {
        let mut net = Net::new();
        let x = net.input(&PICTURE);
        let (three, six) = (net.number(3.0), net.number(6.0));
        let raised = net.binary(Binary::Add, x, three, &PICTURE);
        let bounds = [net.number(0.0), net.number(upper)];
        let clip = Op::Clip { min: None, max: None };
        let cut = net.layer(clip, &[raised, bounds[0], bounds[1]], &PICTURE);
        let joined = net.binary(Binary::Mul, x, cut, &PICTURE);
        let y = net.binary(Binary::Div, joined, six, &PICTURE);
        assert_eq!(net.check(&[y]), left);
    }
}
