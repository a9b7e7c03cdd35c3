//! A server on a thread of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use runs::store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::guard::{Guard, objection, random_token};
use crate::limits::Limits;
use crate::listen::Counted;
use crate::live::Live;
use crate::take::Aside;
use crate::{http, take, ws};

/// Where to listen, and where to keep what comes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the store.
    pub dir: PathBuf,
    /// Address to listen on.
    pub address: IpAddr,
    /// Port; 0 for any that is free.
    pub port: u16,
    /// What clients must know; a random one where there is none.
    pub token: Option<String>,
    /// Lets `address` be one that other machines reach. Nothing is encrypted.
    pub allow_remote: bool,
    /// Names that lead here besides localhost and addresses, as clients write them.
    pub hosts: Vec<String>,
    /// What is taken at most.
    pub limits: Limits,
    /// Bytes after which a run's log becomes Parquet.
    pub segment_bytes: u64,
}

impl Options {
    /// This machine alone, any port, a random token.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Options {
            dir: dir.into(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            token: None,
            allow_remote: false,
            hosts: Vec::new(),
            limits: Limits::default(),
            segment_bytes: runs::store::Options::default().segment_bytes,
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ServeError {
    #[error("{0}: other machines reach this address; allow that explicitly, or take 127.0.0.1")]
    Remote(IpAddr),
    #[error("{0}")]
    Token(&'static str),
    #[error("no random token could be made: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{address}: {error}")]
    Listen {
        address: SocketAddr,
        error: std::io::Error,
    },
}

/// A running server. It stops when dropped.
pub struct Handle {
    /// `http://ADDRESS:PORT`.
    pub url: String,
    /// What clients must know.
    pub token: String,
    /// Folder of the store.
    pub dir: PathBuf,
    aside: Arc<Aside>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Vec<String>>>,
}

/// Starts to listen; returns once it does.
pub fn start(options: Options) -> Result<Handle, ServeError> {
    if !options.address.is_loopback() && !options.allow_remote {
        return Err(ServeError::Remote(options.address));
    }
    let token = match options.token {
        Some(token) => match objection(&token) {
            Some(why) => return Err(ServeError::Token(why)),
            None => token,
        },
        None => random_token().map_err(ServeError::Random)?,
    };
    let address = SocketAddr::new(options.address, options.port);
    let listen = |error| ServeError::Listen { address, error };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("serve")
        .enable_all()
        .build()
        .map_err(listen)?;
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let store = Store::open(
        &options.dir,
        runs::store::Options {
            segment_bytes: options.segment_bytes,
            runs: options.limits.runs,
            tags: options.limits.tags,
        },
    )?;
    let guard = Guard {
        token: token.clone(),
        port: bound.port(),
        remote: options.allow_remote,
        hosts: options.hosts,
    };
    let connections = options.limits.connections;
    let server = Arc::new(take::Server::new(guard, options.limits, store));
    let aside = server.aside.clone();
    let (stop, stopping) = watch::channel(false);
    let work = move || {
        let listener = Counted::new(listener, connections);
        runtime.block_on(serve(listener, server.clone(), stopping));
        // What is still being parsed then is not taken, and its sender is told nothing.
        runtime.shutdown_timeout(Duration::from_secs(2));
        let store = server.store.write().unwrap_or_else(|e| e.into_inner()).take();
        store.map_or_else(Vec::new, Store::close)
    };
    let thread = std::thread::Builder::new().name("serve".into()).spawn(work);
    let shown = match bound.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port())),
        _ => bound,
    };
    Ok(Handle {
        url: format!("http://{shown}"),
        token,
        dir: options.dir,
        aside,
        stop,
        thread: Some(thread.map_err(listen)?),
    })
}

async fn serve(listener: Counted, server: Arc<take::Server>, mut stopping: ws::Stopping) {
    let (talking, mut silence) = mpsc::channel(1);
    let sockets =
        Router::new()
            .route("/v1/ws", get(ws::open))
            .with_state((server.clone(), stopping.clone(), talking));
    let router = Router::new()
        .route("/v1/health", get(http::health))
        .route("/v1/runs/{run}/records", post(http::records))
        .with_state(server.clone())
        .merge(sockets)
        .fallback(http::nowhere)
        .method_not_allowed_fallback(http::no_method)
        .layer(axum::middleware::from_fn_with_state(server, http::guarded));
    let mut stopped = stopping.clone();
    let signal = async move {
        // An error means that the handle is gone, which stops it too.
        let _ = stopped.wait_for(|&stop| stop).await;
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal);
    let overdue = async move {
        let _ = stopping.wait_for(|&stop| stop).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let done = async move {
        // An error would be one of the listener, which has none.
        let _ = serving.await;
        // Sockets are on their own by now; nothing is ever sent here, only let go.
        let _ = silence.recv().await;
    };
    tokio::select! {
        () = done => {}
        () = overdue => {}
    }
}

impl Handle {
    /// What clients need, as a line of JSON: `url`, `token` and the store's `folder`.
    pub fn words(&self) -> String {
        let folder = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
        serde_json::json!({"url": self.url, "token": self.token, "folder": folder}).to_string()
    }

    /// Hears of what is accepted from now on.
    pub fn subscribe(&self) -> Live {
        self.aside.listeners.add()
    }

    /// Takes nothing more, answers what was taken, and returns once all of it is Parquet, with the
    /// problems that the store had.
    pub fn stop(mut self) -> Vec<String> {
        self.finish()
    }

    fn finish(&mut self) -> Vec<String> {
        self.stop.send_replace(true);
        let ended = self.thread.take().map(JoinHandle::join);
        let early = "the server's thread ended early; what was acknowledged is in its logs";
        ended.map_or_else(Vec::new, |r| r.unwrap_or_else(|_| vec![early.into()]))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.finish();
    }
}

/// SIGINT (Ctrl+C) and SIGTERM, caught from its making on.
pub struct Interrupted {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

/// Catches SIGINT and SIGTERM from now on, so that a server can be stopped in order.
pub fn interrupted() -> std::io::Result<Interrupted> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = runtime.enter();
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
    };
    Ok(Interrupted {
        #[cfg(unix)]
        signals,
        runtime,
    })
}

impl Interrupted {
    /// Waits for one of them.
    #[cfg_attr(not(unix), allow(unused_mut))]
    pub fn wait(mut self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            self.runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            Ok(())
        }
        #[cfg(not(unix))]
        self.runtime.block_on(tokio::signal::ctrl_c())
    }
}
