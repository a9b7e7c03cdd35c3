//! Everything beside scikit-learn, SciPy, NumPy, umap-learn and openTSNE (`references.py`).

mod common;

use common::{close, references, table};
use embed::{
    Alignment, HdbscanSettings, KMeansSettings, Kernel, Linkage, Metric, Pca, Probe, ProbeSettings, Scaling,
    Table, Tsne, TsneSettings, Umap, UmapSettings,
};

#[test]
fn principal_components_are_scikit_learns() {
    let expected = references();
    for (name, count) in [("blobs", 10), ("wide", 5)] {
        let (values, width) = table(name);
        let pca = Pca::fit(&Table::new(&values, width).unwrap(), count, 0).unwrap();
        let of = |what: &str| &expected[&format!("pca.{name}.{what}")];
        for (found, wanted) in [(&pca.variance, of("variance")), (&pca.explained, of("explained"))] {
            let found: Vec<f32> = found.iter().map(|&v| v as f32).collect();
            close(name, &found, wanted, 1e-5);
        }
        // Signs too.
        close(name, &pca.components, of("components"), 2e-3);
    }
}

#[test]
fn the_randomised_method_finds_the_same() {
    // Eight strong directions in 900 columns, 500 rows.
    let (blobs, _) = table("other");
    let mut values = vec![0f32; 500 * 900];
    for (i, v) in values.iter_mut().enumerate() {
        let (row, column) = (i / 900, i % 900);
        for k in 0..8 {
            let direction = ((column * (2 * k + 3)) as f32 * 0.37 + k as f32).sin();
            *v += blobs[(row * 8 + k * 7) % blobs.len()] * direction * (9 - k) as f32;
        }
    }
    let whole = Table::new(&values, 900).unwrap();
    let quick = Pca::fit(&whole, 4, 1).unwrap();
    let exact = Pca::fit(&whole, 300, 1).unwrap();
    for k in 0..4 {
        assert!(
            (quick.variance[k] - exact.variance[k]).abs() < 1e-4 * exact.variance[0],
            "{k}"
        );
        let pairs = quick.components[k * 900..(k + 1) * 900]
            .iter()
            .zip(&exact.components[k * 900..]);
        let dot: f32 = pairs.map(|(a, b)| a * b).sum();
        assert!((dot - 1.0).abs() < 1e-3, "{k}: {dot}");
    }
}

#[test]
fn neighbours_and_cosines_are_scikit_learns() {
    let expected = references();
    let (values, width) = table("blobs");
    let whole = Table::new(&values, width).unwrap();
    for (name, metric) in [("euclidean", Metric::Euclidean), ("cosine", Metric::Cosine)] {
        let found = embed::neighbours(&whole, 8, metric, 0).unwrap();
        let indices: Vec<f32> = found.indices[..320].iter().map(|&i| i as f32).collect();
        close(name, &indices, &expected[&format!("near.{name}.indices")], 0.0);
        close(
            name,
            &found.distances[..320],
            &expected[&format!("near.{name}.distances")],
            1e-5,
        );
    }
    let twelve = Table::new(&values[..120], width).unwrap();
    close(
        "cosines",
        &embed::cosine_matrix(&twelve).unwrap(),
        &expected["cosines"],
        1e-6,
    );
}

#[test]
fn k_means_are_scikit_learns() {
    let expected = references();
    let (values, width) = table("blobs");
    let whole = Table::new(&values, width).unwrap();
    let mut settings = KMeansSettings {
        clusters: 5,
        tolerance: 0.0,
        ..KMeansSettings::default()
    };
    let found = embed::kmeans_from(&whole, &values[..5 * width], &settings).unwrap();
    let inertia = expected["kmeans.inertia"][0];
    assert!(
        (found.inertia - inertia).abs() < 1e-5 * inertia,
        "{} {inertia}",
        found.inertia
    );
    let labels: Vec<f32> = found.labels.iter().map(|&l| l as f32).collect();
    close("labels", &labels, &expected["kmeans.labels"], 0.0);
    settings.starts = 20;
    let best = embed::kmeans(&whole, &settings).unwrap();
    assert!(
        best.inertia < expected["kmeans.best"][0] * (1.0 + 1e-5),
        "{}",
        best.inertia
    );
}

#[test]
fn hdbscan_is_scikit_learns() {
    let expected = references();
    for name in ["blobs", "moons"] {
        let (values, width) = table(name);
        for (size, samples) in [(5, 0), (5, 3), (12, 0), (12, 3)] {
            let settings = HdbscanSettings {
                min_cluster_size: size,
                min_samples: (samples > 0).then_some(samples),
            };
            let found = embed::hdbscan(&Table::new(&values, width).unwrap(), &settings).unwrap();
            let of = |what: &str| &expected[&format!("hdbscan.{name}.{size}.{samples}.{what}")];
            // Ours are numbered by size: the same partition is a map of numbers that has an inverse.
            let mut pairs: Vec<(Option<u32>, i64)> = found
                .labels
                .iter()
                .zip(of("labels"))
                .map(|(&l, &e)| (l, e as i64))
                .collect();
            for (ours, theirs) in &pairs {
                assert_eq!(ours.is_none(), *theirs == -1, "{name} {size} {samples}");
            }
            pairs.sort_unstable();
            pairs.dedup();
            let theirs: std::collections::HashSet<i64> = pairs.iter().map(|p| p.1).collect();
            let ours: std::collections::HashSet<Option<u32>> = pairs.iter().map(|p| p.0).collect();
            assert_eq!(
                [ours.len(), theirs.len()],
                [pairs.len(); 2],
                "{name} {size} {samples}"
            );
            close(name, &found.probabilities, of("probabilities"), 1e-4);
        }
    }
}

#[test]
fn dendrograms_are_scipys() {
    let expected = references();
    let (values, width) = table("blobs");
    let eighty = Table::new(&values[..80 * width], width).unwrap();
    for (name, linkage) in [("average", Linkage::Average), ("ward", Linkage::Ward)] {
        let found = embed::link(&eighty, linkage).unwrap();
        let flat: Vec<f32> = found
            .merges
            .iter()
            .flat_map(|m| {
                [
                    m.clusters[0] as f32,
                    m.clusters[1] as f32,
                    m.distance,
                    m.size as f32,
                ]
            })
            .collect();
        close(name, &flat, &expected[&format!("linkage.{name}")], 1e-6);
        let cut = found.cut(6);
        let theirs = &expected[&format!("linkage.{name}.cut")];
        for i in 0..80 {
            for j in 0..i {
                assert_eq!(cut[i] == cut[j], theirs[i] == theirs[j], "{name} {i} {j}");
            }
        }
        let mut leaves = found.leaves();
        leaves.sort_unstable();
        assert!(leaves.into_iter().eq(0..80));
    }
}

#[test]
fn trust_is_scikit_learns_and_places_earn_it() {
    let expected = references();
    let (values, width) = table("blobs");
    let whole = Table::new(&values, width).unwrap();
    let trust = |places: &[f32], d: usize, k, metric| {
        embed::trustworthiness(&whole, &Table::new(places, d).unwrap(), k, metric).unwrap()
    };
    let flat = Pca::fit(&whole, 2, 0).unwrap().project(&whole).unwrap();
    for (name, k, metric) in [
        ("5", 5, Metric::Euclidean),
        ("15", 15, Metric::Euclidean),
        ("cosine", 5, Metric::Cosine),
    ] {
        let wanted = expected[&format!("trust.pca.{name}")][0];
        let found = trust(&flat, 2, k, metric);
        assert!((found - wanted).abs() < 1e-5, "{name}: {found} {wanted}");
    }
    let mut umap = Umap::new(whole.clone(), UmapSettings::default()).unwrap();
    while !umap.step(100).done() {}
    let found = trust(umap.places(), 2, 15, Metric::Euclidean);
    assert!(found > expected["trust.umap"][0] - 0.01, "{found}");
    let mut tsne = Tsne::new(whole.clone(), TsneSettings::default()).unwrap();
    while !tsne.step(100).done() {}
    let found = trust(tsne.places(), 2, 15, Metric::Euclidean);
    assert!(found > expected["trust.tsne"][0] - 0.01, "{found}");
    let whole_recall = embed::neighbour_recall(&whole, &whole, 9, Metric::Euclidean, None).unwrap();
    assert_eq!(whole_recall, 1.0);
}

#[test]
fn similarities_are_numpys() {
    let expected = references();
    let ((a, a_width), (b, b_width), (wide, wide_width)) = (table("blobs"), table("other"), table("wide"));
    let (x, y) = (Table::new(&a, a_width).unwrap(), Table::new(&b, b_width).unwrap());
    let (v, w) = (
        Table::new(&wide, wide_width).unwrap(),
        Table::new(&b[..30 * b_width], b_width).unwrap(),
    );
    let agree = |name: &str, found: f64| {
        assert!(
            (found - expected[name][0]).abs() < 1e-5,
            "{name}: {found} {}",
            expected[name][0]
        );
    };
    agree("cka.tall", embed::cka(&x, &y).unwrap());
    agree("cka.wide", embed::cka(&v, &w).unwrap());
    agree("cka.tall.unbiased", embed::cka_unbiased(&x, &y).unwrap());
    agree("cka.wide.unbiased", embed::cka_unbiased(&v, &w).unwrap());
    let kernel = |t: &Table| Kernel::new(t).unwrap();
    for (name, a, b) in [("tall", &x, &y), ("wide", &v, &w)] {
        let (a, b) = (kernel(a), kernel(b));
        agree(&format!("cka.{name}"), a.cka(&b).unwrap());
        agree(&format!("cka.{name}.unbiased"), a.cka_unbiased(&b).unwrap());
    }
    agree("svcca", embed::svcca(&x, &y, 0.99).unwrap());
    // More columns than rows on both sides go by pairs of rows.
    assert!((embed::cka(&v, &v).unwrap() - 1.0).abs() < 1e-6);
    assert!((embed::svcca(&x, &x, 1.0).unwrap() - 1.0).abs() < 1e-4);
}

#[test]
fn alignment_is_scipys() {
    let expected = references();
    let ((a, a_width), (b, b_width)) = (table("blobs"), table("other"));
    let three = |values: &[f32], width: usize| -> Vec<f32> {
        values.chunks(width).flat_map(|row| row[..3].to_vec()).collect()
    };
    let (a, b) = (three(&a, a_width), three(&b, b_width));
    let shared: Vec<(u32, u32)> = (0..300).map(|i| (i, i)).collect();
    let (from, to) = (Table::new(&a, 3).unwrap(), Table::new(&b, 3).unwrap());
    let found = Alignment::fit(&from, &to, &shared, Scaling::Fit).unwrap();
    close(
        "rotation",
        &found.rotation,
        &expected["procrustes.rotation"],
        1e-4,
    );
    close("scale", &[found.scale], &expected["procrustes.scale"], 1e-4);
}

#[test]
fn probes_are_scikit_learns() {
    let expected = references();
    let (values, width) = table("other");
    let classes: Vec<u32> = expected["probe.classes"].iter().map(|&c| c as u32).collect();
    let rows: Vec<u32> = (0..300).collect();
    let settings = ProbeSettings {
        tolerance: 1e-6,
        iterations: 300,
        ..ProbeSettings::default()
    };
    let whole = Table::new(&values, width).unwrap();
    let found = Probe::fit(&whole, &classes, [&rows[..200], &rows[200..]], &settings).unwrap();
    close("weights", &found.weights, &expected["probe.weights"], 2e-3);
    close("bias", &found.bias, &expected["probe.bias"], 2e-3);
    let [train, test] = expected["probe.accuracy"][..] else {
        panic!()
    };
    assert!(
        (found.train_accuracy - train).abs() <= 0.01,
        "{}",
        found.train_accuracy
    );
    assert!(
        (found.test_accuracy - test).abs() <= 0.01,
        "{}",
        found.test_accuracy
    );
}
