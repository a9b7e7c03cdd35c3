//! `layerscope run`: one pass, its tensors as an `.npz`.

use std::path::Path;
use std::sync::Arc;

use compute::{Executor, Flex, FlexDevice, RunOptions, Value};
use data::Preprocess;
use model::{Dim, Network, TensorData};

use crate::Failure;

/// Runs `file` on `inputs` and writes its outputs, or every tensor, to `out`.
pub fn run(file: &Path, inputs: &Path, out: &Path, all: bool) -> Result<(), Failure> {
    let network = Arc::new(formats::open(file)?);
    let given = read_inputs(&network, inputs)?;
    let executor = Executor::<Flex>::new(network.clone(), FlexDevice)?;
    let pass = executor.run(executor.inputs(&given.arrays)?, &RunOptions::default())?;
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
        let value = executor_value(&executor, &pass, id)
            .ok_or_else(|| Failure::Other(format!("output {name:?} was not computed")))?;
        let shape: Vec<u64> = value.shape().iter().map(|&d| d as u64).collect();
        let array = match value {
            Value::Int(ints) => TensorData::from_i64(&shape, &ints.data),
            float => TensorData::from_f32(&shape, &float.to_host().map_err(Failure::Other)?),
        };
        arrays.push((name, array));
    }
    let count = arrays.len();
    data::npz::write(out, arrays.iter().map(|(n, a)| (n.as_str(), a)))?;
    if let Some(stated) = given.preprocessing {
        crate::print(&format!("input: {stated}"))?;
    }
    crate::print(&format!(
        "{count} tensors in {:.3} s, written to {}",
        pass.seconds,
        out.display()
    ))
}

fn executor_value(
    executor: &Executor<Flex>,
    pass: &compute::Pass<Flex>,
    id: model::TensorId,
) -> Option<Value<Flex>> {
    pass.values.get(&id).or_else(|| executor.stored(id)).cloned()
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
        preprocessing: Some(how.describe()),
    })
}
