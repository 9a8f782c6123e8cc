//! Fetching pages about a work and following them to its PDF.

use std::collections::{HashSet, VecDeque};

use super::{Rules, metadata, read_by};
use crate::{
    Basis, Candidate, Context, FetchError, Finding, Host, Request, Response, SourceError, Version, Work, url,
};

/// Pages fetched in one attempt: a landing page, a refresh or two, a viewer, and the same again.
const MOST_PAGES: usize = 8;
/// Pages from a given one to the last that it leads to.
const MOST_HOPS: usize = 3;
/// Metadata stands at the beginning, and few pages of articles are larger.
const MOST_BYTES: u32 = 2 << 20;
/// Time that a page is given at least: with less left, what was found is returned first.
const LEAST_MS: u64 = 1500;
/// A PDF if the server offers a choice, a page otherwise.
const ACCEPT: &str = "application/pdf, text/html;q=0.9, application/xhtml+xml;q=0.9, */*;q=0.1";

/// Where to begin, and what it means if the PDF is there.
#[derive(Clone, Debug)]
pub struct Follow<'a> {
    pub starts: Vec<String>,
    /// For a start that is a PDF itself.
    pub basis: Basis,
    /// The same for people: `the DOI leads to it`.
    pub evidence: &'a str,
}

/// Fetches the first pages and those that they lead to, and reads them all.
/// The landing URLs among the facts are those that answered, after redirects.
///
/// # Errors
/// `not-found` if pages were read and none had anything; `unavailable` if every one failed in a way
/// that may pass; `misconfigured` with the host's reason if it let none be fetched.
pub fn follow(
    host: &dyn Host,
    work: &Work,
    ctx: &Context,
    plan: &Follow<'_>,
) -> Result<Finding, SourceError> {
    let started = host.now_ms();
    let mut follower = Follower {
        work,
        plan,
        rules: Rules::built_in(),
        found: Finding::none(),
        failed: Failures::default(),
        seen: HashSet::new(),
        steps: plan.starts.iter().cloned().map(Step::start).collect(),
    };
    let mut budget = MOST_PAGES.min(ctx.budget.fetches as usize);
    while let Some(step) = follower.steps.pop_front() {
        if !follower.seen.insert(step.url.clone()) {
            continue;
        }
        let spent = host.now_ms().saturating_sub(started);
        let little_time = spent + LEAST_MS > u64::from(ctx.budget.time_ms);
        if budget == 0 || (little_time && !follower.found.candidates.is_empty()) {
            // What could not be looked at may still be the PDF.
            step.probe.into_iter().for_each(|c| follower.found.add(c));
            continue;
        }
        budget -= 1;
        let request = Request::get(&step.url).header("accept", ACCEPT).at_most(MOST_BYTES);
        match host.fetch(&request) {
            Ok(response) => follower.take(step, response),
            Err(error) => {
                if let FetchError::Budget(_) = error {
                    budget = 0;
                }
                follower.failed.add(&step, error.into());
                step.probe.into_iter().for_each(|c| follower.found.add(c));
            }
        }
    }
    let nothing_else = follower.found.facts.is_empty() || follower.failed.unread;
    if follower.found.candidates.is_empty() && nothing_else {
        return Err(follower.failed.error());
    }
    Ok(follower.found)
}

struct Follower<'a> {
    work: &'a Work,
    plan: &'a Follow<'a>,
    rules: Rules,
    found: Finding,
    failed: Failures,
    /// URLs that were fetched, and those that answered for them.
    seen: HashSet<String>,
    steps: VecDeque<Step>,
}

impl Follower<'_> {
    /// An answer: the PDF, a page, or neither.
    fn take(&mut self, step: Step, response: Response) {
        self.seen.insert(response.url.clone());
        if response.pdf {
            self.failed.answered = true;
            let itself = || match step.through_link {
                false => Candidate::new(&response.url, self.plan.basis, self.plan.evidence),
                true => Candidate::new(&response.url, Basis::Link, "a link to the full text"),
            };
            self.found.add(step.probe.clone().unwrap_or_else(itself));
        } else if response.ok() {
            self.failed.answered = true;
            if is_page(&response) {
                self.read(&step, &response);
            }
        } else {
            let error = SourceError::of_status(&response);
            // A page that is closed to us is still where the work lives, and may be archived. One that may be
            // open later has said nothing yet.
            if !error.retryable() && !matches!(response.status, 404 | 410) {
                self.landed(&step, &response.url);
            }
            self.failed.add(&step, error);
        }
    }

    fn read(&mut self, step: &Step, response: &Response) {
        let page = read_by(&self.rules, &response.url, response.text(), self.work);
        if page.other_work {
            return;
        }
        self.found.facts.absorb(page.facts);
        for url in metadata::linked_files(response) {
            self.found.add(
                Candidate::new(url, Basis::Metadata, "header link rel=item")
                    .landing_page(Some(response.url.clone())),
            );
        }
        let more = step.hops < MOST_HOPS;
        // A page that sends its readers on at once is not where the work lives.
        match page.refresh.filter(|url| more && !self.seen.contains(url)) {
            Some(url) => self.steps.push_front(step.next(url, None)),
            None => self.landed(step, &response.url),
        }
        // Only on the page's own host: acquisition fetches from the others.
        let near = |url: &str| more && url::host(url) == url::host(&response.url);
        if page.candidates.is_empty() {
            match page.follow.iter().find(|url| near(url)) {
                Some(url) => {
                    self.steps.push_front(Step { through_link: true, ..step.next(url.clone(), None) });
                }
                None => {
                    if let Some(url) = page.follow.into_iter().next() {
                        let there = Candidate::new(url, Basis::Link, "a link to the full text");
                        self.found.add(there.landing_page(Some(response.url.clone())));
                    }
                }
            }
        }
        for xml in page.xml {
            self.found.add(match page.of_record {
                true => xml.version(Version::Published),
                false => xml,
            });
        }
        let declared = page.candidates.iter().any(|c| c.basis != Basis::Link);
        for mut candidate in page.candidates {
            // The publisher's own page of the article, with a file beside it.
            if page.of_record && url::host(&candidate.url) == url::host(&response.url) {
                candidate.version = Version::Published;
            }
            if !declared && near(&candidate.url) && may_be_viewer(&candidate) {
                self.steps.push_back(step.next(candidate.url.clone(), Some(candidate)));
            } else {
                self.found.add(candidate);
            }
        }
    }

    /// Remembers where a page about the work was, unless that is a login or a link on the way.
    fn landed(&mut self, step: &Step, url: &str) {
        if step.probe.is_none() && !self.rules.is_wall(url) {
            self.found.facts.add_landing_url(Some(url));
        }
    }
}

/// A page to fetch.
struct Step {
    url: String,
    hops: usize,
    /// A link led here, or to a page before; not the resolver or a refresh alone.
    through_link: bool,
    /// The link that it was: proposed if it turns out to be a PDF, or cannot be looked at.
    probe: Option<Candidate>,
}

impl Step {
    fn start(url: String) -> Self {
        Self { url, hops: 0, through_link: false, probe: None }
    }

    fn next(&self, url: String, probe: Option<Candidate>) -> Self {
        Self { url, hops: self.hops + 1, through_link: self.through_link, probe }
    }
}

/// How the pages failed that gave nothing.
#[derive(Default)]
struct Failures {
    /// One answered, or said for good that there is nothing.
    answered: bool,
    /// Some may pass, after this many seconds.
    retryable: Option<Option<u32>>,
    /// A page that [`follow`] began with is among those: it may have what the others have not.
    unread: bool,
    refused: Option<String>,
}

impl Failures {
    fn add(&mut self, step: &Step, error: SourceError) {
        self.unread |= step.hops == 0 && error.retryable();
        match error {
            SourceError::Unavailable(seconds) => {
                let longest = self.retryable.flatten().max(seconds);
                self.retryable = Some(longest);
            }
            SourceError::Misconfigured(reason) => self.refused = Some(reason),
            _ => self.answered = true,
        }
    }

    fn error(self) -> SourceError {
        match (self.answered, self.refused, self.retryable) {
            (_, _, Some(seconds)) if self.unread => SourceError::Unavailable(seconds),
            (false, Some(reason), _) => SourceError::Misconfigured(reason),
            (false, None, Some(seconds)) => SourceError::Unavailable(seconds),
            _ => SourceError::NotFound,
        }
    }
}

/// A link that calls itself a PDF without looking like a file leads to a viewer about as often.
fn may_be_viewer(candidate: &Candidate) -> bool {
    let path = url::path(&candidate.url).to_lowercase();
    candidate.basis == Basis::Link
        && !path.ends_with(".pdf")
        && !path.contains("/download")
        && !path.contains("/bitstream")
}

/// Whether the answer is a page, by its type, or by its first character if it has none.
fn is_page(response: &Response) -> bool {
    match response.header("content-type").map(str::to_lowercase) {
        Some(kind) => kind.contains("html") || kind.starts_with("text/plain"),
        None => response.text().trim_start().starts_with('<'),
    }
}
