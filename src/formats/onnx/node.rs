//! A node's attributes, looked up by name and checked.

use model::op::{Attribute, Attributes, Padding, Window};
use model::{DType, TensorData};

use crate::error::Fault;

/// Bound on sizes and axes in attributes, so that arithmetic on them cannot overflow.
const LIMIT: i64 = i32::MAX as i64;

/// A node of which the operator is to be told.
pub(super) struct Node<'a> {
    pub(super) kind: &'a str,
    pub(super) domain: &'a str,
    /// Version of the default operator set.
    pub(super) opset: i64,
    pub(super) attributes: &'a Attributes,
    /// True when an attribute of a kind that the model cannot hold was left out.
    pub(super) incomplete: bool,
}

fn at(name: &str, problem: String) -> Fault {
    Fault::new(format!("attribute {name:?}"), problem)
}

fn wrong(name: &str, expected: &str, found: &Attribute) -> Fault {
    let kind = match found {
        Attribute::Int(_) => "an integer",
        Attribute::Float(_) => "a float",
        Attribute::String(_) => "a string",
        Attribute::Ints(_) => "integers",
        Attribute::Floats(_) => "floats",
        Attribute::Strings(_) => "strings",
        Attribute::Tensor(_) => "a tensor",
    };
    at(name, format!("expected {expected}, found {kind}"))
}

impl Node<'_> {
    fn missing(&self, name: &str, expected: &str) -> Fault {
        let (kind, opset) = (self.kind, self.opset);
        at(
            name,
            format!("expected {expected}, found none ({kind} of opset {opset} requires it)"),
        )
    }

    pub(super) fn maybe_int(&self, name: &str) -> Result<Option<i64>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Int(v)) => Ok(Some(*v)),
            Some(other) => Err(wrong(name, "an integer", other)),
        }
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Fault> {
        Ok(self.maybe_int(name)?.unwrap_or(default))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        Ok(self.int(name, default as i64)? != 0)
    }

    /// An integer within `low` and 2^31.
    fn bounded(&self, name: &str, value: i64, low: i64) -> Result<i64, Fault> {
        if (low..=LIMIT).contains(&value) {
            return Ok(value);
        }
        Err(at(
            name,
            format!("expected a number from {low} to {LIMIT}, found {value}"),
        ))
    }

    pub(super) fn axis(&self, name: &str, default: i64) -> Result<i64, Fault> {
        self.bounded(name, self.int(name, default)?, -LIMIT)
    }

    /// An integer of 1 or more.
    pub(super) fn count(&self, name: &str, default: i64) -> Result<i64, Fault> {
        self.bounded(name, self.int(name, default)?, 1)
    }

    /// An integer of 1 or more, that the operator cannot do without.
    pub(super) fn required_count(&self, name: &str) -> Result<i64, Fault> {
        let value = self.maybe_int(name)?;
        self.bounded(name, value.ok_or_else(|| self.missing(name, "an integer"))?, 1)
    }

    pub(super) fn required_axis(&self, name: &str) -> Result<i64, Fault> {
        let value = self.maybe_int(name)?;
        self.bounded(
            name,
            value.ok_or_else(|| self.missing(name, "an integer"))?,
            -LIMIT,
        )
    }

    pub(super) fn maybe_float(&self, name: &str) -> Result<Option<f32>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Float(v)) => Ok(Some(*v)),
            Some(other) => Err(wrong(name, "a float", other)),
        }
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Fault> {
        Ok(self.maybe_float(name)?.unwrap_or(default))
    }

    /// A count that is 0 where it is absent.
    pub(super) fn bounded_int(&self, name: &str) -> Result<i64, Fault> {
        self.bounded(name, self.int(name, 0)?, 0)
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(v)) => Ok(Some(v.clone())),
            Some(other) => Err(wrong(name, "floats", other)),
        }
    }

    pub(super) fn dtype_or(&self, name: &str, default: DType) -> Result<DType, Fault> {
        match self.maybe_int(name)? {
            None => Ok(default),
            Some(_) => self.dtype(name),
        }
    }

    pub(super) fn maybe_string(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::String(v)) => Ok(Some(v)),
            Some(other) => Err(wrong(name, "a string", other)),
        }
    }

    pub(super) fn string(&self, name: &str, default: &str) -> Result<String, Fault> {
        Ok(self.maybe_string(name)?.unwrap_or(default).to_string())
    }

    pub(super) fn required_string(&self, name: &str) -> Result<String, Fault> {
        let value = self.maybe_string(name)?;
        Ok(value.ok_or_else(|| self.missing(name, "a string"))?.to_string())
    }

    /// A string out of `choices`; absent: the first.
    pub(super) fn choice(&self, name: &str, choices: &[&str]) -> Result<String, Fault> {
        let value = self.maybe_string(name)?.unwrap_or(choices[0]);
        if choices.contains(&value) {
            return Ok(value.to_string());
        }
        Err(at(name, format!("expected one of {choices:?}, found {value:?}")))
    }

    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>, Fault> {
        match self.attributes.get(name) {
            None => Ok(Vec::new()),
            Some(Attribute::Strings(v)) => Ok(v.clone()),
            Some(other) => Err(wrong(name, "strings", other)),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(v)) => Ok(Some(v.clone())),
            Some(other) => Err(wrong(name, "integers", other)),
        }
    }

    pub(super) fn required_ints(&self, name: &str) -> Result<Vec<i64>, Fault> {
        self.ints(name)?.ok_or_else(|| self.missing(name, "integers"))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<TensorData>, Fault> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(v)) => Ok(Some(v.clone())),
            Some(other) => Err(wrong(name, "a tensor", other)),
        }
    }

    pub(super) fn dtype(&self, name: &str) -> Result<DType, Fault> {
        let number = self.maybe_int(name)?;
        let number = number.ok_or_else(|| self.missing(name, "an element type"))?;
        let dtype = i32::try_from(number).ok().and_then(super::tensor::dtype);
        dtype.filter(|_| number != 0).ok_or_else(|| {
            at(
                name,
                format!("expected an element type of ONNX (1 to 26), found {number}"),
            )
        })
    }

    /// Sizes along spatial axes: none, or one per axis, each at least `low`.
    pub(super) fn sizes(&self, name: &str, low: i64) -> Result<Vec<i64>, Fault> {
        let sizes = self.ints(name)?.unwrap_or_default();
        for &size in &sizes {
            self.bounded(name, size, low)?;
        }
        Ok(sizes)
    }

    /// The sliding window of a convolution, or of a pooling, which must state its kernel.
    pub(super) fn window(&self, pooling: bool) -> Result<Window, Fault> {
        let kernel = self.sizes("kernel_shape", 1)?;
        if pooling && kernel.is_empty() {
            return Err(self.missing("kernel_shape", "integers"));
        }
        let strides = self.sizes("strides", 1)?;
        let dilations = self.sizes("dilations", 1)?;
        let pads = self.sizes("pads", 0)?;
        let rank = [kernel.len(), strides.len(), dilations.len(), pads.len() / 2];
        let rank = rank.into_iter().find(|&r| r > 0).unwrap_or(0);
        let lengths = [
            ("strides", strides.len(), rank),
            ("dilations", dilations.len(), rank),
            ("pads", pads.len(), 2 * rank),
        ];
        for (name, found, expected) in lengths {
            if found > 0 && found != expected {
                let problem = format!("expected {expected} numbers for {rank} axes, found {found}");
                return Err(at(name, problem));
            }
        }
        let choices = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"];
        let padding = match self.choice("auto_pad", &choices)?.as_str() {
            "SAME_UPPER" => Padding::SameUpper,
            "SAME_LOWER" => Padding::SameLower,
            "NOTSET" if !pads.is_empty() => Padding::Explicit(pads),
            _ => Padding::Valid,
        };
        Ok(Window {
            kernel,
            strides,
            dilations,
            padding,
        })
    }
}
