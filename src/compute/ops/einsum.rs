//! `Einsum`: products summed over shared labels, two operands at a time as matrix products.

use std::collections::HashMap;

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::matmul::product;
use super::shape::take;
use super::{Context, Outputs};
use crate::value::{Value, dims, expand, reshape, strides};

/// A letter, or an axis under the ellipsis counted from the end.
type Label = u32;

const ELLIPSIS: Label = 1 << 24;

struct Operand<B: Backend> {
    tensor: FloatTensor<B>,
    labels: Vec<Label>,
}

/// The labels of one term; `rank`: axes of its tensor, `None` for the result, whose ellipsis has
/// `hidden` axes.
fn labels(term: &str, rank: Option<usize>, hidden: usize) -> Result<Vec<Label>, String> {
    let letters = term.chars().filter(|c| c.is_ascii_alphabetic()).count();
    let has = term.contains("...");
    let plain = term.replacen("...", "", 1);
    if plain.chars().any(|c| !c.is_ascii_alphabetic()) {
        return Err(format!("term {term:?}: letters and one ellipsis are expected"));
    }
    let under = match rank {
        Some(rank) => rank.checked_sub(letters).filter(|&u| has || u == 0),
        None => Some(hidden),
    };
    let under = under.ok_or_else(|| format!("term {term:?} for a tensor of rank {}", rank.unwrap_or(0)))?;
    let mut all = Vec::new();
    let mut rest = term;
    while let Some(c) = rest.chars().next() {
        if c == '.' {
            all.extend((0..under as Label).rev().map(|k| ELLIPSIS + k));
            rest = &rest[3..];
        } else {
            all.push(c as Label);
            rest = &rest[1..];
        }
    }
    Ok(all)
}

/// `Einsum`.
pub fn einsum<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let equation: String = c.attrs().string("equation", "")?.split_whitespace().collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != c.inputs.len() {
        return Err(format!("{} terms for {} inputs", terms.len(), c.inputs.len()));
    }
    let mut operands = Vec::with_capacity(terms.len());
    for (i, term) in terms.iter().enumerate() {
        let tensor = c.float(i)?;
        let labels = labels(term, Some(dims::<B>(&tensor).len()), 0)?;
        operands.push(diagonal(c, Operand { tensor, labels })?);
    }
    let all = || operands.iter().flat_map(|o| o.labels.iter().copied());
    let hidden = all()
        .filter(|&l| l >= ELLIPSIS)
        .max()
        .map_or(0, |l| (l - ELLIPSIS + 1) as usize);
    let result = match right {
        Some(right) => labels(right, None, hidden)?,
        None => {
            let mut once: Vec<Label> = all()
                .filter(|&l| l < ELLIPSIS && all().filter(|&m| m == l).count() == 1)
                .collect();
            once.sort_unstable();
            let under = (0..hidden as Label).rev().map(|k| ELLIPSIS + k);
            under.chain(once).collect()
        }
    };
    if result.iter().any(|l| !all().any(|m| m == *l)) {
        return Err(format!(
            "equation {equation:?}: the result has a label of its own"
        ));
    }
    let mut rest = operands.into_iter();
    let mut made = rest.next().ok_or("there are no inputs")?;
    let mut later: Vec<Operand<B>> = rest.collect();
    while !later.is_empty() {
        let next = later.remove(0);
        let needed = |l: &Label| result.contains(l) || later.iter().any(|o| o.labels.contains(l));
        made = pair::<B>(made, next, needed)?;
    }
    made = sum::<B>(made, |l| result.contains(l));
    let tensor = arrange::<B>(&made, &result);
    Ok(vec![Value::Float(tensor)])
}

/// Repeated labels of one operand: only the cells whose indices agree.
fn diagonal<B: Backend>(c: &Context<B>, mut o: Operand<B>) -> Result<Operand<B>, String> {
    loop {
        let twice = (0..o.labels.len())
            .find_map(|j| Some((o.labels[..j].iter().position(|l| *l == o.labels[j])?, j)));
        let Some((i, j)) = twice else { return Ok(o) };
        let shape = dims::<B>(&o.tensor);
        if shape[i] != shape[j] {
            return Err(format!(
                "a repeated label on axes of {} and {}",
                shape[i], shape[j]
            ));
        }
        let steps = strides(&shape);
        let total: usize = shape.iter().product();
        let same = |&at: &usize| at / steps[i] % shape[i] == at / steps[j] % shape[j];
        let places: Vec<usize> = (0..total).filter(same).collect();
        let line = Value::<B>::Float(reshape::<B>(o.tensor, &[total]));
        let mut to = shape;
        to.remove(j);
        o.labels.remove(j);
        o.tensor = match take(&line, 0, &places, c.device) {
            Value::Float(t) => reshape::<B>(t, &to),
            other => return Err(other.unexpected("floats are")),
        };
    }
}

/// Sums over the labels that are not needed.
fn sum<B: Backend>(mut o: Operand<B>, needed: impl Fn(&Label) -> bool) -> Operand<B> {
    for axis in (0..o.labels.len()).rev() {
        if needed(&o.labels[axis]) {
            continue;
        }
        let mut shape = dims::<B>(&o.tensor);
        shape.remove(axis);
        o.tensor = reshape::<B>(B::float_sum_dim(o.tensor, axis), &shape);
        o.labels.remove(axis);
    }
    o
}

/// The tensor of `o` with its axes in the order of `labels`, of which it has all.
fn arrange<B: Backend>(o: &Operand<B>, labels: &[Label]) -> FloatTensor<B> {
    let place = |l: &Label| o.labels.iter().position(|m| m == l).unwrap_or(0);
    let perm: Vec<usize> = labels.iter().map(place).collect();
    if perm.iter().enumerate().all(|(i, &p)| i == p) {
        return o.tensor.clone();
    }
    B::float_permute(o.tensor.clone(), &perm)
}

/// The product of two operands, summed over what both have and nothing else needs.
fn pair<B: Backend>(
    a: Operand<B>,
    b: Operand<B>,
    needed: impl Fn(&Label) -> bool,
) -> Result<Operand<B>, String> {
    let a = sum::<B>(a, |l| needed(l) || b.labels.contains(l));
    let b = sum::<B>(b, |l| needed(l) || a.labels.contains(l));
    let mut sizes: HashMap<Label, usize> = HashMap::new();
    for o in [&a, &b] {
        for (&l, d) in o.labels.iter().zip(dims::<B>(&o.tensor)) {
            let size = sizes.entry(l).or_insert(d);
            if *size != d && *size != 1 && d != 1 {
                return Err(format!("one label on axes of {size} and {d}"));
            }
            *size = (*size).max(d);
        }
    }
    let widened = |o: &Operand<B>| {
        let to: Vec<usize> = o.labels.iter().map(|l| sizes[l]).collect();
        Operand::<B> {
            tensor: expand::<B>(o.tensor.clone(), &to),
            labels: o.labels.clone(),
        }
    };
    let (a, b) = (widened(&a), widened(&b));
    let both = |yes: bool| -> Vec<Label> {
        let shared = a.labels.iter().filter(|l| b.labels.contains(l));
        shared.filter(|l| needed(l) == yes).copied().collect()
    };
    let (batch, inner) = (both(true), both(false));
    let only = |x: &Operand<B>, y: &Operand<B>| -> Vec<Label> {
        x.labels
            .iter()
            .filter(|l| !y.labels.contains(l))
            .copied()
            .collect()
    };
    let (rows, columns) = (only(&a, &b), only(&b, &a));
    let size = |of: &[Label]| of.iter().map(|l| sizes[l]).product::<usize>();
    let left = arrange::<B>(&a, &[&batch[..], &rows, &inner].concat());
    let right = arrange::<B>(&b, &[&batch[..], &inner, &columns].concat());
    let left = reshape::<B>(left, &[size(&batch), size(&rows), size(&inner)]);
    let right = reshape::<B>(right, &[size(&batch), size(&inner), size(&columns)]);
    let labels = [batch, rows, columns].concat();
    let to: Vec<usize> = labels.iter().map(|l| sizes[l]).collect();
    Ok(Operand {
        tensor: reshape::<B>(product::<B>(left, right)?, &to),
        labels,
    })
}
