//! The search for one work: the index for its best file, availability, the index for what that knows, captured pages,
//! resolver; each step only if the ones before found nothing.

use std::collections::HashSet;

use tierfall_sdk::{
    Basis, Candidate, Context, Facts, Finding, Host, Level, Request, SourceError, Work, links,
};

use crate::availability;
use crate::capture::Capture;
use crate::cdx::{self, Captures};
use crate::fetch_budget::FetchBudget;
use crate::targets::{self, Target};

/// The setting that says where captures and their index are.
pub const WEB_BASE: &str = "web_base";

/// The setting: questions to the index about one work. It takes 24 a minute from all of us together, and
/// locks out who goes on: it is what a run waits for.
pub const MOST_INDEXED: &str = "index_questions";
/// The setting: of these, questions about the best files, without asking the availability API first: what it does not
/// know would be looked up all the same, for it misses some.
pub const MOST_UNKNOWN: &str = "index_unknown";
/// After this many URLs with captured PDFs the search ends.
const ENOUGH_FILES: usize = 2;
/// Captured pages that are read, including those that they lead to.
const MOST_PAGES: u32 = 4;
/// Bytes read of a page: metadata is at the top, and articles' pages are not longer.
const LONGEST_PAGE: u32 = 2 << 20;

/// Looks for captures of a work.
pub fn run(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let targets = targets::of(work, ctx, number(ctx, targets::MOST_URLS)?);
    let resolvers = targets::resolver_urls(work, &targets);
    if targets.is_empty() && resolvers.is_empty() {
        return Err(SourceError::NotApplicable);
    }
    let web_base = ctx.required(WEB_BASE)?.trim_end_matches('/');
    let mut search = Search {
        host,
        work,
        fetch_budget: FetchBudget::new(host, ctx.budget),
        web_base,
        finding: Finding::none(),
        seen: HashSet::new(),
        pages_left: MOST_PAGES,
        failure: None,
    };
    let (most, unknown) = (number(ctx, MOST_INDEXED)?, number(ctx, MOST_UNKNOWN)?);
    let files = targets.iter().filter(|target| target.is_file).count();
    let (best, others) = targets.split_at(files.min(most).min(unknown));
    for target in best {
        if !search.is_over() {
            search.look_for(target, None);
        }
    }
    let others: Vec<&Target> = match &search.failure {
        // What it could not tell, the availability API may.
        Some(_) => targets.iter().collect(),
        // Pages are of use only where there is no file.
        None => {
            others.iter().filter(|target| target.is_file || search.finding.candidates.is_empty()).collect()
        }
    };
    let known = search.availability(ctx.api_base()?, &others);
    for (target, nearest) in worth_indexing(&others, &known).take(most - best.len()) {
        if search.is_over() {
            break;
        }
        search.look_for(target, nearest);
    }
    for link in resolvers {
        if search.is_over() || !search.finding.candidates.is_empty() {
            break;
        }
        search.follow_resolver(&link);
    }
    search.end(&others, &known)
}

/// The availability API's answer for a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Yes(Capture),
    No,
    /// It could not be asked.
    Unasked,
}

/// A setting that is a number.
fn number(ctx: &Context, name: &str) -> Result<usize, SourceError> {
    let value = ctx.required(name)?;
    value
        .parse()
        .map_err(|_| SourceError::Misconfigured(format!("the setting `{name}` is no number: {value}")))
}

/// The URLs to ask the index about, with their nearest capture: those that are known, then those for which the
/// availability API could not be asked.
fn worth_indexing<'a>(
    targets: &'a [&Target],
    known: &'a [Known],
) -> impl Iterator<Item = (&'a Target, Option<&'a Capture>)> {
    let both = || targets.iter().copied().zip(known);
    let captured = both().filter_map(|(target, known)| match known {
        Known::Yes(capture) => Some((target, Some(capture))),
        Known::No | Known::Unasked => None,
    });
    let unasked = both().filter(|(_, known)| **known == Known::Unasked).map(|(target, _)| (target, None));
    captured.chain(unasked)
}

struct Search<'a> {
    host: &'a dyn Host,
    work: &'a Work,
    fetch_budget: FetchBudget<'a>,
    web_base: &'a str,
    finding: Finding,
    /// Digests of captures that were proposed: the same bytes under another URL or at another moment.
    seen: HashSet<String>,
    pages_left: u32,
    /// Why the archive could not be asked; the first reason.
    failure: Option<SourceError>,
}

impl Search<'_> {
    /// Asks about every URL, until the API refuses.
    fn availability(&mut self, api_base: &str, targets: &[&Target]) -> Vec<Known> {
        let mut refused = false;
        let mut ask = |target: &&Target| {
            if refused {
                return Known::Unasked;
            }
            match availability::nearest(&self.fetch_budget, api_base, &target.url, self.work.year) {
                Ok(Some(capture)) => {
                    if target.is_file {
                        self.fetch_budget.keep();
                    }
                    Known::Yes(capture)
                }
                Ok(None) => Known::No,
                Err(error) => {
                    self.host.log(Level::Debug, &format!("availability of {}: {error:?}", target.url));
                    refused = true;
                    Known::Unasked
                }
            }
        };
        targets.iter().map(&mut ask).collect()
    }

    /// Whether enough was found, or the archive cannot answer now.
    fn is_over(&self) -> bool {
        let mut files: Vec<&str> =
            self.finding.candidates.iter().filter_map(|c| c.landing_page.as_deref()).collect();
        files.dedup();
        files.len() >= ENOUGH_FILES || self.failure.as_ref().is_some_and(SourceError::retryable)
    }

    /// Looks for PDFs and, if there are none yet, for pages that lead to one.
    fn look_for(&mut self, target: &Target, nearest: Option<&Capture>) {
        let found_none = self.finding.candidates.is_empty();
        if !target.is_file {
            if !found_none {
                return;
            }
            // Any capture of a page will do, and the nearest one saves a request to the index.
            if nearest.is_some_and(|capture| self.read_page(capture)) {
                return;
            }
        }
        let captures = match cdx::captures(&self.fetch_budget, self.web_base, target, self.work.year) {
            Ok(captures) => captures,
            Err(error) => return self.fail(&target.url, error),
        };
        let Captures { pdfs, pages } = captures;
        for (capture, digest) in &pdfs {
            if digest.is_empty() || self.seen.insert(digest.clone()) {
                self.propose(capture, target, "captured");
            }
        }
        if pdfs.is_empty() && self.finding.candidates.is_empty() {
            // A file's URL may have answered with a viewer, or with the work's page.
            let unread = pages.iter().filter(|page| Some(*page) != nearest || target.is_file);
            for page in unread.take(2) {
                if self.read_page(page) || self.is_over() {
                    break;
                }
            }
        }
    }

    fn add(&mut self, candidate: Candidate) {
        self.finding.add(candidate);
        self.fetch_budget.keep();
    }

    /// Proposes the capture of a URL that is known to be, or to have been, the PDF.
    fn propose(&mut self, capture: &Capture, target: &Target, how: &str) {
        let evidence = format!("{how} {} from {}", capture.day(), target.url);
        let candidate = Candidate::new(capture.url(self.web_base), Basis::Rule, evidence);
        self.add(candidate.landing_page(Some(target.url.clone())));
    }

    /// The resolver redirected to the work's page, and the archive follows its captures of redirects:
    /// also to pages whose URLs are not known any more.
    fn follow_resolver(&mut self, link: &str) {
        let year = match self.work.year {
            // The first years of a page are its best.
            Some(year) => year.saturating_add(2).to_string(),
            // The newest capture that there is.
            None => "2999".to_owned(),
        };
        if let Some(capture) = Capture::new(&year, link) {
            self.read_page(&capture);
        }
    }

    /// Reads a captured page for its PDF, and then the page that it leads to. True if either led to one.
    fn read_page(&mut self, capture: &Capture) -> bool {
        let Some(on) = self.read_one_page(capture) else { return true };
        on.is_some_and(|next| self.read_one_page(&next).is_none())
    }

    /// Reads one page. None if it led to a PDF, otherwise the page that it leads on to, if any.
    fn read_one_page(&mut self, capture: &Capture) -> Option<Option<Capture>> {
        let Some(left) = self.pages_left.checked_sub(1) else { return Some(None) };
        self.pages_left = left;
        let request = Request::get(capture.url(self.web_base)).text().at_most(LONGEST_PAGE);
        let response = match self.fetch_budget.fetch(&request) {
            Ok(response) => response,
            Err(error) => {
                self.fail(&capture.original, error.into());
                return Some(None);
            }
        };
        // 404: not captured. Others are errors of the captured site, replayed, unless the archive is busy.
        if !response.ok() {
            if matches!(response.status, 429 | 503) {
                self.fail(&capture.original, SourceError::of_status(&response));
            }
            return Some(None);
        }
        // Redirects lead to the moment and the URL that were captured.
        let capture = Capture::read(&response.url).unwrap_or_else(|| capture.clone());
        if response.pdf {
            let target = Target { url: capture.original.clone(), is_file: true };
            self.propose(&capture, &target, "captured");
            return None;
        }
        let page = links::read(&capture.original, response.text(), self.work);
        if page.other_work {
            return Some(None);
        }
        let before = self.finding.candidates.len();
        for candidate in page.candidates {
            let evidence = format!("{}, on the page captured {}", candidate.evidence, capture.day());
            // A page that was captured through the archive's own frame has the archive's links.
            let archived = Capture::read(&candidate.url).or_else(|| capture.beside(&candidate.url));
            if let Some(archived) = archived {
                self.add(Candidate { url: archived.url(self.web_base), evidence, ..candidate });
            }
        }
        // The work's pages are gone, or earlier tiers have read them.
        self.finding.facts.absorb(Facts { landing_urls: Vec::new(), ..page.facts });
        if self.finding.candidates.len() > before {
            return None;
        }
        let on = page.refresh.or_else(|| page.follow.into_iter().next());
        Some(on.and_then(|link| Capture::read(&link).or_else(|| capture.beside(&link))))
    }

    fn fail(&mut self, what: &str, error: SourceError) {
        self.host.log(Level::Debug, &format!("captures of {what}: {error:?}"));
        self.failure.get_or_insert(error);
    }

    /// The finding. Where the index could not be asked, with the captures that the availability API knew.
    fn end(mut self, targets: &[&Target], known: &[Known]) -> Result<Finding, SourceError> {
        if self.finding.candidates.is_empty() {
            for (target, known) in targets.iter().zip(known) {
                if let Known::Yes(capture) = known
                    && target.is_file
                    && self.failure.is_some()
                {
                    self.propose(capture, target, "said to be captured");
                }
            }
        }
        match self.failure {
            Some(failure) if self.finding.candidates.is_empty() => Err(failure),
            _ => self.finding.or_not_found(),
        }
    }
}

#[cfg(test)]
mod tests;
