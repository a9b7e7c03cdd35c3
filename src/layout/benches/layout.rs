//! Times the layout on large graphs: `cargo bench -p layout -- [FOLDER]`.
//!
//! With a folder, each graph is also written there as JSON for the rival, `dagre.mjs`.

#[path = "../tests/build/mod.rs"]
mod build;

use std::fmt::Write;
use std::time::Instant;

use build::{Builder, add, fixed, resnet};
use layout::{Layout, LayoutRequest, layout};
use model::{Network, ScopeId, TensorId};

/// Every layer reads the one before, one up to 100 layers back, and one from anywhere.
fn tangle(layers: usize) -> Network {
    let mut b = Builder::new();
    let mut tensors = vec![b.input("input", fixed(&[1, 64, 28, 28]))];
    let mut state = 1u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for i in 0..layers {
        let near = i - draw(100).min(i);
        let from: [TensorId; 3] = [tensors[i], tensors[near], tensors[draw(i + 1)]];
        let side = 7 << draw(5);
        tensors.push(b.layer(add(), "Add", &from, fixed(&[1, 64, side, side]), ScopeId(0)));
    }
    b.output(tensors[layers]);
    b.network
}

/// Many short branches: every layer reads only something up to 400 layers back.
fn bush(layers: usize) -> Network {
    let mut b = Builder::new();
    let mut tensors = vec![b.input("input", fixed(&[1, 64, 28, 28]))];
    let mut state = 7u64;
    for i in 0..layers {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let from = tensors[i - ((state >> 33) as usize % 400).min(i)];
        tensors.push(b.layer(add(), "Add", &[from], fixed(&[1, 64, 14, 14]), ScopeId(0)));
    }
    b.output(tensors[layers]);
    b.network
}

fn json(l: &Layout) -> String {
    let mut out = String::from("{\"nodes\":[");
    for (i, v) in l.volumes.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, "{comma}[{},{}]", v.size.x, v.size.y);
    }
    out.push_str("],\"edges\":[");
    for (i, k) in l.links.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, "{comma}[{},{}]", k.from, k.to);
    }
    out.push_str("]}\n");
    out
}

fn main() {
    let folder = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let graphs: [(&str, Network); 6] = [
        ("resnet-1k", resnet(1_000)),
        ("resnet-8k", resnet(8_038)),
        ("resnet-50k", resnet(49_998)),
        ("resnet-1m", resnet(1_000_000)),
        ("tangle-50k", tangle(50_000)),
        ("bush-50k", bush(50_000)),
    ];
    println!("graph         volumes    links    best ms   median ms");
    for (name, network) in &graphs {
        let request = LayoutRequest::default();
        let mut times = Vec::new();
        let mut l = Layout::default();
        for _ in 0..5 {
            let start = Instant::now();
            l = layout(network, &request);
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let (v, e) = (l.volumes.len(), l.links.len());
        println!("{name:12} {v:8} {e:8} {:10.1} {:11.1}", times[0], times[2]);
        if let Some(folder) = &folder {
            let file = std::path::Path::new(folder).join(format!("{name}.json"));
            if let Err(error) = std::fs::write(&file, json(&l)) {
                eprintln!("cannot write {}: {error}", file.display());
                std::process::exit(1);
            }
        }
    }
}
