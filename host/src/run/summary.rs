//! What a run came to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::manifest::Line;
use crate::tiers::Status;

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub works: u64,
    pub stored: u64,
    pub no_copy: u64,
    /// Failed or timed out: another run may end differently.
    pub failed: u64,
    pub bytes: u64,
    /// Lines of the input that could not be read.
    pub bad_entries: u64,
    /// Works that were asked for more than once.
    pub repeats: u64,
    pub interrupted: bool,
    /// Stored works by source.
    pub by_source: BTreeMap<String, u64>,
    /// Works that are not stored, by reason.
    pub by_reason: BTreeMap<String, u64>,
}

/// The program's exit codes (DESIGN section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NoCopy = 3,
    MayPass = 4,
    Interrupted = 130,
}

impl Summary {
    /// Counts one work.
    pub fn count(&mut self, line: &Line) {
        self.works += 1;
        if line.status == Status::Stored.label() {
            self.stored += 1;
            self.bytes += line.bytes.unwrap_or(0);
            *self.by_source.entry(line.source.clone().unwrap_or_default()).or_default() += 1;
        } else {
            if line.status == Status::NoCopy.label() {
                self.no_copy += 1;
            } else {
                self.failed += 1;
            }
            *self.by_reason.entry(line.reason.unwrap_or_default().to_owned()).or_default() += 1;
        }
    }

    /// A line that could not be read is a work without its artifact; what may pass outranks what is final,
    /// because it tells the user to run again.
    pub fn exit(&self) -> Exit {
        if self.interrupted {
            Exit::Interrupted
        } else if self.failed > 0 {
            Exit::MayPass
        } else if self.no_copy > 0 {
            Exit::NoCopy
        } else if self.bad_entries > 0 {
            Exit::Usage
        } else {
            Exit::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_what_to_do_next() {
        let summary = |no_copy, failed, bad_entries, interrupted| {
            Summary { no_copy, failed, bad_entries, interrupted, ..Summary::default() }.exit()
        };
        assert_eq!(summary(0, 0, 0, false), Exit::Done);
        assert_eq!(summary(1, 0, 0, false), Exit::NoCopy);
        assert_eq!(summary(1, 1, 0, false), Exit::MayPass);
        assert_eq!(summary(0, 0, 1, false), Exit::Usage);
        assert_eq!(summary(1, 1, 1, true), Exit::Interrupted);
    }
}
