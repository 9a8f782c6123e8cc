//! What sources propose: which candidates wait for their turn, and what became of each URL.
//!
//! A URL is acquired once. Between proposals of the same URL the strongest counts, whichever comes first: otherwise
//! a plugin could bury a registry's proposal by making a weak one of it before.

use std::collections::HashMap;
use std::sync::Arc;

use tierfall_http::WorkClock;
use tierfall_proof::Reason as ProofReason;
use tierfall_work::{ArtifactFormat, Basis, Candidate, is_vouched_for};
use url::Url;

use crate::acquire::{FetchContext, FileKey, Reason, Shortfall};
use crate::tiers::source::Source;

/// A candidate waiting to be acquired.
pub(super) struct Queued<'a> {
    pub(super) candidate: Candidate,
    /// What it is to be.
    pub(super) format: ArtifactFormat,
    pub(super) tier: &'a str,
    pub(super) source: &'a dyn Source,
    /// What it misses of what the policy prefers.
    shortfall: Shortfall,
    /// Its place among all proposals: between equals the earlier one goes first.
    pub(super) order: usize,
    /// See [`url_key`].
    key: String,
}

/// How much a proposal counts; less is stronger. Between two of one basis a stranger's is weaker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Strength {
    basis: Basis,
    stranger: bool,
}

/// What became of a URL.
enum Progress<'a> {
    Waiting,
    /// With the strongest of the proposals that came since.
    Acquiring(Option<Box<Queued<'a>>>),
    Rejected(Reason),
}

struct Seen<'a> {
    strength: Strength,
    progress: Progress<'a>,
}

/// All proposals of one work.
#[derive(Default)]
pub(super) struct Proposals<'a> {
    waiting: Vec<Queued<'a>>,
    /// By [`url_key`].
    seen: HashMap<String, Seen<'a>>,
    count: usize,
    /// Every proposed URL, with repeats.
    urls: Vec<(ArtifactFormat, Url)>,
    /// The keys of those that another worker fetched.
    before: Vec<String>,
    /// The forms in the order in which they are wanted, where the order of acquisitions is theirs.
    order: Vec<ArtifactFormat>,
}

impl Queued<'_> {
    /// For whom it is fetched, with the key that it may need.
    pub(super) fn context<'a>(
        &'a self,
        key: Option<&'a FileKey>,
        clock: &'a Arc<WorkClock>,
    ) -> FetchContext<'a> {
        FetchContext {
            plugin: &self.source.name().plugin,
            vouched: self.is_vouched_for(),
            format: self.format,
            key,
            clock,
        }
    }

    pub(super) fn is_vouched_for(&self) -> bool {
        is_vouched_for(self.source.speaks_as())
    }

    fn strength(&self) -> Strength {
        Strength { basis: self.candidate.basis, stranger: !self.is_vouched_for() }
    }
}

impl<'a> Proposals<'a> {
    /// For forms of which the first is acquired before the others.
    pub(super) fn in_order_of(order: Vec<ArtifactFormat>) -> Self {
        Self { order, ..Self::default() }
    }

    /// Takes in a candidate, which waits unless its URL was proposed as strongly before. `url` is its own; `None`
    /// where it is none.
    pub(super) fn add(
        &mut self,
        candidate: Candidate,
        url: Option<Url>,
        format: ArtifactFormat,
        shortfall: Shortfall,
        tier: &'a str,
        source: &'a dyn Source,
    ) {
        self.count += 1;
        let key = url.as_ref().map_or_else(|| candidate.url.clone(), url_key);
        self.urls.extend(url.map(|url| (format, url)));
        let proposal = Queued { candidate, format, tier, source, shortfall, order: self.count, key };
        let strength = proposal.strength();
        let Some(seen) = self.seen.get_mut(&proposal.key) else {
            self.seen.insert(proposal.key.clone(), Seen { strength, progress: Progress::Waiting });
            self.waiting.push(proposal);
            return;
        };
        match &mut seen.progress {
            Progress::Waiting => {
                let waiting = self.waiting.iter_mut().find(|waiting| waiting.key == proposal.key);
                // Of two that say the same as strongly, the one that knows more of the file counts.
                if let Some(waiting) = waiting
                    .filter(|waiting| (strength, proposal.shortfall) < (seen.strength, waiting.shortfall))
                {
                    seen.strength = strength;
                    *waiting = Queued { order: waiting.order, ..proposal };
                }
            }
            Progress::Acquiring(next)
                if next.as_ref().is_none_or(|next| strength < next.strength())
                    && (strength < seen.strength || seen.strength.stranger && !strength.stranger) =>
            {
                *next = Some(Box::new(proposal));
            }
            Progress::Rejected(reason) if may_end_otherwise(*reason, seen.strength, strength) => {
                *seen = Seen { strength, progress: Progress::Waiting };
                self.waiting.push(proposal);
            }
            _ => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one of this form waits.
    pub(super) fn has(&self, format: ArtifactFormat) -> bool {
        self.waiting.iter().any(|queued| queued.format == format)
    }

    /// What the best of those that wait is to be.
    pub(super) fn best(&self) -> Option<ArtifactFormat> {
        self.waiting.get(self.best_at()?).map(|queued| queued.format)
    }

    fn best_at(&self) -> Option<usize> {
        (0..self.waiting.len()).min_by_key(|at| {
            let queued = &self.waiting[*at];
            let Strength { basis, stranger } = queued.strength();
            let wanted = self.order.iter().position(|format| *format == queued.format);
            (wanted, queued.shortfall, basis, stranger, queued.candidate.version, queued.order)
        })
    }

    /// The best of those that wait; it is being acquired from now on.
    pub(super) fn next(&mut self) -> Option<Queued<'a>> {
        let best = self.best_at()?;
        let queued = self.waiting.swap_remove(best);
        self.now(&queued, Progress::Acquiring(None));
        Some(queued)
    }

    /// A candidate was rejected; `last` is the URL that answered. A stronger proposal that came meanwhile waits now,
    /// where it may end otherwise.
    pub(super) fn rejected(&mut self, queued: &Queued<'a>, last: Option<&Url>, reason: Reason) {
        let strength = queued.strength();
        let before = self.now(queued, Progress::Rejected(reason));
        if let Some(last) = last {
            let progress = Progress::Rejected(reason);
            self.seen.entry(url_key(last)).or_insert(Seen { strength, progress });
        }
        if let Some(Progress::Acquiring(Some(next))) = before
            && may_end_otherwise(reason, strength, next.strength())
        {
            self.now(&next, Progress::Waiting);
            self.waiting.push(*next);
        }
    }

    /// Another worker fetched a URL, and it was no copy whoever proposes it.
    pub(super) fn rejected_before(&mut self, url: &str, reason: Reason) {
        let key = key_of(url);
        let strength = Strength { basis: Basis::Registry, stranger: false };
        self.before.push(key.clone());
        self.seen.entry(key).or_insert(Seen { strength, progress: Progress::Rejected(reason) });
    }

    /// Whether another worker fetched a URL.
    pub(super) fn is_from_before(&self, url: &str) -> bool {
        let key = key_of(url);
        self.before.contains(&key)
    }

    /// What a URL is now, by this proposal of it; what it was before.
    fn now(&mut self, queued: &Queued<'a>, progress: Progress<'a>) -> Option<Progress<'a>> {
        let seen = self.seen.get_mut(&queued.key)?;
        seen.strength = queued.strength();
        Some(std::mem::replace(&mut seen.progress, progress))
    }

    /// A file of this form is held: only what misses less is still fetched.
    pub(super) fn keep_better(&mut self, format: ArtifactFormat, shortfall: Shortfall) {
        self.waiting.retain(|queued| queued.format != format || queued.shortfall < shortfall);
    }

    /// A file of this form was accepted: nothing more is fetched of that. The URLs of its rivals.
    pub(super) fn won(&mut self, format: ArtifactFormat, winner: &str) -> Vec<String> {
        self.waiting.retain(|queued| queued.format != format);
        let rivals = self.urls.extract_if(.., |(of, _)| *of == format).map(|(_, url)| String::from(url));
        rivals.filter(|url| url != winner).collect()
    }
}

/// Whether a URL that was rejected may be accepted when it is proposed more strongly: where the basis decided, and
/// where a stranger's proposal of it came first, whose failure may be of the stranger's making.
fn may_end_otherwise(reason: Reason, before: Strength, now: Strength) -> bool {
    let basis_decides = matches!(reason, Reason::Proof(ProofReason::Unproven | ProofReason::WrongWork));
    basis_decides && now.basis < before.basis || before.stranger && !now.stranger
}

fn key_of(url: &str) -> String {
    Url::parse(url.trim()).ok().as_ref().map_or_else(|| url.to_owned(), url_key)
}

/// One URL, however it was written; a fragment never reaches the server.
fn url_key(url: &Url) -> String {
    let text = url.as_str();
    text.split_once('#').map_or(text, |(before, _)| before).to_owned()
}
