//! `layerscope run`: one pass, its tensors as an `.npz`.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use compute::{Engine, Gpu, Keep, RunError, RunOptions};
use data::Preprocess;
use model::{Dim, HostValue, Network, TensorData};

use crate::{Failure, text};

/// A device to compute on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor, through burn-flex.
    Cpu,
    /// The graphics device, through wgpu; a software one where there is no other.
    Gpu,
}

/// Runs `file` on what is given and writes its outputs, or every tensor, to `out`.
pub fn run(file: &Path, asked: &text::Given, out: &Path, all: bool, device: Device) -> Result<(), Failure> {
    let network = Arc::new(formats::open(file)?);
    let given = match &asked.inputs {
        Some(inputs) => read_inputs(&network, inputs)?,
        None => asked.read(&network, file)?,
    };
    let inputs = asked.inputs.as_deref().unwrap_or(Path::new("--text"));
    let gpu = match device {
        Device::Cpu => None,
        Device::Gpu => Some(Gpu::open().map_err(Failure::Other)?),
    };
    let on = gpu.as_ref().map_or("the processor", |gpu| gpu.name()).to_string();
    compute::take_part();
    let mut engine = Engine::new(gpu.clone().map_or(compute::Device::Cpu, compute::Device::Gpu));
    let start = std::time::Instant::now();
    let arrays: Vec<(String, HostValue)> = given.arrays.into_iter().map(|(n, a)| (n, a.into())).collect();
    let options = RunOptions {
        keep: if all { Keep::All } else { Keep::Outputs },
        ..RunOptions::default()
    };
    let task = engine.evaluate(&network, &arrays, &options);
    let values = compute::wait(task).unwrap_or(Err(RunError::CannotWait));
    let values = values.map_err(|e| blame(&e, file, inputs))?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(gpu) = gpu {
        let named = |problem| Failure::Other(format!("{}: {problem}", gpu.name()));
        gpu.submit().map_err(named)?;
    }
    let mut tensors = Vec::new();
    values
        .into_iter()
        .for_each(|(name, value)| flatten(name, value, &mut tensors));
    data::npz::write(out, tensors.iter().map(|(n, a)| (n.as_str(), a)))?;
    for stated in given.told {
        crate::print(&format!("input: {stated}"))?;
    }
    crate::print(&format!(
        "{} tensors in {seconds:.3} s on {on}, written to {}",
        tensors.len(),
        out.display()
    ))
}

/// Arrays of `value`: those of a sequence are numbered from 0, an absent optional has none.
fn flatten(name: String, value: HostValue, into: &mut Vec<(String, TensorData)>) {
    match value {
        HostValue::Tensor(data) => into.push((name, data)),
        HostValue::Sequence(values) => {
            for (i, value) in values.into_iter().enumerate() {
                flatten(format!("{name}.{i}"), value, into);
            }
        }
        HostValue::Optional(value) => {
            if let Some(value) = value {
                flatten(name, *value, into);
            }
        }
    }
}

/// What went wrong in a pass, with the file that is at fault.
fn blame(error: &RunError, model: &Path, inputs: &Path) -> Failure {
    let name = |p: &Path| p.display().to_string();
    Failure::Other(error.in_files(&name(model), &name(inputs)))
}

/// What a pass starts from.
pub struct Given {
    /// Arrays by graph input name.
    pub arrays: Vec<(String, TensorData)>,
    /// How a picture or text was prepared, in sentences.
    pub told: Vec<String>,
}

/// Arrays by input name from an `.npz`, the only input's from an `.npy`, or from a picture for a network of
/// one image input.
pub fn read_inputs(network: &Network, file: &Path) -> Result<Given, Failure> {
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        return Ok(Given {
            arrays: data::npz::read(file)?,
            told: Vec::new(),
        });
    }
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
        let array = data::npz::read_npy(file)?;
        let arrays = compute::inputs::named(network, vec![(String::new(), array)]);
        let name = file.display().to_string();
        return Ok(Given {
            arrays: arrays.map_err(|e| Failure::Other(e.in_files(&network.name, &name)))?,
            told: Vec::new(),
        });
    }
    let picture = data::Picture::open(file)?;
    let inputs = &network.main().inputs;
    let wants = |what: &str| {
        Failure::Other(format!(
            "{}: a picture was given, but {what}; give an .npz",
            file.display()
        ))
    };
    let [input] = inputs[..] else {
        return Err(wants(&format!("the network has {} inputs", inputs.len())));
    };
    let tensor = network.tensor(input);
    let dims = tensor.spec.dims().unwrap_or_default();
    let [_, channels, height, width] = &dims[..] else {
        return Err(wants(&format!("input {:?} is {}", tensor.name, tensor.spec)));
    };
    let channels = channels.known().unwrap_or(3) as usize;
    if !matches!(channels, 1 | 3) {
        return Err(wants(&format!("input {:?} has {channels} channels", tensor.name)));
    }
    // A free size keeps the picture's own, in whole strides of 32 as detectors want.
    let side = |d: &Dim, own: usize| d.known().map_or(own.next_multiple_of(32), |n| n as usize);
    let (width, height) = (side(width, picture.width), side(height, picture.height));
    let how = match channels {
        3 => Preprocess::imagenet(width, height),
        _ => Preprocess::unit(width, height, 1),
    };
    let data = data::apply(&how, &picture)?;
    Ok(Given {
        arrays: vec![(tensor.name.clone(), data)],
        told: vec![format!(
            "{}, {} x {} (width x height). {}",
            file.display(),
            picture.width,
            picture.height,
            how.describe()
        )],
    })
}
