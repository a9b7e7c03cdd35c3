//! How fast records are taken, and how long one takes to be acknowledged: `cargo bench -p serve [-- FOLDER]`.
//!
//! The rival is the disk itself: a file that is appended to and synced once for each record, in the
//! same folder and the same minutes.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use serve::{Handle, Limits, Options};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

fn main() {
    let folder = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let base = folder.map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(&base).expect("a folder that can be written");
    let options = Options {
        limits: Limits {
            requests_per_second: 1e9,
            ..Limits::default()
        },
        ..Options::new(folder.path().join("store"))
    };
    let handle = serve::start(options).expect("a server");
    println!("| what | records | records a second | median ms | 99th of 100 ms |");
    println!("| --- | --- | --- | --- | --- |");
    let floor = disk(folder.path(), 500);
    row("file, a sync a record", 500, &floor);
    let one = http(&handle, "single", 500, 1);
    row("HTTP, one record a request", 500, &one);
    for batch in [100, 1000] {
        let times = http(&handle, &format!("batch{batch}"), 300, batch);
        row(&format!("HTTP, {batch} records a request"), 300 * batch, &times);
    }
    let eight: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|i| {
                let handle = &handle;
                scope.spawn(move || http(handle, &format!("client{i}"), 200, 1))
            })
            .collect();
        clients.into_iter().map(|c| c.join().expect("a client")).collect()
    });
    let slowest = eight
        .iter()
        .map(|t| t.iter().sum::<Duration>())
        .max()
        .unwrap_or_default();
    let mut all: Vec<Duration> = eight.into_iter().flatten().collect();
    print_row("HTTP, one record a request, 8 clients", 1600, slowest, &mut all);
    for (messages, batch) in [(5000, 1), (300, 1000)] {
        let whole = socket(&handle, messages, batch);
        print_row(
            &format!("WebSocket, {batch} records a message"),
            messages * batch,
            whole,
            &mut [],
        );
    }
    let median = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    println!(
        "\nan acknowledged record costs {:.2} times a sync of the disk",
        median(&one) / median(&floor)
    );
    let started = Instant::now();
    handle.stop();
    println!(
        "stopping, with all logs made Parquet: {:.2} s",
        started.elapsed().as_secs_f64()
    );
}

fn row(what: &str, records: usize, times: &[Duration]) {
    print_row(what, records, times.iter().sum(), &mut times.to_vec());
}

fn print_row(what: &str, records: usize, whole: Duration, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| match times.len() {
        0 => String::new(),
        n => format!(
            "{:.2}",
            1e3 * times[((n as f64 * share) as usize).min(n - 1)].as_secs_f64()
        ),
    };
    let rate = records as f64 / whole.as_secs_f64();
    println!("| {what} | {records} | {rate:.0} | {} | {} |", at(0.5), at(0.99));
}

fn disk(folder: &Path, count: usize) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("floor")).expect("a file");
    let write = |_| {
        let started = Instant::now();
        file.write_all(&[7; 48])
            .and_then(|()| file.sync_data())
            .expect("a disk with room");
        started.elapsed()
    };
    (0..count).map(write).collect()
}

fn lines(step: usize, batch: usize) -> String {
    (0..batch)
        .map(|i| {
            let (step, tag, value) = (step * batch + i, i % 10, i as f64 / 7.0);
            format!("{{\"scalar\":\"loss/{tag}\",\"step\":{step},\"value\":{value},\"wall\":1700000000.5}}\n")
        })
        .collect()
}

fn http(handle: &Handle, run: &str, requests: usize, batch: usize) -> Vec<Duration> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let url = format!("{}/v1/runs/{run}/records", handle.url);
    let bodies: Vec<String> = (0..requests).map(|i| lines(i, batch)).collect();
    let send = |body: &String| {
        let started = Instant::now();
        let request = agent
            .post(&url)
            .header("Authorization", format!("Bearer {}", handle.token));
        let mut answer = request.send(body).expect("an answer of status 200");
        answer.body_mut().read_to_string().expect("an answer");
        started.elapsed()
    };
    bodies.iter().map(send).collect()
}

fn socket(handle: &Handle, messages: usize, batch: usize) -> Duration {
    let url = format!("{}/v1/ws", handle.url.replace("http:", "ws:"));
    let mut request = url.into_client_request().expect("an address");
    let token = format!("Bearer {}", handle.token).parse().expect("a token");
    request.headers_mut().insert("Authorization", token);
    let (mut socket, _) = tungstenite::connect(request).expect("a WebSocket");
    let text = |i: usize| {
        let records: Vec<_> = (0..batch)
            .map(|k| json!({"scalar": format!("loss/{}", k % 10), "step": i * batch + k, "value": k as f64 / 7.0}))
            .collect();
        Message::text(json!({"run": format!("socket{batch}"), "records": records}).to_string())
    };
    let all: Vec<Message> = (0..messages).map(text).collect();
    let started = Instant::now();
    // Half of what the server holds unanswered, so that neither side waits for the other.
    let mut unanswered = 0;
    for message in all {
        if unanswered == 128 {
            answer(&mut socket);
            unanswered -= 1;
        }
        socket.send(message).expect("a server that reads");
        unanswered += 1;
    }
    (0..unanswered).for_each(|_| answer(&mut socket));
    started.elapsed()
}

fn answer<S: std::io::Read + Write>(socket: &mut tungstenite::WebSocket<S>) {
    let answer = socket.read().expect("an answer");
    assert!(
        answer.to_text().is_ok_and(|t| t.contains("accepted")),
        "{answer:?}"
    );
}
