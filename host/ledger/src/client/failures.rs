//! What the ledger could not do, counted; and said once for each kind, in words that tell what it means.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::LedgerError;

/// What a ledger is relied on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerOperation {
    Open,
    /// To know the work, and to keep it from others.
    PlanJobs,
    Renew,
    /// A step, an op, a candidate.
    Mark,
    /// The end of an attempt.
    Finish,
}

/// How often each duty was not done since the gate was opened.
#[derive(Debug)]
pub struct FailureCounters([AtomicU64; LedgerOperation::ALL.len()]);

impl LedgerOperation {
    pub const ALL: [LedgerOperation; 5] = [
        LedgerOperation::Open,
        LedgerOperation::PlanJobs,
        LedgerOperation::Renew,
        LedgerOperation::Mark,
        LedgerOperation::Finish,
    ];

    pub fn label(self) -> &'static str {
        match self {
            LedgerOperation::Open => "open",
            LedgerOperation::PlanJobs => "plan",
            LedgerOperation::Renew => "renew",
            LedgerOperation::Mark => "mark",
            LedgerOperation::Finish => "finish",
        }
    }

    /// What is no longer guaranteed.
    pub fn loss(self) -> &'static str {
        match self {
            LedgerOperation::Open => {
                "nothing of this run is recorded: a later run may fetch the same works again, \
                 and other workers may fetch them at the same time"
            }
            LedgerOperation::PlanJobs => {
                "works are fetched without being recorded or reserved: a later run may fetch them again, \
                 and another worker at the same time"
            }
            LedgerOperation::Renew => {
                "another worker may take over a work that is still in hand, once its lease runs out"
            }
            LedgerOperation::Mark => "a crash from here on may repeat what was done but not recorded",
            LedgerOperation::Finish => "a finished work may be done again, once its lease runs out",
        }
    }
}

impl FailureCounters {
    /// All duties and how often each was not done, zeros included.
    pub fn counts(&self) -> [(LedgerOperation, u64); LedgerOperation::ALL.len()] {
        LedgerOperation::ALL.map(|duty| (duty, self.cell(duty).load(Ordering::Relaxed)))
    }

    pub fn total(&self) -> u64 {
        self.counts().iter().map(|(_, count)| count).sum()
    }

    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// The first failure of a kind is a warning; of the thousands that may follow, only the count matters.
    pub(super) fn failed(&self, duty: LedgerOperation, error: &LedgerError) {
        if self.cell(duty).fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(duty = duty.label(), %error, "the ledger failed: {}", duty.loss());
        } else {
            tracing::debug!(duty = duty.label(), %error, "the ledger failed");
        }
    }

    /// It was not even asked, because it failed just before.
    pub(super) fn missed(&self, duty: LedgerOperation) {
        if self.cell(duty).fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(duty = duty.label(), "the ledger is not there: {}", duty.loss());
        }
    }

    fn cell(&self, duty: LedgerOperation) -> &AtomicU64 {
        let [open, plan, renew, mark, finish] = &self.0;
        match duty {
            LedgerOperation::Open => open,
            LedgerOperation::PlanJobs => plan,
            LedgerOperation::Renew => renew,
            LedgerOperation::Mark => mark,
            LedgerOperation::Finish => finish,
        }
    }
}
