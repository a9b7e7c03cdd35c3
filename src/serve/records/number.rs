//! Numbers as JSON has them, and the three that it lacks as texts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A number that may be written `"NaN"`, `"Infinity"` or `"-Infinity"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Float(pub(crate) f64);

/// A number as precise as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    /// Above the largest `i64`.
    Large(u64),
    Float(f64),
}

impl Number {
    pub(crate) fn float(self) -> f64 {
        match self {
            Number::Int(v) => v as f64,
            Number::Large(v) => v as f64,
            Number::Float(v) => v,
        }
    }

    /// As an integer of so many bits, where it is one; unsigned ones of 64 bits as their bits.
    pub(crate) fn int(self, bits: u32, unsigned: bool) -> Option<i64> {
        let v = match self {
            Number::Int(v) => v as i128,
            Number::Large(v) => v as i128,
            Number::Float(v) if v.fract() == 0.0 && v.abs() < 9e15 => v as i128,
            Number::Float(_) => return None,
        };
        let range = match unsigned {
            true => 0..1i128 << bits,
            false => -(1i128 << (bits - 1))..1i128 << (bits - 1),
        };
        range.contains(&v).then_some(v as i64)
    }
}

/// A number or a text.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

impl Value<'_> {
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Value::Number(v) => Some(v),
            Value::Text(text) => named(&text),
        }
    }

    pub(crate) fn text(self) -> Option<String> {
        match self {
            Value::Number(_) => None,
            Value::Text(text) => Some(text.into_owned()),
        }
    }
}

/// Base64 or a list.
#[derive(Debug)]
pub(crate) enum Data<'a> {
    Text(Cow<'a, str>),
    List(Vec<Number>),
}

fn named(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

const EXPECTED: &str = "a number, \"NaN\", \"Infinity\" or \"-Infinity\"";

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Number, E> {
        Ok(Number::Int(v))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Number, E> {
        Ok(i64::try_from(v).map_or(Number::Large(v), Number::Int))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Number, E> {
        Ok(Number::Float(v))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        let value = named(text);
        let value = value.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(Number::Float(value))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NumberVisitor)
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Number::deserialize(from).map(|n| Float(n.float()))
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(v))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.into())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("base64 or a list of numbers")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Data::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Data::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(Data::List(numbers))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DataVisitor)
    }
}
