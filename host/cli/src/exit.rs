//! What the program's exit code tells a script.

use tierfall::run::{PlanSummary, Summary};

/// The exit codes, as `host/README.md` documents them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every work has its artifact.
    Done = 0,
    /// The program failed.
    Failed = 1,
    /// The command line, the configuration or the input is wrong.
    Usage = 2,
    /// Some works have no copy anywhere that was asked.
    NoCopy = 3,
    /// Some works failed for reasons that may pass.
    MayPass = 4,
    /// The ledger failed, and nothing was to be done without it.
    Ledger = 5,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<&Summary> for Exit {
    /// A line that could not be read is a work without its artifact; what may pass outranks what is final,
    /// because it tells the user to run again.
    fn from(summary: &Summary) -> Self {
        if summary.interrupted {
            Self::Interrupted
        } else if summary.failed > 0 {
            Self::MayPass
        } else if summary.no_copy > 0 {
            Self::NoCopy
        } else if summary.bad_entries > 0 {
            Self::Usage
        } else {
            Self::Done
        }
    }
}

impl From<&PlanSummary> for Exit {
    fn from(summary: &PlanSummary) -> Self {
        match (summary.interrupted, summary.bad_entries) {
            (true, _) => Self::Interrupted,
            (false, 0) => Self::Done,
            (false, _) => Self::Usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_what_to_do_next() {
        let exit = |no_copy, failed, bad_entries, interrupted| {
            Exit::from(&Summary { no_copy, failed, bad_entries, interrupted, ..Summary::default() })
        };
        assert_eq!(exit(0, 0, 0, false), Exit::Done);
        assert_eq!(exit(1, 0, 0, false), Exit::NoCopy);
        assert_eq!(exit(1, 1, 0, false), Exit::MayPass);
        assert_eq!(exit(0, 0, 1, false), Exit::Usage);
        assert_eq!(exit(1, 1, 1, true), Exit::Interrupted);
    }
}
