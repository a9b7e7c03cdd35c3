//! `layerscope train` as people end it, and on a disk that is full.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const RECIPE: &str = r#"
[model]
template = "mlp"
hidden = [16]

[data]
kind = "moons"
count = 200

[training]
epochs = 100000
batch = 20
record_every = 1
optimizer = { kind = "sgd" }
learning_rate = 0.05
"#;

/// `layerscope train` of [`RECIPE`] in `folder`, begun by a shell after `first`.
fn train(folder: &Path, first: &str, arguments: &str) -> Command {
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    let program = env!("CARGO_BIN_EXE_layerscope");
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args([
        "-c",
        &format!("{first} exec '{program}' train recipe.toml --log log {arguments}"),
    ]);
    shell
}

#[test]
fn an_interrupted_training_ends_with_a_checkpoint_and_goes_on_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = train(folder.path(), "", "")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("epoch 1/"), "{first}");
    let kill = Command::new("kill")
        .args(["-INT", &running.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    let step: u64 = last
        .strip_prefix("stopped at step ")
        .unwrap_or_else(|| panic!("{last}"))
        .parse()
        .unwrap();
    assert!(running.wait().unwrap().success());
    let more = format!("--resume log/checkpoint.safetensors --steps {}", step + 5);
    let done = train(folder.path(), "", &more).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.starts_with(&format!("{} steps", step + 5)), "{told}");
}

#[test]
fn a_full_disk_stops_no_training_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // Files may not pass so many blocks of 512 bytes, and writing more is an error like that of a disk.
    let limit = "ulimit -f 64; trap '' XFSZ;";
    let done = train(folder.path(), limit, "--epochs 60 --snapshots 0")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && !told.contains("panicked"), "{told}");
    assert!(
        told.contains("epoch 60/60") && told.contains("training goes on"),
        "{told}"
    );
    assert!(told.contains("events.out.tfevents"), "the file is named: {told}");
    // What was written before is whole.
    let read = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(["runs", "log"])
        .current_dir(folder.path())
        .output();
    let read = read.unwrap();
    assert!(
        read.status.success() && read.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    assert!(folder.path().join("log/checkpoint.safetensors").is_file());
}
