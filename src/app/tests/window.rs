//! The explorer in a real window on a virtual display, used with mouse and keys.
//!
//! Needs Xvfb, xdotool and ImageMagick: `./check` installs them and sets `LAYERSCOPE_XVFB`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DISPLAY: &str = ":93";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tool(name: &str, arguments: &[&str]) {
    let done = Command::new(name)
        .args(arguments)
        .env("DISPLAY", DISPLAY)
        .output();
    let done = done.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(
        done.status.success(),
        "{name} {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The screen as 1280 x 800 RGB pixels.
fn screen(folder: &Path) -> Vec<[u8; 3]> {
    let file = folder.join("screen.png");
    tool("import", &["-window", "root", file.to_str().unwrap()]);
    image::open(&file)
        .unwrap()
        .to_rgb8()
        .pixels()
        .map(|p| p.0)
        .collect()
}

/// Share of the scene's pixels (between the panels) that differ clearly.
fn difference(a: &[[u8; 3]], b: &[[u8; 3]]) -> f32 {
    let scene = |i: &usize| (240..980).contains(&(i % 1280)) && (40..720).contains(&(i / 1280));
    let far = |i: &usize| (0..3).any(|c| a[*i][c].abs_diff(b[*i][c]) > 24);
    let all = (0..a.len()).filter(scene).count();
    (0..a.len()).filter(scene).filter(far).count() as f32 / all as f32
}

/// Takes pictures until `wanted` likes one, for a minute.
fn wait(folder: &Path, what: &str, mut wanted: impl FnMut(&[[u8; 3]]) -> bool) -> Vec<[u8; 3]> {
    let start = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(700));
        let now = screen(folder);
        if wanted(&now) {
            return now;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what}: not seen within a minute"
        );
    }
}

/// The screen once nothing has moved on it for two seconds: values arrive and the camera settles
/// after the first frame, and a cold software driver pauses between frames to build its shaders.
fn still(folder: &Path) -> Vec<[u8; 3]> {
    let mut last = screen(folder);
    let mut since = Instant::now();
    wait(folder, "a still picture", |now| {
        if difference(now, &last) > 0.0 {
            since = Instant::now();
            last = now.to_vec();
        }
        since.elapsed() > Duration::from_secs(2)
    })
}

#[test]
fn the_window_shows_the_demo_and_answers_keys_and_mouse() {
    if std::env::var_os("LAYERSCOPE_XVFB").is_none() {
        eprintln!("not run: LAYERSCOPE_XVFB is not set");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let quiet = || Stdio::null();
    let server = Command::new("Xvfb")
        .args([DISPLAY, "-screen", "0", "1280x800x24"])
        .stderr(quiet())
        .spawn();
    let _server = Killed(server.expect("Xvfb"));
    std::thread::sleep(Duration::from_secs(2));
    let app = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .current_dir(folder.path())
        .env("DISPLAY", DISPLAY)
        .env_remove("WAYLAND_DISPLAY")
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("XDG_CONFIG_HOME", folder.path())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    let mut app = Killed(app.expect("layerscope"));
    let empty = vec![[20, 24, 31]; 1280 * 800];
    wait(folder.path(), "the demo", |now| {
        let share = difference(now, &empty);
        (0.01..0.6).contains(&share)
    });
    tool("xdotool", &["search", "--name", "layerscope", "windowfocus"]);
    tool("xdotool", &["mousemove", "600", "640"]);
    let drawn = still(folder.path());
    tool("xdotool", &["key", "c"]);
    wait(folder.path(), "collapsed scopes", |now| {
        difference(now, &drawn) > 0.01
    });
    tool("xdotool", &["key", "h"]);
    let collapsed = still(folder.path());
    tool("xdotool", &["key", "ctrl+z", "sleep", "1.5", "key", "h"]);
    wait(folder.path(), "undone", |now| {
        difference(now, &collapsed) > 0.01 && difference(now, &empty) > 0.01
    });
    let undone = still(folder.path());
    tool("xdotool", &["key", "ctrl+y", "sleep", "1.5", "key", "h"]);
    wait(folder.path(), "done again", |now| {
        difference(now, &collapsed) < difference(now, &undone).min(0.01)
    });
    tool("xdotool", &["key", "l"]);
    wait(folder.path(), "the light theme", |now| {
        now[700 * 1280 + 600][0] > 200
    });
    // Orbit by dragging, slowly enough for a software driver.
    let before = screen(folder.path());
    tool(
        "xdotool",
        &[
            "mousemove",
            "600",
            "600",
            "sleep",
            "0.4",
            "mousedown",
            "1",
            "sleep",
            "0.4",
        ],
    );
    for _ in 0..5 {
        tool("xdotool", &["mousemove_relative", "20", "6", "sleep", "0.3"]);
    }
    tool("xdotool", &["mouseup", "1"]);
    wait(folder.path(), "another view", |now| {
        difference(now, &before) > 0.01
    });
    // Without a file dialog, pictures go to where the program was started.
    for (words, file) in [
        ("scene picture png", "layerscope.png"),
        ("diagram pdf", "layerscope.pdf"),
    ] {
        let palette = [
            "keydown", "ctrl", "sleep", "0.5", "key", "p", "sleep", "0.5", "keyup", "ctrl",
        ];
        tool("xdotool", &palette);
        tool("xdotool", &["sleep", "1", "type", "--delay", "60", words]);
        tool("xdotool", &["sleep", "1.5", "key", "Return"]);
        let file = folder.path().join(file);
        wait(folder.path(), words, |_| file.exists());
    }
    let written = image::open(folder.path().join("layerscope.png"))
        .unwrap()
        .to_rgb8();
    let paper = *written.get_pixel(0, 0);
    let drawn = written.pixels().filter(|p| **p != paper).count();
    let share = drawn as f32 / (written.width() * written.height()) as f32;
    assert!(
        written.width() > 300 && (0.02..0.9).contains(&share),
        "{share} is drawn"
    );
    let pdf = std::fs::read(folder.path().join("layerscope.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    assert!(app.0.try_wait().unwrap().is_none(), "the explorer ended");
    drop(app);
    listens(folder.path());
}

/// Pixels in the colour of the first run's curve.
fn inked(screen: &[[u8; 3]]) -> usize {
    let near = |p: &&[u8; 3]| {
        [0x5f, 0xa8, 0xe6]
            .iter()
            .zip(**p)
            .all(|(a, b)| b.abs_diff(*a) < 40)
    };
    screen.iter().filter(near).count()
}

/// A window with `--listen` says where, takes a record, and shows its chart.
fn listens(folder: &Path) {
    let app = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(["--listen", "store"])
        .current_dir(folder)
        .env("DISPLAY", DISPLAY)
        .env_remove("WAYLAND_DISPLAY")
        .env("LAYERSCOPE_TOKEN", "a-token-of-the-test")
        .env("XDG_RUNTIME_DIR", folder)
        .env("XDG_CONFIG_HOME", folder.join("second"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut app = Killed(app.expect("layerscope"));
    let mut line = String::new();
    let out = app.0.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).unwrap();
    let said = |key: &str| {
        let from = line.split(&format!("\"{key}\":\"")).nth(1);
        from.and_then(|f| f.split('"').next())
            .unwrap_or_default()
            .to_string()
    };
    let (address, token) = (said("url").replace("http://", ""), said("token"));
    assert_eq!(token, "a-token-of-the-test", "{line}");
    let mut before = 0;
    let blank = screen(folder);
    wait(folder, "an empty dashboard", |now| {
        before = inked(now);
        difference(now, &blank) > 0.001
    });
    let records: String = (0..50)
        .map(|i| {
            format!(
                "{{\"scalar\": \"loss\", \"step\": {i}, \"value\": {}}}\n",
                1.0 - 0.01 * i as f32
            )
        })
        .collect();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /v1/runs/first/records HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        records.len()
    );
    stream.write_all(format!("{head}{records}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"accepted\":50"), "{answer}");
    wait(folder, "the chart of what was sent", |now| {
        inked(now) > before + 60
    });
    assert!(app.0.try_wait().unwrap().is_none(), "the explorer ended");
}
