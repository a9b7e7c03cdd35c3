//! Texts: words have no gradients, the vectors that stand for them do.

use model::op::Op;
use model::{Network, TensorData, TensorId, TensorKind};

use super::target::asked;
use crate::ProbeError;

/// `network` and its `inputs` as they can be asked about. Where integers alone are fed, as the tokens of a
/// text are, the vectors that the largest table has for them become an input of their own, the first one
/// (`[1, T, D]`): what is explained then is what each token's vector adds, as Captum's attributions of an
/// embedding layer do. Networks with an input of floats stay as they are.
///
/// # Errors
/// [`ProbeError::Input`] where no table is looked up by an input, and for a token that its table does not
/// have.
pub fn by_vectors(
    network: &Network,
    inputs: &[(String, TensorData)],
) -> Result<(Network, Vec<(String, TensorData)>), ProbeError> {
    let refused = match asked(network, inputs) {
        Ok(_) => return Ok((network.clone(), inputs.to_vec())),
        Err(refused) => refused,
    };
    let lookups = network.main().layers.iter().filter_map(|&id| {
        let layer = network.layer(id);
        let Op::Gather { axis: 0 } = layer.op else {
            return None;
        };
        let table = network.tensor((*layer.inputs.first()?)?).data.as_ref()?;
        let fed = fed(network, (*layer.inputs.get(1)?)?)?;
        let name = &network.tensor(fed).name;
        let ids = &inputs.iter().find(|(n, _)| n == name)?.1;
        (table.shape.len() == 2 && table.dtype.is_float()).then_some((id, table, name, ids))
    });
    // Words have more rows than places and kinds of sentences.
    let Some((lookup, table, name, ids)) = lookups.max_by_key(|(_, table, ..)| table.shape[0]) else {
        return Err(refused);
    };
    let wrong = |problem: String| ProbeError::Input {
        name: name.clone(),
        problem,
    };
    let (rows, width) = (table.shape[0] as i64, table.shape[1] as usize);
    let unread = || wrong("its tokens or their vectors cannot be read".into());
    let values = table.to_f32().ok_or_else(unread)?;
    let mut vectors = Vec::new();
    for token in ids.to_i64().ok_or_else(unread)? {
        let row = if token < 0 { token + rows } else { token };
        if !(0..rows).contains(&row) {
            return Err(wrong(format!("token {token} of a table of {rows}")));
        }
        vectors.extend_from_slice(&values[row as usize * width..][..width]);
    }
    let mut changed = network.clone();
    let output = network
        .layer(lookup)
        .outputs
        .first()
        .copied()
        .flatten()
        .ok_or(refused)?;
    changed.graphs[0].layers.retain(|l| *l != lookup);
    changed.graphs[0].inputs.insert(0, output);
    let tensor = &mut changed.tensors[output.0 as usize];
    (tensor.producer, tensor.kind) = (None, TensorKind::Input);
    let shape: Vec<u64> = ids.shape.iter().copied().chain([width as u64]).collect();
    let first = (tensor.name.clone(), TensorData::from_f32(&shape, &vectors));
    Ok((
        changed,
        std::iter::once(first).chain(inputs.iter().cloned()).collect(),
    ))
}

/// The graph input that a tensor repeats.
fn fed(network: &Network, mut tensor: TensorId) -> Option<TensorId> {
    while !network.main().inputs.contains(&tensor) {
        let layer = network.layer(network.tensor(tensor).producer?);
        match layer.op {
            Op::Identity | Op::Cast { .. } => tensor = (*layer.inputs.first()?)?,
            _ => return None,
        }
    }
    Some(tensor)
}
