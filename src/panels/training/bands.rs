//! Runs of a group as their mean, with the interval in which it lies.

use std::sync::Arc;

use analyze::{RunCurve, band, common_steps};

use super::chart::Drawn;
use super::curves::{Curve, Path};

/// Places at which runs are averaged at most.
const PLACES: usize = 500;
/// Probability that the mean lies within the band.
const CONFIDENCE: f64 = 0.95;

/// The interval of the mean along a curve.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// Places where at least two runs have a value.
    pub xs: Vec<f64>,
    /// Lower ends.
    pub low: Vec<f64>,
    /// Upper ends.
    pub high: Vec<f64>,
}

/// The curves of `drawn`, each group's and part of the data's as one; `names` are the groups'.
pub fn averaged(drawn: Vec<Drawn>, of: &[usize], names: &[String]) -> Vec<Drawn> {
    let mut groups: Vec<((usize, session::histories::Split), Vec<Drawn>)> = Vec::new();
    for line in drawn {
        let key = (of[line.run], line.split);
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((key, vec![line])),
        }
    }
    let mut means: Vec<Drawn> = groups
        .into_iter()
        .filter_map(|((group, split), mut lines)| {
            if lines.len() == 1 {
                return lines.pop();
            }
            let runs: Vec<RunCurve> = lines
                .iter()
                .map(|l| RunCurve {
                    steps: &l.curve.main().xs,
                    values: &l.curve.main().ys,
                })
                .collect();
            let points = band(&runs, &common_steps(&runs, PLACES), CONFIDENCE);
            let mut interval = Band::default();
            for p in points.iter().filter(|p| p.low.is_finite() && p.high.is_finite()) {
                interval.xs.push(p.step);
                interval.low.push(p.low);
                interval.high.push(p.high);
            }
            let xs = points.iter().map(|p| p.step).collect();
            let ys = points.iter().map(|p| p.mean).collect();
            let count = lines.len();
            let first = lines.first()?;
            Some(Drawn {
                curve: Arc::new(Curve::alone(Path::new(xs, ys))),
                band: Some(interval),
                name: format!("{}, mean of {count}", names[group]),
                run: first.run,
                split,
                color: first.color,
                faint: lines.iter().all(|l| l.faint),
            })
        })
        .collect();
    means.sort_by_key(|d| !d.faint);
    means
}
