//! Numbers in words, the same in every panel and in the scene.

/// `4.09 G`, `25.6 M`, `812`.
pub fn short(n: u64) -> String {
    match n {
        1_000_000_000_000.. => format!("{:.2} T", n as f64 / 1e12),
        1_000_000_000.. => format!("{:.2} G", n as f64 / 1e9),
        1_000_000.. => format!("{:.2} M", n as f64 / 1e6),
        10_000.. => format!("{:.1} k", n as f64 / 1e3),
        _ => grouped(n),
    }
}

/// `4,089,184,256`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1.21 MB`, `812 bytes`.
pub fn bytes(n: u64) -> String {
    match n {
        1_000_000_000.. => format!("{:.2} GB", n as f64 / 1e9),
        1_000_000.. => format!("{:.2} MB", n as f64 / 1e6),
        10_000.. => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{} bytes", grouped(n)),
    }
}

/// Three digits that matter, with the prefix of `unit`: `3.21 ms`, `48.0 GFLOP/s`.
pub fn si(value: f64, unit: &str) -> String {
    const PREFIXES: [&str; 9] = ["n", "µ", "m", "", "k", "M", "G", "T", "P"];
    if value == 0.0 || !value.is_finite() {
        return format!("{value} {unit}");
    }
    // 999.6 rounds to the next prefix.
    let place = ((value.abs() * 1.0005).log10() / 3.0).floor().clamp(-3.0, 5.0);
    let scaled = value / 1000f64.powf(place);
    let digits = match scaled.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{scaled:.digits$} {}{unit}", PREFIXES[(place + 3.0) as usize])
}

/// A value with about four digits: `0.01234`, `-12.3`, `1.2e-9`.
pub fn value(v: f64) -> String {
    let size = v.abs();
    if v == 0.0 {
        "0".into()
    } else if !(1e-4..1e6).contains(&size) {
        format!("{v:.2e}")
    } else {
        let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{v:.digits$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            false => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::si;

    #[test]
    fn prefixes_follow_the_size() {
        let pairs = [
            (0.0, "0 s"),
            (0.00321, "3.21 ms"),
            (4.5e-7, "450 ns"),
            (0.9999, "1.00 s"),
            (12.34, "12.3 s"),
            (4.8e10, "48.0 Gs"),
            (1e-12, "0.00 ns"),
        ];
        for (value, text) in pairs {
            assert_eq!(si(value, "s"), text);
        }
    }
}
