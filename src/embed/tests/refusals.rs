//! What nothing can be made of is told, and what is odd comes to an end.

use embed::{
    EmbedError, HdbscanSettings, KMeansSettings, Linkage, Metric, Pca, Start, Table, Tsne, TsneSettings,
    Umap, UmapSettings,
};

fn numbers(rows: usize, width: usize) -> Vec<f32> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..rows * width).map(|_| next()).collect()
}

fn tsne(table: &Table<'_>, settings: TsneSettings) -> Vec<f32> {
    let mut tsne = Tsne::new(table.clone(), settings).unwrap();
    while !tsne.step(50).done() {}
    assert!(tsne.divergence().is_some_and(f64::is_finite));
    tsne.places().to_vec()
}

fn umap(table: &Table<'_>, settings: UmapSettings) -> Vec<f32> {
    let mut umap = Umap::new(table.clone(), settings).unwrap();
    while !umap.step(50).done() {}
    umap.places().to_vec()
}

#[test]
fn few_rows_are_refused() {
    let one = [1.0, 2.0];
    for values in [&[][..], &one[..]] {
        let table = Table::new(values, 2).unwrap();
        let few = |r: Result<(), EmbedError>| assert!(matches!(r, Err(EmbedError::FewRows { .. })), "{r:?}");
        few(Umap::new(table.clone(), UmapSettings::default()).map(drop));
        few(Tsne::new(table.clone(), TsneSettings::default()).map(drop));
        few(Pca::fit(&table, 1, 0).map(drop));
        few(embed::neighbours(&table, 1, Metric::Euclidean, 0).map(drop));
        few(embed::exact(&table, 1, Metric::Cosine).map(drop));
        few(embed::hdbscan(&table, &HdbscanSettings::default()).map(drop));
        few(embed::link(&table, Linkage::Ward).map(drop));
        few(embed::cka(&table, &table).map(drop));
    }
    let empty = Table::new(&[], 2).unwrap();
    assert!(embed::kmeans(&empty, &KMeansSettings::default()).is_err());
}

#[test]
fn settings_are_checked() {
    let values = numbers(50, 3);
    let table = Table::new(&values, 3).unwrap();
    let error = Tsne::new(table.clone(), TsneSettings::default())
        .map(drop)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("expected perplexity from 1 to 16.3") && text.ends_with("found 30"),
        "{text}"
    );
    let many = UmapSettings {
        neighbours: 51,
        ..UmapSettings::default()
    };
    assert!(Umap::new(table.clone(), many).is_err());
    let flat = UmapSettings {
        dimensions: 1,
        ..UmapSettings::default()
    };
    assert!(Umap::new(table.clone(), flat).is_err());
    assert!(embed::neighbours(&table, 50, Metric::Euclidean, 0).is_err());
    assert!(embed::trustworthiness(&table, &table, 25, Metric::Euclidean).is_err());
    let shorter = Table::new(&values[..90], 3).unwrap();
    assert!(embed::trustworthiness(&table, &shorter, 5, Metric::Euclidean).is_err());
    assert!(embed::svcca(&table, &shorter, 0.99).is_err());
}

#[test]
fn equal_rows_have_finite_places() {
    // More rows than are compared one by one, and fewer.
    for rows in [5, 64, 2500] {
        let values = vec![0.5; rows * 4];
        let table = Table::new(&values, 4).unwrap();
        let perplexity = TsneSettings::most_perplexity(rows).min(10.0);
        for dimensions in [2, 3] {
            let settings = TsneSettings {
                perplexity,
                dimensions,
                early_iterations: 20,
                iterations: 20,
                ..TsneSettings::default()
            };
            assert!(tsne(&table, settings).iter().all(|v| v.is_finite()), "{rows}");
            for start in [Start::Spectral, Start::Principal, Start::Random] {
                let settings = UmapSettings {
                    neighbours: rows.min(15),
                    dimensions,
                    epochs: Some(20),
                    start,
                    ..UmapSettings::default()
                };
                assert!(umap(&table, settings).iter().all(|v| v.is_finite()), "{rows}");
            }
        }
        let found = embed::hdbscan(&table, &HdbscanSettings::default()).unwrap();
        assert!(found.probabilities.iter().all(|p| p.is_finite()));
        let settings = KMeansSettings {
            clusters: 3,
            ..KMeansSettings::default()
        };
        assert_eq!(embed::kmeans(&table, &settings).unwrap().inertia, 0.0);
        let pca = Pca::fit(&table, 2, 0).unwrap();
        assert!(pca.components.iter().chain(&pca.mean).all(|v| v.is_finite()));
        assert_eq!(pca.explained, [0.0, 0.0]);
        assert_eq!(embed::svcca(&table, &table, 0.99).unwrap(), 0.0);
    }
}

#[test]
fn few_rows_have_places() {
    for rows in [2, 3, 4, 9] {
        let values = numbers(rows, 7);
        let table = Table::new(&values, 7).unwrap();
        let settings = UmapSettings {
            neighbours: 2,
            dimensions: 3,
            ..UmapSettings::default()
        };
        assert!(umap(&table, settings).iter().all(|v| v.is_finite()));
        if rows >= 4 {
            let settings = TsneSettings {
                perplexity: 1.0,
                ..TsneSettings::default()
            };
            assert!(tsne(&table, settings).iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn a_seed_gives_one_picture_however_it_is_sliced() {
    let values = numbers(2200, 90);
    let table = Table::new(&values, 90).unwrap();
    let settings = UmapSettings {
        epochs: Some(12),
        seed: 3,
        ..UmapSettings::default()
    };
    let whole = umap(&table, settings.clone());
    let mut sliced = Umap::new(table.clone(), settings.clone()).unwrap();
    while !sliced.step(1).done() {}
    assert_eq!(whole, sliced.places());
    let other = UmapSettings { seed: 4, ..settings };
    assert_ne!(whole, umap(&table, other));

    let settings = TsneSettings {
        early_iterations: 5,
        iterations: 5,
        ..TsneSettings::default()
    };
    let whole = tsne(&table, settings.clone());
    let mut sliced = Tsne::new(table, settings).unwrap();
    let mut stages = Vec::new();
    loop {
        let progress = sliced.step(1);
        assert!((0.0..=1.0).contains(&progress.fraction));
        stages.push(progress.stage);
        if progress.done() {
            break;
        }
    }
    stages.dedup();
    assert_eq!(stages.len(), 4, "{stages:?}");
    assert_eq!(whole, sliced.places());
}
