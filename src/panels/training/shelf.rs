//! Where charts stand: rows of equal columns, in which a chart may take more than one.

/// A row of charts, or the title of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// From the top, points.
    pub top: f32,
    /// Height, points.
    pub height: f32,
    /// What stands there.
    pub what: What,
}

/// What stands on a shelf.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The title of this group of charts.
    Title(usize),
    /// Charts from left to right: which, first column, columns, height.
    Charts(Vec<(usize, usize, usize, f32)>),
}

/// Charts with a title over them.
pub struct Group {
    /// Charts, by number.
    pub charts: Vec<usize>,
    /// Shown by its title alone.
    pub closed: bool,
    /// False for charts without a title.
    pub titled: bool,
}

/// Height of a title, points.
pub const TITLE: f32 = 26.0;
/// Between charts, points.
pub const GAP: f32 = 8.0;

/// Columns of about `wanted` points that fit into `width`, and the width of one.
pub fn columns(width: f32, wanted: f32) -> (usize, f32) {
    let count = (((width + GAP) / (wanted.max(80.0) + GAP)).floor() as usize).max(1);
    (
        count,
        ((width - GAP * (count - 1) as f32) / count as f32).max(1.0),
    )
}

/// Fills shelves from the top; `size` gives columns and height of a chart.
pub fn shelves(groups: &[Group], columns: usize, size: impl Fn(usize) -> (usize, f32)) -> Vec<Shelf> {
    let mut shelves: Vec<Shelf> = Vec::new();
    let mut top = 0.0;
    let mut add = |what: What, height: f32| {
        shelves.push(Shelf { top, height, what });
        top += height + GAP;
    };
    for (number, group) in groups.iter().enumerate() {
        if group.titled {
            add(What::Title(number), TITLE);
        }
        if group.closed {
            continue;
        }
        let (mut row, mut used, mut height) = (Vec::new(), 0, 0f32);
        for &chart in &group.charts {
            let (span, high) = size(chart);
            let span = span.clamp(1, columns);
            if used + span > columns {
                add(What::Charts(std::mem::take(&mut row)), height);
                (used, height) = (0, 0.0);
            }
            row.push((chart, used, span, high));
            used += span;
            height = height.max(high);
        }
        if !row.is_empty() {
            add(What::Charts(row), height);
        }
    }
    shelves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_fill_rows_and_wide_ones_break_them() {
        let group = |charts: &[usize], closed| Group {
            charts: charts.to_vec(),
            closed,
            titled: true,
        };
        let groups = [group(&[0, 1, 2, 3], false), group(&[4], true)];
        let size = |chart| if chart == 1 { (3, 300.0) } else { (1, 100.0) };
        let found = shelves(&groups, 3, size);
        let rows: Vec<_> = found.iter().map(|s| (s.top, s.height)).collect();
        let (a, b, c) = (TITLE + GAP, TITLE + 100.0 + 2.0 * GAP, TITLE + 400.0 + 3.0 * GAP);
        assert_eq!(
            rows,
            [
                (0.0, TITLE),
                (a, 100.0),
                (b, 300.0),
                (c, 100.0),
                (c + 100.0 + GAP, TITLE)
            ]
        );
        assert_eq!(
            found[3].what,
            What::Charts(vec![(2, 0, 1, 100.0), (3, 1, 1, 100.0)])
        );
        // A chart wider than all columns takes them all.
        assert_eq!(
            shelves(&groups, 1, size)[2].what,
            What::Charts(vec![(1, 0, 1, 300.0)])
        );
    }

    #[test]
    fn at_least_one_column_fits() {
        assert_eq!(columns(100.0, 320.0), (1, 100.0));
        assert_eq!(columns(648.0, 320.0), (2, 320.0));
        assert_eq!(columns(0.0, 0.0).0, 1);
    }
}
