//! `layerscope serve`: a store that any process on this machine can send to.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::Failure;

/// What to listen on, and where to keep what comes.
#[derive(clap::Args)]
pub struct Options {
    /// Folder to keep runs in; it is made where it is missing.
    #[arg(long, default_value = "layerscope-runs")]
    dir: PathBuf,
    /// Port; 0 takes any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Token that clients must send, at least 16 signs; otherwise that of LAYERSCOPE_TOKEN, which no
    /// list of processes shows, or a random one.
    #[arg(long)]
    token: Option<String>,
    /// Listen on all of this machine's addresses. Nothing is encrypted: anyone on the way can read
    /// along, and take the token.
    #[arg(long)]
    allow_remote: bool,
    /// A further name by which clients reach this machine.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

/// Serves until SIGINT or SIGTERM; prints one line of JSON once it listens.
pub fn serve(options: Options) -> Result<(), Failure> {
    let mut settings = ::serve::Options {
        port: options.port,
        token: options.token.or_else(|| std::env::var("LAYERSCOPE_TOKEN").ok()),
        allow_remote: options.allow_remote,
        hosts: options.hosts,
        ..::serve::Options::new(options.dir)
    };
    if options.allow_remote {
        settings.address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    }
    let other = |e: &dyn std::fmt::Display| Failure::Other(e.to_string());
    let interrupted = ::serve::interrupted().map_err(|e| other(&e))?;
    let handle = ::serve::start(settings).map_err(|e| other(&e))?;
    crate::print(&handle.words())?;
    interrupted.wait().map_err(|e| other(&e))?;
    for problem in handle.stop() {
        eprintln!("layerscope: {problem}");
    }
    Ok(())
}
