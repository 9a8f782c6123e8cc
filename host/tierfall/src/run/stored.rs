//! What earlier runs into the same folder have stored, by the manifest and the files: nothing of it is fetched again.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};

use super::digest::digest;
use super::job::is_line_of;
use super::manifest::Line;
use crate::acquire::{Acquire, StoreError};
use crate::out;
use crate::tiers::Status;

/// No honest line is longer; what is beyond is read over.
const MOST_LINE: u64 = 16 << 20;

/// Where the manifest has the line of each stored work.
#[derive(Default)]
pub(super) struct StoredWorks {
    manifest: Option<Mutex<File>>,
    /// By a digest of the work's key: 16 bytes a work. Whoever reads the line sees whose it is.
    places: HashMap<u64, u64>,
}

impl StoredWorks {
    /// Reads the manifest of an output folder, if it has one, as far as is needed to know which works are stored.
    pub(super) fn read(out: &Path) -> io::Result<Self> {
        let path = out.join("manifest.jsonl");
        let file = match out::open_to_read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut places = HashMap::new();
        for_heads(&file, |place, head| {
            if head.status.as_deref() == Some(Status::Stored.label()) {
                places.insert(digest(&head.work_id), place);
            }
        })?;
        Ok(Self { manifest: Some(Mutex::new(file)), places })
    }

    /// The line of a work that is stored, with those of its files that `store` has, as long as they were. An error says
    /// that this cannot be known now.
    pub(super) async fn line_of(
        &self,
        work_id: &str,
        store: &dyn Acquire,
    ) -> Result<Option<Line>, StoreError> {
        let Some(line) = self.told(work_id) else { return Ok(None) };
        let mut files = Vec::new();
        for file in line.file.into_iter().chain(line.also) {
            if store.holds(file.format, &file.sha256, file.bytes).await? {
                files.push(file);
            }
        }
        let mut files = files.into_iter();
        let Some(file) = files.next() else { return Ok(None) };
        Ok(Some(Line { file: Some(file), also: files.collect(), ..line }))
    }

    /// What the manifest says of a stored work.
    fn told(&self, work_id: &str) -> Option<Line> {
        let place = *self.places.get(&digest(work_id))?;
        let line = {
            let file = self.manifest.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            line_at(&file, place).ok()??
        };
        (line.status == Status::Stored && is_line_of(&line, work_id)).then_some(line)
    }
}

/// The newest line of a work in the manifest of an output folder, but a stored one before any other; by the identity
/// of the work or any of its `keys`.
pub fn find_line(out: &Path, keys: &[String]) -> io::Result<Option<Line>> {
    let file = match out::open_to_read(&out.join("manifest.jsonl")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found: Option<(u64, bool)> = None;
    for_heads(&file, |place, head| {
        let stored = head.status.as_deref() == Some(Status::Stored.label());
        if keys.contains(&head.work_id) && (stored || found.is_none_or(|(_, stored)| !stored)) {
            found = Some((place, stored));
        }
    })?;
    match found {
        Some((place, _)) => line_at(&file, place),
        None => Ok(None),
    }
}

fn line_at(mut file: &File, place: u64) -> io::Result<Option<Line>> {
    file.seek(SeekFrom::Start(place))?;
    let mut text = Vec::new();
    BufReader::new(file).take(MOST_LINE).read_until(b'\n', &mut text)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// Calls `each` with the place and the beginning of every line that can be read.
fn for_heads(file: &File, mut each: impl FnMut(u64, Head)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut line, mut place) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = (&mut reader).take(MOST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if let Some(head) = Head::of(&line) {
            each(place, head);
        }
        place += read as u64;
    }
}

/// What a line begins with. Nothing behind it is looked at: trails are long.
#[derive(Default)]
struct Head {
    work_id: String,
    status: Option<String>,
}

impl Head {
    fn of(line: &[u8]) -> Option<Self> {
        let mut head = Self::default();
        // That it stops early is an error to the parser.
        let _ = serde_json::Deserializer::from_slice(line).deserialize_map(Reading(&mut head));
        (head.status.is_some() && !head.work_id.is_empty()).then_some(head)
    }
}

struct Reading<'a>(&'a mut Head);

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "work_id" => self.0.work_id = map.next_value()?,
                "status" => self.0.status = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if !self.0.work_id.is_empty() && self.0.status.is_some() {
                return Err(A::Error::custom("that is enough"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::acquire::{Acquisition, Artifact, FetchContext, Journal, Store, VerifiedFile, path_of};
    use tierfall_work::{ArtifactFormat, Candidate, Work};

    const SHA256: &str = "abababababababababababababababababababababababababababababababab";

    fn line(work: &str, status: &str) -> String {
        let mut value = serde_json::json!({
            "work_id": work, "input": "x", "run_id": "r", "status": status, "reason": null, "retry": false,
            "ids": {}, "title": null, "year": null, "ms": 1, "trail": [],
        });
        if status == "stored" {
            let file = serde_json::json!({
                "sha256": SHA256, "path": path_of(ArtifactFormat::Pdf, SHA256), "link": "works/a.pdf", "bytes": 4, "pages": 1,
                "url": "https://a.example/1.pdf", "final_url": null, "tier": "t", "plugin": "p", "source": "s",
                "version": "published", "license": null, "identity": "proven", "evidence": "e",
            });
            value.as_object_mut().unwrap().extend(file.as_object().unwrap().clone());
        }
        format!("{value}\n")
    }

    fn folder(lines: &[String]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifest.jsonl"), lines.concat()).unwrap();
        let file = folder.path().join(path_of(ArtifactFormat::Pdf, SHA256));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "%PDF").unwrap();
        folder
    }

    /// Has what a store has, and is asked for nothing else.
    struct Has(Store);

    impl Acquire for Has {
        fn acquire<'a>(
            &'a self,
            _: &'a Candidate,
            _: FetchContext<'a>,
            _: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
            _: &'a dyn Journal,
        ) -> BoxFuture<'a, Acquisition> {
            unreachable!("nothing is fetched")
        }

        fn store(&self, _: VerifiedFile, _: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
            unreachable!("nothing is stored")
        }

        fn holds<'a>(
            &'a self,
            format: ArtifactFormat,
            sha256: &'a str,
            bytes: u64,
        ) -> BoxFuture<'a, Result<bool, StoreError>> {
            Box::pin(self.0.holds(format, sha256, bytes))
        }
    }

    #[tokio::test]
    async fn a_work_is_stored_if_the_manifest_says_so_and_its_file_is_there() {
        let broken = "{\"work_id\":\"doi:10.1/c\",\"status\":\"stored\",\"sha\n".to_owned();
        let lines =
            [line("doi:10.1/a", "stored"), line("doi:10.1/b", "failed"), broken, "no JSON\n".to_owned()];
        let folder = folder(&lines);
        let stored = StoredWorks::read(folder.path()).unwrap();
        let store = Has(Store::open(folder.path()).unwrap());
        let line_of = async |work: &str| stored.line_of(work, &store).await.unwrap();
        assert!(line_of("doi:10.1/a").await.is_some());
        for other in ["doi:10.1/b", "doi:10.1/c", "doi:10.1/d"] {
            assert!(line_of(other).await.is_none(), "{other}");
        }
        std::fs::write(folder.path().join(path_of(ArtifactFormat::Pdf, SHA256)), "%PD").unwrap();
        assert!(line_of("doi:10.1/a").await.is_none(), "its file is shorter than it was");
        std::fs::remove_file(folder.path().join(path_of(ArtifactFormat::Pdf, SHA256))).unwrap();
        assert!(line_of("doi:10.1/a").await.is_none(), "its file is gone");
    }

    #[test]
    fn a_folder_without_a_manifest_has_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(StoredWorks::read(folder.path()).unwrap().told("doi:10.1/a").is_none());
        assert!(find_line(folder.path(), &["doi:10.1/a".to_owned()]).unwrap().is_none());
    }

    #[test]
    fn of_several_lines_the_newest_is_found_but_a_stored_one_first() {
        let folder = folder(&[
            line("doi:10.1/a", "failed"),
            line("doi:10.1/a", "stored"),
            line("doi:10.1/a", "no_copy"),
            line("doi:10.1/b", "failed"),
            line("doi:10.1/b", "no_copy"),
        ]);
        let status = |key: &str| find_line(folder.path(), &[key.to_owned()]).unwrap().map(|line| line.status);
        assert_eq!(status("doi:10.1/a"), Some(Status::Stored));
        assert_eq!(status("doi:10.1/b"), Some(Status::NoCopy));
        assert_eq!(status("doi:10.1/c"), None);
    }
}
