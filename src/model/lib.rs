//! What a network is: layers, tensors with axis roles and symbolic shapes, scopes, traces;
//! shape inference and cost; what it learns from: data sets; and how it was trained: runs.
//!
//! In: nothing but its own types. Out: the types that every other room speaks.
//! It knows no file, no GPU and no screen.

pub mod attention;
pub mod beside;
pub mod blocks;
pub mod cost;
pub mod dataset;
pub mod diff;
pub mod dim;
pub mod host;
pub mod infer;
pub mod minifloat;
pub mod network;
pub mod op;
mod parts;
pub mod random;
pub mod receptive;
pub mod run;
pub mod scope;
pub mod scopes;
pub mod series;
pub mod templates;
pub mod tensor;
pub mod tokens;
pub mod trace;

pub use attention::{AttentionSite, attention_sites, expose_attention};
pub use beside::{Member, beside};
pub use cost::{Cost, LayerCost, cost};
pub use dataset::{Cells, Column, Dataset, Targets};
pub use dim::{Bindings, Dim};
pub use host::HostValue;
pub use network::{Graph, GraphId, Layer, LayerId, Network, NetworkError, Tensor, TensorId, TensorKind};
pub use op::{Attribute, Attributes, Op};
pub use random::Random;
pub use run::{Record, Run};
pub use scope::{Scope, ScopeId, ScopeTree};
pub use series::{Point, Series};
pub use tensor::{Axis, DType, Payload, Role, Strided, TensorData, TensorSpec};
pub use tokens::{Part, TextInputs};
pub use trace::{Remote, Summary, Trace, TraceTensor, Values};
