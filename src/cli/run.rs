//! `layerscope run`: one pass, its tensors as an `.npz`.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use compute::{Backend, Executor, Flex, FlexDevice, Gpu, RunOptions, Value, Wgpu};
use data::Preprocess;
use model::{Dim, Network, TensorData};

use crate::Failure;

/// A device to compute on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The processor, through burn-flex.
    Cpu,
    /// The graphics device, through wgpu; a software one where there is no other.
    Gpu,
}

/// Runs `file` on `inputs` and writes its outputs, or every tensor, to `out`.
pub fn run(file: &Path, inputs: &Path, out: &Path, all: bool, device: Device) -> Result<(), Failure> {
    let network = Arc::new(formats::open(file)?);
    let given = read_inputs(&network, inputs)?;
    let blame = |e: compute::RunError| blame(&e, file, inputs);
    let (arrays, seconds, on) = match device {
        Device::Cpu => {
            let executor = Executor::<Flex>::new(network, FlexDevice).map_err(blame)?;
            let (arrays, seconds) = arrays(&executor, &given.arrays, all, blame)?;
            (arrays, seconds, "the processor".to_string())
        }
        Device::Gpu => {
            let gpu = Gpu::open().map_err(Failure::Other)?;
            let executor =
                Executor::<Wgpu>::within(network, gpu.burn().clone(), gpu.largest()).map_err(blame)?;
            let (arrays, seconds) = arrays(&executor, &given.arrays, all, blame)?;
            let named = |problem| Failure::Other(format!("{}: {problem}", gpu.name()));
            gpu.submit().map_err(named)?;
            (arrays, seconds, gpu.name().to_string())
        }
    };
    data::npz::write(out, arrays.iter().map(|(n, a)| (n.as_str(), a)))?;
    if let Some(stated) = given.preprocessing {
        crate::print(&format!("input: {stated}"))?;
    }
    crate::print(&format!(
        "{} tensors in {seconds:.3} s on {on}, written to {}",
        arrays.len(),
        out.display()
    ))
}

/// The outputs of a pass, or all its tensors, and the seconds until they were there.
fn arrays<B: Backend>(
    executor: &Executor<B>,
    given: &[(String, TensorData)],
    all: bool,
    blame: impl Fn(compute::RunError) -> Failure,
) -> Result<(Vec<(String, TensorData)>, f64), Failure> {
    let start = std::time::Instant::now();
    let network = executor.network();
    let values = executor.inputs(given).map_err(&blame)?;
    let pass = executor.run(values, &RunOptions::default()).map_err(&blame)?;
    let mut ids = network.main().outputs.clone();
    if all {
        ids.extend(
            pass.values
                .keys()
                .filter(|t| network.tensor(**t).producer.is_some()),
        );
        ids.sort_unstable();
        ids.dedup();
    }
    let mut arrays = Vec::with_capacity(ids.len());
    for id in ids {
        let name = network.tensor(id).name.clone();
        let value = pass.values.get(&id).or_else(|| executor.stored(id));
        let value = value.ok_or_else(|| Failure::Other(format!("output {name:?} was not computed")))?;
        let shape: Vec<u64> = value.shape().iter().map(|&d| d as u64).collect();
        let array = match value {
            Value::Int(ints) => TensorData::from_i64(&shape, &ints.data),
            float => TensorData::from_f32(&shape, &float.to_host().map_err(Failure::Other)?),
        };
        arrays.push((name, array));
    }
    Ok((arrays, start.elapsed().as_secs_f64()))
}

/// What went wrong in a pass, with the file that is at fault.
fn blame(error: &compute::RunError, model: &Path, inputs: &Path) -> Failure {
    let name = |p: &Path| p.display().to_string();
    Failure::Other(error.in_files(&name(model), &name(inputs)))
}

/// What a pass starts from.
pub struct Given {
    /// Arrays by graph input name.
    pub arrays: Vec<(String, TensorData)>,
    /// How a picture was prepared, in words.
    pub preprocessing: Option<String>,
}

/// Arrays by input name from an `.npz`, or from a picture for a network of one image input.
pub fn read_inputs(network: &Network, file: &Path) -> Result<Given, Failure> {
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        return Ok(Given {
            arrays: data::npz::read(file)?,
            preprocessing: None,
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
        preprocessing: Some(format!(
            "{}, {} x {} (width x height). {}",
            file.display(),
            picture.width,
            picture.height,
            how.describe()
        )),
    })
}
