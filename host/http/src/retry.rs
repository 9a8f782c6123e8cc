//! After which answers a request is retried, and after what wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::duration::duration;
use super::headers::{header, sent_at};
use super::settings::RetrySettings;

/// Statuses after which a retry may succeed.
pub fn retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The wait before retry `tries` (0 is the first): doubled each time. `jitter` (`0.0..1.0`) spreads it over
/// its upper half, so that requests that failed together do not come back together.
pub fn backoff(settings: &RetrySettings, tries: u32, jitter: f64) -> Duration {
    let full = settings.base.saturating_mul(2_u32.saturating_pow(tries)).min(settings.max);
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// How long the host wants to be left alone: the `Retry-After` (RFC 9110, 10.2.3) of any error, in seconds or as a date.
/// A date is measured by the server's own clock where the answer shows it, because clocks differ by more than these
/// waits. No time at all, or one that is over, is nothing to go by: hosts that send it are asked again as if they had
/// said nothing.
pub fn rest(status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if status < 400 {
        return None;
    }
    let value = header(headers, "retry-after")?;
    let wait = match duration(&value) {
        Some(wait) => wait,
        None => {
            let at = httpdate::parse_http_date(value.trim()).ok()?;
            at.duration_since(sent_at(headers).unwrap_or(now)).ok()?
        }
    };
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header_map;

    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn after(value: &str, date: Option<SystemTime>) -> Option<Duration> {
        let date = date.map(|date| ("date", httpdate::fmt_http_date(date)));
        let headers = header_map([("retry-after", value.to_owned())].into_iter().chain(date)).unwrap();
        rest(403, &headers, SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(after(" 0 ", None), None);
        let now = SystemTime::UNIX_EPOCH + NOW;
        let at = httpdate::fmt_http_date(now + Duration::from_secs(90));
        assert_eq!(after(&at, None), Some(Duration::from_secs(90)));
        let past = httpdate::fmt_http_date(now - Duration::from_secs(90));
        assert_eq!(after(&past, None), None);
        for nonsense in ["", "soon", "-5", "1e2", "Fri"] {
            assert_eq!(after(nonsense, None), None, "{nonsense}");
        }
        for half in ["30.0", "\"30\"", "30 seconds"] {
            assert_eq!(after(half, None), Some(Duration::from_secs(30)), "{half}");
        }
        assert!(
            after("18446744073709551616", None) > Some(Duration::from_secs(86_400)),
            "too long is no nothing"
        );
    }

    #[test]
    fn what_is_no_error_asks_for_no_rest() {
        let headers = header_map([("retry-after", "30")]).unwrap();
        assert_eq!(rest(202, &headers, SystemTime::UNIX_EPOCH + NOW), None);
        assert_eq!(rest(404, &headers, SystemTime::UNIX_EPOCH + NOW), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_retry_date_is_measured_by_the_clock_of_the_server_that_gave_it() {
        // The server's clock is an hour behind ours; it still means thirty seconds.
        let theirs = SystemTime::UNIX_EPOCH + NOW - Duration::from_secs(3600);
        let at = httpdate::fmt_http_date(theirs + Duration::from_secs(30));
        assert_eq!(after(&at, Some(theirs)), Some(Duration::from_secs(30)));
    }

    #[test]
    fn waits_double_stay_under_their_limit_and_are_spread() {
        let settings = RetrySettings { base: Duration::from_millis(400), max: Duration::from_secs(5) };
        assert_eq!(backoff(&settings, 0, 0.0), Duration::from_millis(200));
        assert_eq!(backoff(&settings, 0, 1.0), Duration::from_millis(400));
        assert_eq!(backoff(&settings, 2, 1.0), Duration::from_millis(1600));
        assert_eq!(backoff(&settings, 40, 1.0), Duration::from_secs(5));
    }

    #[test]
    fn final_answers_are_not_asked_for_again() {
        for status in [200, 204, 304, 400, 401, 403, 404, 405, 410, 422, 451, 501, 505] {
            assert!(!retryable_status(status), "{status}");
        }
    }
}
