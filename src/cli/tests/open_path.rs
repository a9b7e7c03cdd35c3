//! The whole way from a file's bytes to what is drawn, as fuzzing walks it.

use bytes::Bytes;
use layout::LayoutRequest;

/// Opens, counts and lays out, open, folded and collapsed. `Ok` says what was read, `Err` why not.
pub fn open(name: &str, bytes: Vec<u8>) -> Result<Vec<String>, String> {
    let network = formats::open_bytes(name, Bytes::from(bytes), None).map_err(|e| e.to_string())?;
    let bindings = model::cost::default_bindings(&network);
    let cost = model::cost(&network, &bindings);
    let mut request = LayoutRequest {
        bindings: bindings.clone(),
        ..LayoutRequest::default()
    };
    let plain = layout::layout(&network, &request);
    request.fold = true;
    request.hide_trivial = true;
    request.collapsed = (1..network.scopes.scopes.len() as u32)
        .map(model::ScopeId)
        .collect();
    let folded = layout::layout(&network, &request);
    cli::document(&network, &bindings).to_string();
    let mut seen = network.warnings.clone();
    seen.extend(network.layers.iter().map(|l| format!("{:?}", l.op)));
    seen.push(format!(
        "{} {}",
        cost.unknown.is_empty(),
        plain.links.len().min(8)
    ));
    seen.push(format!("{}", folded.links.len().min(8)));
    Ok(seen)
}
