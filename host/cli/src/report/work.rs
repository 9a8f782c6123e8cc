//! What a report keeps of each work. Lists may be long, so that what repeats is kept once.

use std::collections::HashMap;

use serde::Deserialize;
use tierfall_work::License;
use url::Url;

use super::publishers;

/// A line of a manifest, or of a ledger, as far as reports need it. Statuses and reasons of other versions of this
/// program are taken as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkLine {
    pub work_id: String,
    pub title_id: Option<String>,
    pub input: String,
    pub status: String,
    pub reason: Option<String>,
    pub retry: bool,
    pub link: Option<String>,
    pub path: Option<String>,
    pub object: Option<String>,
    pub sha256: Option<String>,
    pub bytes: Option<u64>,
    pub format: Option<String>,
    pub also: Vec<OtherFile>,
    pub url: Option<String>,
    pub final_url: Option<String>,
    pub source: Option<String>,
    pub version: Option<String>,
    pub license: Option<String>,
    pub identity: Option<String>,
    pub ids: Ids,
    pub title: Option<String>,
    pub year: Option<u16>,
    pub retracted: bool,
    pub entry: Option<Entry>,
}

/// A file in another form than the first one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OtherFile {
    pub link: Option<String>,
    pub path: Option<String>,
    pub object: Option<String>,
    pub bytes: Option<u64>,
    pub format: Option<String>,
}

impl OtherFile {
    fn place(&self) -> Option<&str> {
        self.object.as_deref().or(self.link.as_deref()).or(self.path.as_deref())
    }
}

/// Identifiers that reports show.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ids {
    pub doi: Option<String>,
    pub pmid: Option<String>,
    pub pmcid: Option<String>,
    pub arxiv: Option<String>,
    pub openalex: Option<String>,
    pub url: Option<String>,
}

/// Where a work stands in the user's own list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub file: Option<String>,
    pub line: Option<u64>,
    pub key: Option<String>,
}

/// The candidates of a work that is missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tried {
    trail: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    event: String,
    url: String,
}

impl WorkLine {
    /// Whether it has its file.
    pub fn is_stored(&self) -> bool {
        self.status == "stored"
    }

    /// The URL of the first candidate that was judged, of a work without a file: `text` is its whole line.
    pub fn with_candidate(mut self, text: &str) -> Self {
        if !self.is_stored() && self.url.is_none() {
            let tried: Tried = serde_json::from_str(text).unwrap_or_default();
            let first = tried.trail.into_iter().find(|event| event.event == "acquisition");
            self.url = first.map(|event| event.url);
        }
        self
    }

    /// Where its file is, as people look for it; of several, the one that was wanted most. In a store that is an address.
    pub fn file(&self) -> Option<&str> {
        self.object.as_deref().or(self.link.as_deref()).or(self.path.as_deref())
    }

    /// Where all its files are.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let others = self.also.iter().filter_map(OtherFile::place);
        self.file().into_iter().chain(others)
    }

    /// In which forms it is stored: `pdf`, `jats`, `pdf and jats`.
    fn forms(&self) -> Option<String> {
        let forms = std::iter::once(&self.format).chain(self.also.iter().map(|file| &file.format));
        // A PDF does not say that it is one.
        let mut forms: Vec<&str> = forms.map(|form| form.as_deref().unwrap_or("pdf")).collect();
        forms.sort_unstable_by(|a, b| b.cmp(a));
        forms.dedup();
        self.is_stored().then(|| forms.join(" and "))
    }

    /// The DOI, also of a work that is known by another identifier.
    pub fn doi(&self) -> Option<&str> {
        self.work_id.strip_prefix("doi:").or(self.ids.doi.as_deref())
    }
}

/// A work has its file in so many other forms at most.
const MOST_OTHERS: usize = 4;

/// A kind of what repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Status,
    Reason,
    Source,
    Version,
    License,
    Host,
    Publisher,
    Forms,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Status,
        Self::Reason,
        Self::Source,
        Self::Version,
        Self::License,
        Self::Host,
        Self::Publisher,
        Self::Forms,
    ];

    /// Its name in the page's data.
    pub fn label(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Reason => "reason",
            Self::Source => "source",
            Self::Version => "version",
            Self::License => "license",
            Self::Host => "host",
            Self::Publisher => "publisher",
            Self::Forms => "forms",
        }
    }
}

/// A work as the report keeps it; numbers are places in [`Works::names`].
#[derive(Debug)]
pub struct Work {
    pub id: Box<str>,
    pub title: Option<Box<str>>,
    pub year: Option<u16>,
    pub named: [Option<u32>; Kind::ALL.len()],
    pub file: Option<Box<str>>,
    /// Its files in other forms.
    pub also: Box<[Box<str>]>,
    pub url: Option<Box<str>>,
    /// Where its identifier does not tell.
    pub doi: Option<Box<str>>,
    pub key: Option<Box<str>>,
    pub retry: bool,
    pub stored: bool,
    pub retracted: bool,
    /// Of all its files.
    pub bytes: u64,
}

/// Every work once.
#[derive(Debug, Default)]
pub struct Works {
    pub works: Vec<Work>,
    names: [Names; Kind::ALL.len()],
    /// By a digest of the work's identity.
    places: HashMap<u64, usize>,
}

#[derive(Debug, Default)]
struct Names {
    list: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

impl Works {
    /// Takes a work in. Of two lines of one work the newer holds, but no line that has no file over one that has.
    pub fn add(&mut self, line: &WorkLine) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        line.work_id.hash(&mut hasher);
        let digest = hasher.finish();
        let work = self.work(line);
        match self.places.get(&digest).and_then(|place| self.works.get_mut(*place)) {
            Some(known) if work.stored || !known.stored => *known = work,
            Some(_) => {}
            None => {
                self.places.insert(digest, self.works.len());
                self.works.push(work);
            }
        }
    }

    /// The names of a kind, by their places.
    pub fn names(&self, kind: Kind) -> &[String] {
        self.names.get(kind as usize).map_or(&[], |names| &names.list)
    }

    /// The name that a work has of a kind.
    pub fn name(&self, work: &Work, kind: Kind) -> &str {
        let place = work.named.get(kind as usize).copied().flatten();
        place.and_then(|place| self.names(kind).get(place as usize)).map_or("", String::as_str)
    }

    /// How many of the works that `which` takes have each name of a kind, most frequent first.
    pub fn counts(&self, kind: Kind, which: impl Fn(&Work) -> bool) -> Vec<(&str, u64)> {
        let mut counts = vec![0_u64; self.names(kind).len()];
        let places = self
            .works
            .iter()
            .filter(|work| which(work))
            .filter_map(|work| work.named.get(kind as usize)?.as_ref());
        for place in places {
            if let Some(count) = counts.get_mut(*place as usize) {
                *count += 1;
            }
        }
        let mut counts: Vec<(&str, u64)> =
            self.names(kind).iter().map(String::as_str).zip(counts).filter(|(_, count)| *count > 0).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts
    }

    fn work(&mut self, line: &WorkLine) -> Work {
        // Far longer ones are nobody's title, and the page is to be opened.
        let short =
            |text: &str, most: usize| -> Box<str> { text.chars().take(most).collect::<String>().into() };
        let host = line.final_url.as_ref().or(line.url.as_ref()).and_then(|url| Url::parse(url).ok());
        let host = host.as_ref().and_then(Url::host_str).map(str::to_owned);
        let doi = line.doi().map(str::to_owned);
        // Sources word one licence in many ways.
        let license = line.license.as_deref().and_then(License::of).map(|known| known.to_string());
        let publisher = doi.as_deref().map(publishers::of_doi);
        let forms = line.forms();
        let values = [
            Some(line.status.as_str()),
            line.reason.as_deref(),
            line.source.as_deref(),
            line.version.as_deref(),
            license.as_deref().or(line.license.as_deref()),
            host.as_deref(),
            publisher.as_deref(),
            forms.as_deref(),
        ];
        let mut named = [None; Kind::ALL.len()];
        for ((names, place), value) in self.names.iter_mut().zip(&mut named).zip(values) {
            *place = value.filter(|value| !value.is_empty()).map(|value| names.place(&short(value, 200)));
        }
        Work {
            id: short(&line.work_id, 2000),
            title: line.title.as_deref().map(|title| short(title, 500)),
            year: line.year,
            named,
            file: line.file().map(|file| short(file, 1000)),
            also: line.files().skip(1).take(MOST_OTHERS).map(|file| short(file, 1000)).collect(),
            url: line.final_url.as_deref().or(line.url.as_deref()).map(|url| short(url, 2000)),
            doi: doi.filter(|_| !line.work_id.starts_with("doi:")).map(|doi| short(&doi, 2000)),
            key: line.entry.as_ref().and_then(|entry| entry.key.as_deref()).map(|key| short(key, 200)),
            retry: line.retry,
            stored: line.is_stored(),
            retracted: line.retracted,
            bytes: line.bytes.into_iter().chain(line.also.iter().filter_map(|file| file.bytes)).sum(),
        }
    }
}
