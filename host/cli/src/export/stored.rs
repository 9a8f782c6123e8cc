//! Which works have a file, by their identifiers and by their place in a list.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use tierfall_ids::WorkId;
use tierfall_work::Work;

use super::paths::is_object;
use crate::report::{WorkLine, for_lines};

/// The files of an output folder.
#[derive(Debug, Default)]
pub struct StoredFiles {
    /// Of each work, all that it has.
    files: Vec<Vec<String>>,
    /// By `doi:…` and the like, and by `title:…` for those that were given without an identifier.
    by_id: HashMap<String, usize>,
    /// By the list and the line: entries of which nothing is known that a work is known by.
    by_place: HashMap<(String, u64), (Option<String>, usize)>,
}

impl StoredFiles {
    /// Reads a manifest.
    pub fn read(manifest: &Path) -> io::Result<Self> {
        let mut stored = Self::default();
        for_lines(manifest, |line, _| stored.add(&line))?;
        Ok(stored)
    }

    fn add(&mut self, line: &WorkLine) {
        // Whoever wrote the manifest chose the path: it is below the output folder, or in a store, or it is none.
        let is_place = |file: &&str| is_object(file) || is_below(file);
        let files: Vec<String> = line.files().filter(is_place).map(str::to_owned).collect();
        if files.is_empty() || !line.is_stored() {
            return;
        }
        let place = self.files.len();
        self.files.push(files);
        self.by_id.insert(line.work_id.clone(), place);
        if let Some(title) = &line.title_id {
            self.by_id.insert(title.clone(), place);
        }
        let ids = &line.ids;
        for (kind, id) in [
            ("doi", &ids.doi),
            ("arxiv", &ids.arxiv),
            ("pmid", &ids.pmid),
            ("pmcid", &ids.pmcid),
            ("openalex", &ids.openalex),
        ] {
            if let Some(id) = id {
                self.by_id.entry(format!("{kind}:{id}")).or_insert(place);
            }
        }
        if let Some(entry) = &line.entry
            && let (Some(list), Some(number)) = (&entry.file, entry.line)
        {
            self.by_place.insert((list.clone(), number), (entry.key.clone(), place));
        }
    }

    /// Whether a file is in a store, and not in the folder.
    pub fn has_objects(&self) -> bool {
        self.files.iter().flatten().any(|file| is_object(file))
    }

    /// The files of an entry: of its work, or of the entry that stood in its place.
    pub fn files(&self, work: Option<&Work>, list: &str, line: u64, key: Option<&str>) -> &[String] {
        let by_id = || {
            let work = work?;
            let title = work.title_key().filter(|_| work.is_known_by_title()).map(str::to_owned);
            work.ids.iter().map(WorkId::key).chain(title).find_map(|key| self.by_id.get(&key)).copied()
        };
        let by_place = || {
            let (known, place) = self.by_place.get(&(list.to_owned(), line))?;
            (known.as_deref() == key).then_some(*place)
        };
        // Known by what it says, it is that work and no other.
        let place = if work.is_some() { by_id() } else { by_place() };
        place.and_then(|place| self.files.get(place)).map_or(&[], Vec::as_slice)
    }
}

fn is_below(path: &str) -> bool {
    use std::path::Component;
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
