//! The journal of a leased job: an acquisition's side effects become operations in the ledger.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::acquire::{FetchStep, Journal};
use crate::tiers::SoFar;
use tierfall_ledger::{DoneOp, Effect, JobKey, LeaseHandle, OpKind, OpOutcome, PendingOp, Step};

/// A job that this worker holds, and what it has begun and not ended.
#[derive(Debug)]
pub(super) struct LeasedJob {
    pub(super) handle: LeaseHandle,
    pub(super) key: JobKey,
    /// An earlier worker stored its file, and did not come to its end.
    pub(super) finalized: Option<DoneOp>,
    pending: Mutex<Vec<(FetchStep, String, PendingOp)>>,
}

impl LeasedJob {
    /// `None`: the ledger is off, or failed before it gave a lease; then nothing is recorded.
    pub(super) fn of(handle: LeaseHandle) -> Option<Self> {
        let lease = handle.lease()?;
        let (key, finalized) = (lease.job().clone(), lease.finalized().cloned());
        Some(Self { handle, key, finalized, pending: Mutex::default() })
    }

    /// What another worker had found out before it gave the job back.
    pub(super) fn so_far(&self) -> Option<SoFar> {
        Some(SoFar::read(self.handle.lease()?.so_far.as_deref()?))
    }

    fn take_pending(&self, step: FetchStep, url: &str) -> Option<PendingOp> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pending.iter().position(|(begun, at, _)| *begun == step && at == url)?;
        Some(pending.swap_remove(at).2)
    }
}

impl Journal for LeasedJob {
    fn begin<'a>(&'a self, step: FetchStep, url: &'a str) -> BoxFuture<'a, Option<Value>> {
        let kind = match step {
            FetchStep::Head => OpKind::Head,
            FetchStep::Stream => OpKind::Stream,
        };
        Box::pin(async move {
            match self.handle.begin(kind, json!({"url": url})).await {
                Ok(Effect::Replay(result)) => Some(result),
                Ok(Effect::Run(operation)) => {
                    let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    pending.push((step, url.to_owned(), operation));
                    None
                }
                // `LeaseHandle::stopped` tells the worker why, and that one drops this future.
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn done(&self, step: FetchStep, url: &str, result: Value) {
        if let Some(pending) = self.take_pending(step, url) {
            self.handle.complete(pending, OpOutcome::Done { result: result.into(), artifact: None });
        }
    }

    fn failed(&self, step: FetchStep, url: &str, error: &str) {
        if let Some(pending) = self.take_pending(step, url) {
            self.handle.complete(pending, OpOutcome::Failed { error: error.to_owned() });
        }
    }

    fn resumed(&self) {
        self.handle.mark(Step::ResumeOk);
    }

    fn take_of_day<'a>(&'a self, name: &'a str, most: u64) -> BoxFuture<'a, Option<Result<bool, String>>> {
        Box::pin(self.handle.take_of_day(name, most))
    }
}
