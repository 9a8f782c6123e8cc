//! A file that was accepted and is not stored yet: of several that a work may have on their way, only the winner's
//! is to be.

use std::io;

use super::effects::PendingStreamOp;
use super::journal::Journal;
use super::naming::NameFacts;
use super::partial::Partial;
use super::sink::on_blocking_thread;
use super::store::{Artifact, FileOf, Store, StoreError, Stored};
use tierfall_objects::Objects;
use tierfall_work::ArtifactFormat;

/// A file that was accepted. Dropped, it leaves at most a partial file, as any acquisition does.
#[derive(Debug)]
pub struct VerifiedFile {
    /// What it is.
    pub format: ArtifactFormat,
    /// In lower-case hex.
    pub sha256: String,
    /// The size.
    pub bytes: u64,
    /// The number of pages; 0 where a file has none.
    pub pages: u32,
    /// URLs of the work's other candidates: what came of them is removed once this file is stored.
    rivals: Vec<String>,
    /// `None`: the store has the file already.
    arrived: Option<(Store, Partial)>,
    /// The store had the same bytes before this work came to them.
    stored_before: bool,
    /// An earlier worker has recorded `stored_before`. It may have stored them since.
    is_recorded: bool,
    pending: Option<PendingStreamOp>,
    /// What its link is named by.
    facts: NameFacts,
}

impl VerifiedFile {
    pub(super) fn arrived(format: ArtifactFormat, store: Store, partial: Partial, pages: u32) -> Self {
        Self {
            format,
            sha256: partial.sha256(),
            bytes: partial.received(),
            pages,
            rivals: Vec::new(),
            arrived: Some((store, partial)),
            stored_before: false,
            is_recorded: false,
            pending: None,
            facts: NameFacts::default(),
        }
    }

    /// A file of which an earlier worker has recorded whether the store had its bytes from another work.
    pub(super) fn recorded(self, stored_before: bool) -> Self {
        Self { stored_before, is_recorded: true, ..self }
    }

    /// A file that is in the store already.
    pub fn in_store(
        format: ArtifactFormat,
        sha256: String,
        bytes: u64,
        pages: u32,
        stored_before: bool,
    ) -> Self {
        Self {
            format,
            sha256,
            bytes,
            pages,
            rivals: Vec::new(),
            arrived: None,
            stored_before,
            is_recorded: true,
            pending: None,
            facts: NameFacts::default(),
        }
    }

    pub(super) fn with(self, pending: Option<PendingStreamOp>) -> Self {
        Self { pending, ..self }
    }

    /// `rivals`: the URLs of the work's other candidates, of which nothing is needed any more.
    pub(crate) fn with_rivals(self, rivals: Vec<String>) -> Self {
        Self { rivals, ..self }
    }

    /// What is known of its work, for the name of its link.
    pub(crate) fn of_work(self, facts: NameFacts) -> Self {
        Self { facts, ..self }
    }

    /// Records that it was fetched, and whether the store has its bytes from another work. Called as late as
    /// possible: after a crash nothing on disk says to which work they belong.
    pub async fn record(&mut self, journal: &dyn Journal) {
        if let Some((store, _)) = self.arrived.as_ref().filter(|_| !self.is_recorded) {
            // Where that cannot be said now, the storing finds out.
            self.stored_before = store.holds(self.format, &self.sha256, self.bytes).await.unwrap_or(false);
        }
        if let Some(pending) = self.pending.take() {
            pending.record(journal, self.stored_before);
        }
    }

    /// Puts it in its place and links it, and removes what came of its rivals.
    pub(super) async fn store_in(self, store: Store, work_key: String) -> Result<Artifact, StoreError> {
        match store.objects().cloned() {
            None => self.store_in_folder(store, work_key).await,
            Some(objects) => {
                // To its end even if the caller is dropped, as in a folder.
                let stored = tokio::spawn(self.store_as_object(store, objects, work_key));
                stored.await.unwrap_or_else(|error| Err(StoreError::interrupted(io::Error::other(error))))
            }
        }
    }

    /// Only once the object and its index entry are there is the file gone from the folder: whoever comes after a crash
    /// finds one or the other.
    async fn store_as_object(
        self,
        store: Store,
        objects: Objects,
        work_key: String,
    ) -> Result<Artifact, StoreError> {
        let Self { format, sha256, bytes, pages, rivals, arrived, stored_before, is_recorded, facts, .. } =
            self;
        let of = FileOf { work_key: &work_key, facts: &facts };
        let stored = match &arrived {
            Some((_, partial)) => store.upload(&objects, partial.path(), format, &sha256, bytes, of).await?,
            None => store.index(&objects, format, &sha256, bytes, of).await?,
        };
        let Stored { path, link, duplicate } = stored;
        let object = Some(objects.place().url(&path.to_string_lossy()));
        let cleared = on_blocking_thread(move || {
            let cleared = arrived.map_or(Ok(()), |(_, partial)| {
                let place = partial.path().to_owned();
                partial.discard().map_err(|source| StoreError::clearing(place, source))
            });
            for url in rivals {
                store.clear(&work_key, &url);
            }
            Ok(cleared)
        });
        cleared.await.map_err(StoreError::interrupted)??;
        // What is there may be what an earlier worker of this work put there; but that one knew.
        let duplicate = stored_before || duplicate && !is_recorded;
        Ok(Artifact { sha256, bytes, path, link, object, pages, duplicate })
    }

    async fn store_in_folder(self, store: Store, work_key: String) -> Result<Artifact, StoreError> {
        let stored = on_blocking_thread(move || {
            let Self { format, sha256, bytes, pages, rivals, arrived, stored_before, facts, .. } = self;
            let of = FileOf { work_key: &work_key, facts: &facts };
            let stored = match arrived {
                Some((_, partial)) => {
                    let stored = store.adopt(&partial, format, &sha256, bytes, of);
                    stored.and_then(|stored| {
                        let sidecar = partial.path().to_owned();
                        partial.settle().map_err(|source| StoreError::clearing(sidecar, source))?;
                        Ok(stored)
                    })
                }
                None => store.link_stored(format, &sha256, of),
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
                object: None,
                pages,
            }))
        });
        stored.await.unwrap_or_else(|error: io::Error| Err(StoreError::interrupted(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::NoJournal;
    use super::*;

    #[tokio::test]
    async fn whose_the_bytes_are_is_decided_when_it_is_told_and_not_when_they_arrive() {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(out.path()).unwrap();
        let arrived = |work_key: &str| {
            let mut partial =
                store.partials().open(work_key, "https://host.example/paper.pdf", false).unwrap();
            partial.append(b"%PDF-1.7 of both").unwrap();
            VerifiedFile::arrived(ArtifactFormat::Pdf, store.clone(), partial, 1)
        };
        let (mut first, mut second) = (arrived("doi:10.5555/first"), arrived("doi:10.5555/second"));

        first.record(&NoJournal).await;
        assert!(!first.stored_before);
        first.store_in(store.clone(), "doi:10.5555/first".to_owned()).await.unwrap();

        second.record(&NoJournal).await;
        assert!(second.stored_before);
        let artifact = second.store_in(store.clone(), "doi:10.5555/second".to_owned()).await.unwrap();
        assert!(artifact.duplicate);
    }
}
