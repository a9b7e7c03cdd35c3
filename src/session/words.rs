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
