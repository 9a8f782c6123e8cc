//! What sources propose: which candidates wait for their turn, and what became of each URL.
//!
//! A URL is acquired once. Between proposals of the same URL the strongest counts, whichever comes first: otherwise
//! a plugin could bury a registry's proposal by making a weak one of it before.

use std::collections::HashMap;

use tierfall_proof::Reason as ProofReason;
use tierfall_work::{Basis, Candidate, is_vouched_for};
use url::Url;

use crate::acquire::Reason;
use crate::tiers::source::SourceName;

/// A candidate waiting to be acquired.
pub(super) struct Queued {
    pub(super) candidate: Candidate,
    pub(super) tier: String,
    pub(super) source: SourceName,
    /// As whom the source speaks.
    pub(super) by: String,
    /// Its place among all proposals: between equals the earlier one goes first.
    pub(super) order: usize,
}

/// How much a proposal counts; less is stronger. Between two of one basis a stranger's is weaker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Strength {
    basis: Basis,
    stranger: bool,
}

/// What became of a URL.
enum Progress {
    Waiting,
    /// With the strongest of the proposals that came since.
    Acquiring(Option<Box<Queued>>),
    Rejected(Reason),
}

struct Seen {
    strength: Strength,
    progress: Progress,
}

/// All proposals of one work.
#[derive(Default)]
pub(super) struct Proposals {
    waiting: Vec<Queued>,
    /// By [`url_key`].
    seen: HashMap<String, Seen>,
    count: usize,
    /// Every proposed URL, with repeats.
    urls: Vec<Url>,
}

impl Queued {
    fn strength(&self) -> Strength {
        Strength { basis: self.candidate.basis, stranger: !is_vouched_for(&self.by) }
    }

    fn key(&self) -> String {
        let url = Url::parse(self.candidate.url.trim()).ok();
        url.as_ref().map_or_else(|| self.candidate.url.clone(), url_key)
    }
}

impl Proposals {
    /// Takes in a candidate, which waits unless its URL was proposed as strongly before.
    pub(super) fn add(&mut self, candidate: Candidate, tier: &str, source: &SourceName, by: &str) {
        self.count += 1;
        self.urls.extend(Url::parse(candidate.url.trim()));
        let (tier, source, by) = (tier.to_owned(), source.clone(), by.to_owned());
        let proposal = Queued { candidate, tier, source, by, order: self.count };
        let (key, strength) = (proposal.key(), proposal.strength());
        let Some(seen) = self.seen.get_mut(&key) else {
            self.seen.insert(key, Seen { strength, progress: Progress::Waiting });
            self.waiting.push(proposal);
            return;
        };
        match &mut seen.progress {
            Progress::Waiting if strength < seen.strength => {
                seen.strength = strength;
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.key() == key) {
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

    /// The best of those that wait; it is being acquired from now on.
    pub(super) fn next(&mut self) -> Option<Queued> {
        let best = (0..self.waiting.len()).min_by_key(|at| {
            let queued = &self.waiting[*at];
            let Strength { basis, stranger } = queued.strength();
            (basis, stranger, queued.candidate.version, queued.order)
        })?;
        let queued = self.waiting.swap_remove(best);
        let (strength, progress) = (queued.strength(), Progress::Acquiring(None));
        self.seen.insert(queued.key(), Seen { strength, progress });
        Some(queued)
    }

    /// A candidate was rejected; `last` is the URL that answered. A stronger proposal that came meanwhile waits now,
    /// where it may end otherwise.
    pub(super) fn rejected(&mut self, queued: &Queued, last: Option<&Url>, reason: Reason) {
        let strength = queued.strength();
        let before = self.seen.insert(queued.key(), Seen { strength, progress: Progress::Rejected(reason) });
        if let Some(last) = last {
            let progress = Progress::Rejected(reason);
            self.seen.entry(url_key(last)).or_insert(Seen { strength, progress });
        }
        if let Some(Seen { progress: Progress::Acquiring(Some(next)), .. }) = before
            && may_end_otherwise(reason, strength, next.strength())
        {
            let (strength, progress) = (next.strength(), Progress::Waiting);
            self.seen.insert(next.key(), Seen { strength, progress });
            self.waiting.push(*next);
        }
    }

    /// The URLs of all candidates but the winner.
    pub(super) fn rivals(&mut self, winner: &str) -> Vec<String> {
        let urls = std::mem::take(&mut self.urls).into_iter().map(String::from);
        urls.filter(|url| url != winner).collect()
    }
}

/// Whether a URL that was rejected may be accepted when it is proposed more strongly: where the basis decided, and
/// where a stranger's proposal of it came first, whose failure may be of the stranger's making.
fn may_end_otherwise(reason: Reason, before: Strength, now: Strength) -> bool {
    let basis_decides = matches!(reason, Reason::Proof(ProofReason::Unproven | ProofReason::WrongWork));
    basis_decides && now.basis < before.basis || before.stranger && !now.stranger
}

/// One URL, however it was written; a fragment never reaches the server.
fn url_key(url: &Url) -> String {
    let text = url.as_str();
    text.split_once('#').map_or(text, |(before, _)| before).to_owned()
}
