//! Another engine in a process of its own, which passes when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The process; it ends with this.
pub struct Rival {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Rival {
    /// Starts `script`; `None` where it cannot open the model, or is not installed.
    pub fn new(python: &str, script: &Path, model: &Path, reference: &Path, threads: usize) -> Option<Self> {
        let mut process = Command::new(python)
            .arg(script)
            .args([model, reference])
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{python}: {e}"));
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut rival = Rival { process, answers };
        rival.line().starts_with("ready").then_some(rival)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the rival answers");
        line
    }

    /// Milliseconds of one pass of `kind`.
    pub fn pass(&mut self, kind: &str) -> f64 {
        let stdin = self.process.stdin.as_mut().expect("piped");
        writeln!(stdin, "{kind}").expect("the rival listens");
        self.line().trim().parse().expect("milliseconds")
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
