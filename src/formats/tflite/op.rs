//! One operator of a TFLite graph, and what all operators need.

use model::op::{Attribute, Attributes, Op as ModelOp, Padding, Unary};
use model::{DType, TensorData, TensorId};

use super::flat::Table;
use super::names::NAMES;
use super::tensor::Entry;
use crate::channels::{Builder, Flow, Node, Order, Sizes, broadcasting};
use crate::error::Fault;

/// An operator as the file states it.
pub(super) struct Op<'a> {
    pub(super) number: usize,
    /// Its name; custom ones have their own.
    pub(super) kind: String,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) options: Option<Table<'a>>,
    /// Options of a custom operator, as it packs them.
    pub(super) custom: Vec<i32>,
}

impl<'a> Op<'a> {
    pub(super) fn read(number: usize, builtin: i32, custom: &str, table: &Table<'a>) -> Result<Self, Fault> {
        let name = usize::try_from(builtin).ok().and_then(|b| NAMES.get(b));
        let kind = match name {
            Some(&"CUSTOM") => format!("CUSTOM {custom}"),
            Some(name) => name.to_string(),
            None => format!("operator number {builtin}"),
        };
        Ok(Op {
            number,
            kind,
            inputs: table.ints(1)?,
            outputs: table.ints(2)?,
            options: table.table(4)?,
            custom: table.words(5)?,
        })
    }

    /// Option `field` as a number.
    pub(super) fn int(&self, field: usize, default: i32) -> Result<i64, Fault> {
        Ok(i64::from(
            self.options.map_or(Ok(default), |o| o.int(field, default))?,
        ))
    }

    pub(super) fn byte(&self, field: usize) -> Result<u8, Fault> {
        self.options.map_or(Ok(0), |o| o.byte(field))
    }

    pub(super) fn flag(&self, field: usize) -> Result<bool, Fault> {
        Ok(self.byte(field)? != 0)
    }

    pub(super) fn float(&self, field: usize, default: f32) -> Result<f32, Fault> {
        self.options.map_or(Ok(default), |o| o.float(field, default))
    }

    /// A step of a window, at least 1.
    pub(super) fn step(&self, field: usize) -> Result<i64, Fault> {
        match self.int(field, 1)? {
            n if n >= 1 => Ok(n),
            n => Err(Fault::new(
                "",
                format!("expected a step or size of at least 1, found {n}"),
            )),
        }
    }

    pub(super) fn padding(&self, field: usize) -> Result<Padding, Fault> {
        Ok(if self.byte(field)? == 0 {
            Padding::SameUpper
        } else {
            Padding::Valid
        })
    }
}

/// The graph being built.
pub(super) struct Graph {
    pub(super) b: Builder,
    pub(super) tensors: Vec<Entry>,
    pub(super) flows: Vec<Option<Flow>>,
}

impl Graph {
    fn place(&self, place: i32) -> Result<usize, Fault> {
        let found = usize::try_from(place).ok().filter(|&p| p < self.tensors.len());
        found.ok_or_else(|| Fault::new("", format!("tensor {place} of {}", self.tensors.len())))
    }

    pub(super) fn entry(&self, place: i32) -> Result<&Entry, Fault> {
        Ok(&self.tensors[self.place(place)?])
    }

    /// A graph input.
    pub(super) fn input(&mut self, place: i32) -> Result<(), Fault> {
        let i = self.place(place)?;
        let Entry {
            name, shape, dtype, ..
        } = &self.tensors[i];
        let flow = self.b.input(&name.clone(), *dtype, Some(shape.clone()));
        self.flows[i] = Some(flow);
        Ok(())
    }

    /// The tensor at `place`, stored ones in the file's order.
    pub(super) fn flow(&mut self, place: i32) -> Result<Flow, Fault> {
        let i = self.place(place)?;
        if let Some(flow) = &self.flows[i] {
            return Ok(flow.clone());
        }
        let entry = &self.tensors[i];
        let (name, shape) = (self.stored_name(i), Some(entry.shape.clone()));
        let tensor = match &entry.data {
            Some(data) => self.b.stored(&name, || Ok(data.clone()))?,
            None if entry.unusable.is_some() => self.b.missing(&name),
            None => {
                let problem = format!("tensor {name:?} is read before anything gives it a value");
                return Err(Fault::new("", problem));
            }
        };
        Ok(Flow { tensor, shape })
    }

    fn stored_name(&self, i: usize) -> String {
        // Names may repeat.
        format!("{}#{i}", short(&self.tensors[i].name))
    }

    /// Stored values at `place`.
    pub(super) fn data(&self, place: i32) -> Option<&TensorData> {
        self.entry(place).ok()?.data.as_ref()
    }

    /// Stored whole numbers at `place`.
    pub(super) fn ints(&self, place: i32) -> Option<Vec<i64>> {
        self.data(place)?.to_i64()
    }

    /// Stored values, laid out anew as `suffix` says.
    pub(super) fn laid(
        &mut self,
        place: i32,
        suffix: &str,
        rank: usize,
        lay: impl FnOnce(&TensorData) -> TensorData,
    ) -> Result<Option<TensorId>, Fault> {
        let i = self.place(place)?;
        let name = format!("{}{suffix}", self.stored_name(i));
        let Some(data) = &self.tensors[i].data else {
            return Ok(None);
        };
        if data.shape.len() != rank {
            let problem = format!("tensor {name:?}: expected {rank} axes, found {}", data.spec());
            return Err(Fault::new("", problem));
        }
        let data = data.clone();
        self.b.stored(&name, || Ok(lay(&data))).map(Some)
    }

    /// Input `place` broadcast to `rank` axes in `order`; computed tensors must have that rank.
    pub(super) fn operand(
        &mut self,
        place: i32,
        rank: usize,
        order: Order,
    ) -> Result<Option<TensorId>, Fault> {
        let i = self.place(place)?;
        if self.flows[i].is_none()
            && let Some(data) = &self.tensors[i].data
        {
            let data = data.clone();
            let suffix = if order == Order::ChannelsFirst {
                ":channels first"
            } else {
                ""
            };
            let name = format!("{}:{rank} axes{suffix}", self.stored_name(i));
            return self
                .b
                .stored(&name, || Ok(broadcasting(&data, rank, order)))
                .map(Some);
        }
        let flow = self.flow(place)?;
        Ok(match order {
            Order::ChannelsFirst if flow.rank() == Some(rank) => Some(self.b.first(&flow)?.tensor),
            Order::ChannelsFirst => None,
            _ => Some(self.b.file(&flow)?.tensor),
        })
    }

    /// The shape of output `i`.
    pub(super) fn shape(&self, op: &Op, i: usize) -> Result<Sizes, Fault> {
        let place = op
            .outputs
            .get(i)
            .ok_or_else(|| Fault::new("", format!("expected an output {i}, found none")))?;
        Ok(self.entry(*place)?.shape.clone())
    }

    /// The layer's name: that of what it gives, the first of several that were fused.
    pub(super) fn name(&self, op: &Op) -> String {
        let name = op
            .outputs
            .first()
            .and_then(|&p| self.entry(p).ok())
            .map_or("", |e| short(&e.name));
        match name {
            "" => format!("{} {}", op.kind.to_lowercase(), op.number),
            name => name.to_string(),
        }
    }

    /// A step inside an operator.
    pub(super) fn step(
        &mut self,
        op: &Op,
        suffix: &str,
        with: ModelOp,
        inputs: &[TensorId],
    ) -> Result<TensorId, Fault> {
        let name = format!("{}:{suffix}", self.name(op));
        self.b.one(&name, &op.kind, with, inputs)
    }

    /// The layer that stands for the operator, with the activation of number `fused` after it.
    pub(super) fn main(
        &mut self,
        op: &Op,
        with: ModelOp,
        inputs: Vec<Option<TensorId>>,
        order: Order,
        fused: u8,
    ) -> Result<Vec<Flow>, Fault> {
        let clip = |min: f32, max: f32| ModelOp::Clip {
            min: Some(min),
            max: Some(max),
        };
        let (activation, after) = match fused {
            1 => (Some(Unary::Relu), None),
            2 => (None, Some(clip(-1.0, 1.0))),
            3 => (None, Some(clip(0.0, 6.0))),
            4 => (Some(Unary::Tanh), None),
            _ => (None, None),
        };
        let made = self.b.add(Node {
            name: self.name(op),
            kind: op.kind.clone(),
            op: with,
            inputs,
            outputs: op.outputs.len().clamp(1, 64),
            attributes: self.attributes(op)?,
            activation,
        })?;
        let mut first = made[0];
        if let Some(after) = after {
            first = self.step(op, "activation", after, &[first])?;
        }
        let mut flows = Vec::with_capacity(made.len());
        for (i, tensor) in made.into_iter().enumerate() {
            let shape = self.shape(op, i)?;
            let tensor = if i == 0 { first } else { tensor };
            flows.push(self.b.flow(tensor, Some(shape), order));
        }
        Ok(flows)
    }

    /// Quantisation of what the operator reads, to show.
    fn attributes(&self, op: &Op) -> Result<Attributes, Fault> {
        let mut shown = Attributes::new();
        for (i, &place) in op.inputs.iter().enumerate().filter(|(_, p)| **p >= 0) {
            let entry = self.entry(place)?;
            if entry.data.is_none() || entry.scales.is_empty() {
                continue;
            }
            let scales = entry.scales.iter().take(8).map(|s| s.0).collect();
            shown.insert(format!("input {i} scale"), Attribute::Floats(scales));
            if entry.scales.iter().any(|s| s.1 != 0) {
                let zeros = entry.scales.iter().take(8).map(|s| s.1).collect();
                shown.insert(format!("input {i} zero point"), Attribute::Ints(zeros));
            }
        }
        Ok(shown)
    }

    /// Adds one operator.
    pub(super) fn operator(&mut self, op: &Op) -> Result<(), Fault> {
        let flows = match super::ops::make(self, op)? {
            Some(flows) => flows,
            None => self.generic(op)?,
        };
        for (flow, &place) in flows.into_iter().zip(&op.outputs) {
            let i = self.place(place)?;
            self.flows[i] = Some(flow);
        }
        Ok(())
    }

    /// The operator as it is.
    fn generic(&mut self, op: &Op) -> Result<Vec<Flow>, Fault> {
        self.b.note_unknown(&op.kind, "cannot be computed");
        let mut inputs = Vec::with_capacity(op.inputs.len());
        for &place in &op.inputs {
            inputs.push(match place {
                -1 => None,
                place => {
                    let flow = self.flow(place)?;
                    Some(self.b.file(&flow)?.tensor)
                }
            });
        }
        let with = ModelOp::Other {
            name: op.kind.clone(),
            domain: "tflite".into(),
        };
        let flows = self.main(op, with, inputs, Order::File, 0)?;
        // The file states the shapes that nothing here can infer.
        for flow in &flows {
            let dims = flow
                .shape
                .iter()
                .flatten()
                .map(|s| s.map_or(model::Dim::Unknown, model::Dim::Known));
            let spec = model::TensorSpec::new(DType::F32, dims.collect::<Vec<_>>());
            self.b.network.tensors[flow.tensor.0 as usize].spec = spec;
        }
        Ok(flows)
    }
}

/// `a/b/Relu;a/b/BiasAdd` as its first part.
fn short(name: &str) -> &str {
    name.split(';').next().unwrap_or(name)
}
