//! A file that was accepted and is not stored yet: of several that a work may have on their way, only the winner's
//! is to be.

use std::io;

use super::effects::PendingStreamOp;
use super::partial::Partial;
use super::sink::on_blocking_thread;
use super::store::Store;
use super::{Artifact, StoreError};
use tierfall_ledger::LeaseHandle;

/// A file that was accepted. Dropped, it leaves at most a partial file, as any acquisition does.
#[derive(Debug)]
pub struct VerifiedFile {
    pub sha256: String,
    pub bytes: u64,
    pub pages: u32,
    /// `None`: the store has the file already.
    arrived: Option<(Store, Partial)>,
    /// The store had the same bytes before this work came to them.
    stored_before: bool,
    receipt: Option<PendingStreamOp>,
}

impl VerifiedFile {
    pub(super) fn arrived(store: Store, partial: Partial, pages: u32) -> Self {
        Self {
            sha256: partial.sha256(),
            bytes: partial.received(),
            pages,
            arrived: Some((store, partial)),
            stored_before: false,
            receipt: None,
        }
    }

    /// A file that is in the store already.
    pub fn in_store(sha256: String, bytes: u64, pages: u32, stored_before: bool) -> Self {
        Self { sha256, bytes, pages, arrived: None, stored_before, receipt: None }
    }

    pub(super) fn with(self, receipt: Option<PendingStreamOp>) -> Self {
        Self { receipt, ..self }
    }

    /// Tells the ledger that it was fetched, and whether the store has its bytes from another work: as late as that,
    /// for after a crash nothing on disk tells whose they are.
    pub fn tell(&mut self, grip: &LeaseHandle) {
        if let Some((store, _)) = &self.arrived {
            self.stored_before = store.holds(&self.sha256, self.bytes);
        }
        if let Some(receipt) = self.receipt.take() {
            receipt.tell(grip, self.stored_before);
        }
    }

    /// Puts it in its place and links it, and clears away what came of its rivals.
    pub(super) async fn keep(
        self,
        store: Store,
        work_key: String,
        rivals: Vec<String>,
    ) -> Result<Artifact, StoreError> {
        let kept = on_blocking_thread(move || {
            let Self { sha256, bytes, pages, arrived, stored_before, .. } = self;
            let stored = match arrived {
                Some((_, partial)) => {
                    let stored = store.adopt(partial.path(), &sha256, bytes, &work_key);
                    stored.and_then(|stored| {
                        let sidecar = partial.path().to_owned();
                        partial.settle().map_err(|source| StoreError::clearing(sidecar, source))?;
                        Ok(stored)
                    })
                }
                None => store.link_stored(&sha256, &work_key),
            };
            for url in rivals {
                store.clear(&work_key, &url);
            }
            Ok(stored.map(|stored| Artifact {
                duplicate: stored.duplicate || stored_before,
                sha256,
                bytes,
                path: stored.path,
                link: stored.link,
                pages,
            }))
        });
        kept.await.unwrap_or_else(|error: io::Error| Err(StoreError::interrupted(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whose_the_bytes_are_is_decided_when_it_is_told_and_not_when_they_arrive() {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(out.path()).unwrap();
        let arrived = |work_key: &str| {
            let mut partial =
                store.partials().open(work_key, "https://host.example/paper.pdf", false).unwrap();
            partial.append(b"%PDF-1.7 of both").unwrap();
            VerifiedFile::arrived(store.clone(), partial, 1)
        };
        let (mut first, mut second) = (arrived("doi:10.5555/first"), arrived("doi:10.5555/second"));

        first.tell(&LeaseHandle::empty());
        assert!(!first.stored_before);
        first.keep(store.clone(), "doi:10.5555/first".to_owned(), Vec::new()).await.unwrap();

        second.tell(&LeaseHandle::empty());
        assert!(second.stored_before);
        let kept = second.keep(store.clone(), "doi:10.5555/second".to_owned(), Vec::new()).await.unwrap();
        assert!(kept.duplicate);
    }
}
