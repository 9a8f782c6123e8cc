//! An output folder, or a bucket, that takes no more files: every further work would be asked for, fetched and thrown
//! away.

use super::manifest::Line;
use crate::acquire::{Reason, StoreError};
use crate::tiers::{EndReason, Status};

/// One file may be larger than what is left, and two may come at the same time.
const IN_A_ROW: u32 = 3;

/// Works that could not be written since the last one that could.
#[derive(Debug, Default)]
pub(super) struct FullDisk(u32);

/// What takes no more files, and what was said about it.
#[derive(Debug)]
pub(super) enum Full {
    Folder(String),
    Store(String),
}

impl FullDisk {
    /// Takes in how a work has ended; what takes no more files, if there is no use in going on.
    pub(super) fn count(&mut self, line: &Line, unstored: Option<StoreError>) -> Option<Full> {
        if line.status == Status::Stored {
            self.0 = 0;
        }
        if line.reason != Some(EndReason::Rejected(Reason::Storage)) {
            return None;
        }
        self.0 += 1;
        let said = || {
            let unwritten = line.trail.acquisitions().find(|one| one.verdict() == Reason::Storage.code());
            unwritten.map(|one| one.detail.clone()).unwrap_or_default()
        };
        (self.0 >= IN_A_ROW).then(|| match unstored {
            Some(StoreError::Objects(error)) => Full::Store(error.to_string()),
            Some(error) => Full::Folder(error.to_string()),
            None => Full::Folder(said()),
        })
    }
}
