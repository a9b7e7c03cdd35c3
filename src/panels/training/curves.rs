//! Curves along the chosen axis, ready to be drawn, kept until they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use analyze::{Decimated, Levels, Smoothing, Window, smooth};
use model::{Point, Run, Series};
use session::{Along, Board};

/// Places that do not fall, and their numbers.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// Along the axis; logarithms where it is logarithmic.
    pub xs: Vec<f64>,
    /// The numbers; logarithms where the axis is logarithmic.
    pub ys: Vec<f64>,
    /// For pictures of many points.
    levels: Levels,
    /// The last picture: most frames show the same one.
    last: Arc<Mutex<Option<Seen>>>,
}

/// What is seen of a path in a window.
type Seen = (Window, Arc<Decimated>);

impl Path {
    /// `xs` do not fall.
    pub fn new(xs: Vec<f64>, ys: Vec<f64>) -> Self {
        let levels = Levels::new(&(&xs[..], &ys[..]));
        Path {
            xs,
            ys,
            levels,
            last: Arc::default(),
        }
    }

    /// The points that draw what is seen between `left` and `right`, that many pixels wide.
    pub fn seen(&self, [left, right]: [f64; 2], pixels: f32) -> Arc<Decimated> {
        let window = Window {
            left,
            right,
            pixels: pixels.max(1.0) as usize,
        };
        let mut last = self.last.lock().unwrap_or_else(|e| e.into_inner());
        match &*last {
            Some((of, seen)) if *of == window => seen.clone(),
            _ => {
                let seen = Arc::new(self.levels.decimate(&(&self.xs[..], &self.ys[..]), &window));
                *last = Some((window, seen.clone()));
                seen
            }
        }
    }

    /// Indices of the points in `range`, and one on each side so that lines leave the chart.
    pub fn within(&self, range: [f64; 2]) -> std::ops::Range<usize> {
        let begin = self.xs.partition_point(|&x| x < range[0]).saturating_sub(1);
        let end = (self.xs.partition_point(|&x| x <= range[1]) + 1).min(self.xs.len());
        begin.min(end)..end
    }

    /// The recorded point nearest to `x`.
    pub fn nearest(&self, x: f64) -> Option<[f64; 2]> {
        let after = self.xs.partition_point(|&p| p < x);
        let near = [after.checked_sub(1), Some(after)];
        let found = near.into_iter().flatten().filter(|&i| i < self.xs.len());
        let best = found.min_by(|&a, &b| (self.xs[a] - x).abs().total_cmp(&(self.xs[b] - x).abs()))?;
        Some([self.xs[best], self.ys[best]])
    }
}

/// A curve of a run.
#[derive(Debug, Default)]
pub struct Curve {
    /// What counts: where a run began again, the later numbers.
    pub now: Path,
    /// What a later part superseded.
    pub old: Vec<Path>,
    /// `now`, smoothed.
    pub smooth: Option<Path>,
    /// Points that cannot stand on a logarithmic axis, or have no time.
    pub left_out: usize,
}

impl Curve {
    /// What a reader looks at first.
    pub fn main(&self) -> &Path {
        self.smooth.as_ref().unwrap_or(&self.now)
    }

    /// A curve that is drawn as it is.
    pub fn alone(now: Path) -> Self {
        Curve {
            now,
            ..Curve::default()
        }
    }

    fn of(series: &Series, place: &Place) -> Self {
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = Default::default();
        let (mut old, mut left_out) = (Vec::new(), 0);
        for point in series.points() {
            let (x, y) = (place.x(point), place.y(point.value));
            // NaN and infinities of the curve itself stay, to be marked; places must be numbers.
            if !x.is_finite() || (y.is_nan() && !point.value.is_nan()) {
                left_out += 1;
                continue;
            }
            if xs.last().is_some_and(|&last| x < last) {
                let kept = xs.partition_point(|&p| p < x);
                old.push(Path::new(xs.split_off(kept), ys.split_off(kept)));
            }
            xs.push(x);
            ys.push(y);
        }
        let smooths = place.smoothing != Smoothing::None && ys.len() > 2;
        Curve {
            smooth: smooths.then(|| Path::new(xs.clone(), smooth(&ys, &place.smoothing))),
            now: Path::new(xs, ys),
            old,
            left_out,
        }
    }
}

/// How points come to places.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    along: Along,
    log: [bool; 2],
    smoothing: Smoothing,
    /// First time of the run, seconds since 1970.
    start: f64,
}

impl Place {
    fn x(&self, point: Point) -> f64 {
        let x = match self.along {
            Along::Step => point.step as f64,
            Along::Relative => point.wall - self.start,
            Along::Wall => point.wall,
        };
        if self.log[0] { log10(x) } else { x }
    }

    fn y(&self, value: f64) -> f64 {
        if self.log[1] { log10(value) } else { value }
    }
}

/// NaN where there is none.
fn log10(v: f64) -> f64 {
    if v > 0.0 { v.log10() } else { f64::NAN }
}

/// First time of a run, seconds since 1970; NaN where no time is known.
pub fn start(run: &Run) -> f64 {
    let firsts = run.series.values().filter_map(|s| s.get(0)).map(|p| p.wall);
    firsts.fold(f64::NAN, f64::min)
}

struct Kept {
    curve: Arc<Curve>,
    place: Place,
    len: usize,
    used: u64,
}

/// Curves by run and tag.
#[derive(Default)]
pub struct Curves {
    kept: HashMap<(String, String), Kept>,
    frame: u64,
}

/// Curves that were not drawn for so many frames are forgotten.
const FORGET: u64 = 600;

impl Curves {
    /// Begins a frame.
    pub fn begin(&mut self) {
        self.frame += 1;
        if self.frame.is_multiple_of(FORGET) {
            let frame = self.frame;
            self.kept.retain(|_, kept| kept.used + FORGET > frame);
        }
    }

    /// The curve of `tag` in `run`, whose metric is `metric`.
    pub fn get(&mut self, run: &Run, tag: &str, metric: &str, board: &Board) -> Option<Arc<Curve>> {
        let series = run.series.get(tag)?;
        let place = Place {
            along: board.along,
            log: [board.log_x, board.log.contains(metric)],
            smoothing: board.smoothing,
            start: if board.along == Along::Relative {
                start(run)
            } else {
                0.0
            },
        };
        let key = (run.name.clone(), tag.to_string());
        let frame = self.frame;
        if let Some(kept) = self.kept.get_mut(&key)
            && kept.len == series.len()
            && kept.place == place
        {
            kept.used = frame;
            return Some(kept.curve.clone());
        }
        let curve = Arc::new(Curve::of(series, &place));
        let kept = Kept {
            curve: curve.clone(),
            place,
            len: series.len(),
            used: frame,
        };
        self.kept.insert(key, kept);
        Some(curve)
    }
}

#[cfg(test)]
mod tests {
    use model::Record;

    use super::*;

    fn run(points: &[(i64, f64)]) -> Run {
        let mut run = Run::new("run");
        for &(step, value) in points {
            let wall = 100.0 + step as f64;
            let tag = "loss".to_string();
            run.take(Record::Scalar {
                tag,
                point: Point { step, wall, value },
            });
        }
        run
    }

    fn curve(points: &[(i64, f64)], board: &Board) -> Arc<Curve> {
        Curves::default()
            .get(&run(points), "loss", "loss", board)
            .unwrap()
    }

    #[test]
    fn a_run_that_began_again_keeps_what_it_superseded() {
        let board = Board {
            smoothing: Smoothing::None,
            ..Board::default()
        };
        let points = [(0, 5.0), (1, 4.0), (2, 3.0), (3, 2.0), (2, 9.0), (3, 8.0)];
        let found = curve(&points, &board);
        assert_eq!(
            (&*found.now.xs, &*found.now.ys),
            (&[0.0, 1.0, 2.0, 3.0][..], &[5.0, 4.0, 9.0, 8.0][..])
        );
        assert_eq!(found.old.len(), 1);
        assert_eq!(
            (&*found.old[0].xs, &*found.old[0].ys),
            (&[2.0, 3.0][..], &[3.0, 2.0][..])
        );
        let along = Along::Relative;
        let found = curve(
            &points[..4],
            &Board {
                along,
                ..board.clone()
            },
        );
        assert_eq!(found.now.xs, [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn logarithms_leave_out_what_has_none_and_keep_nan() {
        let mut board = Board {
            smoothing: Smoothing::None,
            ..Board::default()
        };
        board.log.insert("loss".into());
        let found = curve(&[(0, 100.0), (1, 0.0), (2, f64::NAN), (3, 0.1)], &board);
        assert_eq!(found.now.xs, [0.0, 2.0, 3.0]);
        assert!(found.now.ys[1].is_nan());
        assert_eq!((found.now.ys[0], found.now.ys[2], found.left_out), (2.0, -1.0, 1));
    }

    #[test]
    fn curves_follow_the_board_and_the_run() {
        let mut curves = Curves::default();
        let board = Board::default();
        let mut run = run(&[(0, 1.0), (1, 0.0), (2, 1.0)]);
        let first = curves.get(&run, "loss", "loss", &board).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &curves.get(&run, "loss", "loss", &board).unwrap()
        ));
        let tag = "loss".to_string();
        let point = Point {
            step: 3,
            wall: 0.0,
            value: 0.5,
        };
        run.take(Record::Scalar { tag, point });
        let second = curves.get(&run, "loss", "loss", &board).unwrap();
        assert_eq!(
            (second.now.xs.len(), second.smooth.as_ref().unwrap().ys.len()),
            (4, 4)
        );
        assert!(curves.get(&run, "accuracy", "accuracy", &board).is_none());
    }

    #[test]
    fn the_nearest_point_and_the_visible_ones() {
        let path = Path::new(vec![0.0, 1.0, 5.0], vec![3.0, 4.0, 5.0]);
        assert_eq!(path.nearest(2.9), Some([1.0, 4.0]));
        assert_eq!(path.nearest(99.0), Some([5.0, 5.0]));
        assert_eq!(Path::default().nearest(0.0), None);
        assert_eq!(path.within([0.5, 0.7]), 0..2);
        assert_eq!(path.within([6.0, 7.0]), 2..3);
        assert_eq!(path.within([-2.0, -1.0]), 0..1);
    }
}
