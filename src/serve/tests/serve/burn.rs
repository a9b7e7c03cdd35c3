//! The example in `integrations/burn`, which trains a real model.

use std::path::Path;
use std::process::Command;

use serve::Limits;

use crate::python::{check, digits};
use crate::start;

/// Building Burn takes minutes: only where `LAYERSCOPE_BURN` names a folder to build it in.
#[test]
fn burn_trains_and_is_seen() {
    let (Ok(target), Some(digits)) = (std::env::var("LAYERSCOPE_BURN"), digits()) else {
        println!("LAYERSCOPE_BURN is not set, or scikit-learn not installed: Burn's example was not run");
        return;
    };
    let here = start(Limits::default());
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "--example", "digits"])
        .current_dir(room.join("../../integrations/burn").canonicalize().unwrap())
        .env("CARGO_TARGET_DIR", target)
        .env("LAYERSCOPE_URL", &here.handle().url)
        .env("LAYERSCOPE_TOKEN", &here.handle().token)
        .env("LAYERSCOPE_DIGITS", digits)
        .output()
        .unwrap();
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}{errors}");
    let printed = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap();
    let runs = here.runs();
    assert_eq!((runs.len(), &*runs[0].name), (1, "examples/digits"));
    let layers = ["hidden", "second", "logits"];
    check(&printed, &runs[0], "loss/train", "hidden", &layers, &layers, 20);
    assert_eq!(runs[0].tensors["weights/logits"][0].value.shape, [32, 10]);
    assert_eq!(runs[0].marks.len(), 6, "{:?}", runs[0].marks);
}
