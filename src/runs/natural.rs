//! The order in which people list names: `run2` before `run10`.

use std::cmp::Ordering;

/// Compares digits as numbers and the rest as text; names that differ never compare equal.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    while let (Some(&p), Some(&q)) = (x.first(), y.first()) {
        let (m, n) = (digits(x), digits(y));
        if m == 0 || n == 0 {
            match p.cmp(&q) {
                Ordering::Equal => (x, y) = (&x[1..], &y[1..]),
                order => return order,
            }
            continue;
        }
        let (u, v) = (significant(&x[..m]), significant(&y[..n]));
        match u.len().cmp(&v.len()).then(u.cmp(v)) {
            Ordering::Equal => (x, y) = (&x[m..], &y[n..]),
            order => return order,
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&b| b == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = [
            "run10", "run2", "run", "a/9", "a/10", "run02", "10", "9", "run2b", "Run1",
        ];
        names.sort_by(|a, b| natural(a, b));
        let expected = [
            "9", "10", "Run1", "a/9", "a/10", "run", "run02", "run2", "run2b", "run10",
        ];
        assert_eq!(names, expected);
    }
}
