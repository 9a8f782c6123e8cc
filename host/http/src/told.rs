//! What hosts say in their headers about how often they may be asked.

use std::time::Duration;

use http::HeaderMap;

use super::headers::header;
use super::settings::Window;

/// What an answer's headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// So many requests within a time.
    pub window: Option<Window>,
    /// So many requests at once.
    pub concurrency: Option<usize>,
    /// This answer was the last that is allowed for so long.
    pub nothing_left_for: Option<Duration>,
}

/// A number of requests beyond this is no pace, but a quota of a day or a month.
const MOST_REQUESTS: usize = 10_000;
/// A `…-reset` beyond this is a moment, in seconds since 1970, and no time from now.
const MOMENT: u64 = 1_000_000_000;

/// How the names of all those headers start.
const STARTS: [&str; 3] = ["x-rate", "x-concurrency-limit", "ratelimit-"];

impl Told {
    /// Reads `x-rate-limit-limit` with `x-rate-limit-interval` and `x-concurrency-limit` (Crossref), the
    /// `ratelimit-policy` of the IETF's draft, and `…ratelimit-remaining` with `…-reset` as many servers send
    /// them. What cannot be read says nothing.
    pub fn read(headers: &HeaderMap, now_s: u64) -> Self {
        // Most answers say nothing of the kind.
        if !headers.keys().any(|name| STARTS.iter().any(|start| name.as_str().starts_with(start))) {
            return Self::default();
        }
        let text = |name: &str| header(headers, name).map(|value| value.trim().to_owned());
        let any = |names: &[&str]| names.iter().find_map(|name| text(name));
        let limit = any(&["x-rate-limit-limit", "x-ratelimit-limit", "ratelimit-limit"]);
        let interval = any(&["x-rate-limit-interval", "x-ratelimit-interval"]);
        let policy =
            any(&["ratelimit-policy"]).or_else(|| limit.clone().filter(|limit| limit.contains("w=")));
        let plain = limit.as_deref().and_then(number).zip(interval.as_deref().and_then(duration));
        let window = plain.or_else(|| policy.as_deref().and_then(of_policy));
        let remaining = any(&["x-rate-limit-remaining", "x-ratelimit-remaining", "ratelimit-remaining"]);
        let reset = any(&["x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset"]);
        let used_up = remaining.as_deref().and_then(number) == Some(0);
        let reset = reset.as_deref().and_then(number).filter(|_| used_up).map(|seconds| seconds as u64);
        Self {
            window: window
                .filter(|(requests, per)| (1..=MOST_REQUESTS).contains(requests) && !per.is_zero())
                .map(|(requests, per)| Window { requests, per }),
            concurrency: text("x-concurrency-limit").as_deref().and_then(number).filter(|most| *most > 0),
            nothing_left_for: reset
                .map(|seconds| if seconds > MOMENT { seconds.saturating_sub(now_s) } else { seconds })
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
        }
    }
}

/// The number that a value begins with: `10`, `100, 100;w=60`.
fn number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// `1s`, `60`, `1m`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let count = u64::try_from(number(text)?).ok()?.min(86_400_000);
    match text.trim_start_matches(|c: char| c.is_ascii_digit()).trim() {
        "" | "s" => Some(Duration::from_secs(count)),
        "ms" => Some(Duration::from_millis(count)),
        "m" => Some(Duration::from_secs(count.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(count.checked_mul(3600)?)),
        _ => None,
    }
}

/// The slowest of `100;w=60, "burst";q=10;w=1`: a number and the seconds of its window.
fn of_policy(text: &str) -> Option<(usize, Duration)> {
    let windows = text.split(',').filter_map(|policy| {
        let (mut quota, mut window) = (number(policy.trim()), None);
        for parameter in policy.split(';').map(str::trim) {
            match parameter.split_once('=') {
                Some(("q", value)) => quota = number(value),
                Some(("w", value)) => window = number(value),
                _ => {}
            }
        }
        let (quota, window) = (quota.filter(|quota| *quota > 0)?, u64::try_from(window?).ok()?);
        Some((quota, Duration::from_secs(window.min(86_400))))
    });
    windows.max_by(|(a, per_a), (b, per_b)| {
        let interval = |requests: usize, per: &Duration| per.as_secs_f64() / requests as f64;
        interval(*a, per_a).total_cmp(&interval(*b, per_b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_795_478_400;

    fn told(headers: &[(&str, &str)]) -> Told {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Told::read(&crate::header_map(headers).unwrap(), NOW_S)
    }

    fn window(requests: usize, seconds: u64) -> Option<Window> {
        Some(Window { requests, per: Duration::from_secs(seconds) })
    }

    #[test]
    fn limits_are_read_as_servers_write_them() {
        let crossref = told(&[
            ("x-rate-limit-limit", "5"),
            ("x-rate-limit-interval", "1s"),
            ("x-concurrency-limit", "1"),
        ]);
        assert_eq!((crossref.window, crossref.concurrency), (window(5, 1), Some(1)));
        assert_eq!(told(&[("ratelimit-policy", "\"burst\";q=100;w=60, 10;w=1")]).window, window(100, 60));
        assert_eq!(told(&[("ratelimit-limit", "100, 100;w=60")]).window, window(100, 60));
        for soon in [("x-ratelimit-reset", "30"), ("x-ratelimit-reset", "1795478430")] {
            let left = told(&[("x-ratelimit-remaining", "0"), soon]).nothing_left_for;
            assert_eq!(left, Some(Duration::from_secs(30)), "{soon:?}");
        }
        assert_eq!(told(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "30")]), Told::default());
    }

    #[test]
    fn what_is_no_limit_says_nothing() {
        for headers in [
            vec![("x-rate-limit-limit", "0"), ("x-rate-limit-interval", "1s")],
            vec![("x-rate-limit-limit", "10")],
            vec![("x-rate-limit-limit", "many"), ("x-rate-limit-interval", "1s")],
            vec![("x-rate-limit-limit", "99999999999999999999999"), ("x-rate-limit-interval", "1s")],
            vec![("x-rate-limit-limit", "100000"), ("x-rate-limit-interval", "24h")],
            vec![("x-rate-limit-limit", "5"), ("x-rate-limit-interval", "0s")],
            vec![("ratelimit-policy", "w=60, ;;q=;w=")],
            vec![("x-concurrency-limit", "0")],
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1695478430")],
        ] {
            assert_eq!(told(&headers), Told::default(), "{headers:?}");
        }
    }
}
