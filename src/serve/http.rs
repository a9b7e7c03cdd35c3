//! `POST /v1/runs/{run}/records` and `GET /v1/health`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::Record;
use model::run::At;
use serde::Deserialize;
use serde_json::json;

use crate::records::{kinded, npy, parse};
use crate::refusal::Refusal;
use crate::take::{Server, batch, now, settled};

/// Before anything else: Host and Origin.
pub(crate) async fn guarded(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match server.guard.origin(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Says that it is there, to anyone on this machine.
pub(crate) async fn health() -> Json<serde_json::Value> {
    Json(json!({"layerscope": env!("CARGO_PKG_VERSION"), "protocol": 1}))
}

pub(crate) async fn nowhere() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "POST /v1/runs/RUN/records, GET /v1/ws or GET /v1/health is expected; a / in a run's name is %2F",
    )
}

pub(crate) async fn no_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "POST is expected for records, GET for the rest",
    )
}

/// What a binary body is, in the address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    tag: Option<String>,
    step: Option<i64>,
    wall: Option<f64>,
    kind: Option<String>,
}

/// Bytes of a refused body that are read all the same: a connection that is closed on a sender
/// that still writes may take the answer with it.
const DRAINED: usize = 1 << 20;
const DRAIN: Duration = Duration::from_secs(5);

/// Takes records.
pub(crate) async fn records(
    State(server): State<Arc<Server>>,
    run: Result<Path<String>, PathRejection>,
    place: Result<Query<Place>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<serde_json::Value>, Refusal> {
    let checked = (|| {
        server
            .guard
            .bearer(&headers)
            .unwrap_or_else(|| server.guard.token(b""))?;
        server.allowed()?;
        let Path(run) = run.map_err(|e| Refusal::wrong(format!("the run's name: {}", e.body_text())))?;
        let Query(place) = place.map_err(|e| Refusal::wrong(format!("the address: {}", e.body_text())))?;
        let number = headers
            .get("layerscope-batch")
            .map(|v| batch(v.to_str().unwrap_or("?")));
        let stated = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok()?.parse().ok());
        match stated {
            Some(stated) if stated > server.limits.body_bytes => Err(large(&server)),
            _ => Ok((run, place, number.transpose()?, binary(&headers)?, stated)),
        }
    })();
    let (run, place, batch, binary, stated) = match checked {
        Ok(checked) => checked,
        Err(refusal) => {
            let drain = axum::body::to_bytes(body, DRAINED);
            // Nothing in it is wanted, and it may be longer.
            let _ = tokio::time::timeout(server.limits.patience.min(DRAIN), drain).await;
            return Err(refusal);
        }
    };
    let most = server.limits.body_bytes;
    let held = server.room(stated.unwrap_or(most)).await?;
    let reading = tokio::time::timeout(server.limits.patience, axum::body::to_bytes(body, most));
    let body = match reading.await {
        Ok(Ok(body)) => body,
        Ok(Err(e)) if is_limit(&e) => return Err(large(&server)),
        Ok(Err(e)) => return Err(Refusal::wrong(format!("the body broke off: {e}"))),
        Err(_) => {
            return Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            ));
        }
    };
    let records = server.parse(body.len(), move |server| match binary {
        true => array(&body, place, server),
        false => parse(&body, &server.limits, now()),
    });
    let records = records.await?;
    let taken = settled(server.submit(&run, batch, records)?).await?;
    drop(held);
    Ok(Json(json!({"accepted": taken.accepted, "next": taken.next})))
}

fn large(server: &Server) -> Refusal {
    Refusal::large(format!(
        "a body of at most {} bytes is taken",
        server.limits.body_bytes
    ))
}

fn is_limit(error: &axum::Error) -> bool {
    use std::error::Error;
    let mut source = error.source();
    while let Some(e) = source {
        if e.to_string().contains("length limit") {
            return true;
        }
        source = e.source();
    }
    error.to_string().contains("length limit")
}

/// Whether the body is an array rather than JSON.
fn binary(headers: &HeaderMap) -> Result<bool, Refusal> {
    let unsupported = |why: String| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    let text = |name| {
        headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase())
    };
    if let Some(coding) = text(header::CONTENT_ENCODING).filter(|c| c != "identity") {
        return unsupported(format!("Content-Encoding {coding}: none is expected"));
    }
    let media = text(header::CONTENT_TYPE).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim() {
        "application/x-npy" => Ok(true),
        ""
        | "application/json"
        | "application/x-ndjson"
        | "application/jsonl"
        | "text/plain"
        | "application/x-www-form-urlencoded" => Ok(false),
        other => unsupported(format!(
            "Content-Type {other}: application/json, application/x-ndjson or application/x-npy is expected"
        )),
    }
}

fn array(body: &Bytes, place: Place, server: &Server) -> Result<Vec<Record>, Refusal> {
    let (Some(tag), Some(step)) = (place.tag, place.step) else {
        return Err(Refusal::wrong(
            "the address: ?tag=TAG&step=STEP is expected with an array",
        ));
    };
    let tag = kinded(tag.into(), place.kind.as_deref(), &server.limits)?;
    let wall = place.wall.unwrap_or_else(now);
    if !wall.is_finite() {
        return Err(Refusal::wrong("the address: wall is seconds since 1970"));
    }
    let value = npy::parse(body, &server.limits)?.into();
    let at = At { step, wall, value };
    Ok(vec![Record::Tensor { tag, at }])
}
