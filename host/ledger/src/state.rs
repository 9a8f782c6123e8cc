//! What a job can be, what can happen to it, and what it becomes: the one table of moves.

use std::fmt;
use std::str::FromStr;

/// How far a job has come. Nothing goes backwards: within one attempt a job only moves down this list,
/// and a new attempt begins only from an ending that left no artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Known, and nobody has taken it yet.
    Planned,
    /// Someone took it.
    Leased,
    /// A candidate answered, and its length and validators are known.
    HeadDone,
    /// A partial file is there, and the server lets it be continued.
    ResumeOk,
    /// Bytes are flowing.
    Streaming,
    /// The proven file is in its place.
    Finalized,
    /// The work's line in the manifest is written. Done.
    Indexed,
    /// Done, and the same bytes were already stored for another work.
    Deduped,
    /// The attempt ended without an artifact; it may have a time for the next one.
    Failed,
    /// It turned out to be the same work as another job. Done.
    SkippedDuplicate,
    /// Every tier was asked, and no copy is there.
    Exhausted,
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A worker takes it: for the first time, after a failure, or because the last lease ran out.
    Lease,
    HeadDone,
    ResumeOk,
    Stream,
    Finalize,
    Index,
    Dedupe,
    Fail,
    SkipDuplicate,
    Exhaust,
    /// Its finished file is gone from the disk, so the work is not done.
    Lose,
}

/// A move that the table refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot take the step {step}")]
pub struct Illegal {
    pub from: State,
    pub step: Step,
}

/// A label that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a job; the states are {states}", states = State::ALL.map(State::label).join(" "))]
pub struct UnknownState(pub String);

/// The state after `step`. A step that the job is already past within the same attempt leaves it where it is:
/// a second candidate is asked while the job has streamed a first one.
pub fn next(state: State, step: Step) -> Result<State, Illegal> {
    use State::{
        Deduped, Exhausted, Failed, Finalized, HeadDone, Indexed, Leased, Planned, ResumeOk,
        SkippedDuplicate, Streaming,
    };
    let next = match (step, state) {
        (Step::Lease, Planned | Leased | Failed | Exhausted) => Leased,
        // Enqueued again after its lease ran out: what was reached stays reached.
        (Step::Lease, HeadDone | ResumeOk | Streaming | Finalized) => state,

        (Step::HeadDone, Leased | HeadDone) => HeadDone,
        (Step::HeadDone, ResumeOk | Streaming) => state,
        (Step::ResumeOk, Leased | HeadDone | ResumeOk) => ResumeOk,
        (Step::ResumeOk, Streaming) => state,
        (Step::Stream, Leased | HeadDone | ResumeOk | Streaming) => Streaming,
        (Step::Finalize, Streaming) => Finalized,
        (Step::Index, Finalized) => Indexed,
        (Step::Dedupe, Finalized) => Deduped,

        (Step::Fail, Leased | HeadDone | ResumeOk | Streaming | Finalized) => Failed,
        (Step::SkipDuplicate, Leased | HeadDone | ResumeOk | Streaming) => SkippedDuplicate,
        (Step::Exhaust, Leased | HeadDone | ResumeOk | Streaming) => Exhausted,
        (Step::Lose, Finalized | Indexed | Deduped) => Failed,

        _ => return Err(Illegal { from: state, step }),
    };
    Ok(next)
}

impl State {
    pub const ALL: [State; 11] = [
        State::Planned,
        State::Leased,
        State::HeadDone,
        State::ResumeOk,
        State::Streaming,
        State::Finalized,
        State::Indexed,
        State::Deduped,
        State::Failed,
        State::SkippedDuplicate,
        State::Exhausted,
    ];

    /// The one name of the state: in the database, in logs, on the command line.
    pub fn label(self) -> &'static str {
        match self {
            State::Planned => "PLANNED",
            State::Leased => "LEASED",
            State::HeadDone => "HEAD_DONE",
            State::ResumeOk => "RESUME_OK",
            State::Streaming => "STREAMING",
            State::Finalized => "FINALIZED",
            State::Indexed => "INDEXED",
            State::Deduped => "DEDUPED",
            State::Failed => "FAILED",
            State::SkippedDuplicate => "SKIPPED_DUPLICATE",
            State::Exhausted => "EXHAUSTED",
        }
    }

    /// Nothing more is to be done, whatever time it is.
    pub fn is_done(self) -> bool {
        matches!(self, State::Indexed | State::Deduped | State::SkippedDuplicate)
    }

    /// The attempt is over: no lease can be held in this state.
    pub fn is_ending(self) -> bool {
        self.is_done() || matches!(self, State::Failed | State::Exhausted)
    }
}

impl Step {
    pub const ALL: [Step; 11] = [
        Step::Lease,
        Step::HeadDone,
        Step::ResumeOk,
        Step::Stream,
        Step::Finalize,
        Step::Index,
        Step::Dedupe,
        Step::Fail,
        Step::SkipDuplicate,
        Step::Exhaust,
        Step::Lose,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Step::Lease => "lease",
            Step::HeadDone => "head_done",
            Step::ResumeOk => "resume_ok",
            Step::Stream => "stream",
            Step::Finalize => "finalize",
            Step::Index => "index",
            Step::Dedupe => "dedupe",
            Step::Fail => "fail",
            Step::SkipDuplicate => "skip_duplicate",
            Step::Exhaust => "exhaust",
            Step::Lose => "lose",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    /// Reads a label in either case, with `-` for `_`, as people type it.
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let label = text.trim().to_ascii_uppercase().replace('-', "_");
        State::ALL
            .into_iter()
            .find(|state| state.label() == label)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// Every state that `from` can become by one step, itself left out, in the order of [`State::ALL`].
/// The triggers of both databases are written from this.
pub(super) fn successors(from: State) -> Vec<State> {
    let reached: Vec<State> = Step::ALL.into_iter().filter_map(|step| next(from, step).ok()).collect();
    State::ALL.into_iter().filter(|to| *to != from && reached.contains(to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far into an attempt a state is. Endings come last.
    fn rank(state: State) -> usize {
        State::ALL.iter().position(|s| *s == state).unwrap_or(usize::MAX)
    }

    #[test]
    fn nothing_goes_backwards_but_an_ending_without_an_artifact_into_a_new_attempt() {
        for from in State::ALL {
            for step in Step::ALL {
                let Ok(to) = next(from, step) else { continue };
                let new_attempt = matches!(from, State::Failed | State::Exhausted) && step == Step::Lease;
                assert!(rank(to) >= rank(from) || new_attempt, "{from} --{step}--> {to}");
            }
        }
    }

    #[test]
    fn every_unfinished_state_can_be_leased_again_and_no_done_one_can() {
        for state in State::ALL {
            assert_eq!(next(state, Step::Lease).is_ok(), !state.is_done(), "{state}");
        }
    }

    #[test]
    fn the_whole_table_is_this_and_a_change_of_it_needs_a_migration() {
        let table: Vec<String> = State::ALL
            .into_iter()
            .map(|from| {
                let to: Vec<&str> = successors(from).into_iter().map(State::label).collect();
                format!("{from} > {}", to.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "PLANNED > LEASED",
                "LEASED > HEAD_DONE RESUME_OK STREAMING FAILED SKIPPED_DUPLICATE EXHAUSTED",
                "HEAD_DONE > RESUME_OK STREAMING FAILED SKIPPED_DUPLICATE EXHAUSTED",
                "RESUME_OK > STREAMING FAILED SKIPPED_DUPLICATE EXHAUSTED",
                "STREAMING > FINALIZED FAILED SKIPPED_DUPLICATE EXHAUSTED",
                "FINALIZED > INDEXED DEDUPED FAILED",
                "INDEXED > FAILED",
                "DEDUPED > FAILED",
                "FAILED > LEASED",
                "SKIPPED_DUPLICATE > ",
                "EXHAUSTED > LEASED",
            ]
        );
    }

    #[test]
    fn a_finished_job_leaves_its_state_only_when_its_file_is_lost() {
        for state in [State::Indexed, State::Deduped, State::SkippedDuplicate] {
            for step in Step::ALL {
                let lost = step == Step::Lose && state != State::SkippedDuplicate;
                assert_eq!(next(state, step).is_ok(), lost, "{state} --{step}-->");
            }
        }
    }

    #[test]
    fn labels_are_read_back_however_people_type_them() {
        for state in State::ALL {
            assert_eq!(state.label().parse(), Ok(state));
            assert_eq!(state.label().to_lowercase().replace('_', "-").parse(), Ok(state));
        }
        let said = "done".parse::<State>().map_err(|error| error.to_string());
        assert!(said.is_err_and(|text| text.contains("`done`") && text.contains("INDEXED")));
    }
}
