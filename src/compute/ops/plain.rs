//! Operators on host copies of their inputs, compiled once for all backends: sorting, searching,
//! strings, trees, and whatever else is not worth a kernel.

use std::borrow::Cow;

use burn_backend::Backend;
use model::{DType, Layer};

use super::attributes::Attrs;
use super::{Context, Outputs};
pub use crate::value::elements;
use crate::value::{Ints, Texts, Value, dims, float};

/// Host floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Floats {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<f32>,
}

/// A host tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// Floats of any type, as float32.
    Float(Floats),
    /// Integers and booleans.
    Int(Ints),
    /// Strings.
    Text(Texts),
}

/// A layer that runs on host copies.
pub type HostOperator = fn(&Call) -> Result<Vec<Plain>, String>;

/// One layer with host copies of its inputs.
pub struct Call<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// Its inputs, in operator order.
    pub inputs: Vec<Option<Plain>>,
    /// Element types of the inputs, as far as they are known.
    pub dtypes: Vec<DType>,
    /// Version of the default operator set.
    pub opset: i64,
    /// In training: of this layer in this step.
    pub seed: Option<u64>,
}

impl Plain {
    /// A tensor of floats.
    pub fn floats(shape: Vec<usize>, data: Vec<f32>) -> Self {
        Plain::Float(Floats { shape, data })
    }

    /// A tensor of integers of type `dtype`.
    pub fn ints(shape: Vec<usize>, data: Vec<i64>, dtype: DType) -> Self {
        Plain::Int(Ints::new(shape, data).typed(dtype))
    }

    /// A tensor of booleans.
    pub fn bools(shape: Vec<usize>, data: impl IntoIterator<Item = bool>) -> Self {
        Plain::ints(shape, data.into_iter().map(i64::from).collect(), DType::Bool)
    }

    /// A tensor of strings.
    pub fn texts(shape: Vec<usize>, data: Vec<String>) -> Self {
        Plain::Text(Texts::new(shape, data))
    }

    /// Shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Plain::Float(f) => &f.shape,
            Plain::Int(i) => &i.shape,
            Plain::Text(t) => &t.shape,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Elements at `indices` of the flattened tensor, in a new shape.
    pub fn pick(&self, shape: Vec<usize>, indices: impl Iterator<Item = usize>) -> Plain {
        match self {
            Plain::Float(f) => Plain::floats(shape, indices.map(|i| f.data[i]).collect()),
            Plain::Int(i) => Plain::Int(i.pick(shape, indices)),
            Plain::Text(t) => Plain::Text(t.pick(shape, indices)),
        }
    }

    /// What it is, in words.
    pub fn words(&self) -> String {
        let kind = match self {
            Plain::Float(_) => "floats",
            Plain::Int(i) => i.dtype.name(),
            Plain::Text(_) => "strings",
        };
        format!("{kind} {:?}", self.shape())
    }
}

impl Call<'_> {
    /// The attributes.
    pub fn attrs(&self) -> Attrs<'_> {
        Attrs(&self.layer.attributes)
    }

    /// Input `i`, where it is given.
    pub fn opt(&self, i: usize) -> Option<&Plain> {
        self.inputs.get(i)?.as_ref()
    }

    /// Input `i`, which the operator needs.
    pub fn input(&self, i: usize) -> Result<&Plain, String> {
        self.opt(i).ok_or_else(|| format!("input {i} is missing"))
    }

    /// Element type of input `i`.
    pub fn dtype(&self, i: usize) -> DType {
        match self.opt(i) {
            Some(Plain::Int(ints)) => ints.dtype,
            Some(Plain::Text(_)) => DType::String,
            _ => self.dtypes.get(i).copied().unwrap_or(DType::F32),
        }
    }

    /// The numbers of input `i` as floats, and its shape.
    pub fn floats(&self, i: usize) -> Result<(Cow<'_, [f32]>, &[usize]), String> {
        let input = self.input(i)?;
        match input {
            Plain::Float(f) => Ok((Cow::Borrowed(&f.data), &f.shape)),
            Plain::Int(ints) => Ok((Cow::Owned(ints.floats()), &ints.shape)),
            Plain::Text(_) => Err(format!("input {i}: numbers expected, strings found")),
        }
    }

    /// The integers of input `i`.
    pub fn ints(&self, i: usize) -> Result<&Ints, String> {
        match self.input(i)? {
            Plain::Int(ints) => Ok(ints),
            other => Err(format!("input {i}: integers expected, {} found", other.words())),
        }
    }

    /// The strings of input `i`.
    pub fn texts(&self, i: usize) -> Result<&Texts, String> {
        match self.input(i)? {
            Plain::Text(texts) => Ok(texts),
            other => Err(format!("input {i}: strings expected, {} found", other.words())),
        }
    }

    /// The single integer that input `i` holds, where it is given.
    pub fn opt_int(&self, i: usize) -> Result<Option<i64>, String> {
        if self.opt(i).is_none() {
            return Ok(None);
        }
        let first = self.ints(i)?.data.first().copied();
        first
            .map(Some)
            .ok_or_else(|| format!("input {i} is empty, a number is expected"))
    }

    /// The single number that input `i` holds, where it is given.
    pub fn opt_number(&self, i: usize) -> Result<Option<f32>, String> {
        if self.opt(i).is_none() {
            return Ok(None);
        }
        let first = self.floats(i)?.0.first().copied();
        first
            .map(Some)
            .ok_or_else(|| format!("input {i} is empty, a number is expected"))
    }
}

/// Runs `operator` on host copies of the inputs of `c`.
pub fn run<B: Backend>(c: &Context<B>, operator: HostOperator) -> Outputs<B> {
    let mut inputs = Vec::with_capacity(c.inputs.len());
    for (i, input) in c.inputs.iter().enumerate() {
        inputs.push(match input {
            None | Some(Value::Optional(None)) => None,
            Some(Value::Float(t)) => Some(Plain::floats(dims::<B>(t), c.host(i)?.to_vec())),
            Some(Value::Int(ints)) => Some(Plain::Int(ints.clone())),
            Some(Value::Double(d)) => Some(Plain::floats(d.shape.clone(), d.floats())),
            Some(Value::Text(texts)) => Some(Plain::Text(texts.clone())),
            Some(other) => return Err(other.unexpected("a tensor is")),
        });
    }
    let call = Call {
        layer: c.layer,
        inputs,
        dtypes: (0..c.inputs.len()).map(|i| c.dtype(i)).collect(),
        opset: c.opset,
        seed: c.drawn(),
    };
    let upload = |plain| match plain {
        Plain::Float(f) => Value::Float(float::<B>(f.data, &f.shape, c.device)),
        Plain::Int(ints) => Value::Int(ints),
        Plain::Text(texts) => Value::Text(texts),
    };
    Ok(operator(&call)?.into_iter().map(upload).collect())
}
