//! The manifest: one JSON line per work, written as each work ends. Its schema is documented in
//! `host/README.md`.

use std::borrow::Cow;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compact;
use crate::acquire::{Artifact, VerifiedFile};
use crate::tiers::{Outcome, Status, Trail};
use tierfall_ids::IdKind;
use tierfall_work::Work;

/// What the manifest says of one work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The work's identity: `doi:10.1371/journal.pone.0000308`.
    pub work_id: String,
    /// As the user wrote it.
    pub input: String,
    pub run_id: String,
    /// `stored`, `no_copy`, `failed` or `timeout`.
    pub status: Cow<'static, str>,
    /// Why it is not stored.
    pub reason: Option<Cow<'static, str>>,
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
    pub version: Option<Cow<'static, str>>,
    pub license: Option<String>,
    /// `proven`, `unproven` or `unchecked`.
    pub identity: Option<Cow<'static, str>>,
    /// Where the candidate was found.
    pub evidence: Option<String>,
    /// What was said about the text and data mining of the file, where its conditions are, and who said
    /// it: `header`, `site` or `page`.
    pub tdm_reservation: Option<String>,
    pub tdm_policy: Option<String>,
    pub tdm_by: Option<Cow<'static, str>>,
    pub x_robots_tag: Option<String>,
    pub ids: Ids,
    pub title: Option<String>,
    pub year: Option<u16>,
    pub ms: u64,
    pub trail: Trail,
}

/// The identifiers that are known of a work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// The line of a work that was walked, and its file if it has one: until that is stored, the line names
    /// no place.
    pub fn new(run_id: &str, input: String, outcome: Outcome) -> (Self, Option<VerifiedFile>) {
        let Outcome { work, status, reason, won, trail, elapsed } = outcome;
        let mut line = Self::of(run_id, input, &work, status);
        line.reason = reason;
        line.trail = trail;
        line.ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let Some(won) = won else { return (line, None) };
        line.sha256 = Some(won.file.sha256.clone());
        line.bytes = Some(won.file.bytes);
        line.pages = Some(won.file.pages).filter(|pages| *pages > 0);
        line.url = Some(won.candidate.url);
        line.final_url = won.final_url.map(String::from);
        line.tier = Some(won.tier);
        line.plugin = Some(won.source.plugin);
        line.source = Some(won.source.source);
        line.version = Some(won.candidate.version.label().into());
        line.license = won.candidate.license;
        line.identity = Some(won.identity.label().into());
        line.evidence = Some(won.candidate.evidence);
        if let Some(said) = won.signals.tdm {
            line.tdm_reservation = Some(said.value);
            line.tdm_policy = said.policy;
            line.tdm_by = Some(said.by.label().into());
        }
        line.x_robots_tag = won.signals.x_robots_tag;
        (line, Some(won.file))
    }

    /// The line of a work of which nothing more is to be said than how it stands.
    pub(super) fn of(run_id: &str, input: String, work: &Work, status: Status) -> Self {
        let id = |kind| work.id(kind).map(str::to_owned);
        Self {
            work_id: work.key(),
            input,
            run_id: run_id.to_owned(),
            status: status.label().into(),
            reason: None,
            retry: matches!(status, Status::Failed | Status::Timeout),
            sha256: None,
            path: None,
            link: None,
            bytes: None,
            pages: None,
            url: None,
            final_url: None,
            tier: None,
            plugin: None,
            source: None,
            version: None,
            license: None,
            identity: None,
            evidence: None,
            tdm_reservation: None,
            tdm_policy: None,
            tdm_by: None,
            x_robots_tag: None,
            ids: Ids {
                doi: id(IdKind::Doi),
                arxiv: id(IdKind::Arxiv),
                pmid: id(IdKind::Pmid),
                pmcid: id(IdKind::Pmcid),
                openalex: id(IdKind::Openalex),
                url: id(IdKind::Url),
            },
            title: work.known.title.as_ref().map(|said| said.value.clone()),
            year: work.known.year.as_ref().map(|said| said.value),
            ms: 0,
            trail: Trail::default(),
        }
    }

    pub(super) fn is_stored(&self) -> bool {
        self.status == Status::Stored.label()
    }

    /// Its file is in its place.
    pub(super) fn stored_as(&mut self, artifact: &Artifact) {
        self.path = Some(artifact.path.to_string_lossy().into_owned());
        self.link = Some(artifact.link.to_string_lossy().into_owned());
    }

    /// Its file could not be stored; another run may fare better.
    pub(super) fn not_stored(&mut self, reason: &'static str) {
        let (status, retry) = (Status::Failed.label().into(), true);
        *self = Self {
            status,
            retry,
            reason: Some(reason.into()),
            sha256: None,
            bytes: None,
            pages: None,
            tier: None,
            plugin: None,
            source: None,
            version: None,
            license: None,
            identity: None,
            evidence: None,
            url: None,
            final_url: None,
            ..self.clone()
        };
    }
}

/// The manifest of an output folder, open for this run.
pub struct Manifest {
    path: PathBuf,
    file: File,
    /// Bytes of this run. When the file has more, another run wrote to it, and a work may have two lines.
    written: u64,
    /// HeldElsewhere shared while lines are written; whoever has it alone may rewrite the file.
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
