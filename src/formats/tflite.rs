//! TensorFlow Lite models (`.tflite`): a FlatBuffer with the identifier `TFL3`.
//!
//! Images are channels last in the file and channels first here ([`crate::channels`]). Quantised
//! values are shown and computed as the floats that they stand for; integer arithmetic is not
//! imitated, so that results of quantised networks differ by their rounding.

mod flat;
mod names;
mod op;
mod ops;
mod sparse;
mod tensor;

use bytes::Bytes;
use model::{Network, TensorKind};

use crate::Source;
use crate::channels::Builder;
use crate::error::Fault;
use flat::Table;
use op::Graph;

/// Most tensors and most operators of one graph.
const MAX_ITEMS: usize = 200_000;

/// True for TFLite files.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

/// Reads a TFLite model.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    model(source).map_err(|f| if f.place.is_empty() { f.within("TFLite") } else { f })
}

fn model(source: &Source) -> Result<Network, Fault> {
    let file = &source.bytes;
    let model = Table::root(file)?;
    let (codes, graphs, buffers) = (model.tables(1)?, model.tables(2)?, model.tables(4)?);
    let Some(main) = graphs.get(0)? else {
        return Err(Fault::new("TFLite", "expected a subgraph, found none"));
    };
    let version = model.int(0, 0)?;
    let mut graph = Graph {
        b: Builder::new(source.stem, &format!("TensorFlow Lite {version}")),
        tensors: Vec::new(),
        flows: Vec::new(),
    };
    let (tensors, operators) = (main.tables(0)?, main.tables(3)?);
    for (what, found) in [("tensors", tensors.len), ("operators", operators.len)] {
        if found > MAX_ITEMS {
            return Err(Fault::new(
                "TFLite",
                format!("expected at most {MAX_ITEMS} {what}, found {found}"),
            ));
        }
    }
    let mut budget = tensor::budget(file);
    for found in tensors.iter() {
        graph
            .tensors
            .push(tensor::read(&found?, &buffers, file, &mut budget)?);
    }
    graph.flows.resize(graph.tensors.len(), None);
    let quantised = graph.tensors.iter().filter(|t| !t.scales.is_empty()).count();
    if quantised > 0 {
        graph.b.warn(format!(
            "{quantised} tensors are quantised: they are computed as floats, which rounds less than the file asks for"
        ));
    }
    for place in main.ints(1)? {
        graph.input(place)?;
    }
    for (number, found) in operators.iter().enumerate() {
        let found = found?;
        let code = codes.get(usize::try_from(found.int(0, 0)?).unwrap_or(usize::MAX))?;
        let code = code
            .ok_or_else(|| Fault::new(format!("operator {number}"), "its code is not in the file's list"))?;
        // Codes above 127 stand in the newer field only.
        let builtin = code.int(3, 0)?.max(i32::from(code.byte(0)?));
        let op = op::Op::read(number, builtin, &code.text(1)?, &found)?;
        graph
            .operator(&op)
            .map_err(|f| f.within(&format!("operator {number} ({})", op.kind)))?;
    }
    if graphs.len > 1 {
        let more = graphs.len - 1;
        graph.b.warn(format!(
            "{more} further subgraphs (of loops and branches) are not shown"
        ));
    }
    let outputs = main
        .ints(2)?
        .into_iter()
        .map(|place| graph.flow(place))
        .collect::<Result<Vec<_>, _>>()?;
    let mut network = graph.b.finish(outputs);
    let description = model.text(3)?;
    if !description.is_empty() {
        network.metadata.push(("description".into(), description));
    }
    debug_assert!(
        network
            .main()
            .inputs
            .iter()
            .all(|&t| network.tensor(t).kind == TensorKind::Input)
    );
    Ok(network)
}
