//! robots.txt (RFC 9309): read once per origin and day, before anything else of that origin is requested.
//!
//! The parser is `robotxt`: released this year, all of RFC 9309 (groups merged, longest match, `*` and
//! `$`, percent-encoding normalised, 500 KiB), crawl-delay, linear matching. `texting_robots` fails the
//! whole file for one bad rule and compiles regular expressions; `robotstxt`, a port of Google's parser,
//! has had no release since 2021 and drops crawl-delay.

use std::future::Future;
use std::time::Duration;

use robotxt::{AccessResult, Robots};
use url::Url;

use super::error::{Denial, FetchError};
use super::origins::OriginCache;

/// The product token that robots.txt knows us by.
pub const AGENT: &str = "tierfall";
/// RFC 9309, 2.4: no longer than a day.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// What could not be read is fetched again sooner: the host may be back.
const FRESH_FAILURE: Duration = Duration::from_secs(120);
/// RFC 9309, 2.5: at least this much must be read.
pub const READ: u64 = robotxt::BYTE_LIMIT as u64 + 1;
/// RFC 9309, 2.3.1.2: at least five.
pub const REDIRECTS: u32 = 5;

/// The outcome of fetching one robots.txt.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// Status and (the beginning of) the body of the final answer.
    Answer(u16, Vec<u8>),
    /// More than five redirects: as if there were none (RFC 9309, 2.3.1.2).
    Redirected,
    /// The host did not answer at all.
    Failed(FetchError),
}

/// The rules of each origin, as far as they are remembered.
#[derive(Default)]
pub struct RobotsCache(OriginCache<Result<Rules, FetchError>>);

/// The rules of one robots.txt that apply to this program.
#[derive(Debug)]
pub struct Rules(Robots);

impl Rules {
    /// Reads the body of a successful answer (RFC 9309, 2.3.1.1), whatever it holds.
    pub fn read(file: &[u8]) -> Self {
        Self(Robots::from_access(AccessResult::Successful(file), AGENT))
    }

    /// The crawl-delay that the rules ask for; an `Err` is the pattern that forbids this URL.
    pub fn check(&self, url: &Url) -> Result<Option<Duration>, String> {
        if self.0.is_url_allowed(url) {
            return Ok(self.0.crawl_delay());
        }
        let path = &url[url::Position::BeforePath..];
        let rule = self.0.matching_rule(path).map(|rule| format!("{:?}", rule.pattern()));
        Err(rule.unwrap_or_else(|| "the whole host".into()))
    }
}

/// The URL of the robots.txt that applies to `url`.
pub fn location(url: &Url) -> Url {
    let mut robots = url.clone();
    robots.set_path("/robots.txt");
    robots.set_query(None);
    robots.set_fragment(None);
    robots
}

impl RobotsCache {
    /// Checks `url` against its origin's rules, which `fetch` gets if they are not remembered. Returns the
    /// crawl-delay that the rules ask for.
    pub async fn check<F>(
        &self,
        url: &Url,
        fetch: impl FnOnce(Url) -> F + Send + 'static,
    ) -> Result<Option<Duration>, FetchError>
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let robots = location(url);
        let read = move || async move { rules_of(&robots, fetch(robots.clone()).await) };
        let Some(rules) = self.0.get(url, read).await else {
            return Err(FetchError::denied(Denial::RobotsUnreachable, "reading robots.txt was given up"));
        };
        let rules = rules.as_ref().as_ref().map_err(Clone::clone)?;
        rules.check(url).map_err(|rule| {
            let detail = format!("{} disallows this by {rule}", location(url));
            FetchError::denied(Denial::Robots, detail)
        })
    }
}

/// What follows from fetching a robots.txt, and for how long.
fn rules_of(robots: &Url, fetched: Fetched) -> (Result<Rules, FetchError>, Duration) {
    let unreachable = |why: String| {
        let detail = format!("{robots} {why}, which forbids everything there for now");
        Err(FetchError::denied(Denial::RobotsUnreachable, detail))
    };
    let rules = match fetched {
        Fetched::Answer(200..=299, body) => Ok(Rules::read(&body)),
        // "Unavailable": 2.3.1.3 names 400 to 499. Any other status below 500 means no rules either.
        Fetched::Answer(status, _) if status < 500 => Ok(Rules(Robots::allow_all())),
        Fetched::Answer(status, _) => unreachable(format!("answers {status}")),
        Fetched::Redirected => Ok(Rules(Robots::from_access(AccessResult::TooManyRedirects, AGENT))),
        // A host that cannot be reached is reported as that; nothing is requested of it either way.
        Fetched::Failed(error @ (FetchError::Transport(_) | FetchError::Certificate(_))) => Err(error),
        Fetched::Failed(error @ FetchError::Denied { reason: Denial::PrivateAddress, .. }) => Err(error),
        // A recording without the file was made with robots.txt turned off.
        Fetched::Failed(FetchError::NotRecorded(_)) => Ok(Rules(Robots::allow_all())),
        Fetched::Failed(error) => unreachable(format!("cannot be read ({error})")),
    };
    let fresh = if rules.is_ok() { FRESH } else { FRESH_FAILURE };
    (rules, fresh)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(text: &[u8]) -> Rules {
        let url = "http://host.example/robots.txt".parse().unwrap();
        rules_of(&url, Fetched::Answer(200, text.to_vec())).0.unwrap()
    }

    proptest! {
        #[test]
        fn no_robots_txt_makes_the_program_fall(
            lines in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..60),
                    "(user-agent|Allow|DISALLOW|crawl-delay|sitemap) ?: ?[ -~é]{0,40}".prop_map(String::into_bytes),
                    "crawl-delay: -?[0-9]{0,30}(e[0-9]{1,4})?".prop_map(String::into_bytes),
                ],
                0..12,
            ),
            path in "/[ -~é]{0,40}",
        ) {
            let text = [b"user-agent: *\n".as_slice(), &lines.join(&b'\n')].concat();
            let rules = rules(&text);
            if let Ok(url) = Url::parse("http://host.example").and_then(|base| base.join(&path)) {
                let _ = rules.check(&url);
            }
        }
    }

    #[test]
    fn patterns_that_are_made_to_be_slow_to_match_are_not() {
        let url = Url::parse(&format!("http://host.example/{}", "a".repeat(8000))).unwrap();
        for line in
            ["disallow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n", "disallow: /****************b$\n", "allow: *b\n"]
        {
            let text = format!("user-agent: *\n{}disallow: /b", line.repeat(500 * 1024 / line.len()));
            let began = std::time::Instant::now();
            assert!(rules(text.as_bytes()).check(&url).is_ok());
            // Twenty thousand rules against eight thousand characters: a backtracking matcher would take days.
            assert!(began.elapsed() < Duration::from_secs(20), "{line}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn what_lies_beyond_the_size_limit_is_not_read_and_a_rule_that_is_cut_does_not_count() {
        let filler = "# filler\n".repeat(robotxt::BYTE_LIMIT / 9);
        let url = Url::parse("http://host.example/secret").unwrap();
        let text = format!("user-agent: *\ndisallow: /secret\n{filler}{filler}");
        assert!(rules(text.as_bytes()).check(&url).is_err());
        let text = format!("user-agent: *\n{filler}disallow: /secret\n");
        let read = usize::try_from(READ).unwrap().min(text.len());
        assert!(rules(&text.as_bytes()[..read]).check(&url).is_ok());
    }
}
