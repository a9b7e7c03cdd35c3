//! Forward passes beside onnxruntime and tract in the same minutes:
//!
//!     cargo bench -p cli --bench forward -- PYTHON [--profile] [--threads=N] [PART OF A NAME]...
//!     cargo bench -p cli --bench forward -- --gpu [PART OF A NAME]...
//!
//! PYTHON has the packages of `tools/requirements.txt`, and tract where that is to be compared;
//! LAYERSCOPE_ONNX_MODELS and LAYERSCOPE_REFERENCES are set as `./check` sets them. Passes of all
//! alternate, on all cores or N (tract on one). Twice each: with every tensor kept (tract does not),
//! and with the outputs alone, layers merged. `--profile` adds the time of each kind of layer;
//! `--gpu` times the graphics device alone, waited for after each pass.

#[path = "forward/rival.rs"]
mod rival;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use compute::{Backend, Executor, Flex, FlexDevice, Gpu, Keep, Pass, RunOptions, Wgpu};
use model::{Network, TensorData};
use rival::Rival;

const ROUNDS: usize = 15;
const WARM: usize = 2;

fn inputs(reference: &Path) -> Vec<(String, TensorData)> {
    let names = std::fs::read_to_string(reference.with_extension("npz.names")).expect("names");
    let mut arrays = data::npz::read(reference).expect("references are readable");
    arrays.sort_by_key(|(name, _)| name[1..].trim_end_matches(".npy").parse::<usize>().unwrap_or(0));
    let pairs = names.lines().zip(arrays);
    let input = |(name, (_, data)): (&str, _)| Some((name.strip_prefix("in:")?.to_string(), data));
    pairs.filter_map(input).collect()
}

/// Milliseconds of the rounds after the warm ones.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn median(&self) -> f64 {
        let mut times = self.0[WARM.min(self.0.len())..].to_vec();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Milliseconds by kind of layer over all rounds, and how many layers there are.
type Profile = BTreeMap<String, (f64, usize)>;

fn pass<B: Backend>(
    executor: &Executor<B>,
    given: &[(String, TensorData)],
    keep: Keep,
    wait: impl Fn(&Pass<B>),
    times: &mut Times,
) -> Profile {
    let options = RunOptions {
        keep,
        ..RunOptions::default()
    };
    let values = executor.inputs(given).expect("inputs fit");
    let start = Instant::now();
    let pass = executor.run(values, &options).unwrap_or_else(|e| panic!("{e}"));
    wait(&pass);
    times.0.push(start.elapsed().as_secs_f64() * 1e3);
    let mut profile = Profile::new();
    for (layer, seconds) in &pass.times {
        let layer = executor.network().layer(*layer);
        let weights = layer.inputs.get(1).copied().flatten();
        let shape = weights.and_then(|t| executor.network().tensor(t).spec.shape(&Default::default()));
        let kind = match shape {
            Some(shape) if shape.len() > 1 => format!("{} {shape:?}", layer.kind),
            _ => layer.kind.clone(),
        };
        let at = profile.entry(kind).or_default();
        *at = (at.0 + seconds * 1e3, at.1 + 1);
    }
    profile
}

fn add(to: &mut Profile, more: Profile) {
    for (kind, (time, count)) in more {
        let at = to.entry(kind).or_default();
        *at = (at.0 + time, count);
    }
}

fn print_profile(what: &str, profile: &Profile) {
    let mut kinds: Vec<_> = profile.iter().collect();
    kinds.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    println!("  {what}");
    for (kind, (time, count)) in kinds.into_iter().take(16) {
        println!(
            "    {kind:32} {:>8.2} ms in {count} layers",
            time / (ROUNDS + WARM) as f64
        );
    }
}

/// One network on the processor beside its rivals.
fn on_processor(
    file: &Path,
    reference: &Path,
    network: Arc<Network>,
    python: &str,
    threads: usize,
    profile: bool,
) {
    let plain = Executor::<Flex>::new(network, FlexDevice).expect("weights load");
    let fused = plain.fused().expect("weights load");
    let given = inputs(reference);
    let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(name);
    let mut onnxruntime = Rival::new(python, &script("onnxruntime_rival.py"), file, reference, threads)
        .expect("onnxruntime opens it");
    let mut tract = Rival::new(python, &script("tract_rival.py"), file, reference, threads);
    let mut times: [Times; 5] = Default::default();
    let mut profiles = [Profile::new(), Profile::new()];
    for _ in 0..ROUNDS + WARM {
        add(
            &mut profiles[0],
            pass(&plain, &given, Keep::All, |_| (), &mut times[0]),
        );
        times[1].0.push(onnxruntime.pass("all"));
        add(
            &mut profiles[1],
            pass(&fused, &given, Keep::Outputs, |_| (), &mut times[2]),
        );
        times[3].0.push(onnxruntime.pass("plain"));
        if let Some(tract) = &mut tract {
            times[4].0.push(tract.pass("plain"));
        }
    }
    let [all, all_rival, outputs, plain_rival, other] = times.map(|t| t.median());
    println!(
        "{:28} {all:>9.1} {all_rival:>9.1} {:>6.2} {:>6.2} | {outputs:>9.1} {plain_rival:>9.1} {:>6.2} {other:>9.1} {:>6.2}",
        file.file_stem().unwrap_or_default().to_string_lossy(),
        all / all_rival,
        all / plain_rival,
        outputs / plain_rival,
        outputs / other,
    );
    if profile {
        print_profile("every tensor kept", &profiles[0]);
        print_profile("outputs alone", &profiles[1]);
    }
}

/// One network on a graphics device.
fn on_graphics(file: &Path, reference: &Path, network: Arc<Network>, gpu: &Gpu) {
    let plain = Executor::<Wgpu>::new(network, gpu.burn().clone()).expect("weights load");
    let fused = plain.fused().expect("weights load");
    let given = inputs(reference);
    let time = |executor: &Executor<Wgpu>, keep| {
        // Reading an output waits for everything before it.
        let wait = |pass: &Pass<Wgpu>| {
            let outputs = compute::wait(executor.outputs(pass));
            outputs.expect("it can be waited for").expect("outputs");
        };
        let mut times = Times::default();
        for _ in 0..ROUNDS + WARM {
            pass(executor, &given, keep, wait, &mut times);
        }
        times.median()
    };
    println!(
        "{:28} {:>9.2} {:>9.2}",
        file.file_stem().unwrap_or_default().to_string_lossy(),
        time(&plain, Keep::All),
        time(&fused, Keep::Outputs),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let (flags, words): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|a| a.starts_with("--"));
    let flag = |name: &str| flags.iter().any(|f| f == name);
    let gpu = flag("--gpu").then(|| Gpu::open().unwrap_or_else(|e| panic!("{e}")));
    let (python, parts) = match (&gpu, &words[..]) {
        (Some(_), parts) => ("", parts),
        (None, [python, parts @ ..]) => (python.as_str(), parts),
        (None, []) => {
            eprintln!(
                "usage: cargo bench -p cli --bench forward -- PYTHON [--profile] [--threads=N] [NAME]..."
            );
            std::process::exit(2);
        }
    };
    let variable = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            eprintln!("{name} is not set; ./check shows how");
            std::process::exit(2);
        })
    };
    let folders = variable("LAYERSCOPE_ONNX_MODELS");
    let references = variable("LAYERSCOPE_REFERENCES");
    let given = flags
        .iter()
        .find_map(|f| f.strip_prefix("--threads=")?.parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: usize = given.unwrap_or(cores);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread();
    pool.build_global().expect("no pool before");
    let folder = |f| std::fs::read_dir(f).expect("a folder");
    let entries = folders.split(':').flat_map(folder);
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".onnx") && (parts.is_empty() || parts.iter().any(|p| name.contains(p.as_str())))
    });
    files.sort();
    match &gpu {
        Some(gpu) => {
            println!("{}; milliseconds, median of {ROUNDS}", gpu.name());
            println!("{:28} {:>9} {:>9}", "network", "every", "outputs");
        }
        None => {
            println!(
                "{threads} threads, tract on one; milliseconds, median of {ROUNDS}, and layerscope's over the rival's"
            );
            println!("with every tensor kept: layerscope, onnxruntime, ratio, ratio to its outputs alone");
            println!("with the outputs alone: layerscope, onnxruntime, ratio, tract, ratio");
        }
    }
    for file in files {
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let reference = Path::new(&references).join(format!("{stem}.npz"));
        let network = Arc::new(formats::open(&file).unwrap_or_else(|e| panic!("{e}")));
        match &gpu {
            Some(gpu) => on_graphics(&file, &reference, network, gpu),
            None => on_processor(&file, &reference, network, python, threads, flag("--profile")),
        }
    }
}
