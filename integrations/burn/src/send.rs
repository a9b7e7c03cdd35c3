//! The sending thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::Value;

/// Records of a request.
const BATCH: usize = 2000;
/// Tries before a batch is given up.
const TRIES: u32 = 8;

pub(crate) struct Sender {
    agent: ureq::Agent,
    url: String,
    token: String,
    /// Random, so that a batch that is sent twice is taken once.
    id: String,
    number: u64,
    lost: u64,
}

impl Sender {
    pub(crate) fn new(url: &str, token: &str, run: &str) -> Result<Self, String> {
        let id = getrandom::u64().map_err(|e| e.to_string())?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)));
        // A / in the name is part of it.
        let name: String = run.bytes().map(escaped).collect();
        Ok(Sender {
            agent: config.build().into(),
            url: format!("{}/v1/runs/{name}/records", url.trim_end_matches('/')),
            token: token.to_string(),
            id: format!("{id:016x}"),
            number: 0,
            lost: 0,
        })
    }

    /// Sends until no one can put anything any more; returns how many records were lost.
    pub(crate) fn work(&mut self, records: Receiver<Value>) -> u64 {
        let mut lines = Vec::new();
        loop {
            match records.recv_timeout(Duration::from_millis(500)) {
                Ok(record) => {
                    lines.push(record.to_string());
                    while lines.len() < BATCH
                        && let Ok(record) = records.try_recv()
                    {
                        lines.push(record.to_string());
                    }
                }
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return self.lost,
            }
            self.send(&lines);
            lines.clear();
        }
    }

    fn send(&mut self, lines: &[String]) {
        self.number += 1;
        let (body, batch) = (lines.join("\n"), format!("{}-{}", self.id, self.number));
        let mut why = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(50 << attempt));
            }
            let sent = self
                .agent
                .post(&self.url)
                .header("Authorization", format!("Bearer {}", self.token))
                .header("Layerscope-Batch", &batch)
                .content_type("application/x-ndjson")
                .send(&body);
            match sent {
                Ok(answer) if answer.status() == 200 => return,
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    why = format!(
                        "status {status}: {}",
                        answer.body_mut().read_to_string().unwrap_or_default()
                    );
                    if [400, 401, 403, 413, 422].contains(&status) {
                        break;
                    }
                }
                Err(e) => why = e.to_string(),
            }
        }
        self.lost += lines.len() as u64;
        eprintln!("layerscope: {} records were lost: {why}", lines.len());
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b if b.is_ascii_alphanumeric() || b"-_.".contains(&b) => (b as char).to_string(),
        b => format!("%{b:02X}"),
    }
}
