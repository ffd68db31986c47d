//! Numbers as people read them.

/// Seconds with a unit that fits, three digits.
pub(crate) fn seconds(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 600.0 => (v / 60.0, "min"),
        v if v >= 1.0 => (v, "s"),
        v if v >= 1e-3 => (v * 1e3, "ms"),
        v if v > 0.0 => (v * 1e6, "µs"),
        _ => return "0 s".to_owned(),
    };
    format!("{} {unit}", digits(scaled))
}

/// Bytes in powers of 1000, three digits.
pub(crate) fn bytes(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "GB"),
        v if v >= 1e6 => (v / 1e6, "MB"),
        v if v >= 1e3 => (v / 1e3, "kB"),
        v => return format!("{v:.0} B"),
    };
    format!("{} {unit}", digits(scaled))
}

/// Three significant digits for numbers from 0.01 to 10^6, powers of ten outside.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        v if v >= 1e6 => format!("{value:.2e}"),
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.2e}"),
    }
}

/// A whole number in groups of three.
pub(crate) fn grouped(value: u64) -> String {
    let text = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of things: `1 sample`, `2 samples`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Bits of agreement; none means that there is no difference at all.
pub(crate) fn bits(value: Option<f64>) -> String {
    value.map_or_else(|| "identical".to_owned(), |bits| format!("{bits:.1}"))
}

/// A level, or that there is no limit.
pub(crate) fn level(value: Option<u32>) -> String {
    value.map_or_else(|| "unbounded".to_owned(), |level| level.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let all = [
            seconds(0.001234),
            seconds(12.34),
            seconds(3600.0),
            seconds(0.0),
            bytes(12.0),
            bytes(1_234_567.0),
        ];
        assert_eq!(all, ["1.23 ms", "12.3 s", "60.0 min", "0 s", "12 B", "1.23 MB"]);
        assert_eq!([digits(0.0012), digits(99.97), digits(-5.0)], ["1.20e-3", "100", "-5.00"]);
        assert_eq!([grouped(7), grouped(1234567)], ["7", "1,234,567"]);
        assert_eq!([count(1, "sample"), count(1000, "sample")], ["1 sample", "1,000 samples"]);
    }
}
