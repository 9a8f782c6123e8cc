//! A Tierfall that is ready: it fetches one work, or many.

use std::sync::Arc;

use futures_util::StreamExt;

use super::error::Error;
use super::event::Handler;
use super::outcomes::Outcomes;
use crate::config::Config;
use crate::run::{Line, Program, WorkRequest};
use crate::tiers::Plan;

/// Finds, fetches, proves and stores. Clones share everything; made by [`Tierfall::builder`].
///
/// Every call of [`Tierfall::fetch`] or [`Tierfall::fetch_all`] is a run of its own into the same output folder.
#[derive(Clone)]
pub struct Tierfall {
    config: Arc<Config>,
    program: Program,
    handler: Handler,
}

impl Tierfall {
    pub(super) fn new(config: Config, program: Program, handler: Handler) -> Self {
        Self { config: Arc::new(config), program, handler }
    }

    /// The tiers that every work goes through, and the sources that cannot be asked.
    pub fn plan(&self) -> &Plan {
        &self.program.plan
    }

    /// Fetches one work: its line says whether it is stored, where, and what was tried.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if the manifest or a ledger that is needed fails, [`Error::Unfinished`] if another process holds
    /// the work.
    pub async fn fetch(&self, work: impl Into<WorkRequest>) -> Result<Line, Error> {
        self.fetch_all([work.into()]).next().await.unwrap_or(Err(Error::Unfinished))
    }

    /// Fetches many works, several at a time, and yields a line for each as it ends. A work that is asked for twice,
    /// however it is written, has one line. `works` is read on a thread of its own, which may block, and no faster than
    /// lines are taken. Dropping the stream ends the run.
    ///
    /// Must be called within a Tokio runtime.
    pub fn fetch_all<I>(&self, works: I) -> Outcomes
    where
        I: IntoIterator<Item: Into<WorkRequest> + 'static, IntoIter: Send + 'static>,
    {
        Outcomes::start(
            Arc::clone(&self.config),
            self.program.clone(),
            Arc::clone(&self.handler),
            works.into_iter().map(Into::into),
        )
    }
}
