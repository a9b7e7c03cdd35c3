//! Settings of methods: what there is to set, and what is set.

use std::collections::BTreeMap;

use model::LayerId;

use super::Method;
use crate::ProbeError;

/// One thing that a method lets choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Key in [`Settings::values`].
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// What it changes, in a sentence.
    pub about: &'static str,
    /// What values it takes.
    pub kind: Kind,
}

/// Values that a setting takes, and the one that it has when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    /// A number.
    Number { default: f64, low: f64, high: f64 },
    /// A whole number.
    Whole { default: u64, low: u64, high: u64 },
    /// One of several, by its place.
    Choice {
        options: &'static [&'static str],
        default: usize,
    },
    /// 0 for off, 1 for on.
    Switch { default: bool },
}

impl Kind {
    /// The value when nothing is said.
    pub fn default(&self) -> f64 {
        match *self {
            Kind::Number { default, .. } => default,
            Kind::Whole { default, .. } => default as f64,
            Kind::Choice { default, .. } => default as f64,
            Kind::Switch { default } => f64::from(u8::from(default)),
        }
    }

    fn check(&self, value: f64) -> Result<(), String> {
        let (low, high) = match *self {
            Kind::Number { low, high, .. } => (low, high),
            Kind::Whole { low, high, .. } => (low as f64, high as f64),
            Kind::Choice { options, .. } => (0.0, options.len() as f64 - 1.0),
            Kind::Switch { .. } => (0.0, 1.0),
        };
        let whole = matches!(self, Kind::Number { .. }) || value.fract() == 0.0;
        match value >= low && value <= high && whole {
            true => Ok(()),
            false => Err(format!(
                "{value} given, {} {low} to {high} expected",
                match self {
                    Kind::Number { .. } => "a number of",
                    _ => "a whole number of",
                }
            )),
        }
    }
}

/// What is set for a method; what is not named has its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Values by the ids of settings.
    pub values: BTreeMap<String, f64>,
    /// The layer that [`Method::layered`] methods look at; `None`: the deepest convolution.
    pub layer: Option<LayerId>,
    /// Arrays in place of what a method would make or draw: `baseline` (one example), `noise`
    /// (examples, one after the other), `masks` (rows and columns, one after the other).
    pub given: BTreeMap<String, Vec<f32>>,
}

impl Settings {
    /// With one more value.
    pub fn with(mut self, id: &str, value: f64) -> Self {
        self.values.insert(id.into(), value);
        self
    }

    /// With an array in place of what would be made.
    pub fn given(mut self, id: &str, values: Vec<f32>) -> Self {
        self.given.insert(id.into(), values);
        self
    }

    /// Names that `settings` has, values that they take.
    ///
    /// # Errors
    /// [`ProbeError::Setting`] for others.
    pub(crate) fn check(&self, settings: &[Setting]) -> Result<(), ProbeError> {
        for (name, &value) in &self.values {
            let fail = |problem: String| ProbeError::Setting {
                name: name.clone(),
                problem,
            };
            let known = settings.iter().find(|s| s.id == name);
            let ids: Vec<&str> = settings.iter().map(|s| s.id).collect();
            let known = known.ok_or_else(|| fail(format!("not one of [{}]", ids.join(", "))))?;
            known.kind.check(value).map_err(fail)?;
        }
        Ok(())
    }

    /// The value of `id`, its default in `settings` where nothing is said.
    pub(crate) fn number(&self, settings: &[Setting], id: &str) -> f64 {
        let default = || {
            settings
                .iter()
                .find(|s| s.id == id)
                .map_or(0.0, |s| s.kind.default())
        };
        self.values.get(id).copied().unwrap_or_else(default)
    }

    pub(super) fn of(&self, method: &Method, id: &str) -> f64 {
        self.number(method.settings, id)
    }

    pub(super) fn whole(&self, method: &Method, id: &str) -> usize {
        self.of(method, id) as usize
    }

    pub(super) fn on(&self, method: &Method, id: &str) -> bool {
        self.of(method, id) != 0.0
    }
}
