//! Operators on backend primitives, one file a family. Shapes are checked here, since the
//! primitives do not check them.

pub mod attention;
pub mod attributes;
mod bits;
mod cache;
mod cast;
pub mod conv;
mod det;
mod double;
mod einsum;
mod elementwise;
mod fourier;
mod gates;
mod grid;
pub mod host;
mod host_axis;
mod host_learn;
mod host_product;
pub mod host_window;
mod index;
mod linear_attention;
mod loss;
pub mod matmul;
pub mod named;
mod neural;
mod norm;
mod pad;
mod pictures;
pub mod plain;
mod pool;
mod pool_axes;
mod quantize;
mod quantized;
mod random;
mod recurrent;
mod reduce;
mod resize;
mod roi;
mod sample;
mod scatter;
mod search;
mod sequences;
mod several;
pub mod shape;
mod signal;
mod texts;
mod training;
mod trees;

use std::cell::RefCell;

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::{DType, Layer, Network, Op, TensorId};

use crate::value::{Ints, Value, dims};

/// One layer about to run.
pub struct Context<'a, B: Backend> {
    /// The network.
    pub network: &'a Network,
    /// The layer.
    pub layer: &'a Layer,
    /// Version of the default operator set; the newest where the file has none.
    pub opset: i64,
    /// Its inputs, in operator order.
    pub inputs: &'a [Option<Value<B>>],
    /// The numbers of the float inputs that [`looks`] names.
    pub hosts: &'a [Option<Vec<f32>>],
    /// Where new tensors go.
    pub device: &'a B::Device,
    /// Strided convolutions run at stride 1 and are thinned out afterwards.
    pub unit_strides: bool,
    /// In training: where batch normalisation leaves the statistics of its batch.
    pub statistics: Option<&'a RefCell<Vec<Statistics<B>>>>,
    /// In training: of dropout and random operators, with the layer's own place mixed in by these.
    pub seed: Option<u64>,
}

/// What one batch normalisation saw in training.
pub struct Statistics<B: Backend> {
    /// The running mean's tensor, and the batch's mean `[1, C, 1, ...]`.
    pub mean: (TensorId, FloatTensor<B>),
    /// The running variance's tensor, and the batch's biased variance.
    pub variance: (TensorId, FloatTensor<B>),
    /// Values behind each mean.
    pub count: usize,
}

type Outputs<B> = Result<Vec<Value<B>>, String>;
type Output<B> = Result<Value<B>, String>;

impl<B: Backend> Context<'_, B> {
    /// In training: the seed of this layer in this step.
    fn drawn(&self) -> Option<u64> {
        let place = self.layer.outputs.iter().flatten().next();
        let place = place.map_or(0, |t| u64::from(t.0));
        Some(model::Random::new(&[self.seed?, place]).bits())
    }

    /// Input `i`, where it is given.
    fn opt(&self, i: usize) -> Option<&Value<B>> {
        self.inputs.get(i)?.as_ref()
    }

    /// The raw attributes.
    fn attrs(&self) -> attributes::Attrs<'_> {
        attributes::Attrs(&self.layer.attributes)
    }

    /// Element type of input `i`; float32 where nothing says another one.
    fn dtype(&self, i: usize) -> DType {
        match self.opt(i) {
            Some(Value::Int(ints)) => ints.dtype,
            Some(Value::Text(_)) => DType::String,
            _ => self.stated(self.layer.inputs.get(i).copied().flatten()),
        }
    }

    fn stated(&self, tensor: Option<TensorId>) -> DType {
        let stated = tensor.map_or(DType::Unknown, |t| self.network.tensor(t).spec.dtype);
        if stated == DType::Unknown {
            DType::F32
        } else {
            stated
        }
    }

    /// Input `i`, which the operator needs.
    fn value(&self, i: usize) -> Result<&Value<B>, String> {
        self.opt(i).ok_or_else(|| format!("input {i} is missing"))
    }

    fn float(&self, i: usize) -> Result<FloatTensor<B>, String> {
        self.value(i)?.floats(self.device)
    }

    fn opt_float(&self, i: usize) -> Result<Option<FloatTensor<B>>, String> {
        self.opt(i).map(|v| v.floats(self.device)).transpose()
    }

    /// The numbers of float input `i`, which [`looks`] must name.
    fn host(&self, i: usize) -> Result<&[f32], String> {
        let host = self.hosts.get(i).and_then(Option::as_deref);
        host.ok_or_else(|| format!("input {i} was not read from the device"))
    }

    /// The integers of input `i`; floats are truncated.
    fn ints(&self, i: usize) -> Result<Ints, String> {
        match self.value(i)? {
            Value::Int(ints) => Ok(ints.clone()),
            Value::Float(t) => Ok(Ints::truncated(dims::<B>(t), self.host(i)?)),
            other => Err(other.unexpected("integers are")),
        }
    }

    /// The elements of integer input `i`, where it is given.
    fn opt_ints(&self, i: usize) -> Result<Option<Vec<i64>>, String> {
        self.opt(i).map(|_| Ok(self.ints(i)?.data.to_vec())).transpose()
    }

    /// An attribute, or integer input `i` where the attribute is absent.
    fn list(&self, attribute: &Option<Vec<i64>>, i: usize) -> Result<Option<Vec<i64>>, String> {
        match attribute {
            Some(list) => Ok(Some(list.clone())),
            None => self.opt_ints(i),
        }
    }

    /// The single number that input `i` holds.
    fn scalar(&self, i: usize) -> Result<Option<f32>, String> {
        let first = match self.opt(i) {
            None => return Ok(None),
            Some(Value::Int(ints)) => ints.data.first().map(|&v| v as f32),
            Some(_) => self.host(i)?.first().copied(),
        };
        first
            .map(Some)
            .ok_or_else(|| format!("input {i} is empty, a number is expected"))
    }
}

/// True when the operator looks at the numbers of float input `i` while it runs, so that they must
/// be read from the device before: in the browser nothing can be read in between.
pub fn looks<B: Backend>(network: &Network, layer: &Layer, inputs: &[Option<Value<B>>], i: usize) -> bool {
    use model::op::{Binary, Unary};
    if let Some(looks) = neural::looks(layer, i) {
        return looks;
    }
    let double = |v: &Option<Value<B>>| matches!(v, Some(Value::Double(_)));
    match &layer.op {
        Op::Binary(_) if inputs.iter().any(double) => true,
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Mod { .. }) => false,
        // Whether the power is a square.
        Op::Binary(Binary::Pow) => {
            let one = |v: &Value<B>| v.shape().iter().product::<usize>() == 1;
            let whole = matches!(inputs[0], Some(Value::Int(_)));
            i == 1 && (whole || inputs[1].as_ref().is_some_and(one))
        }
        Op::Binary(_) | Op::Unary(Unary::IsNan | Unary::IsInf) | Op::Range => true,
        Op::Cast { to } => cast::looks(*to),
        Op::CastLike => {
            let like = layer.inputs.get(1).copied().flatten();
            let stated = like.is_some_and(|t| network.tensor(t).spec.dtype.is_small_float());
            i == 0 && (stated || !matches!(inputs.get(1), Some(Some(Value::Float(_)))))
        }
        Op::If | Op::Where | Op::Embedding | Op::ConstantOfShape { .. } => i == 0,
        Op::ArgMax { .. } | Op::ArgMin { .. } | Op::TopK { .. } => true,
        Op::Clip { .. }
        | Op::Dropout { .. }
        | Op::Gather { .. }
        | Op::GatherElements { .. }
        | Op::CumSum { .. }
        | Op::Reduce { .. }
        | Op::Reshape { .. }
        | Op::Squeeze { .. }
        | Op::Unsqueeze { .. }
        | Op::Split { .. }
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::Expand
        | Op::Tile => i >= 1,
        op if by_name(op) => named::looks::<B>(&layer.kind, i),
        _ => false,
    }
}

/// Operators that are executed by their name.
fn by_name(op: &Op) -> bool {
    matches!(
        op,
        Op::Other { .. }
            | Op::Einsum { .. }
            | Op::GatherNd { .. }
            | Op::ScatterNd
            | Op::ScatterElements { .. }
            | Op::OneHot { .. }
            | Op::NonZero
            | Op::Trilu { .. }
    )
}

/// Runs one layer.
///
/// # Errors
/// A sentence for the user, without the layer's name.
pub fn eval<B: Backend>(c: &Context<B>) -> Outputs<B> {
    if let Some(inputs) = vectors(c)? {
        let outputs = eval(&Context {
            inputs: &inputs,
            ..*c
        })?;
        return outputs.iter().map(|y| shape::with_shape(y, Vec::new())).collect();
    }
    let mut outputs = match &c.layer.op {
        Op::Split { axis, sizes, outputs } => shape::split(c, *axis, sizes, *outputs)?,
        Op::TopK { axis, largest, k } => index::top_k(c, *axis, *largest, *k)?,
        Op::Dropout { ratio } => loss::dropout(c, *ratio)?,
        op if by_name(op) => named::run(c)?,
        op => match neural::eval(c) {
            Some(outputs) => outputs?,
            None => vec![single(c, op)?],
        },
    };
    // What follows a product or a convolution, they do themselves.
    let finished = matches!(c.layer.op, Op::Conv { .. } | Op::Gemm { .. } | Op::MatMul);
    if let Some(activation) = c.layer.activation.filter(|_| !finished)
        && let Some(first) = outputs.first_mut()
    {
        *first = elementwise::unary_value(c, first, activation)?;
    }
    Ok(outputs)
}

/// Inputs without axes as vectors of one element, for elementwise operators on nothing else:
/// cubecl's kernels want an axis.
fn vectors<B: Backend>(c: &Context<B>) -> Result<Option<Vec<Option<Value<B>>>>, String> {
    let elementwise = matches!(
        c.layer.op,
        Op::Unary(_) | Op::Binary(_) | Op::Variadic(_) | Op::PRelu | Op::Clip { .. } | Op::Where
    );
    let mut given = c.inputs.iter().flatten();
    let bare = given.all(|v| v.shape().is_empty());
    let floats = c.inputs.iter().flatten().any(|v| matches!(v, Value::Float(_)));
    if !elementwise || !bare || !floats {
        return Ok(None);
    }
    let raised = c.inputs.iter().map(|input| match input {
        Some(v) => shape::with_shape(v, vec![1]).map(Some),
        None => Ok(None),
    });
    raised.collect::<Result<_, _>>().map(Some)
}

fn single<B: Backend>(c: &Context<B>, op: &Op) -> Output<B> {
    match op {
        Op::Conv { window, groups } => conv::conv(c, window, *groups),
        Op::ConvTranspose {
            window,
            groups,
            output_padding,
            output_shape,
        } => conv::transpose(c, window, *groups, output_padding, output_shape.as_deref()),
        Op::AveragePool {
            window,
            ceil,
            count_include_pad,
        } => pool::average(c, window, *ceil, *count_include_pad),
        Op::GlobalAveragePool => pool::global(c, model::op::Reduction::Mean),
        Op::GlobalMaxPool => pool::global(c, model::op::Reduction::Max),
        Op::Gemm {
            alpha,
            beta,
            trans_a,
            trans_b,
        } => matmul::gemm(c, *alpha, *beta, *trans_a, *trans_b),
        Op::MatMul => matmul::matmul(c),
        Op::BatchNorm { epsilon } => norm::batch(c, *epsilon),
        Op::InstanceNorm { epsilon } => norm::instance(c, *epsilon),
        Op::GroupNorm { epsilon, groups } => norm::group(c, *epsilon, *groups),
        Op::Lrn {
            alpha,
            beta,
            bias,
            size,
        } => norm::lrn(c, *alpha, *beta, *bias, *size),
        Op::LpNorm { axis, p } => norm::lp(c, *axis, *p),
        Op::Unary(kind) => elementwise::unary_value(c, c.value(0)?, *kind),
        Op::PRelu => several::prelu(c),
        Op::Clip { min, max } => several::clip(c, *min, *max),
        Op::Binary(kind) => elementwise::binary(c, *kind),
        Op::Variadic(kind) => several::variadic(c, *kind),
        Op::Where => several::select(c),
        Op::Cast { to } => cast::cast(c, *to),
        Op::CastLike => cast::cast_like(c),
        Op::Identity => Ok(c.value(0)?.clone()),
        Op::Softmax { axis, coerce } => norm::softmax(c, *axis, *coerce, false),
        Op::LogSoftmax { axis, coerce } => norm::softmax(c, *axis, *coerce, true),
        Op::Reduce {
            kind,
            axes,
            keep_dims,
            noop_if_empty,
        } => reduce::reduce(c, *kind, axes, *keep_dims, *noop_if_empty),
        Op::ArgMax {
            axis,
            keep_dims,
            last,
        } => reduce::arg(c, *axis, *keep_dims, *last, true),
        Op::ArgMin {
            axis,
            keep_dims,
            last,
        } => reduce::arg(c, *axis, *keep_dims, *last, false),
        Op::Gather { axis } => index::gather(c, *axis),
        Op::Embedding => index::embedding(c),
        Op::GatherElements { axis } => index::gather_elements(c, *axis),
        Op::CumSum { exclusive, reverse } => index::cum_sum(c, *exclusive, *reverse),
        Op::Range => index::range(c),
        Op::Reshape { shape, allow_zero } => shape::reshape(c, shape, *allow_zero),
        Op::Flatten { axis } => shape::flatten(c, *axis),
        Op::Squeeze { axes } => shape::squeeze(c, axes),
        Op::Unsqueeze { axes } => shape::unsqueeze(c, axes),
        Op::Transpose { perm } => shape::transpose(c, perm.as_deref()),
        Op::Concat { axis } => shape::concat(c, *axis),
        Op::Slice { starts, ends, axes } => shape::slice(c, starts, ends, axes),
        Op::Pad { mode, pads, value } => pad::pad_op(c, mode, pads, *value),
        Op::Expand => shape::expand_op(c),
        Op::Tile => shape::tile(c),
        Op::Shape { start, end } => shape::shape_of(c, *start, *end),
        Op::Size => {
            let size = c.value(0)?.shape().iter().product::<usize>();
            Ok(Value::Int(Ints::new(vec![], vec![size as i64])))
        }
        Op::Constant { value } => Value::from_data(value, c.device),
        Op::ConstantOfShape { value } => shape::constant_of_shape(c, value),
        Op::Resize(options) => resize::resize(c, options),
        Op::DepthToSpace {
            block,
            column_row_depth,
        } => shape::depth_to_space(c, *block, *column_row_depth),
        Op::SpaceToDepth { block } => shape::space_to_depth(c, *block),
        _ => Err(format!("operator {} cannot be executed yet", c.layer.kind)),
    }
}
