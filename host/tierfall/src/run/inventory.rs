//! The output folder, as the ledger's reconciliation looks at it.

use std::io;

use super::job::job_key;
use crate::acquire::{Leftover, Store};
use tierfall_ledger::{FileInventory, Partial};

/// What lies in an output folder.
pub struct StoreInventory(pub Store);

impl FileInventory for StoreInventory {
    fn partials(&self) -> io::Result<Vec<Partial>> {
        let leftovers = self.0.leftovers()?;
        Ok(leftovers
            .into_iter()
            .map(|Leftover { path, work_key, untouched, .. }| Partial {
                path,
                job: work_key.as_deref().map(job_key),
                untouched,
            })
            .collect())
    }

    fn remove(&self, partial: &Partial) -> io::Result<bool> {
        self.0.remove(&partial.path)
    }

    fn files(&self) -> io::Result<Vec<String>> {
        self.0.hashes()
    }
}
