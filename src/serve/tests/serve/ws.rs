//! Records over WebSocket.

use std::net::TcpStream;

use serde_json::{Value, json};
use serve::Limits;
use tungstenite::client::IntoClientRequest;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::{Here, start};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

fn open(here: &Here, token: Option<&str>, origin: Option<&str>) -> Result<Socket, tungstenite::Error> {
    let url = format!("ws://{}/v1/ws", here.address());
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    if let Some(token) = token {
        headers.insert("Authorization", format!("Bearer {token}").parse().unwrap());
    }
    if let Some(origin) = origin {
        headers.insert("Origin", origin.parse().unwrap());
    }
    tungstenite::connect(request).map(|(socket, _)| socket)
}

fn known(here: &Here) -> Socket {
    open(here, Some(&here.handle().token), None).unwrap()
}

fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

fn receive(socket: &mut Socket) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn scalar(step: i64) -> Value {
    json!({"scalar": "a", "step": step, "value": step})
}

#[test]
fn each_message_is_answered_by_its_number_in_order() {
    let here = start(Limits::default());
    let mut socket = known(&here);
    for step in 0..500 {
        send(
            &mut socket,
            json!({"run": "a", "id": step, "records": [scalar(step), scalar(step)]}),
        );
    }
    for step in 0..500 {
        let answer = receive(&mut socket);
        assert_eq!(answer, json!({"id": step, "accepted": 2, "next": 2 * step + 2}));
    }
    send(
        &mut socket,
        json!({"run": "../a", "id": "x", "records": [scalar(1)]}),
    );
    send(
        &mut socket,
        json!({"run": "a", "id": "y", "records": [scalar(1), {"scalar": "b"}]}),
    );
    send(&mut socket, json!({"run": "a", "records": [{"scalar": 5}]}));
    send(
        &mut socket,
        json!({"run": "a", "id": "z", "batch": "0000000000000001-7", "records": [scalar(500)]}),
    );
    send(
        &mut socket,
        json!({"run": "a", "id": "z", "batch": "0000000000000001-7", "records": [scalar(500)]}),
    );
    let answers: Vec<Value> = (0..5).map(|_| receive(&mut socket)).collect();
    assert!(
        answers[0]["id"] == "x" && answers[0]["status"] == 400,
        "{answers:?}"
    );
    assert!(
        answers[1]["error"]
            .as_str()
            .unwrap()
            .contains("record 2: field step"),
        "{answers:?}"
    );
    assert!(
        answers[2]["error"]
            .as_str()
            .unwrap()
            .contains("records[0].scalar"),
        "{answers:?}"
    );
    assert_eq!(
        (&answers[3]["accepted"], &answers[4]["accepted"]),
        (&json!(1), &json!(0))
    );
    let mut head = b"{\"run\":\"b\",\"tensor\":\"t\",\"kind\":\"weights\",\"step\":3,\"id\":9}\n".to_vec();
    let npy = "{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2), }";
    head.extend(b"\x93NUMPY\x01\x00");
    head.extend((npy.len() as u16).to_le_bytes());
    head.extend(npy.as_bytes());
    head.extend([1, 0, 255, 255]);
    socket.send(Message::binary(head)).unwrap();
    assert_eq!(receive(&mut socket), json!({"id": 9, "accepted": 1, "next": 1}));
    socket.send(Message::binary(b"no line".to_vec())).unwrap();
    assert!(
        receive(&mut socket)["error"]
            .as_str()
            .unwrap()
            .contains("a line of JSON")
    );
    let runs = here.runs();
    // What the client hears at the end.
    let last = std::iter::repeat_with(|| socket.read()).find(|m| !matches!(m, Ok(Message::Ping(_))));
    assert!(
        matches!(last, Some(Ok(Message::Close(Some(ref c)))) if c.reason == "the server stops"),
        "{last:?}"
    );
    assert_eq!(runs[0].points(), 1001);
    assert_eq!(runs[1].tensors["weights/t"][0].value.to_i64(), Some(vec![1, -1]));
}

#[test]
fn the_token_comes_in_the_header_or_in_the_first_message() {
    let here = start(Limits::default());
    let token = here.handle().token.clone();
    assert!(open(&here, Some("wrong"), None).is_err());
    assert!(open(&here, Some(&token), Some("http://evil.example")).is_err());
    let own = here.handle().url.clone();
    let mut page = open(&here, None, Some(&own)).unwrap();
    send(&mut page, json!({"token": token}));
    assert_eq!(receive(&mut page), json!({"ok": true}));
    send(&mut page, json!({"run": "a", "records": [scalar(1)]}));
    assert_eq!(receive(&mut page)["accepted"], 1);
    for first in [
        json!({"token": "wrong"}),
        json!({"run": "a", "records": [scalar(2)]}),
    ] {
        let mut stranger = open(&here, None, None).unwrap();
        send(&mut stranger, first);
        assert!(receive(&mut stranger)["error"].is_string());
        assert!(matches!(stranger.read(), Ok(Message::Close(_))));
    }
    let (status, answer) = crate::raw(
        here.address(),
        &format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            here.address()
        ),
    );
    assert!(
        status >= 400 && answer.contains("a WebSocket is expected"),
        "{answer}"
    );
    assert_eq!(here.runs()[0].points(), 1);
}

#[test]
fn long_messages_and_too_many_are_refused() {
    let here = start(Limits {
        message_bytes: 1000,
        requests_per_second: 5.0,
        ..Limits::default()
    });
    let mut socket = known(&here);
    for step in 0..12 {
        send(&mut socket, json!({"run": "a", "records": [scalar(step)]}));
    }
    let answers: Vec<Value> = (0..12).map(|_| receive(&mut socket)).collect();
    let refused: Vec<&Value> = answers.iter().filter(|a| a["status"] == 429).collect();
    assert!(
        !refused.is_empty() && refused[0]["retry_after"] == 1,
        "{answers:?}"
    );
    let long = json!({"run": "a", "records": [scalar(0)], "id": "x".repeat(1000)});
    send(&mut socket, long);
    let answer = receive(&mut socket);
    assert!(
        answer["error"].as_str().unwrap().contains("at most 1000 bytes"),
        "{answer}"
    );
    assert_eq!(here.runs()[0].points(), 12 - refused.len());
}
