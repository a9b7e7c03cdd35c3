//! `GET /v1/ws`: the same records as messages, each answered by its number once it is on disk.
//!
//! Messages are not waited for one by one: any number up to [`PENDING`] share the disk's syncs, and
//! the answers come in their order.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use model::Record;
use model::run::At;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::records::{Sent, json, kinded, npy, take};
use crate::refusal::Refusal;
use crate::take::{Answer, Server, batch, now};

/// Messages on their way to disk before the next is read.
const PENDING: usize = 256;
/// Time for the first message of who sent no header.
const GREETING: Duration = Duration::from_secs(5);

/// Turns true when the server stops.
pub(crate) type Stopping = watch::Receiver<bool>;
/// Held by each socket until its last answer is sent.
pub(crate) type Talking = mpsc::Sender<()>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order<'a> {
    #[serde(borrow)]
    run: Cow<'a, str>,
    #[serde(default, borrow)]
    records: Option<Vec<Sent<'a>>>,
    #[serde(default, borrow)]
    batch: Option<Cow<'a, str>>,
    #[serde(default)]
    id: Option<Value>,
    // Of an array that follows.
    #[serde(default, borrow)]
    tensor: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    step: Option<i64>,
    #[serde(default)]
    wall: Option<f64>,
}

#[derive(Deserialize)]
struct Greeting<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
}

/// Opens a WebSocket.
pub(crate) async fn open(
    State((server, stopping, talking)): State<(Arc<Server>, Stopping, Talking)>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    // A page cannot set the header: its first message brings the token.
    let known = server.guard.bearer(&headers).transpose()?.is_some();
    server.allowed()?;
    let upgrade = upgrade
        .map_err(|e| Refusal::new(e.status(), format!("a WebSocket is expected: {}", e.body_text())))?;
    let most = server.limits.message_bytes;
    let upgrade = upgrade.max_message_size(most).max_frame_size(most);
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        let _talking = talking;
        if known || greeted(&mut socket, &server).await {
            talk(&mut socket, &server, stopping).await;
        }
    }))
}

/// Waits for `{"token": TOKEN}`.
async fn greeted(socket: &mut WebSocket, server: &Server) -> bool {
    let first = tokio::time::timeout(GREETING, socket.recv()).await;
    let right = match first {
        Ok(Some(Ok(Message::Text(text)))) => json::<Greeting<'_>>(text.as_bytes())
            .map_err(Refusal::wrong)
            .and_then(|g| server.guard.token(g.token.as_bytes())),
        Ok(Some(Ok(_))) | Err(_) => server.guard.token(b""),
        Ok(Some(Err(_)) | None) => return false,
    };
    match right {
        Ok(()) => socket.send(Message::text("{\"ok\":true}")).await.is_ok(),
        Err(refusal) => {
            // Who is gone hears neither.
            let _ = socket.send(Message::text(refusal.json().to_string())).await;
            let _ = close(socket, 1008, "no token").await;
            false
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) -> Result<(), axum::Error> {
    let reason = reason.into();
    socket
        .send(Message::Close(Some(CloseFrame { code, reason })))
        .await
}

async fn talk(socket: &mut WebSocket, server: &Arc<Server>, mut stopping: Stopping) {
    let mut pending: VecDeque<(Option<Value>, Answer)> = VecDeque::new();
    let mut open = !*stopping.borrow_and_update();
    while open || !pending.is_empty() {
        let (waiting, room) = (!pending.is_empty(), pending.len() < PENDING);
        // Only looked at where something waits.
        let mut none = (None, oneshot::channel().1);
        let (_, first) = pending.front_mut().unwrap_or(&mut none);
        tokio::select! {
            answer = first, if waiting => {
                let Some((id, _)) = pending.pop_front() else { continue };
                let mut reply = match answer {
                    Ok(Ok(taken)) => json!({"accepted": taken.accepted, "next": taken.next}),
                    Ok(Err(refusal)) => refusal.json(),
                    Err(_) => Refusal::from(runs::store::StoreError::Closed).json(),
                };
                if let (Some(id), Some(reply)) = (id, reply.as_object_mut()) {
                    reply.insert("id".into(), id);
                }
                if socket.send(Message::text(reply.to_string())).await.is_err() {
                    return;
                }
            }
            message = socket.recv(), if open && room => match message {
                Some(Ok(Message::Text(text))) => pending.push_back(order(server, text.into(), false).await),
                Some(Ok(Message::Binary(bytes))) => pending.push_back(order(server, bytes, true).await),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => open = false,
                Some(Err(_)) => {
                    // Too long a message, or a broken one: what came after it cannot be found.
                    let refusal = Refusal::large(format!(
                        "the connection broke; a message of at most {} bytes is taken", server.limits.message_bytes
                    ));
                    let _ = socket.send(Message::text(refusal.json().to_string())).await;
                    let _ = close(socket, 1009, "message too long or broken").await;
                    open = false;
                }
            },
            _ = stopping.changed(), if open => open = false,
        }
    }
    let _ = close(socket, 1001, "the server stops").await;
}

/// Sends a message's records on their way.
async fn order(server: &Arc<Server>, message: Bytes, binary: bool) -> (Option<Value>, Answer) {
    let size = message.len();
    let parsed = async {
        server.allowed()?;
        let _held = server.room(size).await?;
        server
            .parse(size, move |server| parsed(server, &message, binary))
            .await
    };
    let (id, submitted) = match parsed.await {
        Ok((id, Ok((run, batch, records)))) => (id, server.submit(&run, batch, records)),
        Ok((id, Err(refusal))) => (id, Err(refusal)),
        Err(refusal) => (None, Err(refusal)),
    };
    let answer = submitted.unwrap_or_else(|refusal| {
        let (answer, answered) = oneshot::channel();
        // The receiver is right here.
        let _ = answer.send(Err(refusal));
        answered
    });
    (id, answer)
}

type Ordered = (String, Option<runs::store::Batch>, Vec<Record>);

/// The message's id, so that even a refusal can name it, and what it orders.
fn parsed(
    server: &Server,
    message: &Bytes,
    binary: bool,
) -> Result<(Option<Value>, Result<Ordered, Refusal>), Refusal> {
    let end = match binary {
        true => message.iter().position(|&b| b == b'\n'),
        false => Some(message.len()),
    };
    let end = end.ok_or_else(|| Refusal::wrong("a line of JSON is expected before the array"))?;
    let mut order: Order<'_> = json(&message[..end]).map_err(Refusal::wrong)?;
    let id = order.id.take();
    let ordered = || -> Result<Ordered, Refusal> {
        let mut records = Vec::new();
        if binary {
            let tag = order
                .tensor
                .ok_or_else(|| Refusal::wrong("field tensor: a tag is expected"))?;
            let tag = kinded(tag, order.kind.as_deref(), &server.limits)?;
            let step = order
                .step
                .ok_or_else(|| Refusal::wrong("field step: a whole number is expected"))?;
            let wall = order.wall.unwrap_or_else(now);
            let value = npy::parse(&message.slice(end + 1..), &server.limits)?.into();
            let at = At { step, wall, value };
            records.push(Record::Tensor { tag, at });
        } else {
            let sent = order.records.unwrap_or_default();
            take(sent, &server.limits, now(), &mut records)?;
            if records.is_empty() {
                return Err(Refusal::wrong("field records: at least one record is expected"));
            }
        }
        let batch = order.batch.map(|b| batch(&b)).transpose()?;
        Ok((order.run.into_owned(), batch, records))
    };
    Ok((id, ordered()))
}
