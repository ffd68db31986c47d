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

/// Bytes from a number and a unit: `12GB`, `1.5 GiB`, `800M`, `4096`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        other => return Err(format!("{other:?} is no unit of bytes: take kB, MB, GB, TB, KiB, MiB or GiB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number of bytes"))?;
    Ok((number * factor) as u64)
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
    fn bytes_are_read_with_their_units() {
        assert_eq!(parse_bytes("12GB"), Ok(12_000_000_000));
        assert_eq!(parse_bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!((parse_bytes("800m"), parse_bytes("4096")), (Ok(800_000_000), Ok(4096)));
        assert!(parse_bytes("12 apples").unwrap_err().contains("apples"));
        assert!(parse_bytes("GB").is_err() && parse_bytes("1.2.3GB").is_err());
    }

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
