//! A file on its way into a bucket: read once, checked while it is read, and sent in one request or in parts.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use object_store::PutPayload;
use object_store::path::Path;
use sha2::{Digest, Sha256};

use super::parts::{InParts, Part};

/// What came of storing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there, and is now.
    Created,
    /// It was there already, with the same length.
    Existed,
}

/// Why a file is not sent to its end.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The file on disk.
    Disk(io::Error),
    /// The file on disk is not the one that was proven.
    Changed,
    /// The store.
    Store(object_store::Error),
}

/// Reads a file part by part, and knows at its end whether it was the expected one.
#[derive(Debug)]
pub(crate) struct Reading {
    file: File,
    hasher: Sha256,
    left: u64,
    part: u64,
}

impl Reading {
    pub(crate) fn new(file: File, bytes: u64, part: u64) -> Self {
        Self { file, hasher: Sha256::new(), left: bytes, part }
    }

    /// The next part; empty at the end.
    async fn next(mut self) -> Result<(Self, Bytes), Failed> {
        let read = tokio::task::spawn_blocking(move || {
            let wanted = self.left.min(self.part);
            let mut bytes = Vec::with_capacity(usize::try_from(wanted).map_err(io::Error::other)?);
            (&mut self.file).take(wanted).read_to_end(&mut bytes)?;
            self.hasher.update(&bytes);
            self.left -= bytes.len() as u64;
            let is_short = (bytes.len() as u64) < wanted;
            Ok(if is_short { None } else { Some((self, bytes)) })
        });
        match read.await.map_err(|error| Failed::Disk(io::Error::other(error)))?.map_err(Failed::Disk)? {
            Some((reading, bytes)) => Ok((reading, Bytes::from(bytes))),
            None => Err(Failed::Changed),
        }
    }

    /// Whether what was read is all of the expected file.
    async fn ends_as(mut self, sha256: &str) -> Result<(), Failed> {
        let longer = tokio::task::spawn_blocking(move || {
            let longer = self.file.read(&mut [0])? > 0;
            Ok((longer, hex::encode(self.hasher.finalize())))
        });
        let (longer, digest) =
            longer.await.map_err(|error| Failed::Disk(io::Error::other(error)))?.map_err(Failed::Disk)?;
        if longer || self.left > 0 || digest != sha256 { Err(Failed::Changed) } else { Ok(()) }
    }

    /// All of it at once.
    pub(crate) async fn whole(self, sha256: &str) -> Result<PutPayload, Failed> {
        let (reading, bytes) = self.next().await?;
        reading.ends_as(sha256).await?;
        Ok(bytes.into())
    }
}

/// Sends a file in parts and joins them. What was begun is given up where that fails.
pub(crate) async fn in_parts(
    store: &dyn InParts,
    key: &Path,
    reading: Reading,
    sha256: &str,
) -> Result<(), Failed> {
    let upload = store.begin(key, reading.left).await.map_err(Failed::Store)?;
    let sent = send(store, key, &upload, reading, sha256).await;
    if sent.is_err()
        && let Err(error) = store.give_up(key, &upload).await
    {
        // The bucket's own rule for what was begun and not ended takes it away.
        tracing::debug!(%error, %key, "an upload was begun, and could not be given up");
    }
    sent
}

async fn send(
    store: &dyn InParts,
    key: &Path,
    upload: &str,
    mut reading: Reading,
    sha256: &str,
) -> Result<(), Failed> {
    let total = reading.left;
    let mut parts = Vec::new();
    loop {
        let (from, bytes) = (total - reading.left, Bytes::new());
        let mut part = Part { index: parts.len(), from, total, bytes };
        (reading, part.bytes) = reading.next().await?;
        if reading.left > 0 {
            parts.push(store.part(key, upload, part).await.map_err(Failed::Store)?);
            continue;
        }
        // With the last part there may be an object.
        reading.ends_as(sha256).await?;
        parts.push(store.part(key, upload, part).await.map_err(Failed::Store)?);
        return store.join(key, upload, parts).await.map_err(Failed::Store);
    }
}
