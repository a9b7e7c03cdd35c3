//! Training steps beside PyTorch in the same minutes:
//!
//!     cargo bench -p compute --bench train -- PYTHON [--threads=N] [PART OF A NAME]...
//!
//! PYTHON has PyTorch; without it only our own times are printed. Both train the same template on
//! pictures of one size, steps of both alternate in rounds, on all cores or N. `looks` is the step in
//! which every layer's statistics are taken.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use compute::train::{Cadence, Every, Loss, Moments, Optimizer, Plan, Trainer};
use compute::{Device, wait};
use model::templates::Template;
use model::{Cells, Column, Dataset, Network, Random, Targets};

const ROUNDS: usize = 7;
const BATCH: usize = 64;

struct Case {
    name: &'static str,
    network: Network,
    data: Dataset,
    plan: Plan,
}

fn data(shape: &[usize], classes: Option<usize>) -> Dataset {
    let (mut random, count) = (Random::new(&[7]), 4 * BATCH);
    let width: usize = shape.iter().product();
    let column = |shape: &[usize], cells| Column {
        name: String::new(),
        shape: shape.to_vec(),
        cells,
    };
    let cells = (0..count * width).map(|_| random.uniform() as f32).collect();
    let targets = match classes {
        Some(classes) => {
            let labels = (0..count).map(|i| (i % classes) as i64).collect();
            Targets::Classes(column(&[], Cells::Ints(labels)))
        }
        None => Targets::Values(column(
            &[1],
            Cells::Floats((0..count).map(|i| (i % 7) as f32).collect()),
        )),
    };
    Dataset {
        name: "noise".into(),
        inputs: vec![column(shape, Cells::Floats(cells))],
        targets,
        training: (0..count as u32).collect(),
        ..Dataset::default()
    }
}

fn cases() -> Vec<Case> {
    let case = |name, template: Template, shape: &[usize], classes: Option<usize>, optimizer| {
        let sizes: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
        let loss = match classes {
            Some(_) => Loss::CrossEntropy { smoothing: 0.0 },
            None => Loss::Mse {},
        };
        Case {
            name,
            network: template
                .build(name, &sizes, classes.unwrap_or(1) as u64, 3)
                .expect("it fits"),
            data: data(shape, classes),
            plan: Plan {
                epochs: u64::MAX >> 1,
                batch: BATCH,
                loss,
                optimizer,
                learning_rate: 1e-3,
                validate: Every::Never,
                statistics: Cadence::Off,
                ..Plan::default()
            },
        }
    };
    let nesterov = Optimizer::Nesterov { momentum: 0.9 };
    let adam = Optimizer::Adam(Moments::default());
    let cnn = |width| Template::ResidualCnn { width, norm: true };
    let mlp = Template::Mlp {
        hidden: vec![256, 256],
        dropout: 0.0,
    };
    vec![
        case("cnn16", cnn(16), &[1, 28, 28], Some(10), nesterov),
        case("cnn32", cnn(32), &[3, 32, 32], Some(10), nesterov),
        case("mlp", mlp, &[1, 28, 28], Some(10), adam),
        case("gru", Template::Gru { hidden: 32 }, &[32, 4], None, adam),
    ]
}

/// PyTorch in a process of its own: a line with a number of steps in, milliseconds a step out.
struct Rival {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Rival {
    fn start(python: &str, case: &str, threads: usize) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/train_rival.py");
        let mut process = Command::new(python)
            .args([script, case, &threads.to_string(), &BATCH.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let to = process.stdin.take()?;
        let from = BufReader::new(process.stdout.take()?);
        Some(Rival { process, to, from })
    }

    fn steps(&mut self, count: usize) -> Option<f64> {
        writeln!(self.to, "{count}").ok()?;
        let mut line = String::new();
        self.from.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds of each step.
fn steps(trainer: &mut Trainer, count: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        wait(trainer.step()).expect("the processor").expect("a step");
    }
    1e3 * start.elapsed().as_secs_f64() / count as f64
}

fn main() {
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut python, mut parts) = (None, Vec::new());
    for argument in std::env::args().skip(1).filter(|a| a != "--bench") {
        if let Some(n) = argument.strip_prefix("--threads=") {
            threads = n.parse().expect("--threads=N");
        } else if python.is_none() && (argument.contains('/') || argument.contains("python")) {
            python = Some(argument);
        } else {
            parts.push(argument);
        }
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread();
    pool.build_global().expect("no pool has been made before");
    println!("milliseconds a step, batch {BATCH}, {threads} threads");
    println!(
        "{:8} {:>10} {:>10} {:>10} {:>8}",
        "", "layerscope", "looks", "PyTorch", "ratio"
    );
    for case in cases() {
        if !parts.is_empty() && !parts.iter().any(|p| case.name.contains(p.as_str())) {
            continue;
        }
        let (network, data) = (Arc::new(case.network), Arc::new(case.data));
        let trainer = |statistics| {
            let plan = Plan {
                statistics,
                ..case.plan.clone()
            };
            Trainer::new(network.clone(), data.clone(), plan, &Device::Cpu).expect("it fits")
        };
        let (mut plain, mut looking) = (trainer(Cadence::Off), trainer(Cadence::Steps(1)));
        let mut rival = python.as_ref().and_then(|p| Rival::start(p, case.name, threads));
        let (mut ours, mut looks, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        steps(&mut plain, 2);
        steps(&mut looking, 1);
        rival.as_mut().and_then(|r| r.steps(2));
        for _ in 0..ROUNDS {
            ours.push(steps(&mut plain, 4));
            looks.push(steps(&mut looking, 2));
            theirs.extend(rival.as_mut().and_then(|r| r.steps(4)));
        }
        let (ours, looks, theirs) = (median(ours), median(looks), median(theirs));
        println!(
            "{:8} {ours:10.1} {looks:10.1} {theirs:10.1} {:8.2}",
            case.name,
            ours / theirs
        );
    }
}
