//! Stored files in a bucket: each by its SHA-256, and for each work an index object of a readable name that says which is
//! its file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sink::on_blocking_thread;
use super::store::{FileOf, Store, StoreError, Stored, object_path};
use crate::out;
use tierfall_objects::{Objects, Put, Theirs};
use tierfall_work::ArtifactFormat;

/// What an index object says; what it leads to counts from the place that it is in.
#[derive(Debug, Serialize, Deserialize)]
struct IndexEntry {
    work_id: String,
    /// `10.1371_journal.pone.0000308.pdf`
    name: String,
    sha256: String,
    bytes: u64,
    /// `files/sha256/ab/ab12….pdf`
    path: String,
}

impl Store {
    /// Sends a complete file up, and writes down which work's it is. The file stays where it is.
    pub(super) async fn upload(
        &self,
        objects: &Objects,
        file: &Path,
        format: ArtifactFormat,
        sha256: &str,
        bytes: u64,
        of: FileOf<'_>,
    ) -> Result<Stored, StoreError> {
        let place = file.to_owned();
        let opened = on_blocking_thread(move || out::open_to_read(&place)).await;
        let opened = opened.map_err(|source| StoreError::reading(file.to_owned(), source))?;
        let put = objects.put_file(&object_path(format, sha256), opened, bytes, sha256).await?;
        let stored = self.index(objects, format, sha256, bytes, of).await?;
        Ok(Stored { duplicate: put == Put::Existed, ..stored })
    }

    /// Writes down which work's a file is that the bucket has. A name that another work has is left to it, and so is an
    /// object that is none of ours: then the name gets a number.
    pub(super) async fn index(
        &self,
        objects: &Objects,
        format: ArtifactFormat,
        sha256: &str,
        bytes: u64,
        of: FileOf<'_>,
    ) -> Result<Stored, StoreError> {
        let path = object_path(format, sha256);
        for stem in self.stems(of) {
            let name = format!("{stem}.{}", format.extension());
            let link = format!("works/{name}.json");
            let work_id = of.work_key.to_owned();
            let entry = IndexEntry { work_id, name, sha256: sha256.to_owned(), bytes, path: path.clone() };
            let whose = |there: &[u8]| match serde_json::from_slice::<IndexEntry>(there) {
                Ok(there) if there.work_id != of.work_key => Theirs::Other,
                Ok(there) if there.sha256 == sha256 => Theirs::Same,
                Ok(_) => Theirs::Older,
                Err(_) => Theirs::Other,
            };
            let mut text = serde_json::to_vec_pretty(&entry).unwrap_or_default();
            text.push(b'\n');
            if objects.put_record(&link, text, whose).await? {
                return Ok(Stored { path: PathBuf::from(path), link: PathBuf::from(link), duplicate: false });
            }
        }
        let source = std::io::ErrorKind::AlreadyExists.into();
        Err(StoreError::Folder { what: "find a name for", path: PathBuf::from(path), source })
    }
}

#[cfg(test)]
mod tests {
    use super::super::naming::{NameFacts, NameTemplate};
    use super::*;

    #[tokio::test]
    async fn a_name_in_the_index_stays_the_works_that_had_it_first() {
        let out = tempfile::tempdir().unwrap();
        let objects = Objects::in_memory("s3://papers/oa".parse().unwrap(), 1 << 20);
        let template = NameTemplate::parse("{title}").unwrap();
        let store = Store::open_remote(out.path(), template, objects.clone()).unwrap();
        let facts = NameFacts { title: Some("One Title".into()), ..NameFacts::default() };
        let index = async |work_key: &str, digit: &str| {
            let of = FileOf { work_key, facts: &facts };
            let stored = store.index(&objects, ArtifactFormat::Pdf, &digit.repeat(64), 1, of).await;
            stored.unwrap().link.to_string_lossy().into_owned()
        };
        let first = index("doi:10.5555/a", "a").await;
        assert_eq!(first, "works/One_Title.pdf.json");
        let second = index("doi:10.5555/b", "b").await;
        assert!(second.starts_with("works/One_Title-") && second.ends_with(".pdf.json"), "{second}");
        // Asked again, and with a newer file, each has its own name.
        assert_eq!(index("doi:10.5555/a", "a").await, first);
        assert_eq!(index("doi:10.5555/a", "c").await, first);
        assert_eq!(index("doi:10.5555/b", "b").await, second);
        let mut names = Vec::new();
        objects.list("works", |path, _| names.push(path.to_owned())).await.unwrap();
        names.sort();
        assert_eq!(names, [second, first]);
    }
}
