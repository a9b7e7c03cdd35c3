use embed::*;
use std::time::Instant;
fn floats(path: &str) -> Vec<f32> {
    std::fs::read(path)
        .unwrap()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}
fn quality(name: &str, v: &[f32], p: &[f32]) {
    let n = p.len() / 2;
    let table = Table::new(&v[..n * 784], 784).unwrap();
    let places = Table::new(p, 2).unwrap();
    let step = (n / 5000).max(1);
    let asked: Vec<u32> = (0..n as u32).step_by(step).take(5000).collect();
    let sx: Vec<f32> = asked
        .iter()
        .flat_map(|&i| table.row(i as usize).to_vec())
        .collect();
    let sp: Vec<f32> = asked
        .iter()
        .flat_map(|&i| places.row(i as usize).to_vec())
        .collect();
    let t = trustworthiness(
        &Table::new(&sx, 784).unwrap(),
        &Table::new(&sp, 2).unwrap(),
        15,
        Metric::Euclidean,
    )
    .unwrap();
    let r = neighbour_recall(&table, &places, 15, Metric::Euclidean, Some(&asked)).unwrap();
    println!("{name}: trust {t:.4} recall {r:.4}");
}
fn main() {
    let what = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args()
        .nth(2)
        .and_then(|s| s.parse().ok())
        .unwrap_or(70000);
    let mut v = floats("/root/bench-embed/table.f32");
    v.truncate(n * 784);
    let table = Table::new(&v, 784).unwrap();
    if what.contains("rival") {
        quality("umap-learn", &v, &floats("/root/bench-embed/umap.rival.f32"));
        quality("openTSNE", &v, &floats("/root/bench-embed/tsne.rival.f32"));
    }
    if what.contains("tsne") {
        let t = Instant::now();
        let mut u = Tsne::new(table.clone(), TsneSettings::default()).unwrap();
        let mut stage = u.progress().stage;
        let mut worst = 0f64;
        loop {
            let s = Instant::now();
            let p = u.step(1);
            worst = worst.max(s.elapsed().as_secs_f64());
            if p.iterations == 250 {
                println!("250 {:?}", t.elapsed());
            }
            if p.stage != stage {
                println!("{stage:?} until {:?} worst step {worst:.3}", t.elapsed());
                stage = p.stage;
                worst = 0.0;
            }
            if p.done() {
                break;
            }
        }
        println!("tsne {:?} {:?}", t.elapsed(), u.divergence());
        quality("ours", &v, u.places());
    }
    if what.contains("umap") {
        let t = Instant::now();
        let mut u = Umap::new(table.clone(), UmapSettings::default()).unwrap();
        let mut stage = u.progress().stage;
        let mut worst = 0f64;
        loop {
            let s = Instant::now();
            let p = u.step(1);
            worst = worst.max(s.elapsed().as_secs_f64());
            if p.stage != stage {
                println!("{stage:?} until {:?} worst step {worst:.3}", t.elapsed());
                stage = p.stage;
                worst = 0.0;
            }
            if p.done() {
                break;
            }
        }
        println!("umap {:?}", t.elapsed());
        quality("ours", &v, u.places());
    }
}
