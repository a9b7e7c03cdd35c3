//! Small networks without names, as exporters without scopes write them.

use std::sync::Arc;

use model::op::{Attributes, Binary, Op, Reduction, Unary};
use model::{
    DType, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorKind,
    TensorSpec,
};

pub struct Net(pub Network);

impl Net {
    /// A network of one input of `shape`.
    pub fn new(shape: &[u64]) -> (Self, TensorId) {
        let mut net = Net(Network {
            graphs: vec![Graph::default()],
            ..Network::default()
        });
        let input = net.input("input", shape);
        (net, input)
    }

    pub fn input(&mut self, name: &str, shape: &[u64]) -> TensorId {
        let input = self.0.add_tensor(Tensor {
            name: name.into(),
            spec: TensorSpec::fixed(DType::F32, shape),
            kind: TensorKind::Input,
            data: None,
            producer: None,
        });
        self.0.graphs[0].inputs.push(input);
        input
    }

    pub fn stored(&mut self, shape: &[u64], value: f32) -> TensorId {
        let count: u64 = shape.iter().product();
        let data = TensorData::from_f32(shape, &vec![value; count as usize]);
        let name = format!("w{}", self.0.tensors.len());
        self.0.add_tensor(Tensor {
            name,
            spec: data.spec(),
            kind: TensorKind::Parameter,
            data: Some(Arc::new(data)),
            producer: None,
        })
    }

    pub fn number(&mut self, value: f32) -> TensorId {
        self.stored(&[], value)
    }

    pub fn op(&mut self, kind: &str, op: Op, inputs: &[TensorId]) -> TensorId {
        let layer = LayerId(self.0.layers.len() as u32);
        let output = self.0.add_tensor(Tensor {
            name: format!("t{}", layer.0),
            spec: TensorSpec::unknown(),
            kind: TensorKind::Activation,
            data: None,
            producer: Some(layer),
        });
        self.0.layers.push(Layer {
            name: format!("{kind}_{}", layer.0),
            op,
            kind: kind.into(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![Some(output)],
            attributes: Attributes::new(),
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        self.0.graphs[0].layers.push(layer);
        output
    }

    pub fn unary(&mut self, unary: Unary, x: TensorId) -> TensorId {
        self.op(&format!("{unary:?}"), Op::Unary(unary), &[x])
    }

    pub fn binary(&mut self, binary: Binary, a: TensorId, b: TensorId) -> TensorId {
        self.op(&format!("{binary:?}"), Op::Binary(binary), &[a, b])
    }

    pub fn product(&mut self, a: TensorId, b: TensorId) -> TensorId {
        self.op("MatMul", Op::MatMul, &[a, b])
    }

    pub fn mean(&mut self, x: TensorId) -> TensorId {
        let op = Op::Reduce {
            kind: Reduction::Mean,
            axes: Some(vec![-1]),
            keep_dims: true,
            noop_if_empty: false,
        };
        self.op("ReduceMean", op, &[x])
    }

    pub fn transposed(&mut self, x: TensorId) -> TensorId {
        let perm = Some(vec![0, 2, 1]);
        self.op("Transpose", Op::Transpose { perm }, &[x])
    }

    pub fn softmax(&mut self, x: TensorId, axis: i64) -> TensorId {
        let op = Op::Softmax { axis, coerce: false };
        self.op("Softmax", op, &[x])
    }

    /// A product with stored weights and a sum with a stored bias.
    pub fn linear(&mut self, x: TensorId, rows: u64, columns: u64) -> TensorId {
        let (w, b) = (self.stored(&[rows, columns], 0.1), self.stored(&[columns], 0.0));
        let y = self.product(x, w);
        self.binary(Binary::Add, y, b)
    }

    /// Attention of one head over `[batch, tokens, 8]`.
    pub fn attention(&mut self, x: TensorId) -> TensorId {
        let (q, k, v) = (self.linear(x, 8, 8), self.linear(x, 8, 8), self.linear(x, 8, 8));
        let k = self.transposed(k);
        let scores = self.product(q, k);
        let root = self.number(8f32.sqrt());
        let scores = self.binary(Binary::Div, scores, root);
        let weights = self.softmax(scores, -1);
        let mixed = self.product(weights, v);
        self.linear(mixed, 8, 8)
    }

    /// Layer normalization written out.
    pub fn norm(&mut self, x: TensorId) -> TensorId {
        let mean = self.mean(x);
        let centred = self.binary(Binary::Sub, x, mean);
        let two = self.number(2.0);
        let square = self.binary(Binary::Pow, centred, two);
        let variance = self.mean(square);
        let epsilon = self.number(1e-5);
        let sum = self.binary(Binary::Add, variance, epsilon);
        let root = self.unary(Unary::Sqrt, sum);
        let y = self.binary(Binary::Div, centred, root);
        let (gain, shift) = (self.stored(&[8], 1.0), self.stored(&[8], 0.0));
        let y = self.binary(Binary::Mul, y, gain);
        self.binary(Binary::Add, y, shift)
    }

    /// Two projections with a ReLU between.
    pub fn mlp(&mut self, x: TensorId, wide: u64) -> TensorId {
        let y = self.linear(x, 8, wide);
        let y = self.unary(Unary::Relu, y);
        self.linear(y, wide, 8)
    }

    /// A transformer block: attention and MLP, each after a norm and with a shortcut.
    pub fn block(&mut self, x: TensorId, wide: u64) -> TensorId {
        let y = self.norm(x);
        let y = self.attention(y);
        let x = self.binary(Binary::Add, x, y);
        let y = self.norm(x);
        let y = self.mlp(y, wide);
        self.binary(Binary::Add, x, y)
    }

    /// The inferred network with `output`.
    pub fn done(mut self, output: TensorId) -> Network {
        self.0.graphs[0].outputs.push(output);
        model::infer::infer(&mut self.0);
        assert_eq!(self.0.warnings, Vec::<String>::new());
        self.0
    }
}

/// How many scopes are of `kind`.
pub fn count(network: &Network, kind: &str) -> usize {
    network.scopes.scopes.iter().filter(|s| s.kind == kind).count()
}

/// The names of the scopes of `kind`.
pub fn names<'a>(network: &'a Network, kind: &str) -> Vec<&'a str> {
    let of = network.scopes.scopes.iter().filter(|s| s.kind == kind);
    of.map(|s| &*s.name).collect()
}
