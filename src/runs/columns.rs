//! What the columns of a table mean: which one is the step, which the time, which name runs and
//! tags; all others are tags.

/// Names of the step, the first of which that is there counts; the others are tags like any other.
pub(crate) const STEPS: [&str; 9] = [
    "step",
    "global_step",
    "_step",
    "trainer/global_step",
    "iteration",
    "iter",
    "steps",
    "epoch",
    "epochs",
];
/// Names of the time.
pub(crate) const WALLS: [&str; 8] = [
    "wall_time",
    "wall",
    "walltime",
    "_timestamp",
    "timestamp",
    "time",
    "datetime",
    "date",
];

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Empty,
    Number(f64),
    /// A whole number, as exact as it stands in the file.
    Whole(i64),
    /// A time, in seconds since 1970, whatever its size.
    Seconds(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// What the text of a cell says.
    pub(crate) fn read(text: &'a str) -> Self {
        let text = text.trim();
        match text {
            "" => Cell::Empty,
            "True" | "true" => Cell::Number(1.0),
            "False" | "false" => Cell::Number(0.0),
            text => match text.parse() {
                Ok(number) => Cell::Number(number),
                Err(_) => Cell::Text(text),
            },
        }
    }
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Step,
    Wall,
    Run,
    /// In tables of one number a row: which it is, and the number.
    Tag,
    Value,
    Metric,
}

/// Roles of columns with these names.
pub(crate) fn roles<S: AsRef<str>>(names: &[S]) -> Vec<Role> {
    let at = |wanted: &[&str]| {
        wanted.iter().find_map(|w| {
            names
                .iter()
                .position(|n| n.as_ref().trim().eq_ignore_ascii_case(w))
        })
    };
    let mut roles = vec![Role::Metric; names.len()];
    let mut set = |index: Option<usize>, role| {
        if let Some(i) = index {
            roles[i] = role;
        }
    };
    set(at(&STEPS), Role::Step);
    set(at(&WALLS), Role::Wall);
    set(at(&["run"]), Role::Run);
    if let (Some(tag), Some(value)) = (at(&["tag"]), at(&["value"])) {
        set(Some(tag), Role::Tag);
        set(Some(value), Role::Value);
    }
    roles
}

/// Seconds since 1970 in a cell: a number of seconds, milliseconds, microseconds or nanoseconds, or
/// a date of ISO 8601. `None` for numbers that are none: seconds since the start.
pub(crate) fn wall(cell: Cell) -> Option<f64> {
    match cell {
        Cell::Empty => None,
        Cell::Whole(n) => wall(Cell::Number(n as f64)),
        Cell::Seconds(n) => Some(n),
        Cell::Number(n) if n.is_nan() => None,
        // From 1973 on, in seconds; larger numbers are of smaller units.
        Cell::Number(n) if (1e8..1e11).contains(&n) => Some(n),
        Cell::Number(n) if (1e11..1e14).contains(&n) => Some(n / 1e3),
        Cell::Number(n) if (1e14..1e17).contains(&n) => Some(n / 1e6),
        Cell::Number(n) if (1e17..1e20).contains(&n) => Some(n / 1e9),
        Cell::Number(_) => None,
        Cell::Text(text) => date(text),
    }
}

/// `2024-05-06[T ]07:08[:09[.5]][Z|+01:00]`, or the day alone; without a zone it is UTC.
fn date(text: &str) -> Option<f64> {
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    let (day, rest) = text.split_at_checked(10)?;
    let mut parts = day.split('-').map(|p| p.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some()
        || !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    // Days since 1970 (Howard Hinnant's days_from_civil).
    let (y, m) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let of_era = y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + (153 * m + 2) / 5 + day - 1;
    let days = y / 400 * 146_097 + of_era - 719_468;
    let midnight = days as f64 * 86_400.0;
    let Some(time) = rest.strip_prefix(['T', ' ']) else {
        return rest.is_empty().then_some(midnight);
    };
    let zone = time.find(['Z', '+', '-', ' ']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    let mut parts = time.split(':').map(|p| p.parse::<f64>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0.0))?;
    let sane = hour < 24.0 && minute < 60.0 && second < 61.0 && hour.min(minute).min(second) >= 0.0;
    if parts.next().is_some() || !sane {
        return None;
    }
    let zone = zone.trim();
    let east = match zone {
        "" | "Z" | "UTC" => 0.0,
        zone => {
            let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
            let digits: String = zone.get(1..)?.chars().filter(|&c| c != ':').collect();
            let number: f64 = digits
                .parse()
                .ok()
                .filter(|_| digits.len() == 4 || digits.len() == 2)?;
            let (hours, minutes) = if digits.len() == 2 {
                (number, 0.0)
            } else {
                ((number / 100.0).floor(), number % 100.0)
            };
            sign * (hours * 3600.0 + minutes * 60.0)
        }
    };
    Some(midnight + hour * 3600.0 + minute * 60.0 + second - east)
}

/// A step in a cell: a whole number; `None` for fractions and what is no number.
pub(crate) fn step(cell: Cell) -> Option<i64> {
    match cell {
        Cell::Number(n) if n.fract() == 0.0 && n.abs() < 9.2e18 => Some(n as i64),
        Cell::Whole(n) => Some(n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_name() {
        use Role::*;
        assert_eq!(roles(&["epoch", "loss", "Step"]), [Metric, Metric, Step]);
        assert_eq!(roles(&["epoch", "loss"]), [Step, Metric]);
        assert_eq!(
            roles(&["run", "tag", "step", "wall", "value"]),
            [Run, Tag, Step, Wall, Value]
        );
        assert_eq!(roles(&["tag", "loss", "_timestamp"]), [Metric, Metric, Wall]);
    }

    #[test]
    fn times_are_read_in_any_unit() {
        // date -u -d '2024-05-06 07:08:09' +%s
        let expected = 1_714_979_289.0;
        for text in [
            "1714979289",
            "1714979289000",
            "1714979289000000",
            "1714979289000000000",
            "2024-05-06 07:08:09",
            "2024-05-06T07:08:09Z",
            "2024-05-06T09:08:09+02:00",
            "2024-05-06T05:38:09-0130",
            "2024-05-06T07:08:09.000",
        ] {
            assert_eq!(wall(Cell::read(text)), Some(expected), "{text}");
        }
        assert_eq!(wall(Cell::read("1970-01-01")), Some(0.0));
        assert_eq!(wall(Cell::read("2000-02-29")), Some(951_782_400.0));
        for text in [
            "12.5",
            "",
            "yesterday",
            "2024-13-01",
            "2024-05-06T25:00",
            "2024-05-06x",
            "nan",
        ] {
            assert_eq!(wall(Cell::read(text)), None, "{text}");
        }
    }

    #[test]
    fn steps_are_whole_numbers() {
        let of = |text| step(Cell::read(text));
        assert_eq!(
            (of("7"), of("7.0"), of("-3"), of("1e3")),
            (Some(7), Some(7), Some(-3), Some(1000))
        );
        assert_eq!((of("0.5"), of("x"), of(""), of("nan")), (None, None, None, None));
    }
}
