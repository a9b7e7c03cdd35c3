//! `layerscope runs`: the training histories below a folder, listed, as JSON, or as one table.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ::runs::{Library, Warning};
use model::Run;
use model::run::{At, MarkKind};
use model::series::Series;
use serde_json::{Map, Value, json};

use crate::Failure;

/// Reads all runs below `path`, prints them, and writes their scalars to `export` where asked.
pub fn runs(path: &Path, as_json: bool, export: Option<&Path>) -> Result<(), Failure> {
    let mut library = Library::open(path)?;
    while !library
        .refresh(Duration::from_secs(60), &AtomicBool::new(false))
        .finished
    {}
    if let Some(to) = export {
        ::runs::export(library.runs(), to)?;
    }
    if as_json {
        let document = document(library.runs(), library.warnings());
        return crate::print(&format!("{document:#}"));
    }
    crate::print(&table(library.runs()))?;
    for warning in library.warnings() {
        eprintln!("layerscope: {warning}");
    }
    Ok(())
}

/// JSON has no NaN and no infinity: as text.
fn number(value: f64) -> Value {
    match value.is_finite() {
        true => json!(value),
        false => json!(value.to_string()),
    }
}

fn series(series: &Series) -> Value {
    let last = series
        .last()
        .map(|p| json!({"step": p.step, "wall": number(p.wall), "value": number(p.value)}));
    let range = series.range();
    json!({
        "points": series.len(),
        "restarts": series.restarts().len(),
        "min": range.map(|(low, _)| low),
        "max": range.map(|(_, high)| high),
        "last": last,
    })
}

fn counts<'a, T: 'a>(tracks: impl Iterator<Item = (&'a String, &'a Vec<At<Arc<T>>>)>) -> Value {
    let count = |(tag, track): (&String, &Vec<_>)| (tag.clone(), json!(track.len()));
    Value::Object(tracks.map(count).collect::<Map<_, _>>())
}

/// The JSON document: every run with its tags, hyperparameters and marks, and the warnings.
pub fn document(runs: &[Arc<Run>], warnings: &[Warning]) -> Value {
    let run = |run: &Arc<Run>| {
        let of = |(tag, s): (&String, &Series)| (tag.clone(), series(s));
        json!({
            "name": run.name,
            "points": run.points(),
            "steps": run.steps(),
            "series": run.series.iter().map(of).collect::<Map<_, _>>(),
            "histograms": counts(run.histograms.iter()),
            "images": counts(run.images.iter()),
            "texts": counts(run.texts.iter()),
            "tensors": counts(run.tensors.iter()),
            "hyperparameters": run.hyperparameters,
            "marks": run.marks,
        })
    };
    json!({
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
        "warnings": warnings,
    })
}

/// One line a run.
fn table(runs: &[Arc<Run>]) -> String {
    let width = runs
        .iter()
        .map(|r| r.name.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(3, 60);
    let mut text = format!(
        "{:width$}  {:>12}  {:>6}  {:>21}  notes\n",
        "run", "scalars", "tags", "steps"
    );
    for run in runs {
        let tags =
            run.series.len() + run.histograms.len() + run.images.len() + run.texts.len() + run.tensors.len();
        let steps = run
            .steps()
            .map_or(String::new(), |(first, last)| format!("{first} to {last}"));
        let marks = |kind| run.marks.iter().filter(|m| m.kind == kind).count();
        let mut notes = Vec::new();
        for (kind, one, many) in [
            (MarkKind::Restart, "restart", "restarts"),
            (MarkKind::Problem, "problem", "problems"),
        ] {
            match marks(kind) {
                0 => {}
                1 => notes.push(format!("1 {one}")),
                n => notes.push(format!("{n} {many}")),
            }
        }
        let broken = |s: &&Series| {
            let finite: usize = s.chunks().iter().map(|c| c.finite()).sum();
            finite < s.len()
        };
        match run.series.values().filter(broken).count() {
            0 => {}
            n => notes.push(format!("NaN or infinity in {n} of {} tags", run.series.len())),
        }
        let notes = notes.join(", ");
        let name = &run.name;
        _ = writeln!(
            text,
            "{name:width$}  {:>12}  {tags:>6}  {steps:>21}  {notes}",
            run.points()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Point, Record};

    #[test]
    fn runs_are_listed_with_what_is_odd_about_them() {
        let mut run = Run::new("a/b");
        for (step, value) in [(0, 1.0), (5, f64::NAN)] {
            let (tag, wall) = ("loss".to_string(), 1.7e9);
            let point = Point { step, wall, value };
            run.take(Record::Scalar { tag, point });
        }
        let runs = [Arc::new(run)];
        let text = table(&runs);
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("a/b") && line.contains("0 to 5"), "{text}");
        assert!(line.ends_with("NaN or infinity in 1 of 1 tags"), "{text}");
        let document = document(&runs, &[]);
        let loss = &document["runs"][0]["series"]["loss"];
        assert_eq!(
            (&loss["points"], &loss["max"], &loss["last"]["value"]),
            (&json!(2), &json!(1.0), &json!("NaN"))
        );
    }
}
