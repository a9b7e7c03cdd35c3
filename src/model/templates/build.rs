//! Networks put together from ONNX's operators.

use std::sync::Arc;

use crate::network::TensorKind;
use crate::op::{Attribute, Attributes, Binary, Op, Padding, Unary, Window};
use crate::{
    DType, Dim, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorSpec,
};

/// A network under way, layer after layer.
pub struct Build {
    network: Network,
    /// State of xorshift64* (Vigna 2016).
    random: u64,
}

impl Build {
    /// An empty network whose weights are drawn from `seed`.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut network = Network {
            name: name.to_string(),
            // The terms are those of ONNX, so that a trained template can be written as such.
            format: "ONNX opset 17".into(),
            metadata: [("IR version", "8"), ("opset", "17")]
                .map(|(k, v)| (k.into(), v.into()))
                .into(),
            ..Network::default()
        };
        network.graphs.push(Graph {
            name: name.to_string(),
            ..Graph::default()
        });
        Build {
            network,
            random: seed | 1,
        }
    }

    /// In the terms of a later version of ONNX than 17, which some operators need.
    pub fn opset(&mut self, opset: u32, ir: u32) {
        self.network.format = format!("ONNX opset {opset}");
        self.network.metadata = [("IR version", ir), ("opset", opset)]
            .map(|(k, v)| (k.into(), v.to_string()))
            .into();
    }

    /// The network with `outputs`, shapes inferred.
    pub fn finish(mut self, outputs: &[TensorId]) -> Network {
        self.network.graphs[0].outputs = outputs.to_vec();
        crate::infer::infer(&mut self.network);
        self.network
    }

    /// An input of `shape`, a batch of any size in front.
    pub fn input(&mut self, name: &str, shape: &[u64]) -> TensorId {
        let sizes = [Dim::Symbol("N".into())].into_iter();
        let sizes = sizes.chain(shape.iter().map(|&d| Dim::Known(d)));
        let input = self.tensor(name, TensorKind::Input, TensorSpec::new(DType::F32, sizes), None);
        self.network.graphs[0].inputs.push(input);
        input
    }

    /// An input of whole numbers, `[N, tokens]`, both sizes free.
    pub fn tokens(&mut self, name: &str) -> TensorId {
        let sizes = ["N", "tokens"].map(|s| Dim::Symbol(s.into()));
        let spec = TensorSpec::new(DType::I64, sizes);
        let input = self.tensor(name, TensorKind::Input, spec, None);
        self.network.graphs[0].inputs.push(input);
        input
    }

    /// A fixed value that operators read.
    pub fn fixed(&mut self, name: &str, data: TensorData) -> TensorId {
        self.tensor(name, TensorKind::Constant, data.spec(), Some(data))
    }

    /// Integers that an operator reads, such as axes.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> TensorId {
        self.fixed(name, TensorData::from_i64(&[values.len() as u64], values))
    }

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

    /// A parameter.
    pub fn stored(&mut self, name: &str, shape: &[u64], values: &[f32]) -> TensorId {
        let data = TensorData::from_f32(shape, values);
        self.tensor(name, TensorKind::Parameter, data.spec(), Some(data))
    }

    /// A parameter that begins as `value` everywhere.
    pub fn constant(&mut self, name: &str, shape: &[u64], value: f32) -> TensorId {
        self.stored(name, shape, &vec![value; shape.iter().product::<u64>() as usize])
    }

    /// A parameter of normal values (Box and Muller 1958).
    pub fn normal(&mut self, name: &str, shape: &[u64], deviation: f64) -> TensorId {
        let values: Vec<f32> = (0..shape.iter().product::<u64>())
            .map(|_| {
                let (u, v) = (self.uniform(), self.uniform());
                ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos() * deviation) as f32
            })
            .collect();
        self.stored(name, shape, &values)
    }

    /// A layer with one output.
    pub fn op(
        &mut self,
        name: &str,
        kind: &str,
        op: Op,
        inputs: &[TensorId],
        attributes: &[(&str, Attribute)],
    ) -> TensorId {
        let [output] = self.op_of_several(name, kind, op, inputs, attributes, ["out"]);
        output
    }

    /// A layer with an output for each of `outputs`.
    pub fn op_of_several<const N: usize>(
        &mut self,
        name: &str,
        kind: &str,
        op: Op,
        inputs: &[TensorId],
        attributes: &[(&str, Attribute)],
        outputs: [&str; N],
    ) -> [TensorId; N] {
        let id = LayerId(self.network.layers.len() as u32);
        let outputs = outputs.map(|output| {
            let spec = TensorSpec {
                axes: None,
                dtype: DType::F32,
            };
            let output = self.tensor(&format!("{name}.{output}"), TensorKind::Activation, spec, None);
            self.network.tensors[output.0 as usize].producer = Some(id);
            output
        });
        let attributes: Attributes = attributes
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect();
        self.network.layers.push(Layer {
            name: name.to_string(),
            op,
            kind: kind.to_string(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: outputs.map(Some).to_vec(),
            attributes,
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        self.network.graphs[0].layers.push(id);
        outputs
    }

    /// A square convolution without bias, as He et al. 2015 begin it; half of its kernel is padding.
    pub fn conv(
        &mut self,
        name: &str,
        x: TensorId,
        from: u64,
        to: u64,
        kernel: u64,
        stride: u64,
    ) -> TensorId {
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

    /// Batch normalisation over `channels`.
    pub fn norm(&mut self, name: &str, x: TensorId, channels: u64) -> TensorId {
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

    /// A product with a weight `[to, from]` and a bias, as PyTorch's `Linear` begins it.
    pub fn linear(&mut self, name: &str, x: TensorId, from: u64, to: u64) -> TensorId {
        let bound = (1.0 / from as f64).sqrt();
        let weight = self.uniform_values(&format!("{name}.weight"), &[to, from], bound);
        let bias = self.uniform_values(&format!("{name}.bias"), &[to], bound);
        self.gemm(name, x, weight, bias)
    }

    /// A product of the last axis with a weight `[from, to]`, and a bias, begun as in
    /// [`Build::linear`]; for any number of axes in front.
    pub fn dense(&mut self, name: &str, x: TensorId, from: u64, to: u64) -> TensorId {
        let bound = (1.0 / from as f64).sqrt();
        let weight = self.uniform_values(&format!("{name}.weight"), &[from, to], bound);
        let bias = self.uniform_values(&format!("{name}.bias"), &[to], bound);
        let x = self.op(name, "MatMul", Op::MatMul, &[x, weight], &[]);
        self.binary(&format!("{name}_bias"), "Add", Binary::Add, x, bias)
    }

    /// A function of two tensors, by its name in ONNX.
    pub fn binary(&mut self, name: &str, kind: &str, function: Binary, a: TensorId, b: TensorId) -> TensorId {
        self.op(name, kind, Op::Binary(function), &[a, b], &[])
    }

    /// Layer normalisation (Ba, Kiros and Hinton 2016) of the last axis, of `width`.
    pub fn layer_norm(&mut self, name: &str, x: TensorId, width: u64) -> TensorId {
        let scale = self.constant(&format!("{name}.scale"), &[width], 1.0);
        let bias = self.constant(&format!("{name}.bias"), &[width], 0.0);
        let (axis, epsilon) = (-1, 1e-5);
        let attributes = [
            ("axis", Attribute::Int(axis)),
            ("epsilon", Attribute::Float(epsilon)),
        ];
        let op = Op::LayerNorm { axis, epsilon };
        self.op(name, "LayerNormalization", op, &[x, scale, bias], &attributes)
    }

    /// `x w' + b`.
    pub fn gemm(&mut self, name: &str, x: TensorId, weight: TensorId, bias: TensorId) -> TensorId {
        let op = Op::Gemm {
            alpha: 1.0,
            beta: 1.0,
            trans_a: false,
            trans_b: true,
        };
        let attributes = [("transB", Attribute::Int(1))];
        self.op(name, "Gemm", op, &[x, weight, bias], &attributes)
    }

    /// A parameter of values evenly from `-bound` to `bound`.
    pub fn uniform_values(&mut self, name: &str, shape: &[u64], bound: f64) -> TensorId {
        let count = shape.iter().product::<u64>();
        let values: Vec<f32> = (0..count)
            .map(|_| ((2.0 * self.uniform() - 1.0) * bound) as f32)
            .collect();
        self.stored(name, shape, &values)
    }

    /// A function of each element, by its name in ONNX.
    pub fn unary(&mut self, name: &str, kind: &str, function: Unary, x: TensorId) -> TensorId {
        self.op(name, kind, Op::Unary(function), &[x], &[])
    }

    /// One row an example.
    pub fn flatten(&mut self, name: &str, x: TensorId) -> TensorId {
        let attributes = [("axis", Attribute::Int(1))];
        self.op(name, "Flatten", Op::Flatten { axis: 1 }, &[x], &attributes)
    }

    /// Dropout that a network has while it learns (Srivastava et al. 2014).
    pub fn dropout(&mut self, name: &str, x: TensorId, ratio: f32) -> TensorId {
        let held = self.fixed(&format!("{name}.ratio"), TensorData::from_f32(&[], &[ratio]));
        self.op(name, "Dropout", Op::Dropout { ratio }, &[x, held], &[])
    }
}
