//! A value during execution: floats on the backend, integers, booleans and strings on the host,
//! sequences and optional values of these.
//!
//! Graphs use integers for shapes, axes, indices and masks. Those steer the host, so keeping them
//! there avoids a device round trip for every `Shape` and `Gather`.

use std::pin::Pin;

use burn_backend::tensor::{BoolTensor, FloatTensor, IntTensor};
use burn_backend::{Backend, Shape, TensorData as BurnData, TensorMetadata, get_device_settings};
use model::{DType, HostValue, Payload, TensorData};

pub use crate::arrays::{Doubles, Ints, Texts, broadcast, elements, order, spread, strides, truncate, wrap};

/// A value during execution.
#[derive(Debug)]
pub enum Value<B: Backend> {
    /// float32 on the backend, whatever float type the file has.
    Float(FloatTensor<B>),
    /// Integers and booleans.
    Int(Ints),
    /// float64 with values beyond the range of float32, on the host: arithmetic keeps them, what
    /// else reads them sees infinity.
    Double(Doubles),
    /// Strings.
    Text(Texts),
    /// Values in order.
    Sequence(Vec<Value<B>>),
    /// A value, or none.
    Optional(Option<Box<Value<B>>>),
}

impl<B: Backend> Clone for Value<B> {
    fn clone(&self) -> Self {
        match self {
            Value::Float(t) => Value::Float(t.clone()),
            Value::Int(i) => Value::Int(i.clone()),
            Value::Double(d) => Value::Double(d.clone()),
            Value::Text(t) => Value::Text(t.clone()),
            Value::Sequence(values) => Value::Sequence(values.clone()),
            Value::Optional(held) => Value::Optional(held.clone()),
        }
    }
}

impl<B: Backend> Value<B> {
    /// Uploads stored values; `Err` says which element type has no place here.
    pub fn from_data(data: &TensorData, device: &B::Device) -> Result<Self, String> {
        let shape: Vec<usize> = data.shape.iter().map(|&d| d as usize).collect();
        let fits = |n: usize| match n == shape.iter().product::<usize>() {
            true => Ok(()),
            false => Err(format!("{n} values for shape {shape:?}")),
        };
        if let Some(strings) = data.to_strings() {
            fits(strings.len())?;
            let text = |s: &[u8]| String::from_utf8_lossy(s).into_owned();
            let strings = strings.iter().map(|s| text(s)).collect();
            return Ok(Value::Text(Texts::new(shape, strings)));
        }
        let beyond = |v: &f64| v.is_finite() && v.abs() > f32::MAX as f64;
        if let (DType::F64, Some(values)) = (data.dtype, data.to_f64())
            && values.iter().any(beyond)
        {
            fits(values.len())?;
            return Ok(Value::Double(Doubles {
                shape,
                data: values.into(),
            }));
        }
        if data.dtype.is_float() {
            let values = data.to_f32().ok_or_else(|| unsupported(data.dtype))?;
            fits(values.len())?;
            return Ok(Value::Float(float::<B>(values, &shape, device)));
        }
        let values = data.to_i64().ok_or_else(|| unsupported(data.dtype))?;
        fits(values.len())?;
        Ok(Value::Int(Ints::new(shape, values).typed(data.dtype)))
    }

    /// Uploads a value of any kind; `Err` as in [`Value::from_data`].
    pub fn from_host(value: &HostValue, device: &B::Device) -> Result<Self, String> {
        Ok(match value {
            HostValue::Tensor(data) => Value::from_data(data, device)?,
            HostValue::Sequence(values) => {
                let all = values.iter().map(|v| Value::from_host(v, device));
                Value::Sequence(all.collect::<Result<_, _>>()?)
            }
            HostValue::Optional(None) => Value::Optional(None),
            HostValue::Optional(Some(held)) => {
                Value::Optional(Some(Box::new(Value::from_host(held, device)?)))
            }
        })
    }

    /// Shape; a sequence counts as a vector, an optional value as what it holds.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Value::Float(t) => dims::<B>(t),
            Value::Int(i) => i.shape.clone(),
            Value::Double(d) => d.shape.clone(),
            Value::Text(t) => t.shape.clone(),
            Value::Sequence(values) => vec![values.len()],
            Value::Optional(held) => held.as_ref().map_or_else(|| vec![0], |v| v.shape()),
        }
    }

    /// Bytes that the values take at four bytes an element, as they are traced.
    pub fn bytes(&self) -> u64 {
        match self {
            Value::Sequence(values) => values.iter().map(Value::bytes).sum(),
            Value::Optional(held) => held.as_ref().map_or(0, |v| v.bytes()),
            _ => 4 * self.shape().iter().product::<usize>() as u64,
        }
    }

    /// The floats; integers are converted.
    ///
    /// # Errors
    /// A sentence for values that are no numbers.
    pub fn floats(&self, device: &B::Device) -> Result<FloatTensor<B>, String> {
        match self {
            Value::Float(t) => Ok(t.clone()),
            Value::Int(i) => Ok(float::<B>(i.floats(), &i.shape, device)),
            Value::Double(d) => Ok(float::<B>(d.floats(), &d.shape, device)),
            other => Err(other.unexpected("numbers are")),
        }
    }

    /// Host copy as float32, where the device can be waited for.
    pub fn to_host(&self) -> Result<Vec<f32>, String> {
        match self {
            Value::Float(t) => read::<B>(t.clone()),
            Value::Int(i) => Ok(i.floats()),
            Value::Double(d) => Ok(d.floats()),
            other => Err(other.unexpected("numbers are")),
        }
    }

    /// Host copy with element type `dtype` for floats; integers and strings have their own.
    ///
    /// # Errors
    /// A sentence where the device fails.
    pub fn to_host_value(&self, dtype: DType) -> Download<'_> {
        Box::pin(async move {
            let sizes = |s: &[usize]| s.iter().map(|&d| d as u64).collect::<Vec<_>>();
            Ok(match self {
                Value::Float(t) => {
                    let dtype = if dtype.is_float() { dtype } else { DType::F32 };
                    let values = read_async::<B>(t.clone()).await?;
                    let data = TensorData::from_floats(dtype, &sizes(&dims::<B>(t)), &values);
                    HostValue::Tensor(data.ok_or_else(|| unsupported(dtype))?)
                }
                Value::Int(i) => {
                    let data = TensorData::from_ints(i.dtype, &sizes(&i.shape), &i.data);
                    HostValue::Tensor(data.ok_or_else(|| unsupported(i.dtype))?)
                }
                Value::Double(d) => HostValue::Tensor(TensorData {
                    dtype: DType::F64,
                    shape: sizes(&d.shape),
                    payload: Payload::Bytes(d.data.iter().flat_map(|v| v.to_le_bytes()).collect()),
                }),
                Value::Text(t) => HostValue::Tensor(TensorData::from_strings(&sizes(&t.shape), &t.data)),
                Value::Sequence(values) => {
                    let mut all = Vec::with_capacity(values.len());
                    for value in values {
                        all.push(value.to_host_value(dtype).await?);
                    }
                    HostValue::Sequence(all)
                }
                Value::Optional(None) => HostValue::Optional(None),
                Value::Optional(Some(held)) => {
                    HostValue::Optional(Some(Box::new(held.to_host_value(dtype).await?)))
                }
            })
        })
    }

    /// A sentence for an operator that cannot do with this value.
    pub fn unexpected(&self, wanted: &str) -> String {
        let found = match self {
            Value::Float(_) => "floats".to_string(),
            Value::Int(i) => i.dtype.name().to_string(),
            Value::Double(_) => "float64".into(),
            Value::Text(_) => "strings".into(),
            Value::Sequence(values) => format!("a sequence of {}", values.len()),
            Value::Optional(_) => "an optional value".into(),
        };
        format!("{wanted} expected, {found} found")
    }
}

/// A host copy on its way; boxed, since sequences hold values again.
pub type Download<'a> = Pin<Box<dyn Future<Output = Result<HostValue, String>> + 'a>>;

fn unsupported(dtype: DType) -> String {
    format!("element type {} cannot be executed", dtype.name())
}

/// Shape of a backend tensor.
pub fn dims<B: Backend>(t: &FloatTensor<B>) -> Vec<usize> {
    t.shape().to_vec()
}

/// Uploads floats.
pub fn float<B: Backend>(values: Vec<f32>, shape: &[usize], device: &B::Device) -> FloatTensor<B> {
    if shape.is_empty() {
        // As in [`read_async`].
        return B::float_reshape(float::<B>(values, &[1], device), Shape::from(Vec::<usize>::new()));
    }
    B::float_from_data(BurnData::new(values, Shape::from(shape.to_vec())), device)
}

/// Uploads indices.
pub fn index<B: Backend>(ints: &Ints, device: &B::Device) -> IntTensor<B> {
    let values: Vec<i64> = ints.data.to_vec();
    let data = BurnData::new(values, Shape::from(ints.shape.clone())).convert::<B::IntElem>();
    B::int_from_data(data, device)
}

/// Uploads a mask, in the form that the device keeps booleans in.
pub fn mask<B: Backend>(ints: &Ints, device: &B::Device) -> BoolTensor<B> {
    let values: Vec<bool> = ints.data.iter().map(|&v| v != 0).collect();
    let kind = get_device_settings::<B>(device).bool_dtype;
    let data = BurnData::new(values, Shape::from(ints.shape.clone())).convert_dtype(kind.into());
    B::bool_from_data(data, device)
}

/// Downloads floats without holding the thread: the only way in the browser.
pub async fn read_async<B: Backend>(t: FloatTensor<B>) -> Result<Vec<f32>, String> {
    // cubecl's strides of a tensor without axes underflow.
    let t = if dims::<B>(&t).is_empty() {
        B::float_reshape(t, Shape::from(vec![1]))
    } else {
        t
    };
    let data = B::float_into_data(t).await.map_err(|e| e.to_string())?;
    data.convert::<f32>().into_vec().map_err(|e| format!("{e:?}"))
}

/// Downloads floats and waits for them.
pub fn read<B: Backend>(t: FloatTensor<B>) -> Result<Vec<f32>, String> {
    wait(read_async::<B>(t)).ok_or("the device cannot be waited for here")?
}

/// Waits for a device; `None` in the browser, where nothing may wait.
pub fn wait<T>(future: impl Future<Output = T>) -> Option<T> {
    burn_std::reader::try_read_sync(future)
}

/// Views a float tensor under another shape of the same size.
pub fn reshape<B: Backend>(t: FloatTensor<B>, shape: &[usize]) -> FloatTensor<B> {
    if dims::<B>(&t) == shape {
        return t;
    }
    let t = crate::ops::host::contiguous::<B>(&t).unwrap_or(t);
    B::float_reshape(t, Shape::from(shape.to_vec()))
}

/// Broadcasts a float tensor to `shape`.
pub fn expand<B: Backend>(t: FloatTensor<B>, shape: &[usize]) -> FloatTensor<B> {
    let own = dims::<B>(&t);
    if own == shape {
        return t;
    }
    let mut padded = vec![1; shape.len() - own.len()];
    padded.extend(&own);
    B::float_expand(reshape::<B>(t, &padded), Shape::from(shape.to_vec()))
}

/// Puts size-1 axes in front until the rank is `rank`.
pub fn raise<B: Backend>(t: FloatTensor<B>, rank: usize) -> FloatTensor<B> {
    let own = dims::<B>(&t);
    let mut padded = vec![1; rank.saturating_sub(own.len())];
    padded.extend(&own);
    reshape::<B>(t, &padded)
}

/// A negative axis counts from the end.
pub fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    if (0..rank as i64).contains(&at) {
        return Ok(at as usize);
    }
    Err(format!("axis {axis} of a tensor of rank {rank}"))
}

/// [`axis`] of a tensor that must have axes.
pub fn axis_of(place: i64, rank: usize) -> Result<usize, String> {
    match rank {
        0 => Err(format!("axis {place} of a tensor without axes")),
        _ => axis(place, rank),
    }
}
