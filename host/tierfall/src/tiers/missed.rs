//! The sources that could not answer about one work, and that it waits for before it ends with nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, select_all};
use tokio::time::Instant;

use super::outage::Waited;
use super::reason::EndReason;
use super::source::{Answer, Closed, Source};
use crate::acquire::Reason;
use tierfall_http::{AttemptClock, FOR_EVER, WorkClock};
use tierfall_sandbox::{CallError, SourceError};
use tierfall_work::Work;

/// So often a work is asked about again because its source answered others. One that it stumbles over each time is not
/// the victim of an outage.
const AGAIN: u32 = 5;

/// Those of one work.
#[derive(Default)]
pub(super) struct MissedSources<'a>(Vec<Missed<'a>>);

struct Missed<'a> {
    tier: &'a str,
    source: &'a Arc<dyn Source>,
    at: Instant,
    /// It was asked, and that cost an attempt.
    paid: bool,
    again: u32,
    /// It is being asked again.
    asking: Option<Again>,
}

/// A question that is asked again.
#[derive(Clone, Copy)]
struct Again {
    /// For all, to find out whether it answers.
    probe: bool,
    /// The time that the work had taken.
    used: Duration,
}

/// What comes next of a source that was waited for.
pub(super) enum Next<'a> {
    /// It is to be asked.
    Ask {
        tier: &'a str,
        source: &'a Arc<dyn Source>,
        /// The attempt before has been paid for.
        paid: bool,
    },
    /// It was waited for long enough.
    Over { tier: &'a str, source: &'a Arc<dyn Source>, why: String },
}

/// Whether a source did not answer for a reason that may pass.
pub(super) fn is_missed(answer: &Answer) -> bool {
    matches!(answer.result, Err(CallError::Timeout | CallError::Source(SourceError::Unavailable { .. })))
}

/// Why a source cannot be asked about a work now: its hosts refuse, or it answers nobody.
pub(super) fn refusal(source: &Arc<dyn Source>, work: &Work, time_left: Duration) -> Option<Closed> {
    if let Some(closed) = source.closed(work, time_left) {
        if let Some(outage) = source.outage() {
            outage.failed(&work.key(), &closed.detail);
        }
        return Some(closed);
    }
    let detail = source.outage()?.refusal()?;
    Some(Closed { reason: EndReason::Rejected(Reason::Breaker), detail })
}

/// A question to a source about a work was given up.
pub(super) fn not_in_time(source: &Arc<dyn Source>, work: &Work) {
    if let Some(outage) = source.outage() {
        outage.failed(&work.key(), "no answer in time");
    }
}

impl<'a> MissedSources<'a> {
    /// It did not answer, or was not asked because it answers nobody.
    pub(super) fn note(&mut self, tier: &'a str, source: &'a Arc<dyn Source>, paid: bool, clock: &WorkClock) {
        if source.outage().is_none() {
            return;
        }
        let at = Instant::now();
        match self.0.iter_mut().find(|missed| missed.source.name() == source.name()) {
            Some(missed) => {
                missed.paid = paid;
                match missed.asking.take() {
                    // Who asks for all was failed before that, and is not to pay for it.
                    Some(Again { probe: true, used }) => clock.forgive(clock.used().saturating_sub(used)),
                    _ => missed.at = at,
                }
            }
            None => self.0.push(Missed { tier, source, at, paid, again: 0, asking: None }),
        }
    }

    /// Whether it was missed before.
    pub(super) fn contains(&self, source: &dyn Source) -> bool {
        self.0.iter().any(|missed| missed.source.name() == source.name())
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|missed| missed.source.name().to_string())
    }

    /// It has answered.
    pub(super) fn forget(&mut self, source: &dyn Source) {
        self.0.retain(|missed| missed.source.name() != source.name());
    }

    /// Waits until there is something to be done about one of them; `None`: there is nothing any more. The work is
    /// parked meanwhile.
    pub(super) async fn next(&mut self, clock: &Arc<WorkClock>, work: &Arc<Work>) -> Option<Next<'a>> {
        // Whatever became of them, they were asked.
        self.0.retain(|missed| missed.asking.is_none() && missed.again < AGAIN);
        while !self.0.is_empty() {
            let waits = self.0.iter().filter_map(|missed| {
                let (source, work) = (missed.source, Arc::clone(work));
                let left = clock.left();
                let closed = move || source.closed(&work, left).is_some();
                let (outage, at) = (source.outage()?, missed.at);
                let waits = async move {
                    let parked = AttemptClock::new(FOR_EVER, clock);
                    let queued = parked.queue();
                    outage.wait(at, closed, |back| queued.expects(back)).await
                };
                Some(waits.boxed() as BoxFuture<'_, Waited>)
            });
            let (waited, at, _) = select_all(waits).await;
            let missed = self.0.get_mut(at)?;
            let Missed { tier, source, paid, .. } = *missed;
            match waited {
                Waited::Back | Waited::Probe => {
                    missed.asking = Some(Again { probe: waited == Waited::Probe, used: clock.used() });
                    missed.again += u32::from(waited == Waited::Back);
                    return Some(Next::Ask { tier, source, paid });
                }
                Waited::Over(why) => {
                    self.0.remove(at);
                    return Some(Next::Over { tier, source, why });
                }
                Waited::Own => drop(self.0.remove(at)),
            }
        }
        None
    }
}
