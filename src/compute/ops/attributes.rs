//! Raw attributes of operators that run by name, looked up and checked.

use model::TensorData;
use model::op::{Attribute, Attributes};

/// The attributes of a layer.
#[derive(Clone, Copy)]
pub struct Attrs<'a>(pub &'a Attributes);

fn wrong<T>(name: &str, expected: &str, found: &Attribute) -> Result<T, String> {
    Err(format!("attribute {name:?}: {expected} expected, {found} found"))
}

impl<'a> Attrs<'a> {
    /// An integer, where it is given.
    pub fn opt_int(self, name: &str) -> Result<Option<i64>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Int(v)) => Ok(Some(*v)),
            Some(other) => wrong(name, "an integer is", other),
        }
    }

    /// An integer.
    pub fn int(self, name: &str, default: i64) -> Result<i64, String> {
        Ok(self.opt_int(name)?.unwrap_or(default))
    }

    /// An integer that is not 0.
    pub fn flag(self, name: &str, default: bool) -> Result<bool, String> {
        Ok(self.int(name, default as i64)? != 0)
    }

    /// A float, where it is given.
    pub fn opt_float(self, name: &str) -> Result<Option<f32>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Float(v)) => Ok(Some(*v)),
            Some(other) => wrong(name, "a float is", other),
        }
    }

    /// A float.
    pub fn float(self, name: &str, default: f32) -> Result<f32, String> {
        Ok(self.opt_float(name)?.unwrap_or(default))
    }

    /// A string, where it is given.
    pub fn opt_string(self, name: &str) -> Result<Option<&'a str>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::String(v)) => Ok(Some(v)),
            Some(other) => wrong(name, "a string is", other),
        }
    }

    /// A string.
    pub fn string(self, name: &str, default: &'a str) -> Result<&'a str, String> {
        Ok(self.opt_string(name)?.unwrap_or(default))
    }

    /// Integers, where they are given.
    pub fn ints(self, name: &str) -> Result<Option<&'a [i64]>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(v)) => Ok(Some(v)),
            Some(other) => wrong(name, "integers are", other),
        }
    }

    /// Floats, where they are given.
    pub fn floats(self, name: &str) -> Result<Option<&'a [f32]>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(v)) => Ok(Some(v)),
            Some(other) => wrong(name, "floats are", other),
        }
    }

    /// Strings, where they are given.
    pub fn strings(self, name: &str) -> Result<Option<&'a [String]>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Strings(v)) => Ok(Some(v)),
            Some(other) => wrong(name, "strings are", other),
        }
    }

    /// A tensor, where it is given.
    pub fn tensor(self, name: &str) -> Result<Option<&'a TensorData>, String> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(v)) => Ok(Some(v)),
            Some(other) => wrong(name, "a tensor is", other),
        }
    }
}
