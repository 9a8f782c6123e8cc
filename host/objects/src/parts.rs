//! How services take long files: in parts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::Error;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;

/// A part of a long file.
#[derive(Debug)]
pub(crate) struct Part {
    /// The first is 0.
    pub(crate) index: usize,
    /// Where in the file it begins.
    pub(crate) from: u64,
    /// The length of the file.
    pub(crate) total: u64,
    pub(crate) bytes: Bytes,
}

/// Takes files in parts, one after the other; what comes of them is created, and never replaces anything.
#[async_trait]
pub(crate) trait InParts: Send + Sync {
    /// Begins the upload of a file of this length; returns its name.
    async fn begin(&self, key: &Path, total: u64) -> Result<String, Error>;

    /// Sends the next part. With the last one there may be an object already.
    async fn part(&self, key: &Path, upload: &str, part: Part) -> Result<PartId, Error>;

    /// Makes an object of the parts.
    async fn join(&self, key: &Path, upload: &str, parts: Vec<PartId>) -> Result<(), Error>;

    /// Gives up what was begun.
    async fn give_up(&self, key: &Path, upload: &str) -> Result<(), Error>;
}

/// By what the library calls a multipart upload; the condition is put by the connection.
pub(crate) struct Multipart<S>(pub(crate) Arc<S>);

#[async_trait]
impl<S: MultipartStore> InParts for Multipart<S> {
    async fn begin(&self, key: &Path, _: u64) -> Result<String, Error> {
        self.0.create_multipart(key).await
    }

    async fn part(&self, key: &Path, upload: &str, part: Part) -> Result<PartId, Error> {
        self.0.put_part(key, &upload.to_owned(), part.index, part.bytes.into()).await
    }

    async fn join(&self, key: &Path, upload: &str, parts: Vec<PartId>) -> Result<(), Error> {
        self.0.complete_multipart(key, &upload.to_owned(), parts).await.map(drop)
    }

    async fn give_up(&self, key: &Path, upload: &str) -> Result<(), Error> {
        self.0.abort_multipart(key, &upload.to_owned()).await
    }
}
