//! Caps: each is met, says so, and nothing of the request is taken.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serve::Limits;

use crate::{Reply, start};

fn scalars(count: usize) -> String {
    (0..count)
        .map(|i| format!("{{\"scalar\":\"a\",\"step\":{i},\"value\":1}}\n"))
        .collect()
}

fn is(reply: &Reply, status: u16, why: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.json["error"].as_str().unwrap().contains(why), "{reply:?}");
}

#[test]
fn sizes_and_numbers_are_capped() {
    let here = start(Limits {
        body_bytes: 2000,
        records: 20,
        elements: 50,
        tag_bytes: 10,
        tags: 3,
        runs: 2,
        ..Limits::default()
    });
    assert_eq!(here.post("a", &scalars(20)).status, 200);
    is(&here.post("a", &scalars(21)), 413, "at most 20 records");
    is(&here.post("a", &" ".repeat(2001)), 413, "at most 2000 bytes");
    let array = format!("[{}]", scalars(21).trim_end().replace('\n', ","));
    is(&here.post("a", &array), 413, "at most 20 records");
    let tensor = |n: usize| {
        format!(
            "{{\"tensor\":\"t\",\"step\":1,\"shape\":[{n}],\"data\":{:?}}}",
            vec![1; n]
        )
    };
    assert_eq!(here.post("a", &tensor(50)).status, 200);
    is(&here.post("a", &tensor(51)), 413, "at most 50 elements");
    is(
        &here.post(
            "a",
            r#"{"tensor":"t","step":1,"shape":[4294967296,4294967296],"data":""}"#,
        ),
        413,
        "at most 50 elements",
    );
    let tag = |tag: &str| format!("{{\"scalar\":\"{tag}\",\"step\":1,\"value\":1}}");
    is(
        &here.post("a", &tag("elevenbytes")),
        400,
        "a tag of 1 to 10 bytes",
    );
    assert_eq!(here.post("a", &tag("b")).status, 200);
    is(&here.post("a", &tag("c")), 422, "at most 3 tags");
    assert_eq!(here.post("b", &tag("a")).status, 200);
    is(&here.post("c", &tag("a")), 422, "at most 2 runs");
    let runs = here.runs();
    assert_eq!(runs.iter().map(|r| r.points()).collect::<Vec<_>>(), [21, 1]);
    assert_eq!(runs[0].tensors["t"].len(), 1);
}

#[test]
fn a_body_without_a_stated_length_is_capped_too() {
    let here = start(Limits {
        body_bytes: 100,
        ..Limits::default()
    });
    let (address, token) = (here.address(), &here.handle().token);
    let chunk = format!("80\r\n{}\r\n", " ".repeat(128));
    let request = format!(
        "POST /v1/runs/a/records HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    let (status, answer) = crate::raw(address, &request);
    assert!(status == 413 && answer.contains("at most 100 bytes"), "{answer}");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let here = start(Limits {
        patience: Duration::from_millis(200),
        ..Limits::default()
    });
    let (address, token) = (here.address(), &here.handle().token);
    let request = format!(
        "POST /v1/runs/a/records HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 50\r\n\r\n{{"
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let here = start(Limits {
        requests_per_second: 2.0,
        ..Limits::default()
    });
    let replies: Vec<Reply> = (0..8).map(|_| here.post("a", &scalars(1))).collect();
    let refused: Vec<&Reply> = replies.iter().filter(|r| r.status != 200).collect();
    assert!((1..=4).contains(&refused.len()), "{replies:?}");
    is(refused[0], 429, "at most 2 requests a second");
    assert_eq!(refused[0].retry_after.as_deref(), Some("1"));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(here.post("a", &scalars(1)).status, 200);
    let taken = 9 - refused.len();
    assert_eq!(here.runs()[0].points(), taken);
}

#[test]
fn too_many_connections_are_refused_with_a_word() {
    let here = start(Limits {
        connections: 2,
        ..Limits::default()
    });
    let address = here.address();
    let health = format!("GET /v1/health HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let open = |n: usize| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(health.as_bytes()).unwrap();
        let mut answer = vec![0; n];
        stream.read_exact(&mut answer).unwrap();
        (stream, String::from_utf8(answer).unwrap())
    };
    let first = open(12);
    let second = open(12);
    assert_eq!((&*first.1, &*second.1), ("HTTP/1.1 200", "HTTP/1.1 200"));
    let mut third = TcpStream::connect(address).unwrap();
    let mut answer = String::new();
    let _ = third.read_to_string(&mut answer);
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("too many connections"),
        "{answer:?}"
    );
    drop(second);
    // The place is free once the server has seen that it closed.
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        open(12).1 == "HTTP/1.1 200"
    });
    assert!(again);
}
