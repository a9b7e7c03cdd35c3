//! One use of a layer: its settings, its weights, and what is added to the network for it.

use model::op::{Attribute, Attributes, Op};
use model::{DType, TensorData, TensorId};
use serde_json::Value;

use super::activation::Activation;
use super::config::{Call, Layer};
use super::weights::Weights;
use crate::channels::{Builder, Flow, Node, Order, Sizes, reshaped};
use crate::error::Fault;

/// What a layer gives; `None` where it can only be shown as it is.
pub(super) type Made = Result<Option<Vec<Flow>>, Fault>;

/// What all layers share.
pub(super) struct Reader<'a> {
    pub(super) b: Builder,
    pub(super) weights: &'a Weights,
    /// True from Keras 3 on, which gives some functions other constants.
    pub(super) keras3: bool,
}

/// One use of a layer.
pub(super) struct At<'a> {
    pub(super) layer: &'a Layer,
    /// Names of the models around and its own: `inner/dense`.
    pub(super) path: String,
    /// Before the roles of its weights: `forward/` inside a wrapper.
    pub(super) part: String,
    pub(super) call: &'a Call,
}

impl At<'_> {
    pub(super) fn class(&self) -> &str {
        &self.layer.class
    }

    fn place(&self) -> String {
        format!("layer {:?} ({})", self.path, self.layer.class)
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::new(self.place(), problem)
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Value) -> Fault {
        let text = found.to_string();
        let short: String = text.chars().take(80).collect();
        self.fault(format!("{key:?}: expected {wanted}, found {short}"))
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.layer.config.get(key).filter(|v| !v.is_null())
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    pub(super) fn float(&self, key: &str, default: f32) -> Result<f32, Fault> {
        let Some(value) = self.value(key) else {
            return Ok(default);
        };
        let number = value.as_f64().map(|v| v as f32).filter(|v| v.is_finite());
        number.ok_or_else(|| self.wrong(key, "a number", value))
    }

    pub(super) fn int(&self, key: &str, default: i64) -> Result<i64, Fault> {
        let Some(value) = self.value(key) else {
            return Ok(default);
        };
        let number = value.as_i64().filter(|v| v.unsigned_abs() < 1 << 31);
        number.ok_or_else(|| self.wrong(key, "a whole number", value))
    }

    /// A whole number from 1 on.
    pub(super) fn size(&self, key: &str, default: Option<i64>) -> Result<i64, Fault> {
        let Some(value) = self.value(key) else {
            return default.ok_or_else(|| self.fault(format!("expected {key:?}, found none")));
        };
        let number = value.as_i64().filter(|v| (1..1 << 31).contains(v));
        number.ok_or_else(|| self.wrong(key, "a whole number of at least 1", value))
    }

    /// One number for all of `axes` axes, or one for each.
    pub(super) fn axes(&self, key: &str, axes: usize, default: i64) -> Result<Vec<i64>, Fault> {
        let Some(value) = self.value(key) else {
            return Ok(vec![default; axes]);
        };
        let fits = |v: &Value| v.as_i64().filter(|n| (1..1 << 31).contains(n));
        let found = match value {
            Value::Array(list) if list.len() == axes => list.iter().map(fits).collect(),
            one => fits(one).map(|n| vec![n; axes]),
        };
        found.ok_or_else(|| {
            self.wrong(
                key,
                &format!("a whole number from 1 on, or {axes} of them"),
                value,
            )
        })
    }

    /// Begin and end of each of `axes` axes: one number, one for each, or a pair for each.
    pub(super) fn ends(&self, key: &str, axes: usize, default: i64) -> Result<Vec<(i64, i64)>, Fault> {
        let Some(value) = self.value(key) else {
            return Ok(vec![(default, default); axes]);
        };
        let number = |v: &Value| v.as_i64().filter(|n| (0..1 << 31).contains(n));
        let pair = |v: &Value| match v {
            Value::Array(p) if p.len() == 2 => Some((number(&p[0])?, number(&p[1])?)),
            one => number(one).map(|n| (n, n)),
        };
        let found = match value {
            // One axis: a pair is begin and end.
            Value::Array(p) if axes == 1 && p.len() == 2 => pair(value).map(|p| vec![p]),
            Value::Array(list) if list.len() == axes => list.iter().map(pair).collect(),
            one => number(one).map(|n| vec![(n, n); axes]),
        };
        found.ok_or_else(|| self.wrong(key, &format!("numbers or pairs for {axes} axes"), value))
    }

    /// True when the layer itself wants its channels first.
    pub(super) fn channels_first(&self) -> bool {
        self.text("data_format") == Some("channels_first")
    }

    /// Settings to show.
    pub(super) fn attributes(&self) -> Attributes {
        let hidden = [
            "name",
            "trainable",
            "dtype",
            "layers",
            "batch_input_shape",
            "batch_shape",
        ];
        let dull = ["_initializer", "_regularizer", "_constraint"];
        let mut shown = Attributes::new();
        for (key, value) in &self.layer.config {
            if hidden.contains(&key.as_str()) || dull.iter().any(|d| key.ends_with(d)) {
                continue;
            }
            if let Some(value) = attribute(value) {
                shown.insert(key.clone(), value);
            }
        }
        shown
    }

    /// The weight `role`, checked to have `rank` axes.
    pub(super) fn weight<'w>(
        &self,
        weights: &'w Weights,
        role: &str,
        rank: usize,
    ) -> Result<Option<&'w TensorData>, Fault> {
        let Some(data) = weights.get(&self.path, &format!("{}{role}", self.part)) else {
            return Ok(None);
        };
        if data.shape.len() != rank || !data.dtype.is_float() {
            let found = data.spec();
            return Err(self.fault(format!(
                "weight {role:?}: expected {rank} axes of floats, found {found}"
            )));
        }
        Ok(Some(data))
    }
}

/// A setting as an attribute; objects and mixed lists as their text.
fn attribute(value: &Value) -> Option<Attribute> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => Attribute::String(b.to_string()),
        Value::Number(n) => match n.as_i64() {
            Some(i) => Attribute::Int(i),
            None => Attribute::Float(n.as_f64()? as f32),
        },
        Value::String(s) => Attribute::String(s.clone()),
        Value::Array(list) => match list.iter().map(Value::as_i64).collect() {
            Some(ints) => Attribute::Ints(ints),
            None => Attribute::String(shortened(value)),
        },
        Value::Object(_) => Attribute::String(shortened(value)),
    })
}

/// Long settings (marshalled code, vocabularies) are cut.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Reader<'_> {
    /// A layer that stands for the Keras layer itself, with its activation.
    pub(super) fn main(
        &mut self,
        at: &At,
        op: Op,
        inputs: Vec<Option<TensorId>>,
        shape: Option<Sizes>,
        order: Order,
        activation: Activation,
    ) -> Result<Flow, Fault> {
        let node = Node {
            name: at.path.clone(),
            kind: at.class().to_string(),
            op,
            inputs,
            outputs: 1,
            attributes: at.attributes(),
            activation: activation.fused(),
        };
        let tensor = self.b.add(node)?[0];
        let flow = self.b.flow(tensor, shape, order);
        match activation.fused() {
            Some(_) => Ok(flow),
            None => activation.apply(self, at, flow),
        }
    }

    /// A step inside a Keras layer.
    pub(super) fn step(
        &mut self,
        at: &At,
        suffix: &str,
        op: Op,
        inputs: &[TensorId],
    ) -> Result<TensorId, Fault> {
        self.b
            .one(&format!("{}:{suffix}", at.path), at.class(), op, inputs)
    }

    /// A weight as it is stored, or a place for it where the file lacks it.
    pub(super) fn stored(&mut self, at: &At, role: &str, rank: usize) -> Result<TensorId, Fault> {
        self.laid(at, role, role, rank, |data| Ok(data.clone()))
    }

    /// A weight that is laid out anew as `name`.
    pub(super) fn laid(
        &mut self,
        at: &At,
        role: &str,
        name: &str,
        rank: usize,
        lay: impl FnOnce(&TensorData) -> Result<TensorData, Fault>,
    ) -> Result<TensorId, Fault> {
        let full = format!("{}/{}{name}", at.path, at.part);
        let weights = self.weights;
        match at.weight(weights, role, rank)? {
            Some(data) => self.b.stored(&full, || lay(data)),
            None => {
                self.b
                    .warn(format!("layer {:?}: the file has no weight {role:?}", at.path));
                Ok(self.b.missing(&full))
            }
        }
    }

    /// Values for each channel, brought to `rank` axes in the order of `order`: `[C]` as `[C, 1, 1]`.
    pub(super) fn per_channel(values: &TensorData, rank: usize, order: Order) -> TensorData {
        let channels = values.len() as u64;
        match order {
            Order::ChannelsFirst => {
                let shape: Vec<u64> = std::iter::once(channels).chain((2..rank).map(|_| 1)).collect();
                reshaped(values, &shape)
            }
            _ => reshaped(values, &[channels]),
        }
    }

    /// A constant of one number.
    pub(super) fn scalar(&mut self, at: &At, name: &str, value: f32) -> TensorId {
        let data = TensorData::from_f32(&[], &[value]);
        self.b.constant(&format!("{}/{name}", at.path), data)
    }

    /// A constant list of whole numbers.
    pub(super) fn ints(&mut self, at: &At, name: &str, values: &[i64]) -> TensorId {
        let data = TensorData::from_i64(&[values.len() as u64], values);
        self.b.constant(&format!("{}/{name}", at.path), data)
    }
}

/// Element type of an input, from its name in the configuration.
pub(super) fn dtype(name: &str) -> DType {
    match name {
        "float64" => DType::F64,
        "float16" => DType::F16,
        "bfloat16" => DType::BF16,
        "int64" => DType::I64,
        "int32" => DType::I32,
        "int16" => DType::I16,
        "int8" => DType::I8,
        "uint8" => DType::U8,
        "bool" => DType::Bool,
        "string" => DType::String,
        _ => DType::F32,
    }
}
