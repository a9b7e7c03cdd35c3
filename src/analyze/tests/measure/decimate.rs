use analyze::{Curve, Decimated, Levels, Window, decimate};

use super::Uniform;

/// A curve with noise, spikes and, where `odd`, values that are not finite.
fn curve(n: usize, seed: u64, odd: bool) -> (Vec<f64>, Vec<f64>) {
    let mut random = Uniform(seed);
    let (mut x, mut xs, mut ys) = (0.0, Vec::new(), Vec::new());
    let mut gap = 0;
    for i in 0..n {
        // Irregular, with equal places and pauses.
        x += match random.next() {
            r if r < 0.1 => 0.0,
            r if r > 0.999 => 50.0,
            r => r,
        };
        let mut y = (i as f64 / 100.0).sin() + random.normal();
        if random.next() < 0.001 {
            y *= 100.0;
        }
        if odd && random.next() < 0.002 {
            gap = (random.next() * 40.0) as usize;
        }
        if gap > 0 {
            gap -= 1;
            y = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][(random.next() * 3.0) as usize];
        }
        xs.push(x);
        ys.push(y);
    }
    (xs, ys)
}

/// Checks every promise by looking at every point.
fn verify(xs: &[f64], ys: &[f64], window: &Window, got: &Decimated) {
    let Window { left, right, pixels } = *window;
    let columns = pixels as f64;
    let column = |x: f64| (((x - left) / (right - left) * columns) as usize).min(pixels - 1);
    let inside = |x: f64| x >= left && x <= right;
    assert!(got.points.iter().flatten().all(|v| v.is_finite()));
    assert!(got.points.windows(2).all(|w| w[0][0] <= w[1][0]));
    // (count, lowest, highest, first, last) of every column, of the points and of the picture.
    let describe = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut all = vec![(0, f64::INFINITY, -f64::INFINITY, f64::NAN, f64::NAN); pixels];
        for (x, y) in points.filter(|p| inside(p.0) && p.1.is_finite()) {
            let c = &mut all[column(x)];
            c.3 = if c.0 == 0 { y } else { c.3 };
            (c.0, c.1, c.2, c.4) = (c.0 + 1, c.1.min(y), c.2.max(y), y);
        }
        all
    };
    let full = describe(&mut xs.iter().copied().zip(ys.iter().copied()));
    let drawn = describe(&mut got.points.iter().map(|p| (p[0], p[1])));
    for (c, (f, d)) in full.iter().zip(&drawn).enumerate() {
        assert!(d.0 <= 4, "column {c} has {} points", d.0);
        assert_eq!((f.1, f.2), (d.1, d.2), "extremes of column {c}");
        assert!(f.0 == 0 || (f.3, f.4) == (d.3, d.4), "ends of column {c}");
    }
    // Every break has something odd right before its point, and every column that is empty because
    // of odd values is a break.
    let mut start = 0;
    for &at in &got.breaks {
        let [x, y] = got.points[at];
        let i = (start..xs.len()).find(|&i| xs[i] == x && ys[i] == y).unwrap();
        assert!(!ys[i - 1].is_finite(), "break before point {i}");
        start = i;
    }
    let odd = |list: &[f64], is: fn(f64) -> bool| {
        let all = xs.iter().zip(ys).filter(|(x, y)| inside(**x) && is(**y));
        let mut expected: Vec<usize> = all.map(|(x, _)| column(*x)).collect();
        expected.dedup();
        let mut marked: Vec<usize> = list.iter().map(|x| column(*x)).collect();
        marked.dedup();
        assert_eq!((marked.len(), marked), (list.len(), expected));
    };
    odd(&got.above, |y| y == f64::INFINITY);
    odd(&got.below, |y| y == f64::NEG_INFINITY);
    odd(&got.nan, f64::is_nan);
}

#[test]
fn extremes_ends_and_gaps_of_every_column_are_kept() {
    for (seed, odd) in [(1, false), (2, true), (3, true)] {
        let (xs, ys) = curve(30_000, seed, odd);
        let all = (xs[0], xs[xs.len() - 1]);
        let levels = Levels::new(&(&xs[..], &ys[..]));
        for (left, right) in [
            all,
            (100.0, 9000.0),
            (777.7, 801.3),
            (-500.0, 200.0),
            (5000.0, 1e6),
        ] {
            for pixels in [1, 7, 300, 2000] {
                let window = Window { left, right, pixels };
                let got = decimate(&(&xs, &ys), &window);
                verify(&xs, &ys, &window, &got);
                let fast = levels.decimate(&(&xs[..], &ys[..]), &window);
                assert_eq!(fast, got, "{window:?}");
            }
        }
    }
}

#[test]
fn few_points_stay_as_they_are_with_their_gaps_and_neighbours() {
    let xs = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let ys = [9.0, 1.0, f64::NAN, 3.0, 4.0, f64::INFINITY, 6.0, 7.0];
    let window = Window {
        left: 0.5,
        right: 6.5,
        pixels: 1000,
    };
    let got = decimate(&(&xs, &ys), &window);
    let lines: Vec<Vec<f64>> = got.lines().map(|l| l.iter().map(|p| p[1]).collect()).collect();
    assert_eq!(lines, [vec![9.0, 1.0], vec![3.0, 4.0], vec![6.0, 7.0]]);
    assert_eq!(
        (&got.above[..], &got.nan[..], &got.below[..]),
        (&[5.0][..], &[2.0][..], &[][..])
    );
    // Between two points the line still crosses the picture.
    let between = Window {
        left: 3.2,
        right: 3.4,
        pixels: 100,
    };
    assert_eq!(decimate(&(&xs, &ys), &between).points, [[3.0, 3.0], [4.0, 4.0]]);
    let gap = Window {
        left: 1.2,
        right: 1.4,
        pixels: 100,
    };
    assert_eq!(decimate(&(&xs, &ys), &gap).points, [[1.0, 1.0]]);
    for (left, right) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        let got = decimate(
            &(&xs, &ys),
            &Window {
                left,
                right,
                pixels: 9,
            },
        );
        assert_eq!(got, Decimated::default());
    }
    let none = decimate(&(&[], &[]), &window);
    assert_eq!((none.lines().count(), none.points.len()), (0, 0));
    let all = [f64::NAN; 200];
    let places: Vec<f64> = (0..200).map(f64::from).collect();
    let got = decimate(
        &(&places, &all),
        &Window {
            left: 0.0,
            right: 199.0,
            pixels: 10,
        },
    );
    assert_eq!((got.points.len(), got.nan.len()), (0, 10));
}

#[test]
fn a_pyramid_grows_with_its_curve() {
    let (xs, ys) = curve(40_000, 5, true);
    let mut levels = Levels::default();
    for end in [10, 63, 64, 65, 1000, 1024, 5000, 16_384, 20_000, 39_999] {
        let part = (&xs[..end], &ys[..end]);
        levels.extend(&part);
        assert_eq!(levels, Levels::new(&part), "{end} points");
        // What has come since is read as it is.
        let longer = (&xs[..], &ys[..]);
        let window = Window {
            left: 0.0,
            right: xs[39_999],
            pixels: 77,
        };
        assert_eq!(levels.decimate(&longer, &window), decimate(&longer, &window));
    }
    let shorter = (&xs[..100], &ys[..100]);
    levels.extend(&shorter);
    assert_eq!(levels, Levels::new(&shorter));
}

/// A curve that is stored in pieces.
struct Pieces(Vec<Vec<(i64, f64)>>);

impl Curve for Pieces {
    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
    fn x(&self, i: usize) -> f64 {
        self.0[i / 100][i % 100].0 as f64
    }
    fn y(&self, i: usize) -> f64 {
        self.0[i / 100][i % 100].1
    }
}

#[test]
fn a_curve_may_lie_in_pieces() {
    let ys = curve(5000, 8, true).1;
    let xs: Vec<f64> = (0..5000).map(|i| f64::from(i) * 10.0).collect();
    let points: Vec<(i64, f64)> = xs.iter().map(|x| *x as i64).zip(ys.iter().copied()).collect();
    let pieces = Pieces(points.chunks(100).map(<[_]>::to_vec).collect());
    let window = Window {
        left: 12.0,
        right: 43_210.0,
        pixels: 123,
    };
    let got = Levels::new(&pieces).decimate(&pieces, &window);
    assert_eq!(got, decimate(&(&xs, &ys), &window));
}
