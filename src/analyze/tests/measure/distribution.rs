use analyze::{Bucket, DISTRIBUTION_LINES, common_edges, quantile_lines, rebin};

use super::{Uniform, all_close, close, reference};

fn buckets() -> Vec<Bucket> {
    let edges = [-2.0, -1.0, -0.5, 0.0, 0.1, 1.0, 3.0, 10.0];
    let counts = [3.0, 20.0, 41.0, 0.0, 17.0, 9.0, 1.0];
    let bucket = |(w, &count): (&[f64], &f64)| Bucket {
        left: w[0],
        right: w[1],
        count,
    };
    edges.windows(2).zip(&counts).map(bucket).collect()
}

#[test]
fn lines_are_tensorboards() {
    let lines = |min, max| quantile_lines(&buckets(), min, max, &DISTRIBUTION_LINES);
    all_close(
        &lines(f64::NAN, f64::NAN),
        &reference("distribution", "lines"),
        1e-12,
    );
    all_close(
        &lines(-1.7, 4.0),
        &reference("distribution", "lines within"),
        1e-12,
    );
    assert!(quantile_lines(&[], 0.0, 1.0, &[0.5]).is_empty());
    let point = [Bucket {
        left: 3.0,
        right: 3.0,
        count: 5.0,
    }];
    assert_eq!(
        quantile_lines(&point, 3.0, 3.0, &[f64::NAN, 0.0, 0.5, 1.0, 7.0]),
        [3.0; 5]
    );
}

#[test]
fn shares_are_those_of_even_densities() {
    let edges: Vec<f64> = (0..14).map(|i| -1.5 + f64::from(i) * 0.5).collect();
    let got = rebin(&buckets(), &edges).unwrap();
    all_close(&got.counts, &reference("distribution", "rebinned"), 1e-12);
    all_close(
        &[got.below, got.above],
        &reference("distribution", "outside"),
        1e-12,
    );
}

#[test]
fn every_value_is_counted_somewhere() {
    let mut random = Uniform(3);
    for _ in 0..500 {
        let mut place = |at: f64| match random.next() {
            r if r < 0.02 => f64::NEG_INFINITY,
            r if r < 0.04 => f64::INFINITY,
            r if r < 0.06 => f64::MAX,
            r if r < 0.2 => at.round(),
            r => at + r,
        };
        let all: Vec<Bucket> = (0..20)
            .map(|i| {
                let (a, b) = (place(f64::from(i)), place(f64::from(i)));
                Bucket {
                    left: a.min(b),
                    right: a.max(b),
                    count: f64::from(i * 7 % 5),
                }
            })
            .collect();
        let edges: Vec<f64> = (0..9).map(|i| 2.0 + f64::from(i) * 1.5).collect();
        let got = rebin(&all, &edges).unwrap();
        assert!(got.counts.iter().all(|c| *c >= -1e-9), "{got:?}");
        let sum = got.counts.iter().sum::<f64>() + got.below + got.above;
        close(sum, all.iter().map(|b| b.count).sum(), 1e-12);
    }
}

#[test]
fn points_edges_and_nonsense_have_their_place() {
    let point = |x: f64| Bucket {
        left: x,
        right: x,
        count: 2.0,
    };
    let edges = [0.0, 1.0, 2.0];
    let at = |x| rebin(&[point(x)], &edges).unwrap();
    assert_eq!(
        (at(0.0).counts, at(1.0).counts, at(2.0).counts),
        (vec![2.0, 0.0], vec![0.0, 2.0], vec![0.0, 2.0])
    );
    assert_eq!((at(-1.0).below, at(3.0).above), (2.0, 2.0));
    assert_eq!((at(f64::NEG_INFINITY).below, at(f64::INFINITY).above), (2.0, 2.0));
    let wrong = [
        Bucket {
            left: 1.0,
            right: 0.0,
            count: 1.0,
        },
        Bucket {
            left: f64::NAN,
            right: 0.0,
            count: 1.0,
        },
        Bucket {
            left: 0.0,
            right: 1.0,
            count: f64::NAN,
        },
        Bucket {
            left: 0.0,
            right: 1.0,
            count: -1.0,
        },
    ];
    let got = rebin(&wrong, &edges).unwrap();
    assert_eq!((got.counts, got.below, got.above), (vec![0.0, 0.0], 0.0, 0.0));
    for bad in [
        &[][..],
        &[1.0],
        &[1.0, 1.0],
        &[2.0, 1.0],
        &[0.0, f64::NAN],
        &[0.0, f64::INFINITY],
    ] {
        assert_eq!(rebin(&wrong, bad), None);
    }
    let other = [point(5.0)];
    let all = common_edges([&buckets()[..], &other[..]], 4).unwrap();
    assert_eq!(all, [-2.0, 1.0, 4.0, 7.0, 10.0]);
    assert_eq!(common_edges([&other[..]], 2), Some(vec![4.5, 5.0, 5.5]));
    assert_eq!(common_edges([&wrong[..]], 2), None);
    assert_eq!(common_edges([&other[..]], 0), None);
    assert_eq!(common_edges([&[point(1e300)][..]], 2).unwrap().len(), 3);
}
