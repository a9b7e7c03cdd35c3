//! The graphics device against the processor: operators one by one, a whole network, its
//! gradients, and what is known of the tensors that stay there.
//!
//! Needs a Vulkan driver; `./check` installs Mesa's software one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use compute::{Device, Engine, Executor, Flex, FlexDevice, Gpu, RunOptions, Wgpu, wait};
use model::network::TensorKind;
use model::op::{
    Binary, Cell, Direction, Op, Padding, Recurrent, Reduction, Resize, Unary, Variadic, Window,
};
use model::{
    DType, Graph, GraphId, Layer, LayerId, Network, ScopeId, Summary, Tensor, TensorData, TensorSpec, Trace,
};

/// Largest accepted error, as a share of the tensor's largest magnitude.
const TOLERANCE: f32 = 5e-4;

/// One device for all tests: its kernels are compiled once.
fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open().unwrap())
}

/// Repeatable values between -2 and 2.
fn noise(shape: &[u64], seed: u64) -> TensorData {
    let mut random = seed | 1;
    let one = |_| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 40) as f32 / (1 << 22) as f32 - 2.0
    };
    let values: Vec<f32> = (0..shape.iter().product::<u64>()).map(one).collect();
    TensorData::from_f32(shape, &values)
}

fn ints(values: &[i64]) -> TensorData {
    TensorData::from_i64(&[values.len() as u64], values)
}

/// A network of one layer: floats of the given shapes are its inputs, integers are stored.
fn single(op: Op, inputs: Vec<Option<TensorData>>, outputs: usize) -> (Network, Vec<(String, TensorData)>) {
    let mut network = Network {
        name: format!("{op:?}"),
        graphs: vec![Graph::default()],
        ..Network::default()
    };
    let (mut ids, mut given) = (Vec::new(), Vec::new());
    for (i, data) in inputs.into_iter().enumerate() {
        let Some(data) = data else {
            ids.push(None);
            continue;
        };
        let (name, float) = (format!("x{i}"), data.dtype.is_float());
        let id = network.add_tensor(Tensor {
            name: name.clone(),
            spec: data.spec(),
            kind: if float {
                TensorKind::Input
            } else {
                TensorKind::Constant
            },
            data: (!float).then(|| Arc::new(data.clone())),
            producer: None,
        });
        ids.push(Some(id));
        if float {
            network.graphs[0].inputs.push(id);
            given.push((name, data));
        }
    }
    let layer = LayerId(0);
    network.layers.push(Layer {
        name: "layer".into(),
        kind: format!("{op:?}"),
        op,
        inputs: ids,
        outputs: Vec::new(),
        attributes: Default::default(),
        activation: None,
        subgraphs: Vec::new(),
        graph: GraphId(0),
        scope: ScopeId(0),
    });
    for i in 0..outputs {
        let id = network.add_tensor(Tensor {
            name: format!("y{i}"),
            spec: TensorSpec::unknown(),
            kind: TensorKind::Activation,
            data: None,
            producer: Some(layer),
        });
        network.layers[0].outputs.push(Some(id));
        network.graphs[0].outputs.push(id);
    }
    network.graphs[0].layers.push(layer);
    (network, given)
}

/// The largest difference as a share of the largest magnitude; `None` where shapes or the places
/// of NaN and infinity differ.
fn error(wanted: &[f32], found: &[f32]) -> Option<f32> {
    if wanted.len() != found.len() {
        return None;
    }
    let finite = wanted.iter().filter(|v| v.is_finite());
    let largest = finite.fold(1e-12f32, |m, v| m.max(v.abs()));
    let mut worst = 0f32;
    for (w, f) in wanted.iter().zip(found) {
        if w == f || (w.is_nan() && f.is_nan()) {
            continue;
        }
        if !w.is_finite() || !f.is_finite() {
            return None;
        }
        worst = worst.max((w - f).abs() / largest);
    }
    Some(worst)
}

/// Runs one layer on both and compares every output; `Err` says what differs.
fn compare(op: Op, inputs: Vec<Option<TensorData>>, outputs: usize) -> Result<(), String> {
    let (network, given) = single(op, inputs, outputs);
    let network = Arc::new(network);
    let options = RunOptions::default();
    let cpu = Executor::<Flex>::new(network.clone(), FlexDevice).unwrap();
    let wanted = cpu
        .run(cpu.inputs(&given).unwrap(), &options)
        .map_err(|e| format!("processor: {e}"))?;
    let own = Executor::<Wgpu>::new(network.clone(), gpu().burn().clone()).unwrap();
    let found = own
        .run(own.inputs(&given).unwrap(), &options)
        .map_err(|e| e.to_string())?;
    for id in &network.main().outputs {
        let (w, f) = (&wanted.values[id], &found.values[id]);
        if w.shape() != f.shape() {
            return Err(format!("shape {:?} instead of {:?}", f.shape(), w.shape()));
        }
        let (w, f) = (w.to_host()?, f.to_host()?);
        match error(&w, &f) {
            Some(e) if e <= TOLERANCE => (),
            e => {
                return Err(format!(
                    "{e:?}: {:?} instead of {:?}",
                    &f[..f.len().min(8)],
                    &w[..w.len().min(8)]
                ));
            }
        }
    }
    gpu().submit()
}

fn window(kernel: &[i64], strides: &[i64], dilations: &[i64], padding: Padding) -> Window {
    Window {
        kernel: kernel.to_vec(),
        strides: strides.to_vec(),
        dilations: dilations.to_vec(),
        padding,
    }
}

type Case = (Op, Vec<Option<TensorData>>, usize);

/// Operators with inputs that have been trouble: odd sizes, asymmetric padding, axes of size 1,
/// tensors without axes, views that are not contiguous.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let x = |shape: &[u64]| Some(noise(shape, 1 + shape.iter().product::<u64>()));
    let explicit = |p: &[i64]| Padding::Explicit(p.to_vec());

    for (shape, weights, groups, w) in [
        (
            &[2, 3, 9, 7][..],
            &[4, 3, 3, 3][..],
            1,
            window(&[], &[2, 1], &[], explicit(&[1, 1, 1, 1])),
        ),
        (
            &[1, 4, 8, 8],
            &[6, 2, 3, 3],
            2,
            window(&[], &[1, 1], &[2, 2], explicit(&[0, 1, 2, 0])),
        ),
        (
            &[1, 4, 10, 6],
            &[4, 1, 5, 5],
            4,
            window(&[], &[2, 2], &[], Padding::SameUpper),
        ),
        (
            &[1, 3, 15, 15],
            &[8, 3, 1, 1],
            1,
            window(&[], &[1, 1], &[], Padding::Valid),
        ),
        (
            &[1, 3, 33, 33],
            &[16, 3, 7, 7],
            1,
            window(&[], &[2, 2], &[], explicit(&[3, 3, 3, 3])),
        ),
        (
            &[1, 5, 17],
            &[7, 5, 3],
            1,
            window(&[], &[2], &[], explicit(&[1, 0])),
        ),
        (
            &[1, 2, 5, 6, 7],
            &[3, 2, 3, 3, 3],
            1,
            window(&[], &[1, 1, 1], &[], explicit(&[1; 6])),
        ),
    ] {
        cases.push((
            Op::Conv { window: w, groups },
            vec![x(shape), x(weights), x(&weights[..1])],
            1,
        ));
    }
    for (shape, weights, groups, pads) in [
        (&[1, 4, 5, 6][..], &[4, 3, 2, 2][..], 1, explicit(&[0, 0, 0, 0])),
        (&[1, 4, 5, 5], &[4, 2, 3, 3], 2, explicit(&[1, 0, 1, 1])),
        (&[1, 4, 9], &[4, 2, 3], 1, explicit(&[1, 1])),
    ] {
        let w = window(&[], &[2, 2], &[], pads);
        let op = Op::ConvTranspose {
            window: w,
            groups,
            output_padding: vec![],
            output_shape: None,
        };
        cases.push((op, vec![x(shape), x(weights), None], 1));
    }
    for w in [
        window(&[3, 3], &[2, 2], &[], explicit(&[1, 1, 1, 1])),
        window(&[2, 3], &[1, 2], &[], explicit(&[1, 0, 0, 2])),
        window(&[3, 3], &[2, 2], &[], Padding::SameUpper),
    ] {
        for ceil in [false, true] {
            cases.push((
                Op::MaxPool {
                    window: w.clone(),
                    ceil,
                    column_major: false,
                },
                vec![x(&[1, 3, 10, 11])],
                1,
            ));
            for count_include_pad in [false, true] {
                let op = Op::AveragePool {
                    window: w.clone(),
                    ceil,
                    count_include_pad,
                };
                cases.push((op, vec![x(&[1, 3, 10, 11])], 1));
            }
        }
    }
    cases.push((
        Op::MaxPool {
            window: window(&[4], &[4], &[], Padding::Valid),
            ceil: false,
            column_major: false,
        },
        vec![x(&[1, 2, 16])],
        1,
    ));
    cases.push((Op::GlobalAveragePool, vec![x(&[2, 5, 7, 7])], 1));
    cases.push((Op::GlobalMaxPool, vec![x(&[2, 5, 7, 7])], 1));

    for (trans_a, trans_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let (a, b) = (
            if trans_a { [7, 5] } else { [5, 7] },
            if trans_b { [3, 7] } else { [7, 3] },
        );
        let op = Op::Gemm {
            alpha: 0.5,
            beta: 2.0,
            trans_a,
            trans_b,
        };
        cases.push((op, vec![x(&a), x(&b), x(&[3])], 1));
    }
    for (a, b) in [
        (&[4, 6][..], &[6, 5][..]),
        (&[2, 3, 4, 6], &[2, 3, 6, 5]),
        (&[2, 1, 4, 6], &[3, 6, 5]),
        (&[1, 6], &[6, 1]),
        (&[6], &[6, 5]),
        (&[4, 6], &[6]),
        (&[6], &[6]),
        (&[1, 12, 12, 64], &[1, 12, 64, 12]),
    ] {
        cases.push((Op::MatMul, vec![x(a), x(b)], 1));
    }
    let channels = || vec![x(&[2, 6, 5, 3]), x(&[6]), x(&[6])];
    cases.push((Op::InstanceNorm { epsilon: 1e-5 }, channels(), 1));
    cases.push((
        Op::GroupNorm {
            epsilon: 1e-5,
            groups: 3,
        },
        channels(),
        1,
    ));
    let mut batch = channels();
    batch.push(x(&[6]));
    batch.push(Some(TensorData::from_f32(&[6], &[0.5, 1.0, 2.0, 0.1, 3.0, 1.5])));
    cases.push((Op::BatchNorm { epsilon: 1e-5 }, batch, 1));
    for axis in [-1, 1] {
        let rest: &[u64] = if axis == 1 { &[4, 9] } else { &[9] };
        cases.push((
            Op::LayerNorm { axis, epsilon: 1e-5 },
            vec![x(&[2, 4, 9]), x(rest), x(rest)],
            1,
        ));
        cases.push((
            Op::RmsNorm { axis, epsilon: 1e-5 },
            vec![x(&[2, 4, 9]), x(rest)],
            1,
        ));
    }
    cases.push((
        Op::Lrn {
            alpha: 1e-2,
            beta: 0.75,
            bias: 1.0,
            size: 5,
        },
        vec![x(&[1, 7, 4, 4])],
        1,
    ));
    cases.push((Op::LpNorm { axis: 1, p: 2 }, vec![x(&[3, 8])], 1));
    cases.push((Op::LpNorm { axis: 0, p: 1 }, vec![x(&[3, 8])], 1));
    for (axis, coerce) in [(1, false), (-1, false), (1, true)] {
        cases.push((Op::Softmax { axis, coerce }, vec![x(&[2, 5, 6])], 1));
        cases.push((Op::LogSoftmax { axis, coerce }, vec![x(&[2, 5, 6])], 1));
    }

    use Unary::*;
    for kind in [
        Relu,
        LeakyRelu { alpha: 0.1 },
        Elu { alpha: 1.5 },
        Selu {
            alpha: 1.67,
            gamma: 1.05,
        },
        Celu { alpha: 0.7 },
        ThresholdedRelu { alpha: 0.5 },
        Gelu { tanh: false },
        Gelu { tanh: true },
        Sigmoid,
        HardSigmoid {
            alpha: 0.2,
            beta: 0.5,
        },
        HardSwish,
        Swish { alpha: 1.0 },
        Mish,
        Softplus,
        Softsign,
        Tanh,
        Erf,
        Exp,
        Log,
        Sqrt,
        Reciprocal,
        Abs,
        Neg,
        Sign,
        Floor,
        Ceil,
        Round,
        Sin,
        Cos,
        Tan,
        Asin,
        Acos,
        Atan,
        Sinh,
        Cosh,
        Asinh,
        Acosh,
        Atanh,
        IsNan,
        IsInf,
    ] {
        // Within each function's domain; 0.5 is a tie of rounding.
        let values = match kind {
            Asin | Acos | Atanh => vec![-0.9, -0.5, 0.0, 0.25, 0.5, 0.9],
            Log | Sqrt => vec![0.01, 0.5, 1.0, 2.5, 30.0, 4.0],
            Acosh => vec![1.0, 1.5, 2.5, 3.0, 10.0, 4.0],
            IsNan | IsInf => vec![f32::NAN, 1.0, f32::INFINITY, -2.0, f32::NEG_INFINITY, 0.0],
            _ => vec![-3.0, -0.5, 1.5, 0.5, 2.5, 0.75],
        };
        cases.push((
            Op::Unary(kind),
            vec![Some(TensorData::from_f32(&[2, 3], &values))],
            1,
        ));
    }
    // Tensors without axes.
    cases.push((Op::Unary(Exp), vec![x(&[])], 1));
    cases.push((Op::Binary(Binary::Mul), vec![x(&[]), x(&[3, 4])], 1));
    cases.push((Op::Binary(Binary::Add), vec![x(&[]), x(&[])], 1));

    for kind in [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Mod { fmod: true },
        Binary::Equal,
        Binary::Greater,
        Binary::GreaterOrEqual,
        Binary::Less,
        Binary::LessOrEqual,
    ] {
        for (a, b) in [
            (&[2, 3, 4][..], &[2, 3, 4][..]),
            (&[4], &[2, 3, 4]),
            (&[2, 1, 4], &[3, 1]),
        ] {
            cases.push((Op::Binary(kind), vec![x(a), x(b)], 1));
        }
    }
    let positive = Some(TensorData::from_f32(&[4], &[0.5, 1.0, 2.0, 3.0]));
    cases.push((Op::Binary(Binary::Pow), vec![positive, x(&[3, 4])], 1));
    cases.push((
        Op::Binary(Binary::Pow),
        vec![x(&[3, 4]), Some(TensorData::from_f32(&[], &[2.0]))],
        1,
    ));
    for kind in [Variadic::Sum, Variadic::Mean, Variadic::Max, Variadic::Min] {
        cases.push((Op::Variadic(kind), vec![x(&[3, 4]), x(&[4]), x(&[3, 1])], 1));
    }
    cases.push((Op::PRelu, vec![x(&[2, 3, 4, 4]), x(&[3, 1, 1])], 1));
    cases.push((
        Op::Clip {
            min: Some(-0.5),
            max: None,
        },
        vec![x(&[3, 4])],
        1,
    ));
    let bound = |v: f32| Some(TensorData::from_f32(&[], &[v]));
    cases.push((
        Op::Clip { min: None, max: None },
        vec![x(&[3, 4]), bound(-0.3), bound(0.4)],
        1,
    ));
    let mask = Some(ints(&[1, 0, 0, 1]));
    cases.push((Op::Where, vec![mask, x(&[3, 4]), x(&[4])], 1));

    use Reduction::*;
    for kind in [Sum, Mean, Max, Min, Prod, L1, L2, LogSumExp, SumSquare] {
        for axes in [None, Some(vec![1]), Some(vec![0, -1])] {
            let op = Op::Reduce {
                kind,
                axes,
                keep_dims: kind == Mean,
                noop_if_empty: false,
            };
            cases.push((op, vec![x(&[3, 4, 5])], 1));
        }
    }
    cases.push((
        Op::ArgMax {
            axis: 1,
            keep_dims: true,
            last: false,
        },
        vec![x(&[3, 6])],
        1,
    ));
    cases.push((
        Op::ArgMin {
            axis: 0,
            keep_dims: false,
            last: false,
        },
        vec![x(&[3, 6])],
        1,
    ));
    cases.push((
        Op::TopK {
            axis: -1,
            largest: true,
            k: None,
        },
        vec![x(&[3, 6]), Some(ints(&[2]))],
        2,
    ));
    cases.push((
        Op::CumSum {
            exclusive: true,
            reverse: true,
        },
        vec![x(&[3, 6]), Some(ints(&[1]))],
        1,
    ));
    cases.push((
        Op::CumSum {
            exclusive: false,
            reverse: true,
        },
        vec![Some(ints(&[3, 1, 4])), Some(ints(&[0]))],
        1,
    ));

    cases.push((
        Op::Gather { axis: 0 },
        vec![x(&[5, 3]), Some(ints(&[4, 0, -2, 0]))],
        1,
    ));
    cases.push((Op::Gather { axis: 1 }, vec![x(&[2, 5, 3]), Some(ints(&[2]))], 1));
    let places = Some(TensorData::from_i64(&[2, 3], &[0, 1, 1, 1, 0, 0]));
    cases.push((Op::GatherElements { axis: 0 }, vec![x(&[2, 3]), places], 1));
    cases.push((
        Op::Reshape {
            shape: None,
            allow_zero: false,
        },
        vec![x(&[2, 3, 4]), Some(ints(&[0, -1]))],
        1,
    ));
    cases.push((Op::Flatten { axis: 2 }, vec![x(&[2, 3, 4])], 1));
    cases.push((Op::Squeeze { axes: None }, vec![x(&[1, 3, 1, 4])], 1));
    cases.push((
        Op::Unsqueeze {
            axes: Some(vec![0, 3]),
        },
        vec![x(&[3, 4])],
        1,
    ));
    cases.push((
        Op::Transpose {
            perm: Some(vec![2, 0, 1]),
        },
        vec![x(&[2, 3, 4])],
        1,
    ));
    cases.push((
        Op::Concat { axis: 1 },
        vec![x(&[2, 3, 4]), x(&[2, 1, 4]), x(&[2, 5, 4])],
        1,
    ));
    cases.push((
        Op::Split {
            axis: 1,
            sizes: Some(vec![1, 4]),
            outputs: None,
        },
        vec![x(&[2, 5, 3])],
        2,
    ));
    let slice = || Op::Slice {
        starts: None,
        ends: None,
        axes: None,
    };
    let range = |s, e, a, step| {
        vec![
            x(&[4, 9]),
            Some(ints(&[s])),
            Some(ints(&[e])),
            Some(ints(&[a])),
            Some(ints(&[step])),
        ]
    };
    cases.push((slice(), range(1, -1, 0, 1), 1));
    cases.push((slice(), range(-1, -100, 1, -2), 1));
    for mode in ["constant", "edge", "reflect", "wrap"] {
        let op = Op::Pad {
            mode: mode.into(),
            pads: None,
            value: None,
        };
        cases.push((op, vec![x(&[2, 5]), Some(ints(&[1, 2, 0, 3]))], 1));
    }
    let op = Op::Pad {
        mode: "constant".into(),
        pads: None,
        value: None,
    };
    cases.push((op, vec![Some(ints(&[5, 6])), Some(ints(&[1, 2]))], 1));
    cases.push((Op::Expand, vec![x(&[3, 1]), Some(ints(&[2, 1, 4]))], 1));
    cases.push((Op::Tile, vec![x(&[2, 3]), Some(ints(&[2, 3]))], 1));
    cases.push((
        Op::DepthToSpace {
            block: 2,
            column_row_depth: true,
        },
        vec![x(&[1, 8, 3, 2])],
        1,
    ));
    cases.push((Op::SpaceToDepth { block: 2 }, vec![x(&[1, 2, 4, 6])], 1));
    for (mode, coordinates) in [
        ("nearest", "asymmetric"),
        ("linear", "half_pixel"),
        ("cubic", "align_corners"),
    ] {
        let op = Op::Resize(Resize {
            mode: mode.into(),
            coordinates: coordinates.into(),
            ..Resize::nearest()
        });
        cases.push((
            op,
            vec![x(&[1, 2, 5, 4]), None, None, Some(ints(&[1, 2, 9, 10]))],
            1,
        ));
    }
    cases.push((Op::Cast { to: DType::I64 }, vec![x(&[2, 3])], 1));
    cases.push((Op::Cast { to: DType::Bool }, vec![x(&[2, 3])], 1));
    for (cell, gates) in [(Cell::Lstm, 4), (Cell::Gru, 3), (Cell::Rnn, 1)] {
        let op = Op::Recurrent(Recurrent {
            direction: Direction::Bidirectional,
            linear_before_reset: true,
            ..Recurrent::new(cell, 6)
        });
        let inputs = vec![
            x(&[5, 2, 3]),
            x(&[2, gates * 6, 3]),
            x(&[2, gates * 6, 6]),
            x(&[2, gates * 12]),
        ];
        cases.push((op, inputs, if cell == Cell::Lstm { 3 } else { 2 }));
    }
    cases
}

#[test]
fn operators_compute_what_the_processor_computes() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (op, inputs, outputs) in cases() {
        let shapes: Vec<_> = inputs.iter().flatten().map(|d| d.shape.clone()).collect();
        let name = format!("{op:?} of {shapes:?}");
        count += 1;
        // A kernel that cannot be built panics in the backend; the others are still compared.
        let compared = catch_unwind(AssertUnwindSafe(|| compare(op, inputs, outputs)));
        let compared = compared.unwrap_or_else(|_| Err("panicked".into()));
        if let Err(problem) = compared {
            failures.push(format!("{name}: {problem}"));
        }
    }
    println!("{count} operators on {}, {} differ", gpu().name(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn classifier() -> (Arc<Network>, Vec<(String, TensorData)>) {
    let network = Arc::new(model::templates::residual_cnn("t", 3, 24, 7, 8, 5));
    let name = network.tensor(network.main().inputs[0]).name.clone();
    (network, vec![(name, noise(&[1, 3, 24, 24], 9))])
}

fn both(run: impl Fn(&mut Engine) -> Result<Trace, compute::RunError>) -> (Trace, Trace, Engine) {
    let mut engine = Engine::new(Device::Gpu(gpu().clone()));
    let wanted = run(&mut Engine::default()).unwrap();
    let found = run(&mut engine).unwrap();
    (wanted, found, engine)
}

/// Tensors of `found` stay on the device, and equal those of `wanted` once they are fetched.
fn same(network: &Network, wanted: &Trace, found: &Trace, engine: &Engine) {
    assert_eq!(wanted.tensors.len(), found.tensors.len());
    let mut differ = Vec::new();
    for (id, tensor) in &found.tensors {
        let name = &network.tensor(*id).name;
        assert!(tensor.host().is_none(), "{name} left the device");
        let bytes = wait(engine.fetch(tensor)).unwrap().unwrap();
        assert_eq!(bytes, 4 * tensor.len() as u64);
        assert_eq!(wait(engine.fetch(tensor)).unwrap().unwrap(), 0, "read twice");
        let (w, f) = (wanted.tensors[id].host().unwrap(), tensor.host().unwrap());
        let worst = error(w, f);
        if worst.is_none_or(|e| e > TOLERANCE) {
            differ.push(format!("{name}: {worst:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn a_pass_stays_on_the_device_with_its_summaries() {
    let (network, input) = classifier();
    let (wanted, found, engine) = both(|e| wait(e.run(&network, &input, &RunOptions::default())).unwrap());
    // Eight numbers a tensor, and nothing else.
    assert_eq!(found.read_back, 32 * found.tensors.len() as u64);
    same(&network, &wanted, &found, &engine);
    for (id, tensor) in &found.tensors {
        let (own, plain) = (tensor.summary.unwrap(), Summary::of(tensor.host().unwrap()));
        let name = &network.tensor(*id).name;
        let exact = |s: &Summary| (s.min, s.max, s.zeros, s.non_finite, s.low, s.high);
        assert_eq!(exact(&own), exact(&plain), "{name}");
        let reach = plain.max.abs().max(plain.min.abs());
        assert!(
            (own.mean - plain.mean).abs() <= 1e-5 * reach,
            "{name}: {own:?} {plain:?}"
        );
        assert!(
            (own.std - plain.std).abs() <= 1e-4 * reach,
            "{name}: {own:?} {plain:?}"
        );
    }
}

#[test]
fn gradients_equal_those_of_the_processor() {
    let (network, input) = classifier();
    let (wanted, found, engine) =
        both(|e| wait(e.gradients(&network, &input, 3, &RunOptions::default())).unwrap());
    same(&network, &wanted, &found, &engine);
}

#[test]
fn a_pass_on_the_device_is_cancelled() {
    let (network, input) = classifier();
    let options = RunOptions::default();
    let (stop, seen) = (
        options.cancel.clone(),
        Arc::new(std::sync::atomic::AtomicUsize::new(0)),
    );
    let counter = seen.clone();
    let options = RunOptions {
        progress: Some(Arc::new(move |p| {
            counter.store(p.done, std::sync::atomic::Ordering::Relaxed);
            stop.store(p.done == 5, std::sync::atomic::Ordering::Relaxed);
        })),
        ..options
    };
    let mut engine = Engine::new(Device::Gpu(gpu().clone()));
    let result = wait(engine.run(&network, &input, &options)).unwrap();
    assert!(matches!(result, Err(compute::RunError::Cancelled)));
    assert_eq!(seen.load(std::sync::atomic::Ordering::Relaxed), 5);
}

#[test]
fn tensors_that_are_too_large_for_the_device_are_refused() {
    let (network, input) = classifier();
    let within = |bytes| Executor::<Wgpu>::within(network.clone(), gpu().burn().clone(), bytes);
    // The largest weights have 32 x 32 x 3 x 3 values, the largest activation 8 x 24 x 24.
    assert!(within(36_863).is_err_and(|e| e.to_string().contains("36864 bytes")));
    let executor = within(36_864).unwrap();
    let run = |e: &Executor<Wgpu>| e.run(e.inputs(&input).unwrap(), &RunOptions::default());
    assert!(run(&executor).is_ok());
    let flex = Executor::<Flex>::within(network.clone(), FlexDevice, 36_864).unwrap();
    assert!(
        flex.run(flex.inputs(&input).unwrap(), &RunOptions::default())
            .is_ok()
    );
    assert!(gpu().largest() >= 128 << 20);
}
