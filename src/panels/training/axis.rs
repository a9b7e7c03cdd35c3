//! Numbers along the axes of charts.

use chrono::DateTime;
use egui_plot::GridMark;
use session::Along;

use crate::widgets::value;

/// A place along the x axis in words; `span` is what is seen of it, `log` says that places are
/// logarithms.
pub fn place(x: f64, span: f64, along: Along, log: bool) -> String {
    let (x, span) = if log {
        (10f64.powf(x), f64::INFINITY)
    } else {
        (x, span)
    };
    match along {
        Along::Step => step(x),
        Along::Relative => duration(x, span),
        Along::Wall => time(x, span),
    }
}

/// `12.5k`, `3M`.
fn step(x: f64) -> String {
    let (divisor, unit) = match x.abs() {
        s if s >= 1e9 => (1e9, "G"),
        s if s >= 1e6 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}", value(x / divisor))
}

/// `1h 20m`, `35s`; in `span` seconds.
fn duration(seconds: f64, span: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let size = seconds.abs();
    let whole = size as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    let text = match size {
        s if s >= 86_400.0 => format!("{days}d {hours}h"),
        s if s >= 3600.0 => format!("{hours}h {minutes:02}m"),
        s if s >= 60.0 && span > 120.0 => format!("{minutes}m {:02}s", whole % 60),
        s => format!("{}s", value(s)),
    };
    format!("{sign}{text}")
}

/// Time of day, and the day where several are seen; UTC.
fn time(seconds: f64, span: f64) -> String {
    let format = match span {
        s if s > 2.0 * 86_400.0 => "%b %d",
        s if s > 300.0 => "%H:%M",
        _ => "%H:%M:%S",
    };
    let nanos = (seconds.fract().abs() * 1e9) as u32;
    match DateTime::from_timestamp(seconds.floor() as i64, nanos) {
        Some(time) => time.format(format).to_string(),
        None => String::new(),
    }
}

/// A number of a curve; `log` says that it is a logarithm.
pub fn number(y: f64, log: bool) -> String {
    value(if log { 10f64.powf(y) } else { y })
}

/// Places for about `wanted` numbers between both ends: steps of 1, 2 or 5 times a power of ten.
pub fn marks([low, high]: [f64; 2], wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let rough = span / wanted.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= rough)
        .unwrap_or(10.0);
    let step = factor * power;
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last.min(first + 50)).map(|i| i as f64 * step).collect()
}

/// Places of the grid between both ends, and how far apart they are; of logarithms: powers of ten,
/// and where few of them are seen their doubles and halves.
pub fn grid(ends: [f64; 2], wanted: usize, log: bool) -> Vec<GridMark> {
    let span = ends[1] - ends[0];
    let step_size = span / wanted.max(1) as f64;
    let value = |value: f64| GridMark { value, step_size };
    if !log || !(0.0..1e3).contains(&span) {
        return marks(ends, wanted).into_iter().map(value).collect();
    }
    let powers = ends[0].floor() as i64..=ends[1].ceil() as i64;
    let every = (span / wanted.max(1) as f64).ceil().max(1.0) as usize;
    let factors: &[f64] = match span {
        s if s > 2.5 => &[1.0],
        s if s > 0.7 => &[1.0, 2.0, 5.0],
        _ => return fine(ends, wanted).into_iter().map(value).collect(),
    };
    let all = powers
        .step_by(every)
        .flat_map(|p| factors.iter().map(move |f| p as f64 + f.log10()));
    all.filter(|v| (ends[0]..=ends[1]).contains(v))
        .map(value)
        .collect()
}

/// Logarithms of round numbers, where less than a power of ten is seen.
fn fine(ends: [f64; 2], wanted: usize) -> Vec<f64> {
    let round = marks(ends.map(|v| 10f64.powf(v)), wanted);
    round.into_iter().filter(|v| *v > 0.0).map(f64::log10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_short() {
        let check = |x, span, along, text: &str| assert_eq!(place(x, span, along, false), text);
        check(12_500.0, 1e5, Along::Step, "12.5k");
        check(9_000.0, 1e5, Along::Step, "9000");
        check(3e6, 1e7, Along::Step, "3M");
        check(4_800.0, 1e4, Along::Relative, "1h 20m");
        check(75.0, 300.0, Along::Relative, "1m 15s");
        check(0.5, 1.0, Along::Relative, "0.5s");
        check(-90_000.0, 1e6, Along::Relative, "−1d 1h");
        check(1_700_000_000.0, 3600.0, Along::Wall, "22:13");
        check(1_700_000_000.0, 1e6, Along::Wall, "Nov 14");
        check(f64::NAN, 1.0, Along::Wall, "00:00:00");
        check(1e300, 1.0, Along::Wall, "");
        assert_eq!(place(3.0, 1.0, Along::Step, true), "1000");
        assert_eq!(number(-2.0, true), "0.01");
    }

    #[test]
    fn logarithmic_grids_stand_at_round_numbers() {
        let at = |ends: [f64; 2]| -> Vec<String> {
            grid(ends, 5, true)
                .iter()
                .map(|m| number(m.value, true))
                .collect()
        };
        assert_eq!(at([-3.0, 1.0]), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(at([-0.8, 0.4]), ["0.2", "0.5", "1", "2"]);
        assert_eq!(at([0.1, 0.4]), ["1.5", "2", "2.5"]);
        assert_eq!(grid([0.0, 60.0], 5, true).len(), 6, "thinned");
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(marks([0.0, 1.0], 4), [0.0, 0.5, 1.0]);
        assert_eq!(marks([0.0, 100.0], 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(marks([1.0, 1.0], 5), [1.0]);
        assert_eq!(marks([f64::NAN, 1.0], 5).len(), 1);
    }
}
