//! Times as servers write them in headers.

use std::time::Duration;

/// `30`, `30.5`, `"30"`, `30 seconds`, `500ms`, `1m`; of a list the first. What is longer than can be counted is as long
/// as can be counted.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim().trim_matches('"');
    let first = text.split([',', ';']).next().unwrap_or_default().trim();
    let (whole, rest) = digits(first);
    if whole.is_empty() {
        return None;
    }
    let (fraction, unit) = rest.strip_prefix('.').map_or(("", rest), digits);
    let unit_ms: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        _ => return None,
    };
    // Nothing but digits: what does not fit is too much.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    let thousandths = fraction.bytes().chain([b'0'; 3]).take(3);
    let thousandths = thousandths.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let millis = whole.saturating_mul(unit_ms).saturating_add(thousandths * unit_ms / 1_000);
    Some(Duration::from_millis(millis))
}

/// The digits that a text begins with, and what follows them.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_servers_write_them() {
        for (text, millis) in [
            ("7", 7_000),
            (" 30.0 ", 30_000),
            ("0.25", 250),
            ("1.0625s", 1_062),
            ("\"30\"", 30_000),
            ("30 seconds", 30_000),
            ("30, 30", 30_000),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("2 Hours", 7_200_000),
            ("18446744073709551616", u64::MAX),
            ("18446744073709551615h", u64::MAX),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "soon", "-5", "1e2", ".5", "30 moons", "2026-11-27T04:05:00Z", "\"", "Fri"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
