//! The manifest: one JSON line per work, written as each work ends. Its schema is documented in
//! `host/README.md`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::compact;
use crate::tiers::{Outcome, Status, Trail};
use crate::work::IdKind;

/// What the manifest says of one work.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The work's identity: `doi:10.1371/journal.pone.0000308`.
    pub work_id: String,
    /// As the user wrote it.
    pub input: String,
    pub run_id: String,
    /// `stored`, `no_copy`, `failed` or `timeout`.
    pub status: &'static str,
    /// Why it is not stored.
    pub reason: Option<&'static str>,
    /// Whether another run may end differently.
    pub retry: bool,
    pub sha256: Option<String>,
    /// Relative to the output folder.
    pub path: Option<String>,
    /// The link with a readable name, relative to the output folder.
    pub link: Option<String>,
    pub bytes: Option<u64>,
    pub pages: Option<u32>,
    /// The candidate's URL, and the one that answered.
    pub url: Option<String>,
    pub final_url: Option<String>,
    pub tier: Option<String>,
    pub plugin: Option<String>,
    pub source: Option<String>,
    pub version: Option<&'static str>,
    pub license: Option<String>,
    /// `proven`, `unproven` or `unchecked`.
    pub identity: Option<&'static str>,
    /// Where the candidate was found.
    pub evidence: Option<String>,
    /// What the host said about text and data mining, as sent.
    pub tdm_reservation: Option<String>,
    pub x_robots_tag: Option<String>,
    pub ids: Ids,
    pub title: Option<String>,
    pub year: Option<u16>,
    pub ms: u64,
    pub trail: Trail,
}

/// The identifiers that are known of a work.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ids {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arxiv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pmid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pmcid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openalex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Line {
    pub fn new(run_id: &str, input: String, outcome: Outcome) -> Self {
        let Outcome { work, status, reason, won, trail, elapsed } = outcome;
        let id = |kind| work.id(kind).map(str::to_owned);
        let ids = Ids {
            doi: id(IdKind::Doi),
            arxiv: id(IdKind::Arxiv),
            pmid: id(IdKind::Pmid),
            pmcid: id(IdKind::Pmcid),
            openalex: id(IdKind::Openalex),
            url: id(IdKind::Url),
        };
        let won = won.as_ref();
        Self {
            work_id: work.key(),
            input,
            run_id: run_id.to_owned(),
            status: status.label(),
            reason,
            retry: matches!(status, Status::Failed | Status::Timeout),
            sha256: won.map(|won| won.artifact.sha256.clone()),
            path: won.map(|won| won.artifact.path.to_string_lossy().into_owned()),
            link: won.map(|won| won.artifact.link.to_string_lossy().into_owned()),
            bytes: won.map(|won| won.artifact.bytes),
            pages: won.map(|won| won.artifact.pages).filter(|pages| *pages > 0),
            url: won.map(|won| won.candidate.url.clone()),
            final_url: won.and_then(|won| won.final_url.as_ref().map(url::Url::to_string)),
            tier: won.map(|won| won.tier.clone()),
            plugin: won.map(|won| won.source.plugin.clone()),
            source: won.map(|won| won.source.source.clone()),
            version: won.map(|won| won.candidate.version.label()),
            license: won.and_then(|won| won.candidate.license.clone()),
            identity: won.map(|won| won.identity.label()),
            evidence: won.map(|won| won.candidate.evidence.clone()),
            tdm_reservation: won.and_then(|won| won.signals.tdm_reservation.clone()),
            x_robots_tag: won.and_then(|won| won.signals.x_robots_tag.clone()),
            title: work.known.title.as_ref().map(|said| said.value.clone()),
            year: work.known.year.as_ref().map(|said| said.value),
            ids,
            ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            trail,
        }
    }
}

/// The manifest of an output folder, open for this run.
pub struct Manifest {
    path: PathBuf,
    file: File,
    /// Bytes of this run. When the file has more, another run wrote to it, and a work may have two lines.
    written: u64,
    /// Held shared while lines are written; whoever has it alone may rewrite the file.
    lock: File,
}

impl Manifest {
    /// Opens the manifest for appending, and makes its folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let lock = OpenOptions::new().create(true).append(true).open(path.with_extension("lock"))?;
        lock.lock_shared()?;
        // A line that a crash cut short must not swallow the next one.
        compact::end_last_line(path)?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, written: 0, lock })
    }

    /// Writes one line; it is with the operating system when this returns, so a crash of the program
    /// loses nothing that ended.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }

    /// Brings the manifest back to one line per work, where another run wrote one too. While others still
    /// write, that is left to the last of them.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_data()?;
        self.lock.unlock()?;
        match self.lock.try_lock() {
            Ok(()) if self.file.metadata()?.len() > self.written => compact::one_line_per_work(&self.path),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
