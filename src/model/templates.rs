//! Networks that layerscope can build by itself.

use std::sync::Arc;

use crate::network::TensorKind;
use crate::op::{Attribute, Attributes, Op, Padding, Unary, Variadic, Window};
use crate::{
    DType, Dim, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorSpec,
};

/// A small residual CNN with batch normalisation (He et al. 2015) for square images: a stem of
/// `width` channels, then blocks of 2 and 4 times as many, each halving the image, global
/// average pooling and a classifier. Weights are drawn as He et al. 2015 (normal, fan in) from `seed`.
pub fn residual_cnn(name: &str, channels: u64, size: u64, classes: u64, width: u64, seed: u64) -> Network {
    let mut build = Build {
        network: Network::default(),
        random: seed | 1,
    };
    build.network.name = name.to_string();
    // The terms are those of ONNX, so that a trained template can be written as such.
    build.network.format = "ONNX opset 17".into();
    build.network.metadata = [("IR version", "8"), ("opset", "17")]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    build.network.graphs.push(Graph {
        name: name.to_string(),
        ..Graph::default()
    });
    let sizes = [
        Dim::Symbol("N".into()),
        Dim::Known(channels),
        Dim::Known(size),
        Dim::Known(size),
    ];
    let input = build.tensor(
        "image",
        TensorKind::Input,
        TensorSpec::new(DType::F32, sizes),
        None,
    );
    build.network.graphs[0].inputs.push(input);
    let x = build.conv("stem/conv", input, channels, width, 3, 1);
    let x = build.norm("stem/norm", x, width);
    let mut x = build.op("stem/relu", "Relu", Op::Unary(Unary::Relu), &[x], &[]);
    let mut from = width;
    for (i, to) in [2 * width, 4 * width].into_iter().enumerate() {
        x = build.block(&format!("block{}", i + 1), x, from, to);
        from = to;
    }
    let x = build.op("head/pool", "GlobalAveragePool", Op::GlobalAveragePool, &[x], &[]);
    let x = build.op(
        "head/flatten",
        "Flatten",
        Op::Flatten { axis: 1 },
        &[x],
        &[("axis", Attribute::Int(1))],
    );
    let weight = build.normal(
        "head/classifier.weight",
        &[classes, from],
        (1.0 / from as f64).sqrt(),
    );
    let bias = build.constant("head/classifier.bias", &[classes], 0.0);
    let op = Op::Gemm {
        alpha: 1.0,
        beta: 1.0,
        trans_a: false,
        trans_b: true,
    };
    let x = build.op(
        "head/classifier",
        "Gemm",
        op,
        &[x, weight, bias],
        &[("transB", Attribute::Int(1))],
    );
    build.network.graphs[0].outputs.push(x);
    let mut network = build.network;
    crate::infer::infer(&mut network);
    network
}

struct Build {
    network: Network,
    /// State of xorshift64* (Vigna 2016).
    random: u64,
}

impl Build {
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (bits as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn tensor(
        &mut self,
        name: &str,
        kind: TensorKind,
        spec: TensorSpec,
        data: Option<TensorData>,
    ) -> TensorId {
        let name = name.to_string();
        self.network.add_tensor(Tensor {
            name,
            spec,
            kind,
            data: data.map(Arc::new),
            producer: None,
        })
    }

    fn stored(&mut self, name: &str, shape: &[u64], values: &[f32]) -> TensorId {
        let data = TensorData::from_f32(shape, values);
        self.tensor(name, TensorKind::Parameter, data.spec(), Some(data))
    }

    fn constant(&mut self, name: &str, shape: &[u64], value: f32) -> TensorId {
        self.stored(name, shape, &vec![value; shape.iter().product::<u64>() as usize])
    }

    /// Normal values by Box and Muller (1958).
    fn normal(&mut self, name: &str, shape: &[u64], deviation: f64) -> TensorId {
        let values: Vec<f32> = (0..shape.iter().product::<u64>())
            .map(|_| {
                let (u, v) = (self.uniform(), self.uniform());
                ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos() * deviation) as f32
            })
            .collect();
        self.stored(name, shape, &values)
    }

    fn op(
        &mut self,
        name: &str,
        kind: &str,
        op: Op,
        inputs: &[TensorId],
        attributes: &[(&str, Attribute)],
    ) -> TensorId {
        let spec = TensorSpec {
            axes: None,
            dtype: DType::F32,
        };
        let output = self.tensor(&format!("{name}.out"), TensorKind::Activation, spec, None);
        let id = LayerId(self.network.layers.len() as u32);
        self.network.tensors[output.0 as usize].producer = Some(id);
        let attributes: Attributes = attributes
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect();
        self.network.layers.push(Layer {
            name: name.to_string(),
            op,
            kind: kind.to_string(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![Some(output)],
            attributes,
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        self.network.graphs[0].layers.push(id);
        output
    }

    fn conv(&mut self, name: &str, x: TensorId, from: u64, to: u64, kernel: u64, stride: u64) -> TensorId {
        let deviation = (2.0 / (from * kernel * kernel) as f64).sqrt();
        let weight = self.normal(&format!("{name}.weight"), &[to, from, kernel, kernel], deviation);
        let (k, s, p) = (kernel as i64, stride as i64, (kernel / 2) as i64);
        let window = Window {
            kernel: vec![k; 2],
            strides: vec![s; 2],
            dilations: vec![],
            padding: Padding::Explicit(vec![p; 4]),
        };
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![k; 2])),
            ("strides", Attribute::Ints(vec![s; 2])),
            ("pads", Attribute::Ints(vec![p; 4])),
        ];
        self.op(
            name,
            "Conv",
            Op::Conv { window, groups: 1 },
            &[x, weight],
            &attributes,
        )
    }

    fn norm(&mut self, name: &str, x: TensorId, channels: u64) -> TensorId {
        let parts = [("scale", 1.0), ("bias", 0.0), ("mean", 0.0), ("variance", 1.0)];
        let mut inputs = vec![x];
        for (part, value) in parts {
            inputs.push(self.constant(&format!("{name}.{part}"), &[channels], value));
        }
        let epsilon = 1e-5;
        let attributes = [("epsilon", Attribute::Float(epsilon))];
        self.op(
            name,
            "BatchNormalization",
            Op::BatchNorm { epsilon },
            &inputs,
            &attributes,
        )
    }

    /// Two 3 x 3 convolutions beside a 1 x 1 projection; the image is halved.
    fn block(&mut self, name: &str, x: TensorId, from: u64, to: u64) -> TensorId {
        let relu = || Op::Unary(Unary::Relu);
        let y = self.conv(&format!("{name}/conv1"), x, from, to, 3, 2);
        let y = self.norm(&format!("{name}/norm1"), y, to);
        let y = self.op(&format!("{name}/relu1"), "Relu", relu(), &[y], &[]);
        let y = self.conv(&format!("{name}/conv2"), y, to, to, 3, 1);
        let y = self.norm(&format!("{name}/norm2"), y, to);
        let skip = self.conv(&format!("{name}/skip"), x, from, to, 1, 2);
        let skip = self.norm(&format!("{name}/skip_norm"), skip, to);
        let sum = self.op(
            &format!("{name}/sum"),
            "Sum",
            Op::Variadic(Variadic::Sum),
            &[y, skip],
            &[],
        );
        self.op(&format!("{name}/relu2"), "Relu", relu(), &[sum], &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_residual_cnn_has_the_sizes_it_should() {
        let network = residual_cnn("demo", 1, 28, 10, 16, 7);
        assert_eq!(network.warnings, Vec::<String>::new());
        let cost = crate::cost(&network, &crate::Bindings::from([("N".into(), 1)]));
        let conv = 9 * 16 + (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32) + (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64);
        let norms = 2 * (16 + 3 * 32 + 3 * 64);
        assert_eq!(cost.total.parameters, conv + norms + 64 * 10 + 10);
        assert_eq!(cost.total.buffers, norms);
        let out = network.main().outputs[0];
        assert_eq!(network.tensor(out).spec.to_string(), "float32 [N, 10]");
        let scopes: Vec<&str> = network.scopes.scopes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(scopes, ["", "stem", "block1", "block2", "head"]);
    }
}
