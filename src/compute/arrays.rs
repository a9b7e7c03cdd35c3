//! Tensors in host memory, and the arithmetic of their shapes and element types.

use std::sync::Arc;

use model::DType;

/// Element-wise index arithmetic over row-major shapes.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Elements of the largest tensor that an operator may make out of numbers that it reads.
const LARGEST: usize = 1 << 30;

/// Number of elements of `shape`, where a tensor of it can be made.
///
/// # Errors
/// A sentence for more than 2^30 elements.
pub fn elements(shape: &[usize]) -> Result<usize, String> {
    // Without its zeros too, so that no partial product can overflow later on.
    let nonzero = shape.iter().filter(|&&d| d > 0);
    let product = nonzero.copied().try_fold(1usize, usize::checked_mul);
    let product = product.filter(|&n| n <= LARGEST);
    let product = product.ok_or_else(|| format!("a tensor of shape {shape:?} is too large"))?;
    Ok(if shape.contains(&0) { 0 } else { product })
}

/// NumPy broadcasting of two shapes.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    (0..rank)
        .map(|i| {
            let of = |s: &[usize]| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
            match (of(a), of(b)) {
                (x, y) if x == y || y == 1 => Ok(x),
                (1, y) => Ok(y),
                _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
            }
        })
        .collect()
}

/// `value` as an integer of type `dtype` keeps it: its low bits, with their sign. uint64 stays in
/// the bits of an int64.
pub fn wrap(dtype: DType, value: i64) -> i64 {
    match dtype {
        DType::Bool => (value != 0) as i64,
        DType::I64 | DType::U64 => value,
        _ if !dtype.is_integer() => value,
        _ => {
            let shift = 64 - dtype.bits() as u32;
            match dtype.is_unsigned() {
                true => ((value as u64) << shift >> shift) as i64,
                false => value << shift >> shift,
            }
        }
    }
}

/// The order of two integers of type `dtype`.
pub fn order(dtype: DType, a: i64, b: i64) -> std::cmp::Ordering {
    match dtype {
        DType::U64 => (a as u64).cmp(&(b as u64)),
        _ => a.cmp(&b),
    }
}

/// A float as an integer of type `dtype`: truncated, its low bits kept.
pub fn truncate(dtype: DType, value: f64) -> i64 {
    match dtype {
        DType::Bool => (value != 0.0) as i64,
        DType::U64 if value >= 0.0 => value as u64 as i64,
        _ => wrap(dtype, value as i64),
    }
}

/// Host integers or booleans (0 and 1), row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Ints {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Arc<[i64]>,
    /// `Bool` or an integer type.
    pub dtype: DType,
}

impl Ints {
    /// An int64 tensor.
    pub fn new(shape: Vec<usize>, data: Vec<i64>) -> Self {
        Ints {
            shape,
            data: data.into(),
            dtype: DType::I64,
        }
    }

    /// Truncated floats: some exporters compute shapes in float.
    pub fn truncated(shape: Vec<usize>, values: &[f32]) -> Self {
        Ints::new(shape, values.iter().map(|&v| v as i64).collect())
    }

    /// The elements as floats.
    pub fn floats(&self) -> Vec<f32> {
        match self.dtype {
            DType::U64 => self.data.iter().map(|&v| v as u64 as f32).collect(),
            _ => self.data.iter().map(|&v| v as f32).collect(),
        }
    }

    /// With another element type.
    pub fn typed(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Elements at `indices` of the flattened tensor, in a new shape.
    pub fn pick(&self, shape: Vec<usize>, indices: impl Iterator<Item = usize>) -> Self {
        Ints {
            shape,
            data: indices.map(|i| self.data[i]).collect(),
            dtype: self.dtype,
        }
    }

    /// Broadcast to `shape`, which must be compatible.
    pub fn expand(&self, shape: &[usize]) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let lead = shape.len() - self.shape.len();
        let own = strides(&self.shape);
        let of = strides(shape);
        let total: usize = shape.iter().product();
        let index = |flat: usize| {
            (0..self.shape.len())
                .filter(|&i| self.shape[i] != 1)
                .map(|i| flat / of[i + lead] % shape[i + lead] * own[i])
                .sum::<usize>()
        };
        self.pick(shape.to_vec(), (0..total).map(index))
    }
}

/// For each element of `shape`, the place in a tensor of shape `own` that broadcasts to it.
pub fn spread(own: &[usize], shape: &[usize]) -> Vec<usize> {
    let count = own.iter().product::<usize>() as i64;
    let places = Ints::new(own.to_vec(), (0..count).collect()).expand(shape);
    places.data.iter().map(|&p| p as usize).collect()
}

/// Host float64, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubles {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Arc<[f64]>,
}

impl Doubles {
    /// The elements as floats.
    pub fn floats(&self) -> Vec<f32> {
        self.data.iter().map(|&v| v as f32).collect()
    }
}

/// Host strings, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Arc<[String]>,
}

impl Texts {
    /// A tensor of strings.
    pub fn new(shape: Vec<usize>, data: Vec<String>) -> Self {
        Texts {
            shape,
            data: data.into(),
        }
    }

    /// Elements at `indices` of the flattened tensor, in a new shape.
    pub fn pick(&self, shape: Vec<usize>, indices: impl Iterator<Item = usize>) -> Self {
        Texts {
            shape,
            data: indices.map(|i| self.data[i].clone()).collect(),
        }
    }
}
