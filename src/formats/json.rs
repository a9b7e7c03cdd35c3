//! The architecture format: `{"layers": [{"name", "type", ...}], "connections": [{"from", "to"}]}`.
//!
//! Shapes are channels first inside, with the batch symbol `N`; a file may state them with or
//! without the batch, channels first or last. Without `connections` the layers form a chain.

mod build;
mod layer;
mod shape;
mod write;

use std::collections::HashMap;

use model::Network;
use serde_json::{Map, Value};

use crate::{Source, error::Fault};

pub(crate) use write::write;

/// Most layers in one file.
const MAX_LAYERS: usize = 1_000_000;

/// True when the content can only be JSON.
pub(crate) fn recognises(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

/// One entry of `layers`, with the layers that feed it.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) fields: &'a Map<String, Value>,
    pub(crate) from: Vec<usize>,
}

/// Reads an architecture file.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let text = source
        .bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&source.bytes);
    let document: Value = serde_json::from_slice(text).map_err(|e| {
        Fault::new(
            format!("line {} column {}", e.line(), e.column()),
            format!("expected JSON: {e}"),
        )
    })?;
    let layers = document.get("layers").and_then(Value::as_array);
    let layers = layers.ok_or_else(|| Fault::new("document", "expected an array \"layers\", found none"))?;
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        let found = layers.len();
        return Err(Fault::new(
            "\"layers\"",
            format!("expected 1 to {MAX_LAYERS} layers, found {found}"),
        ));
    }
    let mut entries = Vec::with_capacity(layers.len());
    let mut places = HashMap::new();
    for (i, value) in layers.iter().enumerate() {
        let place = || format!("layer {i}");
        let fields = value
            .as_object()
            .ok_or_else(|| Fault::new(place(), "expected an object"))?;
        let text = |key: &str| -> Result<&str, Fault> {
            let found = fields.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
            found.ok_or_else(|| Fault::new(place(), format!("expected a text {key:?}")))
        };
        let (name, kind) = (text("name")?, text("type")?);
        if places.insert(name, i).is_some() {
            return Err(Fault::new(
                place(),
                format!("a second layer is called {name:?}; names must differ"),
            ));
        }
        entries.push(Entry {
            name,
            kind,
            fields,
            from: Vec::new(),
        });
    }
    connect(&document, &places, &mut entries)?;
    let order = order(&entries)?;
    let name = document
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or(source.stem);
    build::build(name, &entries, &order)
}

fn connect(document: &Value, places: &HashMap<&str, usize>, entries: &mut [Entry]) -> Result<(), Fault> {
    let Some(connections) = document.get("connections") else {
        for (i, entry) in entries.iter_mut().enumerate().skip(1) {
            entry.from.push(i - 1);
        }
        return Ok(());
    };
    let list = connections
        .as_array()
        .ok_or_else(|| Fault::new("\"connections\"", "expected an array"))?;
    for (i, connection) in list.iter().enumerate() {
        let end = |key: &str| -> Result<usize, Fault> {
            let place = format!("connection {i}");
            let name = connection.get(key).and_then(Value::as_str);
            let name = name.ok_or_else(|| Fault::new(&place, format!("expected a text {key:?}")))?;
            let found = places.get(name).copied();
            found.ok_or_else(|| {
                Fault::new(
                    place,
                    format!("{key:?} names the layer {name:?}, which is not in \"layers\""),
                )
            })
        };
        let (from, to) = (end("from")?, end("to")?);
        entries[to].from.push(from);
    }
    Ok(())
}

/// The layers in topological order, ties in file order.
fn order(entries: &[Entry]) -> Result<Vec<usize>, Fault> {
    let mut waits: Vec<usize> = entries.iter().map(|e| e.from.len()).collect();
    let mut feeds = vec![Vec::new(); entries.len()];
    for (i, entry) in entries.iter().enumerate() {
        entry.from.iter().for_each(|&f| feeds[f].push(i));
    }
    let ready = (0..entries.len())
        .filter(|&i| waits[i] == 0)
        .map(std::cmp::Reverse);
    let mut ready: std::collections::BinaryHeap<_> = ready.collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(std::cmp::Reverse(i)) = ready.pop() {
        order.push(i);
        for &next in &feeds[i] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(std::cmp::Reverse(next));
            }
        }
    }
    if order.len() < entries.len() {
        let stuck = (0..entries.len())
            .filter(|&i| waits[i] > 0)
            .map(|i| entries[i].name)
            .take(8);
        let names: Vec<&str> = stuck.collect();
        let problem = format!("expected no cycle, found one among {}", names.join(", "));
        return Err(Fault::new("\"connections\"", problem));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::Bindings;

    fn open(text: &str) -> Result<model::Network, String> {
        crate::open_bytes("net.json", Bytes::copy_from_slice(text.as_bytes()), None)
            .map_err(|e| e.to_string())
    }

    const SMALL: &str = r#"{"layers":[
        {"name":"input","type":"input","shape":[null,28,28,1]},
        {"name":"conv1","type":"conv2d","filters":64,"kernel_size":[3,3],"activation":"relu","shape":[28,28,64],"parameters":640},
        {"name":"pool","type":"maxpool2d","pool_size":2},
        {"name":"flat","type":"flatten"},
        {"name":"out","type":"dense","units":10,"activation":"softmax","parameters":125450}]}"#;

    #[test]
    fn sizes_and_parameters_are_inferred() {
        let network = open(SMALL).unwrap();
        assert_eq!(network.warnings, Vec::<String>::new());
        let cost = model::cost::cost(&network, &Bindings::from([("N".into(), 1)]));
        // 3*3*1*64 + 64, and 14*14*64*10 + 10.
        assert_eq!(cost.total.parameters, 640 + 125_450);
        assert_eq!(cost.total.macs, Some(28 * 28 * 9 * 64 + 12_544 * 10));
        let conv = network.layer(network.layer_named("conv1").unwrap());
        let shape = network.tensor(conv.outputs[0].unwrap()).spec.to_string();
        assert_eq!(shape, "float32 [N, 64, 28, 28]");
        assert_eq!(conv.activation, Some(model::op::Unary::Relu));
    }

    #[test]
    fn what_a_file_states_wrongly_is_reported() {
        let wrong = SMALL
            .replace("\"parameters\":640", "\"parameters\":1792")
            .replace("[28,28,64]", "[30,30,64]");
        let network = open(&wrong).unwrap();
        let all = network.warnings.join("\n");
        assert!(
            all.contains("1792") && all.contains("640") && all.contains("conv1"),
            "{all}"
        );
        assert!(all.contains("30"), "{all}");
    }

    #[test]
    fn unknown_types_open_with_a_warning_and_a_skip_joins() {
        let text = r#"{"layers":[
            {"name":"in","type":"input","shape":[3,8,8]},
            {"name":"a","type":"conv2d","filters":3,"kernel_size":3,"padding":"same"},
            {"name":"b","type":"capsule","parameters":77},
            {"name":"sum","type":"add"}],
            "connections":[{"from":"in","to":"a"},{"from":"a","to":"b"},{"from":"a","to":"sum"},{"from":"in","to":"sum"}]}"#;
        let network = open(text).unwrap();
        assert!(
            network.warnings.iter().any(|w| w.contains("capsule")),
            "{:?}",
            network.warnings
        );
        let cost = model::cost::cost(&network, &Bindings::new());
        assert_eq!(cost.total.parameters, 3 * 3 * 9 + 3 + 77);
    }

    #[test]
    fn wrong_files_name_the_place() {
        let cases = [
            ("{", "line 1 column 1"),
            (r#"{"layers":[]}"#, "1 to"),
            (r#"{"layer":[]}"#, "expected an array \"layers\""),
            (
                r#"{"layers":[{"name":"a"}]}"#,
                "layer 0: expected a text \"type\"",
            ),
            (
                r#"{"layers":[{"name":"a","type":"input"},{"name":"a","type":"relu"}]}"#,
                "names must differ",
            ),
            (
                r#"{"layers":[{"name":"a","type":"relu"}],"connections":[{"from":"b","to":"a"}]}"#,
                "not in \"layers\"",
            ),
            (
                r#"{"layers":[{"name":"a","type":"relu"},{"name":"b","type":"relu"}],"connections":[{"from":"b","to":"a"},{"from":"a","to":"b"}]}"#,
                "cycle",
            ),
            (
                r#"{"layers":[{"name":"a","type":"input","shape":[3,8,8]},{"name":"c","type":"conv2d","filters":"many","kernel_size":3}]}"#,
                "\"filters\"",
            ),
            (
                r#"{"layers":[{"name":"a","type":"input","shape":[3,99999999999999999999]}]}"#,
                "\"shape\"",
            ),
        ];
        for (text, part) in cases {
            let error = open(text).expect_err(text);
            assert!(
                error.contains("net.json") && error.contains(part),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn writing_and_reading_again_keeps_the_network() {
        let network = open(SMALL).unwrap();
        let bytes = super::write(&network).map_err(|f| f.problem).unwrap();
        let again = open(std::str::from_utf8(&bytes).unwrap()).unwrap();
        assert_eq!(again.warnings, Vec::<String>::new());
        let cost = |n: &model::Network| model::cost::cost(n, &Bindings::from([("N".into(), 2)]));
        assert_eq!(cost(&network), cost(&again));
        let kinds = |n: &model::Network| {
            n.layers
                .iter()
                .map(|l| (l.name.clone(), l.kind.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(&network), kinds(&again));
    }
}
