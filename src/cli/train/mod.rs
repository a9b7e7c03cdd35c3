//! `layerscope train`: what a recipe says, without a window, with event files and checkpoints.

mod recipe;
mod snapshots;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compute::train::{Checkpoint, Judgement, Plan, Trainer};
use compute::{Device, Gpu, wait};
use model::run::{Mark, MarkKind};
use model::{Cells, Dataset, Network, Point, Record};
use runs::events::EventWriter;

use crate::{Failure, run};

use snapshots::Snapshots;

pub use recipe::Recipe;

/// The checkpoint in a log folder.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// The state of the lowest validation loss, where the recipe has patience.
const BEST: &str = "best.safetensors";
/// What reads texts for a network of tokens, beside it.
const TOKENIZER: &str = "tokenizer.json";

/// Arguments of `layerscope train`.
#[derive(clap::Args)]
pub struct Arguments {
    /// TOML file that says what is trained on what, and how.
    recipe: PathBuf,
    /// Folder for event files, which TensorBoard opens, and the checkpoint.
    #[arg(long)]
    log: PathBuf,
    /// `.onnx` to write the trained network to.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder or file of the data, in place of the recipe's.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Model file to begin from, in place of the recipe's.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Checkpoint to go on from.
    #[arg(long)]
    resume: Option<PathBuf>,
    /// Stop after so many steps in all.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Passes over the training part, in place of the recipe's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Seed of first weights, order, dropout and noise, in place of the recipe's.
    #[arg(long)]
    seed: Option<u64>,
    /// MiB of weights that are kept along the way, in the folder `weights` of the log, so that the
    /// window can show the network as it was; beyond that every other file goes. 0 keeps none.
    #[arg(long, default_value_t = 256)]
    snapshots: u64,
    /// What computes.
    #[arg(long, value_enum, default_value_t = run::Device::Cpu)]
    device: run::Device,
}

/// Set by Ctrl-C: training ends after the step that is under way.
fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    let handler = move || {
        // Who asks twice does not want to wait for the step.
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::Other(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok(flag)
}

fn waited<T>(task: impl Future<Output = Result<T, compute::RunError>>) -> Result<T, Failure> {
    Ok(wait(task).ok_or(compute::RunError::CannotWait)??)
}

/// Trains what the recipe says.
pub fn train(arguments: &Arguments) -> Result<(), Failure> {
    let mut recipe = Recipe::read(&arguments.recipe)?;
    let plan = &mut recipe.plan;
    plan.seed = arguments.seed.unwrap_or(plan.seed);
    plan.epochs = arguments.epochs.unwrap_or(plan.epochs);
    plan.check().map_err(Failure::Other)?;
    if let Some(out) = &arguments.out
        && formats::format_of(out).is_none_or(|f| f.name != "ONNX")
    {
        return Err(Failure::Other(format!(
            "{}: a name ending in .onnx is expected",
            out.display()
        )));
    }
    let kept = arguments.log.join(CHECKPOINT);
    if kept.exists() && arguments.resume.is_none() {
        return Err(Failure::Other(format!(
            "{}: a training is there already; go on with --resume {}, or name another folder",
            arguments.log.display(),
            kept.display()
        )));
    }
    let checkpoint = arguments.resume.as_deref().map(read).transpose()?;
    let training = recipe.prepare(arguments.data.as_deref(), arguments.model.as_deref())?;
    if let (Some(out), Some(bytes)) = (&arguments.out, &training.tokenizer) {
        let path = out.with_file_name(TOKENIZER);
        if std::fs::read(&path).is_ok_and(|found| found != *bytes) {
            return Err(Failure::Other(format!(
                "{}: another tokenizer is there already; name another folder, or remove it",
                path.display()
            )));
        }
    }
    let device = match arguments.device {
        run::Device::Cpu => Device::Cpu,
        run::Device::Gpu => Device::Gpu(Gpu::open().map_err(Failure::Other)?),
    };
    let named = |e: compute::RunError| Failure::Other(format!("{}: {e}", arguments.recipe.display()));
    let mut plan = recipe.plan.clone();
    plan.steps = arguments.steps.or(plan.steps);
    let mut trainer = Trainer::new(training.network, training.data.clone(), plan, &device).map_err(named)?;
    let mut log = Log::create(&arguments.log)?;
    if let (Some(mut checkpoint), Some(path)) = (checkpoint, &arguments.resume) {
        // A later end is what one goes on for.
        checkpoint.plan.steps = arguments.steps.or(checkpoint.plan.steps);
        checkpoint.plan.epochs = arguments.epochs.unwrap_or(checkpoint.plan.epochs);
        let mark = trainer
            .resume(&checkpoint)
            .map_err(|e| Failure::Other(format!("{}: {e}", path.display())))?;
        eprintln!("{}", mark.text);
        log.write(Record::Mark(mark))?;
    } else {
        for record in trainer.hyperparameters() {
            log.write(record)?;
        }
        if let Some(loss) = training.persistence {
            log.write(Record::Hyperparameter {
                name: "persistence loss".into(),
                value: model::run::Setting::Number(loss),
            })?;
        }
    }
    let stop = interrupted()?;
    let mut snapshots = Snapshots::new(&arguments.log, arguments.snapshots << 20, &trainer)?;
    let mut judged = run_to_end(&mut trainer, &mut log, &mut snapshots, &kept, &stop)?;
    save(&trainer, &kept, &mut log)?;
    let steps = trainer.progress().step;
    if let Some(mark) = go_back(&mut trainer, &arguments.log.join(BEST))? {
        eprintln!("{}", mark.text);
        log.write(Record::Mark(mark))?;
        judged = Some(waited(trainer.validate())?);
    }
    let tested = match training.data.test.is_empty() {
        true => None,
        false => Some(waited(trainer.test())?),
    };
    if let Some(tested) = &tested {
        log.tested(trainer.progress().step as i64, tested)?;
    }
    log.flush()?;
    if stop.load(Ordering::Relaxed) {
        eprintln!("stopped at step {steps}");
    }
    let mut words = format!("{steps} steps, checkpoint {}", kept.display());
    if let (Some(persistence), Some(judged)) = (training.persistence, &judged) {
        words = format!(
            "{words}, validation {:.4} beside {persistence:.4} of saying that nothing changes",
            judged.loss
        );
    }
    if let Some(tested) = &tested {
        let found = self::words(tested).replace("validation", "test");
        words = format!("{words}{found} of {} examples", tested.count);
    }
    if let Some(out) = &arguments.out {
        write(&trainer, &recipe, judged, tested, out)?;
        if let Some(bytes) = &training.tokenizer {
            let path = out.with_file_name(TOKENIZER);
            std::fs::write(&path, bytes).map_err(|e| Failure::Other(format!("{}: {e}", path.display())))?;
        }
        words = format!("{words}, network {}", out.display());
    }
    crate::print(&words)
}

fn read(path: &Path) -> Result<Checkpoint, Failure> {
    let problem = |e: String| Failure::Other(format!("{}: {e}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| problem(e.to_string()))?;
    Checkpoint::from_bytes(&bytes).map_err(problem)
}

/// Takes steps until training ends or is stopped; gives the last judgement.
fn run_to_end(
    trainer: &mut Trainer,
    log: &mut Log,
    snapshots: &mut Snapshots,
    kept: &Path,
    stop: &AtomicBool,
) -> Result<Option<Judgement>, Failure> {
    let (mut start, mut judged) = (std::time::Instant::now(), None);
    let mut surveyor = probe::Surveyor::default();
    while !trainer.done() && !stop.load(Ordering::Relaxed) {
        let mut step = waited(trainer.step())?;
        step.records.extend(waited(surveyor.after(trainer, &step))?);
        if let Err(problem) = snapshots.after(trainer) {
            eprintln!("{problem}; these weights are not kept, training goes on");
        }
        for record in step.records {
            log.write(record)?;
        }
        if step.best && trainer.plan().patience.is_some() {
            save(trainer, &kept.with_file_name(BEST), log)?;
        }
        if let Some(loss) = step.epoch_loss {
            let validation = step.validation.as_ref().map(words).unwrap_or_default();
            eprintln!(
                "epoch {}/{}: loss {loss:.4}{validation}, learning rate {:.2e}, {:.1} s",
                step.epoch,
                trainer.plan().epochs,
                step.learning_rate,
                start.elapsed().as_secs_f64()
            );
            start = std::time::Instant::now();
            // A disk that is full may have room by the next epoch; the log keeps what waits, the
            // checkpoint before stays, and the end does not pass over a failure.
            let mut stored = log.flush();
            if !trainer.done() && stored.is_ok() {
                stored = save(trainer, kept, log);
            }
            if let Err(problem) = stored {
                eprintln!("{problem}; training goes on, and writes again after the next epoch");
            }
        } else if let Some(judged) = &step.validation {
            eprintln!("step {}: loss {:.4}{}", step.step, step.loss, words(judged));
        }
        judged = step.validation.or(judged);
        if let Some(problem) = step.problem {
            if step.done {
                save(trainer, kept, log)?;
                log.flush()?;
                return Err(Failure::Other(problem));
            }
            eprintln!("{problem}");
        }
    }
    Ok(judged)
}

fn words(judged: &Judgement) -> String {
    let accuracy = judged.accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a));
    format!(", validation {:.4}{}", judged.loss, accuracy.unwrap_or_default())
}

/// Goes back to the state at `path`, where it is that of the lowest validation loss and training has
/// patience; gives the mark for the charts.
fn go_back(trainer: &mut Trainer, path: &Path) -> Result<Option<Mark>, Failure> {
    let best = trainer
        .progress()
        .best
        .filter(|_| trainer.plan().patience.is_some());
    let Some(best) = best.filter(|b| b.step != trainer.progress().step) else {
        return Ok(None);
    };
    let checkpoint = read(path)?;
    if checkpoint.progress.step != best.step {
        return Err(Failure::Other(format!(
            "{}: it is of step {}, and the lowest validation loss was at step {}",
            path.display(),
            checkpoint.progress.step,
            best.step
        )));
    }
    let mut mark = trainer
        .resume(&checkpoint)
        .map_err(|e| Failure::Other(format!("{}: {e}", path.display())))?;
    mark.text = format!("back to step {}, of the lowest validation loss", best.step);
    Ok(Some(mark))
}

/// Writes the checkpoint; the one before stays until the new one is whole.
fn save(trainer: &Trainer, path: &Path, log: &mut Log) -> Result<(), Failure> {
    let problem = |e: String| Failure::Other(format!("{}: {e}", path.display()));
    let bytes = waited(trainer.checkpoint())?.to_bytes().map_err(problem)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| problem(e.to_string()))?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|e| problem(e.to_string()))?;
    file.persist(path).map_err(|e| problem(e.to_string()))?;
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    log.write(Record::Mark(Mark {
        step: trainer.progress().step as i64,
        wall: wall.map_or(f64::NAN, |d| d.as_secs_f64()),
        kind: MarkKind::Checkpoint,
        text: format!("saved at step {}", trainer.progress().step),
    }))
}

/// Writes the network with what should be known about it.
fn write(
    trainer: &Trainer,
    recipe: &Recipe,
    judged: Option<Judgement>,
    tested: Option<Judgement>,
    out: &Path,
) -> Result<(), Failure> {
    let mut network = waited(trainer.network())?;
    let judgements = [("validation", judged), ("test", tested)];
    describe(&mut network, trainer.data(), trainer.plan(), recipe, &judgements);
    let onnx = formats::format_of(out).ok_or_else(|| Failure::Other("no format".into()))?;
    std::fs::write(out, onnx.write(&network)?).map_err(|e| Failure::Other(format!("{}: {e}", out.display())))
}

fn describe(
    network: &mut Network,
    data: &Dataset,
    plan: &Plan,
    recipe: &Recipe,
    judgements: &[(&str, Option<Judgement>)],
) {
    let mut put = |key: &str, value: String| {
        network.metadata.retain(|(k, _)| k != key);
        network.metadata.push((key.into(), value));
    };
    if !data.classes.is_empty() {
        put("classes", data.classes.join("\n"));
    }
    if data.inputs.iter().any(|c| matches!(c.cells, Cells::Bytes(_))) {
        put("preprocessing", "value / 255".into());
    }
    put("recipe", recipe.text.clone());
    put("seed", plan.seed.to_string());
    put("training examples", data.training.len().to_string());
    for (part, judged) in judgements {
        if let Some(judged) = judged {
            let found = words(judged).replace("validation", part);
            let found = found.trim_start_matches(", ");
            put(part, format!("{found} of {} examples", judged.count));
        }
    }
}

/// The event file of this training.
struct Log(EventWriter);

impl Log {
    fn create(folder: &Path) -> Result<Self, Failure> {
        let events = EventWriter::create(folder, "");
        Ok(Log(events.map_err(|e| Failure::Other(e.to_string()))?))
    }

    fn write(&mut self, record: Record) -> Result<(), Failure> {
        let written = self.0.write(&record);
        written.map_err(|e| Failure::Other(e.to_string()))
    }

    fn tested(&mut self, step: i64, tested: &Judgement) -> Result<(), Failure> {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let wall = wall.map_or(f64::NAN, |d| d.as_secs_f64());
        let all = [
            ("loss/test", Some(tested.loss)),
            ("accuracy/test", tested.accuracy),
        ];
        for (tag, value) in all {
            if let Some(value) = value {
                let point = Point { step, wall, value };
                let tag = tag.into();
                self.write(Record::Scalar { tag, point })?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|e| Failure::Other(e.to_string()))
    }
}
