//! Shapes, counts and pictures of real networks (`./check` names their folders).

#[path = "../../layout/tests/build/invariants.rs"]
mod invariants;

use std::path::PathBuf;

use layout::LayoutRequest;
use model::{Bindings, ScopeId};

fn files() -> Vec<PathBuf> {
    let Ok(folders) = std::env::var("LAYERSCOPE_ONNX_MODELS") else {
        println!("LAYERSCOPE_ONNX_MODELS is not set: no real model is opened");
        return Vec::new();
    };
    let list = folders
        .split(':')
        .flat_map(|f| std::fs::read_dir(f).unwrap_or_else(|e| panic!("{f}: {e}")));
    let mut files: Vec<PathBuf> = list
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn resnet_50_costs_what_is_published() {
    let Some(file) = files().into_iter().find(|f| f.ends_with("light_resnet50.onnx")) else {
        return;
    };
    let network = formats::open(&file).unwrap();
    let cost = model::cost::cost(&network, &Bindings::new());
    assert_eq!(cost.total.macs, Some(4_089_184_256));
    assert_eq!(cost.total.parameters, 25_557_032);
    // Running mean and variance of 53 batch normalisations.
    assert_eq!(cost.total.buffers, 53_120);
    assert!(cost.unknown.is_empty());
    assert_eq!(network.warnings, Vec::<String>::new());
    let all = (0..network.scopes.scopes.len() as u32).map(ScopeId);
    let of = |kind: &'static str| {
        let network = &network;
        all.clone().filter(move |s| network.scopes.get(*s).kind == kind)
    };
    let stages = of("stage").map(|stage| {
        let inside = |b: &ScopeId| network.scopes.ancestors(*b).any(|a| a == stage);
        of("residual block").filter(inside).count()
    });
    assert_eq!(
        stages.collect::<Vec<_>>(),
        [3, 4, 6, 3],
        "residual blocks of each stage"
    );
}

/// Inferred shapes hold whatever onnxruntime computed, with the symbols bound by the inputs.
#[test]
fn inferred_shapes_are_those_of_the_executed_tensors() {
    let Ok(references) = std::env::var("LAYERSCOPE_REFERENCES") else {
        println!("LAYERSCOPE_REFERENCES is not set: nothing is compared");
        return;
    };
    for file in files() {
        let network = formats::open(&file).unwrap();
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let base = PathBuf::from(&references).join(format!("{stem}.npz"));
        let names = std::fs::read_to_string(base.with_extension("npz.names")).unwrap();
        let mut arrays = data::npz::read(&base).unwrap();
        arrays.sort_by_key(|(name, _)| name[1..].trim_end_matches(".npy").parse::<usize>().unwrap());
        let mut bindings = Bindings::new();
        for (name, (_, data)) in names.lines().zip(&arrays) {
            let Some(name) = name.strip_prefix("in:") else {
                continue;
            };
            let dims = network
                .tensor(network.tensor_named(name).unwrap())
                .spec
                .dims()
                .unwrap();
            for (dim, &size) in dims.iter().zip(&data.shape) {
                if let model::Dim::Symbol(symbol) = dim {
                    bindings.insert(symbol.clone(), size);
                }
            }
        }
        let (mut known, mut total) = (0, 0);
        for (name, (_, data)) in names.lines().zip(&arrays) {
            let Some(name) = name.strip_prefix("out:") else {
                continue;
            };
            let spec = &network.tensor(network.tensor_named(name).unwrap()).spec;
            total += 1;
            let Some(dims) = spec.dims() else { continue };
            assert_eq!(dims.len(), data.shape.len(), "{stem}: rank of {name}");
            let sizes: Vec<Option<u64>> = dims.iter().map(|d| d.eval(&bindings)).collect();
            for (size, &found) in sizes.iter().zip(&data.shape) {
                assert!(
                    size.is_none_or(|s| s == found),
                    "{stem}: {name} is {:?}, inferred {spec}",
                    data.shape
                );
            }
            known += usize::from(sizes.iter().all(Option::is_some));
        }
        println!("{stem}: {known} of {total} shapes known before running");
        if stem.starts_with("light_") {
            assert_eq!(known, total, "{stem} states every size");
        }
    }
}

/// No volume meets another and no link a third one, in one line and in rows, whole and collapsed.
#[test]
fn real_layouts_keep_the_invariants() {
    for file in files() {
        let network = formats::open(&file).unwrap();
        let scopes = 1..network.scopes.scopes.len() as u32;
        let outermost = &network.scopes.get(model::ScopeTree::ROOT).children;
        for fold in [false, true] {
            for hide_trivial in [false, true] {
                let sets: [Vec<ScopeId>; 4] = [
                    vec![],
                    outermost.clone(),
                    scopes.clone().map(ScopeId).collect(),
                    scopes.clone().filter(|s| s % 2 == 0).map(ScopeId).collect(),
                ];
                for collapsed in sets {
                    let request = LayoutRequest {
                        collapsed: collapsed.into_iter().collect(),
                        bindings: model::cost::default_bindings(&network),
                        show_constants: false,
                        hide_trivial,
                        fold,
                        ..LayoutRequest::default()
                    };
                    let layout = layout::layout(&network, &request);
                    let name = file.file_stem().unwrap().display();
                    assert_eq!(
                        invariants::check(&layout),
                        Ok(()),
                        "{name}, fold {fold}, hide_trivial {hide_trivial}, {} collapsed",
                        request.collapsed.len()
                    );
                }
            }
        }
    }
}
