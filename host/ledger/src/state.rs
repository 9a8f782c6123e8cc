//! The states of a job, the steps between them, and the one table of transitions.

use std::str::FromStr;

use strum::VariantArray;

/// How far a job has come. Nothing goes backwards: within one attempt a job only moves down this list,
/// and a new attempt begins only from an ending that left no artifact.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Known, and not leased yet.
    Planned,
    /// A worker has leased it.
    Leased,
    /// A candidate answered, and its length and validators are known.
    HeadDone,
    /// A partial file exists, and the server allows it to be resumed.
    ResumeOk,
    /// Bytes are being received.
    Streaming,
    /// The verified file has its final name.
    Finalized,
    /// The work's line is in the manifest. Done.
    Indexed,
    /// Done, and the same bytes were already stored for another work.
    Deduped,
    /// The attempt ended without an artifact; another may be scheduled.
    Failed,
    /// It turned out to be the same work as another job. Done.
    SkippedDuplicate,
    /// Every tier was asked, and none had a copy.
    Exhausted,
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// A worker leases it: for the first time, after a failure, or because the last lease expired.
    Lease,
    /// To [`State::HeadDone`].
    HeadDone,
    /// To [`State::ResumeOk`].
    ResumeOk,
    /// To [`State::Streaming`].
    Stream,
    /// To [`State::Finalized`].
    Finalize,
    /// To [`State::Indexed`].
    Index,
    /// To [`State::Deduped`].
    Dedupe,
    /// To [`State::Failed`].
    Fail,
    /// To [`State::SkippedDuplicate`].
    SkipDuplicate,
    /// To [`State::Exhausted`].
    Exhaust,
    /// Its finished file is gone from the disk, so the work is not done.
    Lose,
}

/// A transition that the table refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot take the step {step}")]
pub struct Illegal {
    /// Where the job stands.
    pub from: State,
    /// What was to happen to it.
    pub step: Step,
}

/// A label that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a job; the states are {states}", states = State::ALL.map(State::label).join(" "))]
pub struct UnknownState(pub String);

/// The state after `step`. A step that the job is already past within the same attempt leaves it where it is:
/// a second candidate is probed after the job has streamed a first one.
pub(crate) fn next(state: State, step: Step) -> Result<State, Illegal> {
    use State::{
        Deduped, Exhausted, Failed, Finalized, HeadDone, Indexed, Leased, Planned, ResumeOk,
        SkippedDuplicate, Streaming,
    };
    let next = match (step, state) {
        (Step::Lease, Planned | Leased | Failed | Exhausted) => Leased,
        // Leased again after a lease expired: what was reached stays reached.
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
    /// Every state, in the order of the way through them.
    pub const ALL: [Self; Self::VARIANTS.len()] = *Self::VARIANTS.first_chunk().unwrap();

    /// The name in the database, in logs and on the command line.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Nothing more is to be done, now or later.
    pub fn is_done(self) -> bool {
        matches!(self, State::Indexed | State::Deduped | State::SkippedDuplicate)
    }

    /// The attempt is over: no lease can be held in this state.
    pub(crate) fn is_ending(self) -> bool {
        self.is_done() || matches!(self, State::Failed | State::Exhausted)
    }
}

impl FromStr for State {
    type Err = UnknownState;

    /// Reads a label in either case, and with `-` for `_`, as people type it.
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let label = text.trim().to_ascii_uppercase().replace('-', "_");
        State::ALL
            .into_iter()
            .find(|state| state.label() == label)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// Every state that `from` can become by one step, except itself, in the order of [`State::ALL`].
/// The triggers of both databases are generated from this.
pub(crate) fn successors(from: State) -> Vec<State> {
    let reached: Vec<State> = Step::VARIANTS.iter().filter_map(|step| next(from, *step).ok()).collect();
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
            for step in Step::VARIANTS.iter().copied() {
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
            for step in Step::VARIANTS.iter().copied() {
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
        let refused = "done".parse::<State>().map_err(|error| error.to_string());
        assert!(refused.is_err_and(|text| text.contains("`done`") && text.contains("INDEXED")));
    }
}
