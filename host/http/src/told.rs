//! What hosts say in their headers about how often they may be asked.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::duration::duration;
use super::headers::{header, sent_at};
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
/// A `…-reset` beyond this is a moment, in seconds since 1970, and no time from now; beyond the other it is in
/// milliseconds.
const MOMENT: u64 = 1_000_000_000;
const MOMENT_MS: u64 = 100_000_000_000;
/// What is further away than a year is a number of some other kind.
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// How the names of all those headers start.
const STARTS: [&str; 3] = ["x-rate", "x-concurrency-limit", "ratelimit-"];

impl Told {
    /// Reads `x-rate-limit-limit` with `x-rate-limit-interval` and `x-concurrency-limit` (Crossref), the
    /// `ratelimit-policy` of the IETF's draft, and `…ratelimit-remaining` with `…-reset` as many servers send
    /// them. What cannot be read says nothing.
    pub fn read(headers: &HeaderMap, now: SystemTime) -> Self {
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
        let reset = reset.as_deref().filter(|_| used_up).and_then(duration);
        let per = window.map(|(_, per)| per);
        Self {
            window: window
                .filter(|(requests, per)| (1..=MOST_REQUESTS).contains(requests) && !per.is_zero())
                .map(|(requests, per)| Window { requests, per }),
            concurrency: text("x-concurrency-limit").as_deref().and_then(number).filter(|most| *most > 0),
            nothing_left_for: reset
                .and_then(|reset| left_until(reset, per, sent_at(headers).unwrap_or(now)))
                .filter(|left| !left.is_zero() && *left <= YEAR),
        }
    }
}

/// The number that a value begins with: `10`, `100, 100;w=60`.
fn number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// How long it is until a `…-reset`, by the clock of the server that says it. A number says neither its unit nor what it
/// counts from; servers use all four.
fn left_until(reset: Duration, per: Option<Duration>, sent: SystemTime) -> Option<Duration> {
    let thousandth = reset / 1000;
    let since_1970 = match reset.as_secs() {
        MOMENT_MS.. => thousandth,
        MOMENT.. => reset,
        // No window lasts longer than itself.
        _ if per.is_some_and(|per| reset > per && thousandth <= per) => return Some(thousandth),
        _ => return Some(reset),
    };
    SystemTime::UNIX_EPOCH.checked_add(since_1970)?.duration_since(sent).ok()
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
        Told::read(&crate::header_map(headers).unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S))
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
    fn a_reset_is_understood_in_seconds_and_milliseconds_from_now_and_since_1970_by_the_servers_clock() {
        let at =
            |seconds: u64| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let (right, ahead) = (at(NOW_S), at(NOW_S + 3600));
        for (reset, date, limit, millis) in [
            ("1795478430", &right, "60", 30_000),
            ("1795478430500", &right, "60", 30_500),
            ("1795482030", &ahead, "60", 30_000),
            ("0.5", &right, "60", 500),
            ("30", &right, "60;w=60", 30_000),
            ("30000", &right, "60;w=60", 30_000),
            ("3000", &right, "60", 3_000_000),
        ] {
            let headers = [
                ("date", date.as_str()),
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", reset),
            ];
            assert_eq!(told(&headers).nothing_left_for, Some(Duration::from_millis(millis)), "{headers:?}");
        }
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
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2026-11-24T00:00:30Z")],
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "Tue, 24 Nov 2026 00:00:30 GMT")],
            vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "18446744073709551616")],
        ] {
            assert_eq!(told(&headers), Told::default(), "{headers:?}");
        }
    }
}
