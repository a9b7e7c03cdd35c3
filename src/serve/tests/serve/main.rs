//! The server as clients meet it.

mod burn;
mod disk;
mod guard;
mod http;
mod limits;
mod python;
mod ws;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use model::Run;
use serde_json::Value;
use serve::{Handle, Limits, Options};

/// A server on a folder that goes with it.
struct Here {
    folder: tempfile::TempDir,
    handle: Option<Handle>,
    agent: ureq::Agent,
}

/// What came back: status, body, and when to come again.
#[derive(Debug)]
struct Reply {
    status: u16,
    json: Value,
    retry_after: Option<String>,
}

fn start(limits: Limits) -> Here {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        limits,
        ..Options::new(folder.path())
    };
    Here {
        handle: Some(serve::start(options).unwrap()),
        folder,
        agent: agent(),
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

/// Posts a body; fails where no answer comes.
fn post(
    agent: &ureq::Agent,
    url: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply, ureq::Error> {
    let mut request = agent.post(url).header("Authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body)?;
    let text = response.body_mut().read_to_string()?;
    let after = response.headers().get("retry-after");
    Ok(Reply {
        status: response.status().as_u16(),
        retry_after: after.map(|v| v.to_str().unwrap().to_string()),
        json: serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}")),
    })
}

impl Here {
    fn handle(&self) -> &Handle {
        self.handle.as_ref().unwrap()
    }

    fn address(&self) -> &str {
        self.handle().url.strip_prefix("http://").unwrap()
    }

    /// Posts to a run; the name is as it stands in the address.
    fn post(&self, run: &str, body: &str) -> Reply {
        self.post_with(run, &[], body.as_bytes())
    }

    fn post_with(&self, run: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let url = format!("{}/v1/runs/{run}/records", self.handle().url);
        self.post_to(&url, headers, body)
    }

    fn post_to(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        post(&self.agent, url, &self.handle().token, headers, body).unwrap()
    }

    /// Stops the server and reads what it left.
    fn runs(mut self) -> Vec<Run> {
        assert_eq!(self.handle.take().unwrap().stop(), Vec::<String>::new());
        assert_eq!(logs(self.folder.path()), 0, "all logs are Parquet");
        read(self.folder.path())
    }
}

fn read(folder: &Path) -> Vec<Run> {
    let (runs, warnings) = runs::store::read(folder).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    runs
}

fn logs(folder: &Path) -> usize {
    let inside = |dir: std::path::PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = inside(folder.into()).flat_map(|run| inside(run.path()));
    files
        .filter(|f| f.path().extension().is_some_and(|e| e == "log"))
        .count()
}

/// Sends exactly these bytes; returns the status and the rest of the answer.
fn raw(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // The other side may reset what it does not read to its end.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {answer:?}")), answer)
}
