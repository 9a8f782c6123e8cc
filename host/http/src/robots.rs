//! robots.txt (RFC 9309): read once per origin and day, before anything else of that origin is requested.
//!
//! The parser is `robotxt`: released this year, all of RFC 9309 (groups merged, longest match, `*` and
//! `$`, percent-encoding normalised, 500 KiB), crawl-delay, linear matching. `texting_robots` fails the
//! whole file for one bad rule and compiles regular expressions; `robotstxt`, a port of Google's parser,
//! has had no release since 2021 and drops crawl-delay.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use robotxt::{AccessResult, Robots};
use url::Url;

use super::error::{Denial, FetchError};
use super::origins::OriginCache;
use super::shared_hosts::SharedRules;

/// The product token that robots.txt knows us by.
pub const AGENT: &str = "tierfall";
/// RFC 9309, 2.4: no longer than a day.
pub const FRESH: Duration = Duration::from_secs(24 * 3600);
/// What could not be read is fetched again sooner: the host may be back.
const FRESH_FAILURE: Duration = Duration::from_secs(120);
/// RFC 9309, 2.5: at least this much must be read.
pub const READ: u64 = robotxt::BYTE_LIMIT as u64 + 1;
/// Nobody is told of a larger one.
const SHARED_BYTES: usize = 64 * 1024;
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

impl Fetched {
    /// What other processes may go by. What says as much about the way to the host as about the host (a proxy that
    /// refuses, a page to log in, a failure) is everybody's own to find out.
    pub fn to_share(&self) -> Option<SharedRules> {
        let Self::Answer(status, body) = self else { return None };
        let text = match status {
            200..=299 => {
                String::from_utf8(body.clone()).ok().filter(|text| !text.trim_start().starts_with('<'))?
            }
            404 | 410 => String::new(),
            _ => return None,
        };
        let fits = text.len() <= SHARED_BYTES;
        fits.then_some(SharedRules { status: *status, text, fresh: FRESH })
    }
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
        let file = file.get(..robotxt::BYTE_LIMIT).unwrap_or(file);
        Self(Robots::from_access(AccessResult::Successful(&with_product_tokens(file)), AGENT))
    }

    /// Checking against these may take as long as reading a large file.
    fn are_many(&self) -> bool {
        const MANY: usize = 500;
        self.0.rules().len() > MANY
    }

    /// The crawl-delay that the rules ask for; an `Err` is the pattern that forbids this URL.
    pub fn check(&self, url: &Url) -> Result<Option<Duration>, String> {
        // Nobody writes rules about what comes later, and each rule may have to be looked for in all of it.
        const PATH_BYTES: usize = 4096;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        // A URL is ASCII.
        let path = path.get(..PATH_BYTES).unwrap_or(path);
        if self.0.is_allowed(path) {
            return Ok(self.0.crawl_delay());
        }
        let rule = self.0.matching_rule(path).map(|rule| format!("{:?}", rule.pattern()));
        Err(rule.unwrap_or_else(|| "the whole host".into()))
    }
}

/// The file with each user agent reduced to its product token, as RFC 9309 (2.2.1) and the parsers of search engines
/// read them: a group for `Tierfall/0.1` or for `Tierfall bot` is ours. The parser compares whole values.
fn with_product_tokens(file: &[u8]) -> Vec<u8> {
    let mut tokens = Vec::with_capacity(file.len());
    for line in file.split_inclusive(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        match user_agent(line) {
            Some((key, value)) => {
                let is_token = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
                let length = value.iter().take_while(|byte| is_token(byte)).count();
                let end = line.len()
                    - line.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
                let (_, line_end) = line.split_at(end);
                tokens.extend_from_slice(key);
                match value.get(..length).unwrap_or_default() {
                    [] if value.first() == Some(&b'*')
                        && value.get(1).is_none_or(u8::is_ascii_whitespace) =>
                    {
                        tokens.push(b'*');
                    }
                    // It begins a group all the same, which is nobody's.
                    [] => tokens.push(b'-'),
                    token => tokens.extend_from_slice(token),
                }
                tokens.extend_from_slice(line_end);
            }
            None => tokens.extend_from_slice(line),
        }
    }
    tokens
}

/// A line that names a user agent: all before the name, and the name with what follows it.
fn user_agent(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const KEYS: [&[u8]; 3] = [b"user-agent", b"user agent", b"useragent"];
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mark = if line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let start = mark + spaces(line.get(mark..)?);
    let rest = line.get(start..)?;
    let key =
        KEYS.iter().find(|key| rest.get(..key.len()).is_some_and(|found| found.eq_ignore_ascii_case(key)))?;
    let after = start + key.len();
    let gap = spaces(line.get(after..)?);
    let mut value = after + gap;
    match line.get(value) {
        Some(b':') => value += 1 + spaces(line.get(value + 1..)?),
        _ if gap > 0 => {}
        _ => return None,
    }
    Some((line.get(..value)?, line.get(value..)?))
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
    /// Forgets everything: what could not be read may be there.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Checks `url` against its origin's rules, which `fetch` gets, with the time for which they are valid at most, if
    /// they are not remembered. Returns the crawl-delay that the rules ask for.
    pub async fn check<F>(
        &self,
        url: &Url,
        fetch: impl FnOnce(Url) -> F + Send + 'static,
    ) -> Result<Option<Duration>, FetchError>
    where
        F: Future<Output = (Fetched, Duration)> + Send + 'static,
    {
        let robots = location(url);
        let read = move || async move {
            let (fetched, valid) = fetch(robots.clone()).await;
            let (rules, fresh) = rules_of(&robots, fetched);
            (rules, fresh.min(valid))
        };
        let Some(rules) = self.0.get(url, read).await else {
            return Err(FetchError::denied(Denial::RobotsUnreachable, "reading robots.txt was given up"));
        };
        let checked = match rules.as_ref() {
            Err(error) => return Err(error.clone()),
            Ok(few) if !few.are_many() => few.check(url),
            Ok(_) => {
                // Off the threads that serve everybody else.
                let (rules, url) = (Arc::clone(&rules), url.clone());
                let checking = tokio::task::spawn_blocking(move || match rules.as_ref() {
                    Ok(rules) => rules.check(&url),
                    Err(error) => Err(error.to_string()),
                });
                checking.await.unwrap_or_else(|_| Err("rules that could not be read".to_owned()))
            }
        };
        checked.map_err(|rule| {
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
        // It may have rules, and gives them to nobody who comes too often.
        Fetched::Answer(429, _) => return (Ok(Rules(Robots::allow_all())), FRESH_FAILURE),
        // "Unavailable": 2.3.1.3 names 400 to 499. Any other status below 500 means no rules either.
        Fetched::Answer(status, _) if status < 500 => Ok(Rules(Robots::allow_all())),
        Fetched::Answer(status, _) => unreachable(format!("answers {status}")),
        Fetched::Redirected => Ok(Rules(Robots::from_access(AccessResult::TooManyRedirects, AGENT))),
        // A host that cannot be reached is reported as that; nothing is requested of it either way.
        Fetched::Failed(error @ (FetchError::Transport(_) | FetchError::Certificate(_))) => Err(error),
        Fetched::Failed(
            error @ FetchError::Denied { reason: Denial::PrivateAddress | Denial::DnsPrivate, .. },
        ) => Err(error),
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
            // Twenty thousand rules against thousands of characters: a backtracking matcher would take days. This
            // build is not optimised, and other tests run beside it.
            assert!(began.elapsed() < Duration::from_secs(10), "{line}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn a_group_is_ours_by_its_product_token_alone() {
        let url = Url::parse("http://host.example/x").unwrap();
        let ours = |agent: &str| {
            let text = format!("user-agent: *\ndisallow: /y\n\n{agent}\ndisallow: /x\n");
            rules(text.as_bytes()).check(&url).is_err()
        };
        for agent in [
            "User-agent: tierfall",
            "User-agent: Tierfall/0.1",
            "User-agent: TIERFALL/0.1 (+https://a.example)",
            "User-agent: Tierfall bot",
            "User-agent: tierfall*",
            "user agent: tierfall",
            "  UserAgent  tierfall # that one",
            "User-agent:tierfall\r",
            "User-agent: other\nUser-agent: tierfall/9",
        ] {
            assert!(ours(agent), "{agent:?}");
        }
        for agent in [
            "User-agent: tierfall-images",
            "User-agent: tierfall_bot",
            "User-agent: tier",
            "User-agent: tier fall",
            "User-agent: mytierfall",
            "User-agent: Mozilla/5.0 (compatible; Tierfall/0.1)",
            "User-agent: 1tierfall",
            "User-agent: ",
            "User-agent: *tierfall",
        ] {
            assert!(!ours(agent), "{agent:?}");
        }
        let all = |agent: &str| rules(format!("{agent}\ndisallow: /x\n").as_bytes()).check(&url).is_err();
        for agent in ["User-agent: *", "User-agent: * everybody", "User-agent:*\t", "\u{feff}User-agent: *"] {
            assert!(all(agent), "{agent:?}");
        }
    }

    #[test]
    fn a_megabyte_of_anything_is_read_in_less_than_a_second() {
        let url = Url::parse(&format!("http://host.example/{}", "ab".repeat(8000))).unwrap();
        for line in [
            "user-agent: tierfall\nallow: /\n",
            "user-agent",
            "user-agent:\n",
            "disallow: *abab*b*aba\n",
            "allow: /%\r",
            "\0",
            "\u{feff}",
            "crawl-delay: 1\n",
        ] {
            let text = format!("user-agent: *\n{}", line.repeat((1 << 20) / line.len()));
            let began = std::time::Instant::now();
            let _ = rules(text.as_bytes()).check(&url);
            // Ten times that, because this build is not optimised, and other tests run beside it.
            assert!(began.elapsed() < Duration::from_secs(10), "{line:?}: {:?}", began.elapsed());
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
