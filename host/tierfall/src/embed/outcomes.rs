//! The lines of a run as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{FutureExt, Stream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::Error;
use super::event::{Events, Handler};
use crate::config::Config;
use crate::run::{InputItem, Line, Program, RunError, Summary, WorkRequest, new_run_id, open_client};
use tierfall_input::Dedupe;

/// Works that are read and whose lines are not taken yet: more than any number of workers has use for, so that only a
/// caller that is slower than the network holds the run back.
const MOST_UNTAKEN: usize = 4096;

/// A line for each work as it ends. An error is the last item.
///
/// Dropping it ends the run: what is in flight is dropped, and what ended is in the manifest.
pub struct Outcomes {
    lines: mpsc::UnboundedReceiver<Line>,
    run: Option<JoinHandle<Result<Summary, Error>>>,
    summary: Option<Summary>,
    untaken: Arc<Semaphore>,
    _stop: DropGuard,
}

impl Outcomes {
    pub(super) fn start(
        config: Arc<Config>,
        program: Program,
        handler: Handler,
        works: impl Iterator<Item = WorkRequest> + Send + 'static,
    ) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let untaken = Arc::new(Semaphore::new(MOST_UNTAKEN));
        let input = once_each(works, Arc::clone(&untaken), Handle::current());
        let (halt, places) = (stop.clone(), Arc::clone(&untaken));
        let run = tokio::spawn(async move {
            let out = &config.run.out;
            let ledger = open_client(&config, out, None).await.map_err(RunError::from)?;
            let events = Arc::new(Events { handler, lines: sender, untaken: places });
            let mut run = program.run(&config, new_run_id(), ledger, events);
            run.stop = halt;
            Ok(run.go(input, out).await?)
        });
        Self { lines, run: Some(run), summary: None, untaken, _stop: stop.drop_guard() }
    }

    /// The counts of the run, once the stream has ended well.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }
}

impl Stream for Outcomes {
    type Item = Result<Line, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(line) = ready!(this.lines.poll_recv(context)) {
            this.untaken.add_permits(1);
            return Poll::Ready(Some(Ok(line)));
        }
        let Some(run) = &mut this.run else { return Poll::Ready(None) };
        let ended = ready!(run.poll_unpin(context));
        this.run = None;
        Poll::Ready(match ended {
            Ok(Ok(summary)) => {
                let unreachable = summary.unreachable.clone();
                this.summary = Some(summary);
                unreachable.map(|why| Err(Error::Unreachable(why)))
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(panicked) => Some(Err(RunError::Worker(panicked.to_string()).into())),
        })
    }
}

impl Drop for Outcomes {
    /// Whoever reads the works may wait for a line to be taken.
    fn drop(&mut self) {
        self.untaken.close();
    }
}

/// Every work once, and no faster than lines are taken. Blocks.
fn once_each(
    works: impl Iterator<Item = WorkRequest> + Send + 'static,
    untaken: Arc<Semaphore>,
    runtime: Handle,
) -> impl Iterator<Item = InputItem> + Send + 'static {
    let mut seen = Dedupe::new();
    works.map_while(move |request| {
        if !seen.admit(&request.work) {
            return Some(InputItem::Repeat);
        }
        runtime.block_on(untaken.acquire()).ok()?.forget();
        Some(InputItem::Work(request))
    })
}
