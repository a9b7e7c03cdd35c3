//! Operators of classical machine learning (`ai.onnx.ml`): tree ensembles, encoders of labels.

use std::collections::HashMap;

use burn_backend::Backend;
use model::{DType, TensorData};

use super::plain::{Call, Floats, Plain, elements};
use super::shape::{take, with_shape};
use super::{Context, Outputs};
use crate::value::{Ints, Texts};

/// `ArrayFeatureExtractor`: columns of the last axis.
pub fn columns<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, picks) = (c.value(0)?, c.ints(1)?);
    let mut shape = x.shape();
    // A vector counts as one row.
    if shape.len() == 1 {
        shape.insert(0, 1);
    }
    let &width = shape.last().ok_or("an axis is expected")?;
    let picks: Vec<usize> = (picks.data.iter())
        .map(|&p| usize::try_from(p).ok().filter(|&p| p < width))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("columns {:?} of {shape:?}", picks.data))?;
    let x = with_shape(x, shape.clone())?;
    Ok(vec![take(&x, shape.len() - 1, &picks, c.device)])
}

/// `Binarizer`: 1 above a threshold.
pub fn binarize(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let threshold = c.attrs().float("threshold", 0.0)?;
    let above = x.iter().map(|&v| if v > threshold { 1.0 } else { 0.0 });
    let data: Vec<f32> = above.collect();
    Ok(vec![match c.input(0)? {
        Plain::Int(i) => Plain::ints(shape.to_vec(), data.iter().map(|&v| v as i64).collect(), i.dtype),
        _ => Plain::floats(shape.to_vec(), data),
    }])
}

/// A key or value of an encoder.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Label {
    Text(String),
    Int(i64),
    /// By its bits; NaN is one key.
    Float(u32),
}

fn float_label(v: f32) -> Label {
    Label::Float(if v.is_nan() {
        f32::NAN.to_bits()
    } else {
        v.to_bits()
    })
}

fn of_plain(x: &Plain) -> Vec<Label> {
    match x {
        Plain::Text(t) => t.data.iter().cloned().map(Label::Text).collect(),
        Plain::Int(i) => i.data.iter().copied().map(Label::Int).collect(),
        Plain::Float(f) => f.data.iter().copied().map(float_label).collect(),
    }
}

fn plain(data: &TensorData) -> Result<Plain, String> {
    let shape = data.shape.iter().map(|&d| d as usize).collect();
    let wrong = || format!("{} in an attribute", data.spec());
    if let Some(strings) = data.to_strings() {
        let text = |s: &[u8]| String::from_utf8_lossy(s).into_owned();
        return Ok(Plain::texts(shape, strings.iter().map(|s| text(s)).collect()));
    }
    if data.dtype.is_float() {
        return Ok(Plain::floats(shape, data.to_f32().ok_or_else(wrong)?));
    }
    Ok(Plain::ints(shape, data.to_i64().ok_or_else(wrong)?, data.dtype))
}

/// A list of labels out of the attributes that start with `prefix`.
fn list(c: &Call, prefix: &str) -> Result<Option<(Vec<Label>, DType)>, String> {
    let attrs = c.attrs();
    if let Some(tensor) = attrs.tensor(&format!("{prefix}_tensor"))? {
        return Ok(Some((of_plain(&plain(tensor)?), tensor.dtype)));
    }
    if let Some(v) = attrs.strings(&format!("{prefix}_strings"))? {
        return Ok(Some((
            v.iter().cloned().map(Label::Text).collect(),
            DType::String,
        )));
    }
    if let Some(v) = attrs.ints(&format!("{prefix}_int64s"))? {
        return Ok(Some((v.iter().copied().map(Label::Int).collect(), DType::I64)));
    }
    let floats = attrs.floats(&format!("{prefix}_floats"))?;
    Ok(floats.map(|v| (v.iter().copied().map(float_label).collect(), DType::F32)))
}

/// `LabelEncoder`: a value for each key.
pub fn encode(c: &Call) -> Result<Vec<Plain>, String> {
    let attrs = c.attrs();
    let (keys, _) = list(c, "keys")?.ok_or("the keys are missing")?;
    let (values, kind) = list(c, "values")?.ok_or("the values are missing")?;
    if keys.len() != values.len() {
        return Err(format!("{} keys for {} values", keys.len(), values.len()));
    }
    let default = match attrs.tensor("default_tensor")? {
        Some(tensor) => of_plain(&plain(tensor)?).into_iter().next(),
        None => None,
    };
    let default = match (default, kind) {
        (Some(label), _) => label,
        (None, DType::String) => Label::Text(attrs.string("default_string", "_Unused")?.to_string()),
        (None, kind) if kind.is_float() => float_label(attrs.float("default_float", -0.0)?),
        _ => Label::Int(attrs.int("default_int64", -1)?),
    };
    let table: HashMap<Label, &Label> = keys.into_iter().zip(&values).collect();
    let x = c.input(0)?;
    let found: Vec<&Label> = of_plain(x)
        .iter()
        .map(|key| table.get(key).copied().unwrap_or(&default))
        .collect();
    let shape = x.shape().to_vec();
    Ok(vec![match kind {
        DType::String => {
            let text = |l: &&Label| match l {
                Label::Text(t) => t.clone(),
                _ => String::new(),
            };
            Plain::Text(Texts::new(shape, found.iter().map(text).collect()))
        }
        kind if kind.is_float() => {
            let number = |l: &&Label| match l {
                Label::Float(bits) => f32::from_bits(*bits),
                _ => 0.0,
            };
            let data = found.iter().map(number).collect();
            Plain::Float(Floats { shape, data })
        }
        kind => {
            let number = |l: &&Label| match l {
                Label::Int(v) => *v,
                _ => 0,
            };
            Plain::Int(Ints::new(shape, found.iter().map(number).collect()).typed(kind))
        }
    }])
}

/// The nodes and leaves of `TreeEnsemble`.
struct Forest {
    features: Vec<usize>,
    modes: Vec<i64>,
    splits: Vec<f32>,
    /// For each node, what follows when its test holds and when it does not: place, and whether it
    /// is a leaf.
    next: Vec<[(usize, bool); 2]>,
    missing: Vec<bool>,
    /// For each node the values that a membership test looks for.
    members: Vec<Vec<f32>>,
    targets: Vec<usize>,
    weights: Vec<f32>,
}

impl Forest {
    fn read(c: &Call) -> Result<Self, String> {
        let attrs = c.attrs();
        let ints =
            |name: &str| -> Result<Vec<i64>, String> { Ok(attrs.ints(name)?.unwrap_or_default().to_vec()) };
        let places = |name: &str| -> Result<Vec<usize>, String> {
            let one = |&v: &i64| usize::try_from(v).map_err(|_| format!("attribute {name:?}: {v}"));
            attrs.ints(name)?.unwrap_or_default().iter().map(one).collect()
        };
        let floats = |name: &str| -> Result<Vec<f32>, String> {
            let tensor = attrs.tensor(name)?;
            Ok(tensor.and_then(TensorData::to_f32).unwrap_or_default())
        };
        let features = places("nodes_featureids")?;
        let count = features.len();
        let modes = attrs
            .tensor("nodes_modes")?
            .and_then(TensorData::to_i64)
            .unwrap_or_default();
        let splits = floats("nodes_splits")?;
        let (yes, no) = (places("nodes_truenodeids")?, places("nodes_falsenodeids")?);
        let (yes_leaf, no_leaf) = (ints("nodes_trueleafs")?, ints("nodes_falseleafs")?);
        let lengths = [
            modes.len(),
            splits.len(),
            yes.len(),
            no.len(),
            yes_leaf.len(),
            no_leaf.len(),
        ];
        if lengths.iter().any(|&l| l != count) {
            return Err(format!("{count} nodes with attributes of {lengths:?} values"));
        }
        let mut missing = ints("nodes_missing_value_tracks_true")?;
        missing.resize(count, 0);
        let mut sets = floats("membership_values")?.into_iter();
        let mut members = vec![Vec::new(); count];
        for (set, &mode) in members.iter_mut().zip(&modes) {
            if mode == 6 {
                *set = sets.by_ref().take_while(|v| !v.is_nan()).collect();
            }
        }
        let next = (0..count).map(|i| [(no[i], no_leaf[i] != 0), (yes[i], yes_leaf[i] != 0)]);
        let (targets, weights) = (places("leaf_targetids")?, floats("leaf_weights")?);
        if targets.len() != weights.len() {
            return Err(format!("{} leaves with {} weights", targets.len(), weights.len()));
        }
        Ok(Forest {
            features,
            modes,
            splits,
            next: next.collect(),
            missing: missing.into_iter().map(|v| v != 0).collect(),
            members,
            targets,
            weights,
        })
    }

    /// The leaf that `row` falls to from `root`.
    fn leaf(&self, root: usize, row: &[f32]) -> Result<usize, String> {
        let mut at = root;
        // A path visits no node twice.
        for _ in 0..=self.features.len() {
            let feature = self
                .features
                .get(at)
                .ok_or_else(|| format!("there is no node {at}"))?;
            let x = *row
                .get(*feature)
                .ok_or_else(|| format!("there is no feature {feature}"))?;
            let split = self.splits[at];
            let yes = match self.modes[at] {
                0 => x <= split,
                1 => x < split,
                2 => x >= split,
                3 => x > split,
                4 => x == split,
                5 => x != split,
                6 => self.members[at].contains(&x),
                other => return Err(format!("node {at} has mode {other}: 0 to 6 is expected")),
            };
            let yes = yes || (x.is_nan() && self.missing[at]);
            let (next, leaf) = self.next[at][usize::from(yes)];
            if leaf {
                return Ok(next);
            }
            at = next;
        }
        Err("the nodes of a tree form a circle".into())
    }
}

/// `TreeEnsemble`: for each row the leaves' weights, gathered by target.
pub fn ensemble(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let &[rows, width] = shape else {
        return Err(format!("rows of features are expected, {shape:?} found"));
    };
    let forest = Forest::read(c)?;
    let attrs = c.attrs();
    let targets = usize::try_from(attrs.int("n_targets", 1)?).map_err(|_| "negative targets")?;
    let roots = attrs.ints("tree_roots")?.ok_or("the roots are missing")?;
    let how = attrs.int("aggregate_function", 1)?;
    let mut y = vec![0f32; elements(&[rows, targets])?];
    for r in 0..rows {
        let mut seen: Vec<Vec<f32>> = vec![Vec::new(); targets];
        for &root in roots {
            let root = usize::try_from(root).map_err(|_| "a negative root")?;
            let leaf = forest.leaf(root, &x[r * width..(r + 1) * width])?;
            let target = forest.targets.get(leaf).copied().filter(|&t| t < targets);
            let target = target.ok_or_else(|| format!("leaf {leaf} has no target below {targets}"))?;
            seen[target].push(forest.weights[leaf]);
        }
        for (t, values) in seen.iter().enumerate() {
            y[r * targets + t] = match how {
                0 => values.iter().sum::<f32>() / roots.len().max(1) as f32,
                1 => values.iter().sum(),
                2 => values.iter().copied().reduce(f32::min).unwrap_or(0.0),
                3 => values.iter().copied().reduce(f32::max).unwrap_or(0.0),
                other => return Err(format!("aggregate function {other}: 0 to 3 is expected")),
            };
        }
        transform(
            &mut y[r * targets..(r + 1) * targets],
            attrs.int("post_transform", 0)?,
        )?;
    }
    Ok(vec![Plain::floats(vec![rows, targets], y)])
}

fn transform(row: &mut [f32], how: i64) -> Result<(), String> {
    let soft = |row: &mut [f32], skip: bool| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exp = |v: f32| if skip && v == 0.0 { 0.0 } else { (v - top).exp() };
        row.iter_mut().for_each(|v| *v = exp(*v));
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= sum);
    };
    match how {
        0 => {}
        1 => soft(row, false),
        2 => row.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
        3 => soft(row, true),
        other => return Err(format!("post transform {other} is not computed")),
    }
    Ok(())
}
