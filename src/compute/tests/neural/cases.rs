//! One well-formed call of each operator, and of its variants that take another way.

use model::op::*;
use model::{DType, TensorData};

use crate::single::{Case, noise};

fn x(shape: &[u64]) -> Option<TensorData> {
    Some(noise(shape, 3 + shape.iter().sum::<u64>()))
}

fn ints(values: &[i64]) -> Option<TensorData> {
    Some(TensorData::from_i64(&[values.len() as u64], values))
}

/// Integers of type `dtype` that count up.
fn counting(dtype: DType, shape: &[u64]) -> Option<TensorData> {
    let values: Vec<i64> = (0..shape.iter().product::<u64>() as i64).map(|v| v % 7).collect();
    TensorData::from_ints(dtype, shape, &values)
}

fn window(kernel: &[i64], strides: &[i64], dilations: &[i64], pads: &[i64]) -> Window {
    Window {
        kernel: kernel.to_vec(),
        strides: strides.to_vec(),
        dilations: dilations.to_vec(),
        padding: Padding::Explicit(pads.to_vec()),
    }
}

fn quantize(block: i64) -> Quantize {
    Quantize {
        axis: 1,
        block,
        to: None,
        saturate: true,
    }
}

/// Operators on floats that gradients pass.
pub fn differentiable() -> Vec<Case> {
    let mut cases = attention();
    cases.extend(sampling());
    cases.extend(pooling());
    for (cell, gates, peepholes) in [
        (Cell::Lstm, 4, true),
        (Cell::Gru, 3, false),
        (Cell::Rnn, 1, false),
    ] {
        let op = Recurrent {
            direction: Direction::Bidirectional,
            clip: Some(0.9),
            ..Recurrent::new(cell, 2)
        };
        let mut inputs = vec![
            x(&[3, 2, 3]),
            x(&[2, gates * 2, 3]),
            x(&[2, gates * 2, 2]),
            x(&[2, gates * 4]),
            ints(&[3, 1]),
            x(&[2, 2, 2]),
        ];
        if peepholes {
            inputs.extend([x(&[2, 2, 2]), x(&[2, 6])]);
        }
        cases.push((Op::Recurrent(op), inputs, 2));
    }
    let op = Recurrent {
        batch_first: true,
        ..Recurrent::new(Cell::Gru, 2)
    };
    let inputs = vec![
        x(&[2, 3, 3]),
        x(&[1, 6, 3]),
        x(&[1, 6, 2]),
        None,
        None,
        x(&[2, 1, 2]),
    ];
    cases.push((Op::Recurrent(op), inputs, 2));
    cases.push((
        Op::LayerNorm {
            axis: -2,
            epsilon: 1e-3,
        },
        vec![x(&[2, 3, 4]), x(&[3, 4]), x(&[4])],
        3,
    ));
    cases.push((
        Op::GroupNorm {
            epsilon: 1e-3,
            groups: 2,
        },
        vec![x(&[2, 4, 3]), x(&[2]), x(&[2])],
        1,
    ));
    cases.push((Op::MeanVarianceNorm { axes: vec![0, 2] }, vec![x(&[2, 3, 4])], 1));
    let norm = Op::BatchNormTraining {
        epsilon: 1e-3,
        momentum: 0.9,
    };
    let channels = || x(&[3]);
    let inputs = vec![x(&[2, 3, 4]), channels(), channels(), channels(), channels()];
    cases.push((norm, inputs, 3));
    cases.push((
        Op::CausalConv { swish: true },
        vec![x(&[2, 3, 4]), x(&[3, 1, 3]), x(&[3]), x(&[2, 3, 2])],
        2,
    ));
    for (inverse, one_sided, parts) in [
        (false, false, 1),
        (false, true, 1),
        (true, false, 2),
        (true, true, 2),
    ] {
        let op = Op::Dft {
            axis: Some(1),
            inverse,
            one_sided,
        };
        cases.push((op, vec![x(&[2, 6, parts])], 1));
    }
    let bytes = |shape: &[u64]| counting(DType::U8, shape);
    for (block, scales) in [(0, &[4u64][..]), (2, &[3, 2]), (0, &[])] {
        let inputs = vec![bytes(&[3, 4]), x(scales), bytes(scales)];
        cases.push((Op::DequantizeLinear(quantize(block)), inputs, 1));
    }
    let step = Some(TensorData::from_i64(&[], &[2]));
    cases.push((
        Op::Stft { one_sided: true },
        vec![x(&[1, 9, 1]), step, x(&[4])],
        1,
    ));
    cases
}

fn attention() -> Vec<Case> {
    let q = || x(&[2, 4, 3, 4]);
    let (k, v) = (|| x(&[2, 2, 5, 4]), || x(&[2, 2, 5, 3]));
    let full = Attention {
        softcap: 2.0,
        causal: true,
        scores: Scores::Mask,
        ..Attention::default()
    };
    let flat = Attention {
        heads: 2,
        kv_heads: 1,
        scores: Scores::Softmax,
        ..Attention::default()
    };
    let past = vec![
        q(),
        k(),
        v(),
        x(&[3, 7]),
        x(&[2, 2, 2, 4]),
        x(&[2, 2, 2, 3]),
        None,
    ];
    let mut cases = vec![
        (Op::Attention(full), past, 4),
        (
            Op::Attention(flat),
            vec![x(&[1, 3, 8]), x(&[1, 5, 4]), x(&[1, 5, 3])],
            4,
        ),
        (
            Op::Attention(Attention::default()),
            vec![q(), k(), v(), None, None, None, ints(&[5, 2])],
            1,
        ),
    ];
    let linear = LinearAttention {
        heads: 4,
        kv_heads: 2,
        scale: None,
        gated: true,
        delta: true,
    };
    let inputs = vec![
        x(&[1, 3, 8]),
        x(&[1, 3, 4]),
        x(&[1, 3, 6]),
        x(&[1, 2, 2, 3]),
        x(&[1, 3, 2]),
        x(&[1, 3, 1]),
    ];
    cases.push((Op::LinearAttention(linear), inputs, 2));
    for interleaved in [false, true] {
        let op = Op::RotaryEmbedding {
            interleaved,
            width: 4,
            heads: 2,
        };
        let places = Some(TensorData::from_i64(&[1, 3], &[0, 2, 1]));
        cases.push((op, vec![x(&[1, 3, 12]), x(&[4, 2]), x(&[4, 2]), places], 1));
    }
    cases.push((
        Op::TensorScatter {
            axis: 1,
            circular: true,
        },
        vec![x(&[2, 4, 2]), x(&[2, 2, 2]), ints(&[3, 1])],
        1,
    ));
    cases
}

fn sampling() -> Vec<Case> {
    let mut cases = Vec::new();
    for (mode, padding) in [
        ("linear", "zeros"),
        ("cubic", "reflection"),
        ("nearest", "border"),
    ] {
        let op = GridSample {
            mode: mode.into(),
            padding: padding.into(),
            align_corners: false,
        };
        cases.push((Op::GridSample(op), vec![x(&[2, 2, 4, 3]), x(&[2, 2, 3, 2])], 1));
    }
    for align_corners in [false, true] {
        let op = Op::AffineGrid { align_corners };
        cases.push((op, vec![x(&[2, 2, 3]), ints(&[2, 1, 3, 4])], 1));
    }
    for max in [false, true] {
        let op = RoiAlign {
            size: [2, 3],
            samples: 0,
            scale: 4.0,
            half_pixel: !max,
            max,
        };
        let regions = TensorData::from_f32(&[2, 4], &[0.1, 0.2, 1.0, 0.9, 0.4, 0.0, 0.7, 1.2]);
        cases.push((
            Op::RoiAlign(op),
            vec![x(&[2, 2, 5, 5]), Some(regions), ints(&[1, 0])],
            1,
        ));
    }
    let moved = DeformConv {
        window: window(&[2, 2], &[1, 1], &[], &[1, 0, 0, 1]),
        groups: 2,
        offset_groups: 2,
    };
    let inputs = vec![
        x(&[1, 4, 3, 3]),
        x(&[2, 2, 2, 2]),
        x(&[1, 16, 3, 3]),
        x(&[2]),
        x(&[1, 8, 3, 3]),
    ];
    cases.push((Op::DeformConv(moved), inputs, 1));
    cases.push((
        Op::Col2Im {
            window: window(&[], &[2, 1], &[1, 2], &[0, 1, 0, 1]),
        },
        vec![x(&[2, 12, 8]), ints(&[6, 4]), ints(&[3, 2])],
        1,
    ));
    cases.push((
        Op::MaxUnpool {
            window: window(&[2, 2], &[2, 2], &[], &[]),
        },
        vec![
            x(&[1, 1, 2, 2]),
            Some(TensorData::from_i64(&[1, 1, 2, 2], &[0, 3, 8, 15])),
        ],
        1,
    ));
    cases.push((
        Op::CenterCropPad {
            axes: Some(vec![2, 1]),
        },
        vec![x(&[1, 5, 4]), ints(&[6, 2])],
        1,
    ));
    for (mode, antialias, coordinates) in [
        ("linear", true, "half_pixel"),
        ("cubic", true, "align_corners"),
        ("linear", false, "tf_crop_and_resize"),
    ] {
        let op = Resize {
            mode: mode.into(),
            coordinates: coordinates.into(),
            antialias,
            extrapolation: 2.0,
            axes: Some(vec![2, 3]),
            ..Resize::nearest()
        };
        let region = TensorData::from_f32(&[4], &[-0.2, 0.1, 0.8, 1.3]);
        cases.push((
            Op::Resize(op),
            vec![x(&[1, 2, 5, 4]), Some(region), None, ints(&[3, 7])],
            1,
        ));
    }
    cases
}

fn pooling() -> Vec<Case> {
    let mut cases = Vec::new();
    let cube = || window(&[2, 2, 3], &[1, 2, 1], &[2, 1, 1], &[1, 0, 1, 0, 1, 1]);
    cases.push((
        Op::MaxPool {
            window: cube(),
            ceil: true,
            column_major: false,
        },
        vec![x(&[1, 2, 4, 4, 4])],
        2,
    ));
    for count_include_pad in [false, true] {
        let op = Op::AveragePool {
            window: cube(),
            ceil: true,
            count_include_pad,
        };
        cases.push((op, vec![x(&[1, 2, 4, 4, 4])], 1));
    }
    for p in [1, 2, 3] {
        let op = Op::LpPool {
            window: window(&[2, 2], &[2, 1], &[1, 2], &[1, 0, 0, 1]),
            ceil: false,
            p,
        };
        cases.push((op, vec![x(&[1, 2, 4, 5])], 1));
        cases.push((Op::GlobalLpPool { p }, vec![x(&[1, 2, 4, 5])], 1));
    }
    let transpose = |output_shape: Option<Vec<i64>>| Op::ConvTranspose {
        window: window(&[], &[2, 1, 2], &[], &[0, 1, 0, 1, 0, 0]),
        groups: 2,
        output_padding: vec![1, 0, 0],
        output_shape,
    };
    for shape in [None, Some(vec![6, 3, 9])] {
        let inputs = vec![x(&[1, 2, 2, 3, 2]), x(&[2, 2, 2, 2, 3]), x(&[4])];
        cases.push((transpose(shape), inputs, 1));
    }
    cases
}

/// Operators on integers, or whose result is made on the host.
pub fn discrete() -> Vec<Case> {
    let bytes = |shape: &[u64]| counting(DType::U8, shape);
    let scale = || Some(TensorData::from_f32(&[], &[0.25]));
    let zero = || TensorData::from_ints(DType::U8, &[], &[3]);
    let one = |v: f32| Some(TensorData::from_f32(&[], &[v]));
    let number = |v: i64| Some(TensorData::from_i64(&[], &[v]));
    let conv = || (window(&[2, 2], &[1, 2], &[2, 1], &[1, 0, 0, 1]), 2);
    let mut cases = vec![
        (
            Op::QuantizeLinear(quantize(0)),
            vec![x(&[2, 3]), x(&[3]), bytes(&[3])],
            1,
        ),
        (
            Op::QuantizeLinear(quantize(2)),
            vec![x(&[2, 3]), x(&[2, 2]), counting(DType::I4, &[2, 2])],
            1,
        ),
        (
            Op::DequantizeLinear(quantize(0)),
            vec![bytes(&[2, 3]), x(&[3]), bytes(&[3])],
            1,
        ),
        (Op::DynamicQuantizeLinear, vec![x(&[2, 3])], 3),
        (
            Op::MatMulInteger,
            vec![bytes(&[2, 3]), bytes(&[3, 4]), zero(), bytes(&[4])],
            1,
        ),
        (
            Op::QLinearMatMul,
            vec![
                bytes(&[2, 3]),
                scale(),
                zero(),
                bytes(&[3, 4]),
                scale(),
                zero(),
                scale(),
                zero(),
            ],
            1,
        ),
        (
            Op::ConvInteger {
                window: conv().0,
                groups: conv().1,
            },
            vec![bytes(&[1, 4, 4, 4]), bytes(&[2, 2, 2, 2]), zero(), bytes(&[2])],
            1,
        ),
        (
            Op::QLinearConv {
                window: conv().0,
                groups: conv().1,
            },
            vec![
                bytes(&[1, 4, 4, 4]),
                scale(),
                zero(),
                bytes(&[2, 2, 2, 2]),
                x(&[2]),
                bytes(&[2]),
                scale(),
                zero(),
                counting(DType::I32, &[2]),
            ],
            1,
        ),
        (
            Op::MaxRoiPool {
                size: [2, 2],
                scale: 1.0,
            },
            vec![
                x(&[1, 2, 5, 5]),
                Some(TensorData::from_f32(&[1, 5], &[0.0, 1.0, 0.0, 4.0, 3.0])),
            ],
            1,
        ),
        (
            Op::MelWeights { to: DType::F32 },
            vec![number(8), number(16), number(8192), one(0.0), one(4096.0)],
            1,
        ),
    ];
    // Axis 0 is the one that a tensor without axes might be thought to have.
    let first = Quantize {
        axis: 0,
        ..quantize(0)
    };
    let along = Resize {
        axes: Some(vec![0]),
        ..Resize::nearest()
    };
    cases.extend([
        (Op::QuantizeLinear(first.clone()), vec![x(&[2]), x(&[2])], 1),
        (Op::DequantizeLinear(first), vec![bytes(&[2]), x(&[2])], 1),
        (
            Op::CenterCropPad { axes: Some(vec![0]) },
            vec![x(&[3]), ints(&[2])],
            1,
        ),
        (Op::Resize(along), vec![x(&[3]), None, None, ints(&[5])], 1),
        (Op::MeanVarianceNorm { axes: vec![0] }, vec![x(&[3])], 1),
        (Op::LpNorm { axis: 0, p: 2 }, vec![x(&[3])], 1),
    ]);
    for kind in [Taper::Hann, Taper::Hamming, Taper::Blackman] {
        let op = Op::Taper {
            kind,
            periodic: false,
            to: DType::F32,
        };
        cases.push((op, vec![number(7)], 1));
    }
    cases
}
