//! Networks made in code, for the tests and the benchmark.
#![allow(dead_code)]

pub mod invariants;

use model::op::{Binary, Padding, Unary, Window};
use model::{
    DType, Dim, Graph, GraphId, Layer, LayerId, Network, Op, ScopeId, Tensor, TensorId, TensorKind,
    TensorSpec,
};

/// A network under construction.
pub struct Builder {
    pub network: Network,
}

/// A 3 x 3 convolution.
pub fn conv() -> Op {
    Op::Conv {
        window: Window {
            kernel: vec![3, 3],
            strides: vec![],
            dilations: vec![],
            padding: Padding::SameUpper,
        },
        groups: 1,
    }
}

pub fn relu() -> Op {
    Op::Unary(Unary::Relu)
}

pub fn add() -> Op {
    Op::Binary(Binary::Add)
}

/// What most layers of the tests give.
pub fn map() -> TensorSpec {
    fixed(&[1, 16, 28, 28])
}

pub fn fixed(shape: &[u64]) -> TensorSpec {
    TensorSpec::fixed(DType::F32, shape)
}

impl Builder {
    pub fn new() -> Self {
        let network = Network {
            graphs: vec![Graph::default()],
            ..Network::default()
        };
        Builder { network }
    }

    pub fn tensor(&mut self, name: String, spec: TensorSpec, kind: TensorKind) -> TensorId {
        self.network.add_tensor(Tensor {
            name,
            spec,
            kind,
            data: None,
            producer: None,
        })
    }

    pub fn input(&mut self, name: &str, spec: TensorSpec) -> TensorId {
        let id = self.tensor(name.to_string(), spec, TensorKind::Input);
        self.network.graphs[0].inputs.push(id);
        id
    }

    /// A layer in `scope`; returns its output.
    pub fn layer(
        &mut self,
        op: Op,
        kind: &str,
        from: &[TensorId],
        out: TensorSpec,
        scope: ScopeId,
    ) -> TensorId {
        let id = LayerId(self.network.layers.len() as u32);
        let name = format!("{kind}_{}", id.0);
        let output = self.tensor(name.clone(), out, TensorKind::Activation);
        self.network.tensors[output.0 as usize].producer = Some(id);
        self.network.layers.push(Layer {
            name,
            op,
            kind: kind.to_string(),
            inputs: from.iter().copied().map(Some).collect(),
            outputs: vec![Some(output)],
            attributes: Default::default(),
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope,
        });
        self.network.graphs[0].layers.push(id);
        self.network.scopes.scopes[scope.0 as usize].layers.push(id);
        output
    }

    pub fn output(&mut self, tensor: TensorId) {
        self.network.graphs[0].outputs.push(tensor);
    }
}

/// A chain of ResNet-50 bodies (He et al. 2015: 16 bottleneck blocks, each operator a layer) cut
/// off after `layers` layers, with its stages as scopes.
pub fn resnet(layers: usize) -> Network {
    let mut b = Builder::new();
    let root = ScopeId(0);
    let mut x = b.input("input", fixed(&[1, 3, 224, 224]));
    'all: for copy in 0.. {
        for (stage, blocks) in [3u64, 4, 6, 3].into_iter().enumerate() {
            let (wide, side) = (256u64 << stage, 56u64 >> stage);
            let name = format!("copy{copy}.stage{stage}");
            let scope = b.network.scopes.add(root, &name, "stage");
            for block in 0..blocks {
                let mut put = |kind: &str, from: &[TensorId], channels: u64| {
                    let op = match kind {
                        "Conv" => conv(),
                        "BatchNormalization" => Op::BatchNorm { epsilon: 1e-5 },
                        "Relu" => relu(),
                        _ => add(),
                    };
                    b.layer(op, kind, from, fixed(&[1, channels, side, side]), scope)
                };
                let (start, mut y) = (x, x);
                for channels in [wide / 4, wide / 4, wide] {
                    y = put("Conv", &[y], channels);
                    y = put("BatchNormalization", &[y], channels);
                    if channels != wide {
                        y = put("Relu", &[y], channels);
                    }
                }
                let mut short = start;
                if block == 0 {
                    short = put("Conv", &[start], wide);
                    short = put("BatchNormalization", &[short], wide);
                }
                let sum = put("Add", &[y, short], wide);
                x = put("Relu", &[sum], wide);
                if b.network.layers.len() >= layers {
                    break 'all;
                }
            }
        }
    }
    b.output(x);
    b.network
}

/// A spec with a size that nothing tells.
pub fn open(dims: &[Option<u64>]) -> TensorSpec {
    let dims = dims.iter().map(|d| d.map_or(Dim::Unknown, Dim::Known));
    TensorSpec::new(DType::F32, dims)
}
