//! Times of what dashboards ask for, on one thread: `cargo bench -p analyze --bench curves`.

use std::hint::black_box;
use std::time::Instant;

use analyze::{
    Column, Goal, Levels, RunCurve, Smoothing, Spectrum, Window, band, clip_outliers, common_steps, decimate,
    importance, overfitting, plateau, power_law, smooth, unstable_rate,
};

/// Prints the least time of several.
fn time<T>(what: &str, tries: usize, mut work: impl FnMut() -> T) {
    let once = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e3
    };
    let least = (0..tries).map(once).fold(f64::INFINITY, f64::min);
    println!("{what:<58} {least:>9.3} ms");
}

fn main() {
    let noise = |i: usize| {
        let z = (i as u64).wrapping_mul(0x9E3779B97F4A7C15);
        ((z ^ (z >> 31)).wrapping_mul(0xBF58476D1CE4E5B9) >> 11) as f64 / (1u64 << 53) as f64
    };
    let curve = |n: usize| -> (Vec<f64>, Vec<f64>) {
        let y = |i: usize| (i as f64 / n as f64 * 9.0).cos() + noise(i);
        ((0..n).map(|i| i as f64).collect(), (0..n).map(y).collect())
    };
    let (xs, ys) = curve(1_000_000);
    for smoothing in [
        Smoothing::Exponential { weight: 0.99 },
        Smoothing::Gaussian { sigma: 3.0 },
        Smoothing::Gaussian { sigma: 15.9 },
        Smoothing::Gaussian { sigma: 100.0 },
        Smoothing::Gaussian { sigma: 10_000.0 },
        Smoothing::Median { window: 11 },
        Smoothing::Median { window: 255 },
        Smoothing::Median { window: 1001 },
        Smoothing::Median { window: 100_001 },
        Smoothing::SavitzkyGolay {
            window: 11,
            degree: 2,
        },
        Smoothing::SavitzkyGolay {
            window: 1001,
            degree: 3,
        },
    ] {
        time(&format!("1 M points, {smoothing:?}"), 3, || {
            smooth(&ys, &smoothing)
        });
    }
    time("1 M points, outliers clipped", 3, || {
        clip_outliers(&[&ys], (0.05, 0.95), 0.05)
    });
    let whole = Window {
        left: 0.0,
        right: 1e6,
        pixels: 2000,
    };
    time("1 M points to 2,000 pixels, every point read", 9, || {
        decimate(&(&xs, &ys), &whole)
    });
    let (xs, ys) = curve(20_000_000);
    let curve = (&xs[..], &ys[..]);
    let levels = Levels::new(&curve);
    time("20 M points, pyramid built", 3, || Levels::new(&curve));
    for (left, right) in [(0.0, 2e7), (1e6, 9e6), (1e6, 1.2e6), (12_345.0, 22_345.0)] {
        let window = Window {
            left,
            right,
            pixels: 2000,
        };
        let what = format!("20 M points, {left} to {right}, to 2,000 pixels");
        time(&what, 9, || levels.decimate(&curve, &window));
    }

    let (xs, ys) = (&xs[..1_000_000], &ys[..1_000_000]);
    let one = RunCurve {
        steps: xs,
        values: ys,
    };
    time("1 M points, overfitting looked for", 3, || {
        overfitting(&one, &one)
    });
    time("1 M points, plateau looked for", 3, || plateau(&one, Goal::Less));
    time("1 M points, unstable rate looked for", 3, || {
        unstable_rate(&one, Some(&one))
    });
    let run = |values| RunCurve {
        steps: &xs[..10_000],
        values,
    };
    let runs: Vec<RunCurve> = ys.chunks(10_000).map(run).collect();
    time("band of 100 runs of 10,000 points at 2,000 steps", 3, || {
        band(&runs, &common_steps(&runs, 2000), 0.95)
    });

    let weights: Vec<f32> = (0..2048 * 1024).map(|i| noise(i) as f32 - 0.5).collect();
    time("spectrum of 768 x 2,048 weights", 3, || {
        Spectrum::of(&weights[..768 * 2048], 768)
    });
    time("spectrum of 1,024 x 2,048 weights", 3, || {
        Spectrum::of(&weights, 1024)
    });
    let tail: Vec<f64> = (0..10_000).map(|i| (1.0 - noise(i)).powf(-0.7)).collect();
    time("power law of 1,000 eigenvalues", 3, || power_law(&tail[..1000]));
    time("power law of 10,000 eigenvalues", 1, || power_law(&tail));
    let column = |c: usize| Column::Numbers(&ys[c * 1000..][..1000]);
    let columns: Vec<Column> = (0..10).map(column).collect();
    let target: Vec<f64> = (0..1000)
        .map(|i| ys[i] + ys[1000 + i].powi(2) + noise(i))
        .collect();
    time("importance of 10 hyperparameters of 1,000 runs", 1, || {
        importance(&columns, &target, 0)
    });
}
