//! What a request is answered that is not taken.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use runs::store::StoreError;
use serde_json::json;

/// A status, why, and when to come again.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
    /// Seconds after which the same request may be taken.
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Refusal {
            status,
            why: why.into(),
            retry_after: None,
        }
    }

    /// The request is wrong.
    pub(crate) fn wrong(why: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, why)
    }

    /// More than a cap allows.
    pub(crate) fn large(why: impl Into<String>) -> Self {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    }

    pub(crate) fn later(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same for a WebSocket, where it has no status line.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self.retry_after {
            Some(seconds) => {
                json!({"error": self.why, "status": self.status.as_u16(), "retry_after": seconds})
            }
            None => json!({"error": self.why, "status": self.status.as_u16()}),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let why = error.to_string();
        match error {
            StoreError::Full(_) => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, why).later(10),
            StoreError::Busy => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why).later(1),
            StoreError::Closed => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why).later(5),
            StoreError::Name { .. } | StoreError::Record(_) => Refusal::wrong(why),
            StoreError::Limit { .. } => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            StoreError::Locked(_)
            | StoreError::Version { .. }
            | StoreError::Foreign(_)
            | StoreError::Io { .. } => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why).later(10),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.json())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
