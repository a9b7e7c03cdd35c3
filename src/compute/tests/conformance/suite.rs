//! The cases of the suite: a model, and folders of inputs with the outputs they should give.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use compute::{RunError, RunOptions};
use formats::Side;
use model::{HostValue, Network, TensorData};

use crate::compare;

/// Groups of cases, as the suite has them.
pub const GROUPS: [&str; 5] = ["node", "simple", "pytorch-converted", "pytorch-operator", "light"];

/// Relative tolerance of the suite.
const RELATIVE: f64 = 1e-3;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub group: &'static str,
    pub name: String,
    model: PathBuf,
    /// Relative tolerance.
    relative: f64,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Passed,
    /// Other values than expected, or an error from a layer that is executed.
    Failed(String),
    /// Something in it is not executed.
    Unsupported(String),
    Panicked(String),
    TimedOut,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passed"),
            Outcome::Failed(why) => write!(f, "failed: {why}"),
            Outcome::Unsupported(why) => write!(f, "unsupported: {why}"),
            Outcome::Panicked(why) => write!(f, "panicked: {why}"),
            Outcome::TimedOut => f.write_str("took too long"),
        }
    }
}

/// All cases below `folder`.
pub fn cases(folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for group in GROUPS {
        let inner = folder.join(group);
        let entries = std::fs::read_dir(&inner).map_err(|e| format!("{group}: {e}"))?;
        for entry in entries {
            let path = entry.map_err(|e| e.to_string())?.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let (model, relative) = if group == "light" {
                if path.extension().is_none_or(|e| e != "onnx") {
                    continue;
                }
                let about = name.replacen("light", "test", 1);
                (
                    path,
                    tolerance(&folder.join("real").join(about).join("data.json")),
                )
            } else {
                (path.join("model.onnx"), RELATIVE)
            };
            cases.push(Case {
                group,
                name,
                model,
                relative,
            });
        }
    }
    cases.sort_by(|a, b| (a.group, &a.name).cmp(&(b.group, &b.name)));
    Ok(cases)
}

/// The `rtol` that a network's description states.
fn tolerance(description: &Path) -> f64 {
    let text = std::fs::read_to_string(description).unwrap_or_default();
    let after = text
        .split("\"rtol\":")
        .nth(1)
        .and_then(|t| t.split([',', '}']).next());
    after.and_then(|t| t.trim().parse().ok()).unwrap_or(RELATIVE)
}

fn read(path: &Path) -> Result<Bytes, String> {
    Ok(std::fs::read(path)
        .map_err(|e| format!("{}: {e}", path.display()))?
        .into())
}

/// Values by name.
pub type Values = Vec<(String, HostValue)>;

impl Case {
    /// Runs every data set; gives the operator that the case is about, too.
    pub fn run(&self, options: &RunOptions) -> (Option<String>, Outcome) {
        let network = match formats::open(&self.model) {
            Ok(network) => Arc::new(network),
            Err(e) => return (None, Outcome::Failed(e.to_string().replace(&self.folder(), ""))),
        };
        let operator = match &network.main().layers[..] {
            [one] => Some(network.layer(*one).kind.clone()),
            _ => None,
        };
        (operator, self.outcome(&network, options).unwrap_or_else(|o| o))
    }

    fn folder(&self) -> String {
        let folder = self
            .model
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new(""));
        folder.display().to_string()
    }

    fn outcome(&self, network: &Arc<Network>, options: &RunOptions) -> Result<Outcome, Outcome> {
        // Shapes that are inferred wrongly, operators that are executed but said to be unknown.
        let wrong = |w: &&String| w.contains(", its layer gives ") || w.contains("is not known");
        if let Some(warning) = network.warnings.iter().find(wrong) {
            return Err(Outcome::Failed(warning.clone()));
        }
        let sets = self.sets(network).map_err(Outcome::Failed)?;
        if sets.is_empty() {
            return Err(Outcome::Failed("it has no data".into()));
        }
        // Shape inference may know less than the file states, but nothing else.
        if let Some(wrong) = network.warnings.iter().find(|w| w.contains("its layer gives")) {
            return Err(Outcome::Failed(wrong.clone()));
        }
        for (inputs, expected) in sets {
            let found = compute::evaluate_cpu(network, &inputs, options).map_err(|e| match &e {
                RunError::Layer { problem, .. } if problem.contains("cannot be executed") => {
                    Outcome::Unsupported(e.to_string())
                }
                e => Outcome::Failed(e.to_string()),
            })?;
            compare::outputs(&found, &expected, self.relative).map_err(Outcome::Failed)?;
            inferred(network, &found).map_err(Outcome::Failed)?;
        }
        Ok(Outcome::Passed)
    }

    /// The kind of its only layer, or "several".
    pub fn operator(&self) -> Result<String, String> {
        let network = formats::open(&self.model).map_err(|e| e.to_string())?;
        Ok(match &network.main().layers[..] {
            [one] => network.layer(*one).kind.clone(),
            _ => "several".into(),
        })
    }

    /// The network with the inputs of its first data set.
    pub fn first(&self) -> Result<(Arc<Network>, Values), String> {
        let (network, inputs, _) = self.whole()?;
        Ok((network, inputs))
    }

    /// The network with inputs and outputs of its first data set.
    pub fn whole(&self) -> Result<(Arc<Network>, Values, Values), String> {
        let network = formats::open(&self.model).map_err(|e| e.to_string())?;
        let sets = self.sets(&network)?;
        let (inputs, outputs) = sets.into_iter().next().ok_or("it has no data")?;
        Ok((Arc::new(network), inputs, outputs))
    }

    /// Runs the first data set with each input in turn replaced by values of other shapes and
    /// sizes, which no operator may panic on. Gives the last error.
    pub fn mutate(&self, options: &RunOptions) -> Result<(), String> {
        let mut network = formats::open(&self.model).map_err(|e| e.to_string())?;
        for id in network.main().inputs.clone() {
            network.tensors[id.0 as usize].spec.axes = None;
        }
        let sets = self.sets(&network)?;
        let network = Arc::new(network);
        let (inputs, _) = sets.into_iter().next().ok_or("it has no data")?;
        let mut last = Ok(());
        for i in 0..inputs.len() {
            let Some(data) = inputs[i].1.tensor() else {
                continue;
            };
            // A loop that is told to take 2^40 rounds goes on until it is stopped.
            let patient = !self.name.starts_with("test_loop");
            for other in others(data, patient) {
                let mut changed = inputs.clone();
                changed[i].1 = other.into();
                if let Err(e) = compute::evaluate_cpu(&network, &changed, options) {
                    last = Err(e.to_string());
                }
            }
        }
        last
    }

    /// Inputs and expected outputs of each data set.
    fn sets(&self, network: &Network) -> Result<Vec<(Values, Values)>, String> {
        let model = read(&self.model)?;
        if self.group == "light" {
            let stem = self.model.with_extension("");
            let output = PathBuf::from(format!("{}_output_0.pb", stem.display()));
            let expected = formats::onnx_values(model, Side::Outputs, &[("output".into(), read(&output)?)]);
            return Ok(vec![(ramps(network)?, expected.map_err(|e| e.to_string())?)]);
        }
        let folder = self.model.parent().unwrap_or(Path::new(""));
        let mut sets = Vec::new();
        for set in 0.. {
            let set = folder.join(format!("test_data_set_{set}"));
            if !set.is_dir() {
                break;
            }
            let side = |side, prefix: &str| -> Result<Values, String> {
                let mut files = Vec::new();
                for i in 0.. {
                    let name = format!("{prefix}_{i}.pb");
                    let path = set.join(&name);
                    if !path.is_file() {
                        break;
                    }
                    files.push((name, read(&path)?));
                }
                formats::onnx_values(model.clone(), side, &files).map_err(|e| e.to_string())
            };
            sets.push((side(Side::Inputs, "input")?, side(Side::Outputs, "output")?));
        }
        Ok(sets)
    }
}

/// Sizes that shape inference knows are those of the outputs.
fn inferred(network: &Network, found: &Values) -> Result<(), String> {
    for (&id, (name, value)) in network.main().outputs.iter().zip(found) {
        let (Some(dims), Some(data)) = (network.tensor(id).spec.dims(), value.tensor()) else {
            continue;
        };
        let differs = |(d, &n): (&model::Dim, &u64)| d.known().is_some_and(|d| d != n);
        if dims.len() != data.shape.len() || dims.iter().zip(&data.shape).any(differs) {
            let spec = &network.tensor(id).spec;
            return Err(format!("output {name:?} is {}, inferred is {spec}", data.spec()));
        }
    }
    Ok(())
}

/// What the suite feeds its real networks: `0/n, 1/n, ...`, symbols being 1.
fn ramps(network: &Network) -> Result<Values, String> {
    let ramp = |&id: &model::TensorId| {
        let tensor = network.tensor(id);
        let dims = tensor.spec.dims().ok_or("an input of unknown rank")?;
        let shape: Vec<u64> = dims.iter().map(|d| d.known().unwrap_or(1)).collect();
        let count: u64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (i as f64 / count as f64) as f32).collect();
        Ok((tensor.name.clone(), TensorData::from_f32(&shape, &values).into()))
    };
    network.main().inputs.iter().map(ramp).collect()
}

/// Tensors of the same type with other shapes or, for integers, other values.
fn others(data: &TensorData, large: bool) -> Vec<TensorData> {
    let shapes: [&[u64]; 6] = [&[], &[0], &[1], &[2, 3], &[2, 0, 3], &[1, 2, 3, 2]];
    let mut all = Vec::new();
    for shape in shapes {
        let count = shape.iter().product::<u64>() as usize;
        all.extend(filled(data.dtype, shape, count, 1));
    }
    if data.dtype.is_integer() {
        let values = [-1, 0, 3, -7, i64::MIN, 1 << 40, i64::MAX];
        for value in values.into_iter().filter(|&v| large || v < 1 << 40) {
            all.extend(filled(data.dtype, &data.shape, data.len(), value));
        }
    }
    all
}

fn filled(dtype: model::DType, shape: &[u64], count: usize, value: i64) -> Option<TensorData> {
    if dtype == model::DType::String {
        return Some(TensorData::from_strings(shape, &vec!["a"; count]));
    }
    let ints = TensorData::from_ints(dtype, shape, &vec![value; count]);
    ints.or_else(|| TensorData::from_floats(dtype, shape, &vec![value as f32; count]))
}
