//! robots.txt (RFC 9309): read once per origin and day, before anything else there is asked.
//!
//! The parser is `robotxt`: released this year, RFC 9309 throughout (groups merged, longest match, `*`
//! and `$`, percent-encoding folded, 500 KiB), crawl-delay, linear matching. `texting_robots` fails the
//! whole file for one bad rule and compiles regular expressions; `robotstxt`, a port of the best-known
//! parser, has not been released since 2021 and drops crawl-delay.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use robotxt::{AccessResult, Robots};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::error::{Denial, FetchError};

/// The product token that robots.txt knows us by.
const AGENT: &str = "tierfall";
/// RFC 9309, 2.4: no longer than a day.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// What could not be read is asked for again sooner: the host may be back.
const FRESH_FAILURE: Duration = Duration::from_secs(120);
/// Origins that are remembered; the rules of one are a few kilobytes, in the worst case 500.
const ORIGINS: usize = 2048;
/// RFC 9309, 2.5: at least this much must be read.
pub const READ: u64 = robotxt::BYTE_LIMIT as u64 + 1;
/// RFC 9309, 2.3.1.2: at least five.
pub const REDIRECTS: u32 = 5;

/// What became of fetching one robots.txt.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// Status and (the beginning of) the body of the final answer.
    Answer(u16, Vec<u8>),
    /// More than five redirects: as if there were none (RFC 9309, 2.3.1.2).
    Redirected,
    /// The host did not answer at all.
    Failed(FetchError),
}

/// The rules of the origins met so far.
#[derive(Debug, Default)]
pub struct RobotsCache {
    origins: Mutex<HashMap<String, Arc<OnceCell<Entry>>>>,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    rules: Result<Rules, FetchError>,
}

/// What one robots.txt says to us.
#[derive(Debug)]
pub struct Rules(Robots);

impl Rules {
    /// Reads the file of an answer that was one (RFC 9309, 2.3.1.1), whatever is in it.
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

/// The URL of the file that rules over `url`.
pub fn location(url: &Url) -> Url {
    let mut robots = url.clone();
    robots.set_path("/robots.txt");
    robots.set_query(None);
    robots.set_fragment(None);
    robots
}

impl RobotsCache {
    /// Checks `url` against its origin's rules, which `fetch` gets if they are not here. One fetch runs
    /// per origin; it goes on when the one who asked first is cancelled, so that the next finds it done.
    /// Returns the crawl-delay that the rules ask for.
    pub async fn check<F>(
        self: &Arc<Self>,
        url: &Url,
        fetch: impl FnOnce(Url) -> F + Send + 'static,
    ) -> Result<Option<Duration>, FetchError>
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let cell = self.cell(&url.origin().ascii_serialization());
        if cell.get().is_none() {
            let (cell, robots) = (Arc::clone(&cell), location(url));
            let filling = tokio::spawn(async move {
                cell.get_or_init(|| async move { Entry::new(&robots, fetch(robots.clone()).await) }).await;
            });
            // A panic in the task leaves the cell empty, which is answered below.
            let _ = filling.await;
        }
        let Some(entry) = cell.get() else {
            return Err(FetchError::denied(Denial::RobotsUnreachable, "reading robots.txt was given up"));
        };
        let rules = entry.rules.as_ref().map_err(Clone::clone)?;
        rules.check(url).map_err(|rule| {
            let detail = format!("{} disallows this by {rule}", location(url));
            FetchError::denied(Denial::Robots, detail)
        })
    }

    fn cell(&self, origin: &str) -> Arc<OnceCell<Entry>> {
        let now = Instant::now();
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = origins.get(origin)
            && cell.get().is_none_or(|entry| entry.until > now)
        {
            return Arc::clone(cell);
        }
        if origins.len() >= ORIGINS {
            origins.retain(|_, cell| cell.get().is_some_and(|entry| entry.until > now));
        }
        if origins.len() >= ORIGINS {
            origins.clear();
        }
        let cell = Arc::<OnceCell<Entry>>::default();
        origins.insert(origin.to_owned(), Arc::clone(&cell));
        cell
    }
}

impl Entry {
    fn new(robots: &Url, fetched: Fetched) -> Self {
        let unreachable = |why: String| {
            let detail = format!("{robots} {why}, which forbids everything there for now");
            Err(FetchError::denied(Denial::RobotsUnreachable, detail))
        };
        let rules = match fetched {
            Fetched::Answer(200..=299, body) => Ok(Rules::read(&body)),
            // "Unavailable": 2.3.1.3 names 400 to 499. Other odd answers are no rules either.
            Fetched::Answer(status, _) if status < 500 => Ok(Rules(Robots::allow_all())),
            Fetched::Answer(status, _) => unreachable(format!("answers {status}")),
            Fetched::Redirected => Ok(Rules(Robots::from_access(AccessResult::TooManyRedirects, AGENT))),
            // A host that is not there is reported as that; nothing is asked of it either way.
            Fetched::Failed(error @ (FetchError::Transport(_) | FetchError::Certificate(_))) => Err(error),
            Fetched::Failed(error @ FetchError::Denied { reason: Denial::PrivateAddress, .. }) => Err(error),
            // A recording without the file was made without asking for it.
            Fetched::Failed(FetchError::NotRecorded(_)) => Ok(Rules(Robots::allow_all())),
            Fetched::Failed(error) => unreachable(format!("cannot be read ({error})")),
        };
        let fresh = if rules.is_ok() { FRESH } else { FRESH_FAILURE };
        Self { until: Instant::now() + fresh, rules }
    }
}
