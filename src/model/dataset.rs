//! A set of examples in host memory: what a network is fed, what it should answer, and which
//! examples are kept aside to judge it by.

use crate::dim::{Bindings, Dim};
use crate::network::Network;
use crate::tensor::TensorData;

/// Examples with a part to learn from and a part to judge by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What it is called, for titles.
    pub name: String,
    /// What the network is fed, one column an input.
    pub inputs: Vec<Column>,
    /// What it should answer.
    pub targets: Targets,
    /// Names of the classes, where targets are classes and have names.
    pub classes: Vec<String>,
    /// Examples to learn from.
    pub training: Vec<u32>,
    /// Examples to judge by; may be empty.
    pub validation: Vec<u32>,
    /// Examples that nothing is chosen by: judged once, when training is over; may be empty.
    pub test: Vec<u32>,
}

/// One array of examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// The network's input that it is for; empty: the inputs in their order.
    pub name: String,
    /// Shape of one example, without the batch.
    pub shape: Vec<usize>,
    /// Example after example, row-major.
    pub cells: Cells,
}

/// The elements of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// As they are.
    Floats(Vec<f32>),
    /// Pixels, that are fed divided by 255.
    Bytes(Vec<u8>),
    /// Tokens, classes.
    Ints(Vec<i64>),
}

/// What a network should answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Targets {
    /// Indices of classes: one an example, or one for each place of it.
    Classes(Column),
    /// Numbers.
    Values(Column),
    /// The first input itself: autoencoders.
    #[default]
    Inputs,
}

impl Default for Cells {
    fn default() -> Self {
        Cells::Floats(Vec::new())
    }
}

impl Cells {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Cells::Floats(v) => v.len(),
            Cells::Bytes(v) => v.len(),
            Cells::Ints(v) => v.len(),
        }
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Column {
    /// Elements of one example.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.cells.len() / self.width().max(1)
    }

    /// True without examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The examples `picks`, which must be there, as float32; pixels from 0 to 1.
    pub fn floats(&self, picks: &[u32]) -> Vec<f32> {
        let width = self.width();
        let mut out = Vec::with_capacity(picks.len() * width);
        for &pick in picks {
            let range = pick as usize * width..(pick as usize + 1) * width;
            match &self.cells {
                Cells::Floats(v) => out.extend_from_slice(&v[range]),
                Cells::Bytes(v) => out.extend(v[range].iter().map(|&p| f32::from(p) / 255.0)),
                Cells::Ints(v) => out.extend(v[range].iter().map(|&i| i as f32)),
            }
        }
        out
    }

    /// The examples `picks`, which must be there, as integers; other numbers are truncated.
    pub fn ints(&self, picks: &[u32]) -> Vec<i64> {
        let width = self.width();
        let mut out = Vec::with_capacity(picks.len() * width);
        for &pick in picks {
            let range = pick as usize * width..(pick as usize + 1) * width;
            match &self.cells {
                Cells::Floats(v) => out.extend(v[range].iter().map(|&x| x as i64)),
                Cells::Bytes(v) => out.extend(v[range].iter().map(|&p| i64::from(p))),
                Cells::Ints(v) => out.extend_from_slice(&v[range]),
            }
        }
        out
    }

    /// The examples `picks` as a tensor with the batch in front.
    pub fn tensor(&self, picks: &[u32]) -> TensorData {
        let mut shape = vec![picks.len() as u64];
        shape.extend(self.shape.iter().map(|&d| d as u64));
        match &self.cells {
            Cells::Ints(_) => TensorData::from_i64(&shape, &self.ints(picks)),
            _ => TensorData::from_f32(&shape, &self.floats(picks)),
        }
    }
}

impl Dataset {
    /// Number of examples, all parts together.
    pub fn len(&self) -> usize {
        self.inputs.first().map_or(0, Column::len)
    }

    /// True without examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of the targets; `None` where they are the inputs.
    pub fn target(&self) -> Option<&Column> {
        match &self.targets {
            Targets::Classes(column) | Targets::Values(column) => Some(column),
            Targets::Inputs => None,
        }
    }

    /// Puts all examples into the training part but a share of them, drawn with `seed`.
    pub fn split(mut self, validation: f64, seed: u64) -> Self {
        let mut all: Vec<u32> = (0..self.len() as u32).collect();
        let mut random = crate::random::Random::new(&[seed, 0x5eed]);
        random.shuffle(&mut all);
        let aside = (validation.clamp(0.0, 1.0) * all.len() as f64).round() as usize;
        self.training = all.split_off(aside);
        self.validation = all;
        self.training.sort_unstable();
        self.validation.sort_unstable();
        self
    }

    /// Checks that all columns have the same number of examples and that all parts name examples
    /// that are there.
    ///
    /// # Errors
    /// A sentence about the first thing that is wrong.
    pub fn check(&self) -> Result<(), String> {
        let count = self.len();
        for column in self.inputs.iter().chain(self.target()) {
            let width = column.width();
            let wanted = width.checked_mul(count);
            if width == 0 || wanted != Some(column.cells.len()) {
                return Err(format!(
                    "{:?}: {} elements for {count} examples of {:?}",
                    column.name,
                    column.cells.len(),
                    column.shape
                ));
            }
        }
        if self.training.is_empty() {
            return Err("there are no examples to learn from".into());
        }
        let mut parts = self.training.iter().chain(&self.validation).chain(&self.test);
        match parts.find(|&&i| i as usize >= count) {
            Some(i) => Err(format!("example {i} of {count}")),
            None => Ok(()),
        }
    }

    /// The columns with the inputs of `network` that they are for.
    ///
    /// # Errors
    /// A sentence for names that the network does not have, for shapes that differ from its own, and
    /// for more columns than inputs.
    pub fn feed<'a>(&'a self, network: &Network) -> Result<Vec<(String, &'a Column)>, String> {
        let inputs = &network.main().inputs;
        let names: Vec<&str> = inputs.iter().map(|&i| network.tensor(i).name.as_str()).collect();
        let mut fed = Vec::with_capacity(self.inputs.len());
        for (i, column) in self.inputs.iter().enumerate() {
            let place = match column.name.as_str() {
                "" => Some(i).filter(|&i| i < names.len()),
                name => names.iter().position(|n| *n == name),
            };
            let place = place.ok_or_else(|| {
                let column = if column.name.is_empty() {
                    format!("column {i}")
                } else {
                    format!("{:?}", column.name)
                };
                format!("{column} is for no input of the network; it has {names:?}")
            })?;
            let spec = &network.tensor(inputs[place]).spec;
            let own = spec.dims().and_then(|d| Some(d.get(1..)?.to_vec()));
            let fits = |(wanted, &size): (&Dim, &usize)| {
                wanted
                    .eval(&Bindings::default())
                    .is_none_or(|wanted| wanted == size as u64)
            };
            if let Some(own) = own
                && (own.len() != column.shape.len() || !own.iter().zip(&column.shape).all(fits))
            {
                return Err(format!(
                    "input {:?} is {spec}, the examples are {:?} each",
                    names[place], column.shape
                ));
            }
            fed.push((names[place].to_string(), column));
        }
        Ok(fed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        Dataset {
            inputs: vec![Column {
                name: String::new(),
                shape: vec![2],
                cells: Cells::Bytes((0..20).map(|i| i * 5).collect()),
            }],
            targets: Targets::Classes(Column {
                name: String::new(),
                shape: vec![],
                cells: Cells::Ints((0..10).collect()),
            }),
            ..Dataset::default()
        }
    }

    #[test]
    fn a_split_takes_every_example_once_and_repeats_with_its_seed() {
        let split = set().split(0.3, 4);
        assert_eq!((split.training.len(), split.validation.len()), (7, 3));
        let mut all = [&split.training[..], &split.validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
        assert_eq!(split, set().split(0.3, 4));
        assert_ne!(split, set().split(0.3, 5));
        assert_eq!(split.check(), Ok(()));
    }

    #[test]
    fn columns_that_do_not_agree_are_named() {
        let mut wrong = set().split(0.5, 1);
        wrong.targets = Targets::Values(Column {
            name: "y".into(),
            shape: vec![3],
            cells: Cells::Floats(vec![0.0; 29]),
        });
        assert_eq!(
            wrong.check(),
            Err("\"y\": 29 elements for 10 examples of [3]".into())
        );
        let mut wrong = set().split(0.5, 1);
        wrong.training.push(10);
        assert_eq!(wrong.check(), Err("example 10 of 10".into()));
        let mut wrong = set().split(0.5, 1);
        wrong.test.push(11);
        assert_eq!(wrong.check(), Err("example 11 of 10".into()));
        assert!(set().check().is_err());
    }

    #[test]
    fn pixels_are_fed_from_0_to_1() {
        let column = &set().inputs[0];
        assert_eq!(
            column.floats(&[9, 0]),
            [90.0 / 255.0, 95.0 / 255.0, 0.0, 5.0 / 255.0]
        );
        assert_eq!(column.tensor(&[3]).shape, [1, 2]);
    }
}
