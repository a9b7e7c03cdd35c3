//! What was acknowledged is on disk: a server that is killed, and a disk that fills.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serve::{Limits, Options};

use crate::{agent, logs, post, read, start};

/// Not a test by itself: the next one starts it, and ends it.
#[test]
#[ignore]
fn child_that_serves() {
    let Ok(dir) = std::env::var("LAYERSCOPE_SERVE_CHILD") else {
        return;
    };
    let interrupted = serve::interrupted().unwrap();
    let options = Options {
        segment_bytes: 5000,
        ..Options::new(dir)
    };
    let handle = serve::start(options).unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nserves {} {}", handle.url, handle.token).unwrap();
    out.flush().unwrap();
    interrupted.wait().unwrap();
    assert_eq!(handle.stop(), Vec::<String>::new());
}

/// A server in a process of its own, its address and its token.
fn child(folder: &Path) -> (Child, String, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "disk::child_that_serves", "--nocapture"])
        .env("LAYERSCOPE_SERVE_CHILD", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let line = lines.find(|l| l.starts_with("serves ")).unwrap();
    // It is read to its end, or the child's next line would fail.
    std::thread::spawn(move || lines.for_each(drop));
    let mut words = line.split(' ').skip(1).map(str::to_string);
    (child, words.next().unwrap(), words.next().unwrap())
}

#[test]
#[cfg(unix)]
fn a_signal_stops_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, url, token) = child(folder.path());
        let url = format!("{url}/v1/runs/a/records");
        let body = br#"{"scalar":"a","step":1,"value":1}"#;
        assert_eq!(post(&agent(), &url, &token, &[], body).unwrap().status, 200);
        assert_eq!(logs(folder.path()), 1);
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert!(child.wait().unwrap().success(), "{signal}");
        assert_eq!((logs(folder.path()), read(folder.path())[0].points()), (0, 1));
    }
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let mut sent = 0;
    for round in 0..8u64 {
        let (mut child, url, token) = child(folder.path());
        let (url, token) = (&url, &token);
        std::thread::scope(|scope| {
            for client in 0..3 {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    let agent = agent();
                    let url = format!("{url}/v1/runs/run{}/records", client % 2);
                    for i in 0.. {
                        let step = round * 1_000_000 + client * 100_000 + i;
                        let body: String = (0..3)
                            .map(|k| format!("{{\"scalar\":\"v{k}\",\"step\":{step},\"value\":1}}\n"))
                            .collect();
                        // An error is the end of the server.
                        let Ok(reply) = post(&agent, &url, token, &[], body.as_bytes()) else {
                            return;
                        };
                        assert_eq!(reply.status, 200, "{reply:?}");
                        acknowledged.lock().unwrap().insert(step as i64);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(60 + 37 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let runs = read(folder.path());
        let mut stored = Vec::new();
        for run in &runs {
            let steps: Vec<i64> = run.series["v0"].points().map(|p| p.step).collect();
            for tag in ["v1", "v2"] {
                assert!(
                    run.series[tag].points().map(|p| p.step).eq(steps.iter().copied()),
                    "whole requests"
                );
            }
            stored.extend(steps);
        }
        let once: BTreeSet<i64> = stored.iter().copied().collect();
        assert_eq!(once.len(), stored.len(), "nothing twice");
        let acknowledged = acknowledged.lock().unwrap();
        assert!(acknowledged.is_subset(&once), "round {round}");
        // At most what each client was sending when the server ended.
        assert!(once.len() <= acknowledged.len() + 3 * (round as usize + 1));
        sent = acknowledged.len();
    }
    println!("{sent} requests");
    assert!(sent > 50);
}

/// Not a test by itself: the next one starts it where it may mount a disk of its own.
#[test]
#[ignore]
fn child_on_a_small_disk() {
    let Ok(dir) = std::env::var("LAYERSCOPE_SERVE_DISK") else {
        return;
    };
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none", &dir])
        .status();
    if !mount.is_ok_and(|s| s.success()) {
        println!("no disk");
        return;
    }
    let ballast = Path::new(&dir).join("ballast");
    std::fs::write(&ballast, vec![1; 700_000]).unwrap();
    let handle = serve::start(Options::new(&dir)).unwrap();
    let url = format!("{}/v1/runs/a/records", handle.url);
    let text = "x".repeat(20_000);
    let mut taken = Vec::new();
    let mut refused = 0;
    for step in 0..60i64 {
        if step == 40 {
            std::fs::remove_file(&ballast).unwrap();
        }
        let body = format!("{{\"text\":\"t\",\"step\":{step},\"value\":\"{text}\"}}");
        let reply = post(&agent(), &url, &handle.token, &[], body.as_bytes()).unwrap();
        match reply.status {
            200 => taken.push(step),
            507 => {
                refused += 1;
                assert!(
                    reply.json["error"].as_str().unwrap().contains("the disk is full"),
                    "{reply:?}"
                );
                assert_eq!(reply.retry_after.as_deref(), Some("10"));
            }
            _ => panic!("{reply:?}"),
        }
    }
    assert!(refused > 5 && taken.ends_with(&[58, 59]), "{refused} {taken:?}");
    let runs = read(Path::new(&dir));
    assert!(runs[0].texts["t"].iter().map(|at| at.step).eq(taken));
    let word = format!("{refused} requests had to be sent again");
    assert!(
        runs[0].marks.iter().any(|m| m.text.ends_with(&word)),
        "{:?}",
        runs[0].marks
    );
    println!("done");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_status_507_and_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    for way in ways {
        let child = Command::new("unshare")
            .args(way)
            .arg(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "disk::child_on_a_small_disk",
                "--nocapture",
            ])
            .env("LAYERSCOPE_SERVE_DISK", folder.path())
            .output();
        let Ok(output) = child else { continue };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("no disk") || !text.contains("running") {
            continue;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("done"), "{text}{errors}");
        return;
    }
    println!("no small disk can be mounted here: a full disk was not tried");
}

#[test]
fn stopping_answers_what_was_taken() {
    let mut here = start(Limits::default());
    let handle = here.handle.take().unwrap();
    let (url, token) = (format!("{}/v1/runs/a/records", handle.url), handle.token.clone());
    let sending = std::thread::spawn(move || {
        let agent = agent();
        let one = |step: i64| format!("{{\"scalar\":\"a\",\"step\":{step},\"value\":1}}");
        let taken = |&step: &i64| {
            post(&agent, &url, &token, &[], one(step).as_bytes()).is_ok_and(|reply| reply.status == 200)
        };
        (0..100_000).take_while(taken).count()
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(handle.stop(), Vec::<String>::new());
    let acknowledged = sending.join().unwrap();
    let points = read(here.folder.path())[0].points();
    assert!(
        acknowledged > 10 && (acknowledged..=acknowledged + 1).contains(&points),
        "{acknowledged} {points}"
    );
}
