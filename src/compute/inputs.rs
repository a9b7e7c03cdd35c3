//! Host tensors against what a network's inputs ask for.

use std::collections::BTreeMap;

use model::{DType, HostValue, Network, TensorData, TensorId};

use crate::run::RunError;

/// Pairs `given` with the graph inputs by name.
///
/// # Errors
/// [`RunError::Input`] for a missing or unknown name, a wrong rank, size or element type, and for
/// one symbol that would have to take two sizes.
pub fn check<'a>(
    network: &Network,
    given: &'a [(String, TensorData)],
) -> Result<Vec<(TensorId, &'a TensorData)>, RunError> {
    pair(network, given, Some)
}

/// [`check`] for values of any kind: what is no tensor goes through as it is.
///
/// # Errors
/// As there.
pub fn check_all<'a>(
    network: &Network,
    given: &'a [(String, HostValue)],
) -> Result<Vec<(TensorId, &'a HostValue)>, RunError> {
    pair(network, given, HostValue::tensor)
}

/// One array without a name, as an `.npy` holds it, under the name of the only input, and as a batch of one
/// where it has one axis less. Other arrays stay as they are.
///
/// # Errors
/// [`RunError::Input`] where the network has several inputs.
pub fn named(
    network: &Network,
    given: Vec<(String, TensorData)>,
) -> Result<Vec<(String, TensorData)>, RunError> {
    let [(name, _)] = &given[..] else {
        return Ok(given);
    };
    if !name.is_empty() {
        return Ok(given);
    }
    let inputs = &network.main().inputs;
    let [input] = inputs[..] else {
        let names: Vec<&str> = inputs.iter().map(|&i| network.tensor(i).name.as_str()).collect();
        return Err(RunError::Input {
            name: names.join(", "),
            problem: format!(
                "one array given for {} inputs: an .npz names its arrays",
                names.len()
            ),
        });
    };
    let tensor = network.tensor(input);
    let one = |(_, mut data): (String, TensorData)| {
        if tensor.spec.rank() == Some(data.shape.len() + 1) {
            data.shape.insert(0, 1);
        }
        (tensor.name.clone(), data)
    };
    Ok(given.into_iter().map(one).collect())
}

fn pair<'a, T>(
    network: &Network,
    given: &'a [(String, T)],
    tensor_of: fn(&'a T) -> Option<&'a TensorData>,
) -> Result<Vec<(TensorId, &'a T)>, RunError> {
    let inputs = &network.main().inputs;
    let names: Vec<&str> = inputs.iter().map(|&i| network.tensor(i).name.as_str()).collect();
    if let Some((name, _)) = given.iter().find(|(n, _)| !names.contains(&n.as_str())) {
        return Err(RunError::Input {
            name: name.clone(),
            problem: format!("the network has no such input; it takes {}", names.join(", ")),
        });
    }
    let mut symbols: BTreeMap<String, u64> = BTreeMap::new();
    let mut pairs = Vec::with_capacity(inputs.len());
    for &id in inputs {
        let tensor = network.tensor(id);
        let fail = |problem: String| RunError::Input {
            name: tensor.name.clone(),
            problem,
        };
        let found = given.iter().find(|(n, _)| *n == tensor.name);
        let (_, value) = found.ok_or_else(|| fail(format!("missing; it wants {}", tensor.spec)))?;
        pairs.push((id, value));
        let Some(data) = tensor_of(value) else {
            continue;
        };
        let wanted = tensor.spec.dtype;
        let kind = |d: DType| (d.is_float(), d == DType::String);
        if wanted != DType::Unknown && kind(wanted) != kind(data.dtype) {
            return Err(fail(format!(
                "{} given, {} expected",
                data.dtype.name(),
                tensor.spec
            )));
        }
        if let Some(dims) = tensor.spec.dims() {
            let wrong = || fail(format!("shape {:?} given, {} expected", data.shape, tensor.spec));
            if dims.len() != data.shape.len() {
                return Err(wrong());
            }
            for (dim, &size) in dims.iter().zip(&data.shape) {
                match dim {
                    model::Dim::Known(n) if *n != size => return Err(wrong()),
                    model::Dim::Symbol(s) => {
                        let bound = *symbols.entry(s.clone()).or_insert(size);
                        if bound != size {
                            return Err(fail(format!("{s} is {size} here but {bound} in another axis")));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(pairs)
}
