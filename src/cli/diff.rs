//! `layerscope diff`: what differs between two models.

use std::path::Path;

use model::Network;
use model::diff::{Difference, Pair, diff};
use serde_json::{Value, json};

use crate::Failure;

/// Prints what differs between the models in two files, for people or as JSON.
pub fn run(a: &Path, b: &Path, as_json: bool) -> Result<(), Failure> {
    let (a, b) = (formats::open(a)?, formats::open(b)?);
    let pairs = diff(&a, &b);
    match as_json {
        true => crate::print(&format!("{:#}", document(&a, &b, &pairs))),
        false => crate::print(&text(&a, &b, &pairs)),
    }
}

fn totals(network: &Network) -> Value {
    let cost = model::cost(network, &model::cost::default_bindings(network));
    json!({
        "name": network.name,
        "format": network.format,
        "layers": network.main().layers.len(),
        "parameters": cost.total.parameters,
        "macs": cost.total.macs,
        "flops": cost.total.flops,
        "peak_activation_bytes": cost.peak_activation_bytes,
    })
}

fn counts(pairs: &[Pair]) -> [(&'static str, usize); 4] {
    ["same", "changed", "added", "removed"].map(|s| (s, pairs.iter().filter(|p| p.status() == s).count()))
}

/// The JSON document.
fn document(a: &Network, b: &Network, pairs: &[Pair]) -> Value {
    let difference = |d: &Difference| match d {
        Difference::Operator { a, b } => json!({"what": "operator", "a": a, "b": b}),
        Difference::Attribute { name, a, b } => json!({"what": "attribute", "name": name, "a": a, "b": b}),
        Difference::Shape { output, a, b } => json!({"what": "shape", "output": output, "a": a, "b": b}),
        Difference::Weights { a, b } => json!({"what": "weights", "a": a, "b": b}),
        Difference::WeightShape { name, a, b } => {
            json!({"what": "weight shape", "name": name, "a": a, "b": b})
        }
        Difference::Values {
            name,
            distance,
            cosine,
        } => json!({"what": "values", "name": name, "distance": distance, "cosine": cosine}),
    };
    let row = |p: &Pair| {
        json!({
            "status": p.status(),
            "a": p.a.map(|l| &a.layer(l).name),
            "b": p.b.map(|l| &b.layer(l).name),
            "op": p.b.map(|l| &b.layer(l).kind).or(p.a.map(|l| &a.layer(l).kind)),
            "differences": p.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    json!({
        "a": totals(a),
        "b": totals(b),
        "counts": counts(pairs).iter().map(|(s, n)| (s.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
        "layers": pairs.iter().map(row).collect::<Vec<_>>(),
    })
}

fn text(a: &Network, b: &Network, pairs: &[Pair]) -> String {
    let mut out = String::new();
    for (mark, network) in [("-", a), ("+", b)] {
        let cost = model::cost(network, &model::cost::default_bindings(network)).total;
        let macs = cost.macs.map_or("?".into(), |m| m.to_string());
        out += &format!(
            "{mark} {} ({}): {} layers, {} parameters, {macs} MACs\n",
            network.name,
            network.format,
            network.main().layers.len(),
            cost.parameters
        );
    }
    let said: Vec<String> = counts(pairs).iter().map(|(s, n)| format!("{n} {s}")).collect();
    out += &format!("{}\n", said.join(", "));
    for pair in pairs {
        match (pair.a, pair.b) {
            (Some(x), None) => out += &format!("- {} ({})\n", a.layer(x).name, a.layer(x).kind),
            (None, Some(y)) => out += &format!("+ {} ({})\n", b.layer(y).name, b.layer(y).kind),
            (Some(x), Some(y)) if !pair.differences.is_empty() => {
                let (old, new) = (&a.layer(x).name, &b.layer(y).name);
                let name = if old == new {
                    old.clone()
                } else {
                    format!("{old} -> {new}")
                };
                out += &format!("~ {name} ({})\n", b.layer(y).kind);
                for difference in &pair.differences {
                    out += &format!("    {}\n", difference);
                }
            }
            _ => {}
        }
    }
    out
}
