//! Projections and what they rest on beside umap-learn, openTSNE, PyNNDescent and scikit-learn, in the same
//! minutes:
//!
//!     cargo bench -p embed --bench rivals -- PYTHON [ROWS] [--alone] [--data=FOLDER] [PART OF A NAME]...
//!
//! PYTHON has those four; with `--alone` only our own numbers are taken. FOLDER holds Fashion-MNIST's gzipped files; without
//! it, rows are drawn around 40 centres in 784 columns. Both have all cores. Trust is scikit-learn's
//! trustworthiness of 15 neighbours within a sample of 5,000; recall the share of those rows' 15 nearest that
//! the picture keeps.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use embed::{
    KMeansSettings, Metric, Pca, Progress, Search, Stage, Table, Tsne, TsneSettings, Umap, UmapSettings,
    exact_for, kmeans, neighbour_recall, trustworthiness,
};

const WIDTH: usize = 784;
const SAMPLE: usize = 5000;

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the rival's places");
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

fn drawn(rows: usize) -> Vec<f32> {
    let mut state = 9u64;
    let mut next = || {
        let mut sum = 0.0;
        for _ in 0..4 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            sum += (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
        }
        sum
    };
    let centres: Vec<f32> = (0..40 * WIDTH).map(|_| next()).collect();
    let cell = |i: usize| centres[i / WIDTH * 7 % 40 * WIDTH + i % WIDTH];
    (0..rows * WIDTH).map(|i| cell(i) + next()).collect()
}

/// Seconds of what goes on in steps, and of the longest of those.
fn timed(mut step: impl FnMut() -> bool) -> (f64, f64) {
    let (start, mut longest) = (Instant::now(), 0f64);
    loop {
        let before = Instant::now();
        let done = step();
        longest = longest.max(before.elapsed().as_secs_f64());
        if done {
            return (start.elapsed().as_secs_f64(), longest);
        }
    }
}

/// Seconds of a projection, and in words those of each stage and of the longest step.
fn staged(mut step: impl FnMut() -> Progress) -> (f64, String) {
    let mut stages: Vec<(Stage, f64)> = Vec::new();
    let (seconds, longest) = timed(|| {
        let start = Instant::now();
        let progress = step();
        let spent = start.elapsed().as_secs_f64();
        match stages.iter_mut().find(|(stage, _)| *stage == progress.stage) {
            Some((_, all)) => *all += spent,
            None => stages.push((progress.stage, spent)),
        }
        progress.done()
    });
    let words = stages.iter().map(|(stage, s)| format!("{stage:?} {s:.2} s, "));
    let words: String = words.collect();
    (seconds, format!("{words}longest step {:.0} ms", longest * 1e3))
}

fn quality(table: &Table<'_>, places: &[f32]) -> String {
    let (rows, places) = (table.rows(), Table::new(places, 2).expect("finite places"));
    let asked: Vec<u32> = (0..rows.min(SAMPLE))
        .map(|i| (i * rows / rows.min(SAMPLE)) as u32)
        .collect();
    let some =
        |t: &Table<'_>| -> Vec<f32> { asked.iter().flat_map(|&i| t.row(i as usize).to_vec()).collect() };
    let (high, low) = (some(table), some(&places));
    let (high, low) = (Table::new(&high, table.width()), Table::new(&low, 2));
    let (high, low) = (high.expect("rows"), low.expect("places"));
    let trust = trustworthiness(&high, &low, 15, Metric::Euclidean).expect("as many rows");
    let recall = neighbour_recall(table, &places, 15, Metric::Euclidean, Some(&asked)).expect("as many rows");
    format!("trust {trust:.4} recall {recall:.4}")
}

struct Bench {
    table: Table<'static>,
    python: String,
    alone: bool,
    folder: std::path::PathBuf,
}

impl Bench {
    /// The rival's seconds and what it wrote.
    fn rival(&self, which: &str) -> Option<(f64, Vec<f32>)> {
        if self.alone {
            return None;
        }
        let (input, output) = (self.folder.join("table.f32"), self.folder.join("places.f32"));
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        let out = Command::new(&self.python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals.py"))
            .args([which, &self.table.rows().to_string(), &WIDTH.to_string()])
            .args([&input, &output])
            .arg(threads.to_string())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let Some(seconds) = text.lines().last().and_then(|line| line.parse().ok()) else {
            eprintln!("{}", String::from_utf8_lossy(&out.stderr));
            return None;
        };
        Some((seconds, floats(&output)))
    }

    fn report(&self, which: &str, seconds: f64, ours: String, theirs: impl Fn(&[f32]) -> String) {
        println!("{which:10} ours   {seconds:8.2} s  {ours}");
        if let Some((rival, places)) = self.rival(which) {
            println!("{which:10} rival  {rival:8.2} s  {}", theirs(&places));
            println!("{which:10} rival / ours {:.2}", rival / seconds);
        }
    }

    fn neighbours(&self) {
        let table = &self.table;
        let asked: Vec<u32> = (0..1000).map(|i| (i * table.rows() / 1000) as u32).collect();
        let truth = exact_for(table, &asked, 15, Metric::Euclidean).expect("enough rows");
        let mut search = Search::new(table.clone(), 15, Metric::Euclidean, 0).expect("enough rows");
        let (seconds, longest) = timed(|| search.step());
        let found = search.finish();
        let kept = |of: &dyn Fn(usize) -> Vec<u32>| {
            let hits = asked.iter().enumerate().map(|(q, &row)| {
                let near = of(row as usize);
                truth.of(q).0.iter().filter(|i| near.contains(i)).count()
            });
            hits.sum::<usize>() as f64 / truth.indices.len() as f64
        };
        let recall = kept(&|row| found.of(row).0.to_vec());
        let ours = format!("recall {recall:.4}, longest step {:.0} ms", longest * 1e3);
        self.report("neighbours", seconds, ours, |indices| {
            let near = |row: usize| indices[row * 15..][..15].iter().map(|&i| i as u32).collect();
            // PyNNDescent counts the row itself: 14 of 15 are others.
            format!("recall {:.4} of 14 in 15", kept(&near) * 15.0 / 14.0)
        });
    }

    fn pca(&self) {
        let start = Instant::now();
        let pca = Pca::fit(&self.table, 50, 0).expect("enough rows");
        let places = pca.project(&self.table).expect("its own table");
        let seconds = start.elapsed().as_secs_f64();
        let spread = |p: &[f32]| {
            let squares: f64 = p.iter().map(|&v| f64::from(v).powi(2)).sum();
            format!("variance {:.3}", squares / self.table.rows() as f64)
        };
        self.report("pca", seconds, spread(&places), spread);
    }

    fn kmeans(&self) {
        let settings = KMeansSettings {
            clusters: 10,
            starts: 1,
            ..KMeansSettings::default()
        };
        let start = Instant::now();
        let found = kmeans(&self.table, &settings).expect("enough rows");
        let seconds = start.elapsed().as_secs_f64();
        let ours = format!("inertia {:.0} in {} rounds", found.inertia, found.rounds);
        self.report("kmeans", seconds, ours, |inertia| {
            format!("inertia {:.0} in {} rounds", inertia[0], inertia[1])
        });
    }

    fn umap(&self) {
        let mut umap = Umap::new(self.table.clone(), UmapSettings::default()).expect("enough rows");
        let (seconds, course) = staged(|| umap.step(1));
        let ours = format!("{}, {course}", quality(&self.table, umap.places()));
        self.report("umap", seconds, ours, |places| quality(&self.table, places));
    }

    fn tsne(&self) {
        let mut tsne = Tsne::new(self.table.clone(), TsneSettings::default()).expect("enough rows");
        let (seconds, course) = staged(|| tsne.step(1));
        let ours = quality(&self.table, tsne.places());
        let divergence = tsne.divergence().unwrap_or(f64::NAN);
        let ours = format!("{ours}, divergence {divergence:.4}, {course}");
        self.report("tsne", seconds, ours, |places| quality(&self.table, places));
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut words = words.iter().map(String::as_str);
    // `cargo test --benches` gives no words.
    let Some(python) = words.next() else {
        println!("rivals: -- PYTHON [ROWS] [--alone] [--data=FOLDER] [PART OF A NAME]...");
        return;
    };
    let (mut rows, mut data, mut alone, mut parts) = (70_000, None, false, Vec::new());
    for word in words {
        match (word.parse(), word.strip_prefix("--data=")) {
            (Ok(count), _) => rows = count,
            (_, Some(folder)) => data = Some(folder),
            _ if word == "--alone" => alone = true,
            _ => parts.push(word),
        }
    }
    let folder = std::env::temp_dir().join(format!("embed-rivals-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for tables");
    let path = folder.join("table.f32");
    let mut values = match data {
        Some(data) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals.py");
            let done = Command::new(python)
                .args([script, "data", data])
                .arg(&path)
                .status();
            assert!(done.is_ok_and(|s| s.success()), "the pictures in {data}");
            floats(&path)
        }
        None => drawn(rows),
    };
    values.truncate(rows * WIDTH);
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(&path, bytes).expect("room for a table");
    let bench = Bench {
        table: Table::shared(values.into(), WIDTH).expect("finite pictures"),
        python: python.to_string(),
        alone,
        folder,
    };
    type Part = fn(&Bench);
    let all: [(&str, Part); 5] = [
        ("neighbours", Bench::neighbours),
        ("pca", Bench::pca),
        ("kmeans", Bench::kmeans),
        ("umap", Bench::umap),
        ("tsne", Bench::tsne),
    ];
    for (name, run) in all {
        if parts.is_empty() || parts.iter().any(|p| name.contains(p)) {
            run(&bench);
        }
    }
    // What is left of a folder for tables harms no one.
    let _ = std::fs::remove_dir_all(&bench.folder);
}
