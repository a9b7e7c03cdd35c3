//! A disk that fills.

use std::path::Path;
use std::process::Command;

use model::Record;
use runs::store::{Options, Store, StoreError, read};

use crate::scalar;

/// Not a test by itself: the next one starts it where it may mount a disk of its own.
#[test]
#[ignore]
fn child_on_a_small_disk() {
    let Ok(dir) = std::env::var("LAYERSCOPE_SMALL_DISK") else {
        return;
    };
    let dir = Path::new(&dir);
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(dir)
        .status();
    if !mount.is_ok_and(|s| s.success()) {
        println!("no disk");
        return;
    }
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 600_000]).unwrap();
    let options = Options {
        segment_bytes: 100_000,
        ..Options::default()
    };
    let store = Store::open(dir, options).unwrap();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for step in 0..4000 {
        if step == 3000 {
            std::fs::remove_file(&ballast).unwrap();
        }
        // Numbers that no encoding makes small.
        let noise = |i: u64| {
            let mixed = (step as u64 * 40 + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64
        };
        let records: Vec<Record> = (0..40)
            .map(|i| scalar(&format!("v{i}"), step, noise(i)))
            .collect();
        match store.append("a", None, &records) {
            Ok(_) => taken.push(step),
            Err(StoreError::Full(_)) => refused += 1,
            Err(e) => panic!("{e}"),
        }
        if step == 2999 {
            let (runs, _) = read(dir).unwrap();
            assert!(
                runs[0].series["v3"]
                    .points()
                    .map(|p| p.step)
                    .eq(taken.iter().copied())
            );
        }
    }
    let resumed = taken.iter().filter(|&&s| s >= 3000).count();
    let warnings = store.close();
    let (runs, damage) = read(dir).unwrap();
    assert_eq!(damage, Vec::<String>::new());
    for i in 0..10 {
        let steps = runs[0].series[&format!("v{i}")].points().map(|p| p.step);
        assert!(steps.eq(taken.iter().copied()), "v{i}");
    }
    println!(
        "refused {refused}, taken {}, after it was freed {resumed}",
        taken.len()
    );
    println!("{warnings:?}");
    assert!(refused > 100 && resumed > 100);
    println!("done");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    for way in ways {
        let child = Command::new("unshare")
            .args(way)
            .arg(&exe)
            .args([
                "--ignored",
                "--exact",
                "disk::child_on_a_small_disk",
                "--nocapture",
            ])
            .env("LAYERSCOPE_SMALL_DISK", folder.path())
            .output();
        let Ok(output) = child else { continue };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("no disk") || !text.contains("running") {
            continue;
        }
        println!("{text}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("done"), "{text}{errors}");
        return;
    }
    println!("no small disk can be mounted here: a full disk was not tried");
}
