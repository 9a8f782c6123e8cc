//! From a candidate to a stored file: fetched through the door, proven by what is in it, stored once.

mod document;
mod examine;
mod identity;
mod ids;
mod letters;
mod marks;
mod names;
mod partial;
mod proof;
mod shelf;
mod sink;
mod sniff;
mod store;
mod title;
mod transfer;
mod verdict;

#[cfg(test)]
mod tests;

pub use examine::Examine;
pub use identity::IdentityPolicy;
pub use proof::{Proof, prove};
pub use shelf::Leftover;
pub use store::{Store, StoreError, Stored};
pub use verdict::{Identity, Reason, Verdict};

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::http::{AttemptClock, Door};
use crate::work::{Candidate, Work};
use partial::Partial;
use sink::{Sink, on_blocking_thread};
use transfer::{Rejection, Trace, Transfer};

/// What an operator can set about acquisitions.
#[derive(Clone, Debug)]
pub struct AcquireSettings {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// For one file; the work's deadline may come before.
    pub timeout: Duration,
    /// Tries again of one file, for what may pass; each continues where the last one stopped.
    pub retries: u32,
    /// Continue what an earlier run left.
    pub resume: bool,
    pub identity: IdentityPolicy,
    /// Pages whose text is read for the proof.
    pub first_pages: u32,
    /// Do not store files of which text and data mining is reserved.
    pub honour_tdm: bool,
}

/// Fetches, proves and stores. Clones share everything.
#[derive(Clone)]
pub struct Acquirer(Arc<Inner>);

struct Inner {
    door: Door,
    examiner: Arc<dyn Examine>,
    store: Store,
    settings: AcquireSettings,
    /// Examinations at one time: each needs a processor, and memory for its file and what that unpacks to.
    examinations: Semaphore,
}

/// How one acquisition went.
#[derive(Clone, Debug)]
pub struct Acquisition {
    pub verdict: Verdict,
    /// Of the last answer.
    pub status: Option<u16>,
    /// The URL that answered, after redirects.
    pub final_url: Option<Url>,
    /// Of the file, as far as it came.
    pub bytes: u64,
    /// Bytes that an earlier try had brought.
    pub resumed_from: u64,
    pub elapsed: Duration,
    /// Why, for people.
    pub detail: String,
    pub signals: Signals,
    /// Where the file is; whenever the verdict is `Accepted`.
    pub artifact: Option<Artifact>,
}

/// An accepted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub sha256: String,
    pub bytes: u64,
    /// Relative to the output folder: `files/sha256/ab/ab12….pdf`.
    pub path: PathBuf,
    /// The readable name, relative to the output folder: `works/10.1371_journal.pone.0000308.pdf`.
    pub link: PathBuf,
    pub pages: u32,
}

/// What the server said about the use of the file, as it said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// The header `tdm-reservation` (TDM Reservation Protocol, W3C community group, 2024).
    pub tdm_reservation: Option<String>,
    /// The headers `X-Robots-Tag`, joined by commas.
    pub x_robots_tag: Option<String>,
}

impl Acquirer {
    pub fn new(door: Door, examiner: Arc<dyn Examine>, store: Store, settings: AcquireSettings) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Inner { door, examiner, store, settings, examinations: Semaphore::new(processors) }))
    }

    /// Fetches a candidate and proves it. `work` is read when the file is judged, so that facts learned
    /// meanwhile count. Dropped at any moment, it leaves nothing but a partial file that can be continued.
    pub async fn acquire(
        &self,
        candidate: &Candidate,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
        hard: Instant,
    ) -> Acquisition {
        let began = Instant::now();
        let mut trace = Trace::default();
        let ended = self.0.file_of(candidate, work, hard, &mut trace).await;
        let (verdict, detail, artifact) = match ended {
            Ok((identity, detail, artifact)) => (Verdict::Accepted(identity), detail, Some(artifact)),
            Err(Rejection { reason, detail }) => (Verdict::Rejected(reason), detail, None),
        };
        Acquisition {
            verdict,
            status: trace.status,
            final_url: trace.final_url,
            bytes: trace.bytes,
            resumed_from: trace.resumed_from,
            elapsed: began.elapsed(),
            detail,
            signals: trace.signals,
            artifact,
        }
    }
}

impl Inner {
    async fn file_of(
        &self,
        candidate: &Candidate,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
        hard: Instant,
        trace: &mut Trace,
    ) -> Result<(Identity, String, Artifact), Rejection> {
        let url = Url::parse(candidate.url.trim())
            .map_err(|error| Rejection { reason: Reason::BadUrl, detail: error.to_string() })?;
        let clock = AttemptClock::new(self.settings.timeout, hard);
        let retries = AtomicU32::new(self.settings.retries);
        let key = work().key();
        let resume = self.settings.resume;
        let mut sink =
            Sink::open(self.store.clone(), key.clone(), url.to_string(), resume).await.map_err(storage)?;
        let transfer = Transfer {
            door: &self.door,
            clock: &clock,
            retries: &retries,
            max_bytes: self.settings.max_bytes,
            honour_tdm: self.settings.honour_tdm,
        };
        let came = transfer.run(&url, candidate.landing_page.as_deref(), &mut sink, trace).await;
        if let Err(rejection) = came {
            // What may pass is continued then; the rest is of no use to anyone.
            if !rejection.reason.passing() {
                sink.discard().await.map_err(storage)?;
            }
            return Err(rejection);
        }
        let partial = sink.finish().await.map_err(storage)?;
        let (partial, proof) = self.prove(partial, candidate, work).await?;
        match proof.verdict {
            Verdict::Accepted(identity) => {
                let artifact = self.keep(partial, proof.pages, key).await?;
                Ok((identity, proof.detail, artifact))
            }
            Verdict::Rejected(reason) => {
                on_blocking_thread(|| partial.discard()).await.map_err(storage)?;
                Err(Rejection { reason, detail: proof.detail })
            }
        }
    }

    async fn prove(
        &self,
        mut partial: Partial,
        candidate: &Candidate,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
    ) -> Result<(Partial, Proof), Rejection> {
        let _permit =
            self.examinations.acquire().await.map_err(|closed| storage(io::Error::other(closed)))?;
        let (partial, bytes) = on_blocking_thread(move || {
            let bytes = partial.read()?;
            Ok((partial, bytes))
        })
        .await
        .map_err(storage)?;
        let policy = self.settings.identity;
        // Without a comparison nobody needs the text.
        let pages = if policy == IdentityPolicy::Off { 0 } else { self.settings.first_pages };
        let examined = self.examiner.examine(&bytes, pages).await;
        let proof = prove(examined.as_ref(), &work(), candidate.basis, policy);
        Ok((partial, proof))
    }

    async fn keep(&self, partial: Partial, pages: u32, key: String) -> Result<Artifact, Rejection> {
        let store = self.store.clone();
        let kept = on_blocking_thread(move || {
            let (sha256, bytes) = (partial.sha256(), partial.received());
            let stored = store.adopt(partial.path(), &sha256, bytes, &key).map_err(io::Error::other)?;
            partial.settle()?;
            Ok(Artifact { sha256, bytes, path: stored.path, link: stored.link, pages })
        });
        kept.await.map_err(storage)
    }
}

impl Signals {
    fn of(headers: &[(String, String)]) -> Self {
        let all = |wanted: &str| {
            let values: Vec<&str> =
                headers.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        Self { tdm_reservation: all("tdm-reservation"), x_robots_tag: all("x-robots-tag") }
    }

    /// Whether text and data mining is reserved.
    fn reserves(&self) -> bool {
        let tag = self.x_robots_tag.as_deref().unwrap_or_default().to_ascii_lowercase();
        self.tdm_reservation.as_deref().is_some_and(|value| value.trim() == "1")
            || tag.split(',').any(|rule| matches!(rule.trim(), "noai" | "notdm"))
    }
}

fn storage(error: io::Error) -> Rejection {
    Rejection { reason: Reason::Storage, detail: error.to_string() }
}
