//! Forward passes with every intermediate tensor kept, beside onnxruntime in the same minutes:
//!
//!     cargo bench -p cli --bench forward -- PYTHON [--profile] [PART OF A MODEL'S NAME]...
//!
//! PYTHON has the packages of `tools/requirements.txt`; LAYERSCOPE_ONNX_MODELS and
//! LAYERSCOPE_REFERENCES are set as `./check` sets them. Passes of the two alternate, both on all
//! cores. onnxruntime runs twice: as it is used (only the outputs leave it), and with every tensor
//! as an output. `--profile` adds the time of each kind of layer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use compute::{Executor, Flex, FlexDevice, RunOptions};
use model::TensorData;

const ROUNDS: usize = 15;

struct Rival {
    process: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Rival {
    fn new(python: &str, model: &Path, reference: &Path, threads: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/onnxruntime_rival.py");
        let mut process = Command::new(python)
            .arg(script)
            .args([model, reference])
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{python}: {e}"));
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut rival = Rival { process, answers };
        assert!(rival.line().starts_with("ready"));
        rival
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the rival answers");
        line
    }

    fn pass(&mut self, kind: &str) -> f64 {
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

fn inputs(reference: &Path) -> Vec<(String, TensorData)> {
    let names = std::fs::read_to_string(reference.with_extension("npz.names")).expect("names");
    let mut arrays = data::npz::read(reference).expect("references are readable");
    arrays.sort_by_key(|(name, _)| name[1..].trim_end_matches(".npy").parse::<usize>().unwrap_or(0));
    let pairs = names.lines().zip(arrays);
    let input = |(name, (_, data)): (&str, _)| Some((name.strip_prefix("in:")?.to_string(), data));
    pairs.filter_map(input).collect()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds by kind of layer over the rounds, through the executor's own progress reports.
type Profile = Arc<Mutex<(Option<Instant>, BTreeMap<String, (f64, usize)>)>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let (flags, words): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|a| a.starts_with("--"));
    let [python, parts @ ..] = &words[..] else {
        eprintln!("usage: cargo bench -p cli --bench forward -- PYTHON [--profile] [NAME]...");
        std::process::exit(2);
    };
    let variable = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            eprintln!("{name} is not set; ./check shows how");
            std::process::exit(2);
        })
    };
    let (folders, references) = (
        variable("LAYERSCOPE_ONNX_MODELS"),
        variable("LAYERSCOPE_REFERENCES"),
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let entries = folders
        .split(':')
        .flat_map(|f| std::fs::read_dir(f).expect("a folder"));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".onnx") && (parts.is_empty() || parts.iter().any(|p| name.contains(p.as_str())))
    });
    files.sort();
    println!(
        "{threads} threads; milliseconds, median of {ROUNDS}; each ratio is layerscope's time over onnxruntime's"
    );
    println!(
        "{:44} {:>10} {:>12} {:>7} {:>12} {:>7}",
        "network", "layerscope", "onnxruntime", "ratio", "all tensors", "ratio"
    );
    for file in files {
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let reference = Path::new(&references).join(format!("{stem}.npz"));
        let network = Arc::new(formats::open(&file).unwrap_or_else(|e| panic!("{e}")));
        let executor = Executor::<Flex>::new(network.clone(), FlexDevice).expect("weights load");
        let given = inputs(&reference);
        let profile = Profile::default();
        let mut options = RunOptions::default();
        if flags.iter().any(|f| f == "--profile") {
            let (profile, network) = (profile.clone(), network.clone());
            options.progress = Some(Arc::new(move |progress| {
                let mut profile = profile.lock().expect("one thread");
                let now = Instant::now();
                let layer = network.main().layers[progress.done - 1];
                if let Some(before) = profile.0.replace(now) {
                    let at = profile.1.entry(network.layer(layer).kind.clone()).or_default();
                    *at = (at.0 + (now - before).as_secs_f64() * 1e3, at.1 + 1);
                }
            }));
        }
        let mut rival = Rival::new(python, &file, &reference, threads);
        let (mut own, mut plain, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS + 2 {
            let values = executor.inputs(&given).expect("inputs fit");
            profile.lock().expect("one thread").0 = Some(Instant::now());
            let start = Instant::now();
            let pass = executor
                .run(values, &options)
                .unwrap_or_else(|e| panic!("{stem}: {e}"));
            let time = start.elapsed().as_secs_f64() * 1e3;
            drop(pass);
            let (a, b) = (rival.pass("plain"), rival.pass("all"));
            // The first rounds warm up.
            if round >= 2 {
                own.push(time);
                plain.push(a);
                all.push(b);
            }
        }
        let (own, plain, all) = (median(&mut own), median(&mut plain), median(&mut all));
        println!(
            "{stem:44} {own:>10.1} {plain:>12.1} {:>7.2} {all:>12.1} {:>7.2}",
            own / plain,
            own / all
        );
        let profile = profile.lock().expect("one thread");
        let mut kinds: Vec<_> = profile.1.iter().collect();
        kinds.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
        for (kind, (time, count)) in kinds.into_iter().take(12) {
            let rounds = (ROUNDS + 2) as f64;
            println!(
                "    {kind:32} {:>8.2} ms in {} layers",
                time / rounds,
                count / (ROUNDS + 2)
            );
        }
    }
}
