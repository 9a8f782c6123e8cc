//! The lines of the manifest: one JSON object per work. The schema is documented in `host/README.md`.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::request::{EntryPlace, WorkRequest};
use crate::acquire::{Artifact, NameFacts, VerifiedFile};
use crate::tiers::{EndReason, Nearest, Outcome, Status, Trail, Won};
use tierfall_http::SaidBy;
use tierfall_ids::IdKind;
use tierfall_proof::{Evidence, Identity};
use tierfall_work::{ArtifactFormat, License, Version, Work};

/// What the manifest says of one work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// The work's identity: `doi:10.1371/journal.pone.0000308`.
    pub work_id: String,
    /// Of a work that was given by its title, the key of that: `title:5f1c…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_id: Option<String>,
    /// As the user wrote it.
    pub input: String,
    /// The run that wrote the line.
    pub run_id: String,
    /// How the work ended.
    pub status: Status,
    /// Why it is not stored.
    pub reason: Option<EndReason>,
    /// Whether another run may end differently.
    pub retry: bool,
    /// The accepted file.
    #[serde(flatten, serialize_with = "file_or_nulls")]
    pub file: Option<StoredFile>,
    /// What was said about the text and data mining of the file (`tdm-reservation`).
    pub tdm_reservation: Option<String>,
    /// Where the conditions of text and data mining are (`tdm-policy`).
    pub tdm_policy: Option<String>,
    /// Who said it.
    pub tdm_by: Option<SaidBy>,
    /// The headers `X-Robots-Tag` of the file, joined by commas.
    pub x_robots_tag: Option<String>,
    /// The identifiers that are known of the work.
    pub ids: Ids,
    /// The work's title, where it is known.
    pub title: Option<String>,
    /// The year of publication, where it is known.
    pub year: Option<u16>,
    /// The authors, for the name of its file. No part of the line: of some papers there are thousands.
    #[serde(skip)]
    pub(super) authors: Vec<String>,
    /// A registry says that it was retracted; absent where none does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retracted: bool,
    /// Of an unresolved work, the record that comes nearest, and why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// What the user's own list calls it, as in `entry`: by it a script finds its rows again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where it stands in the user's own list.
    #[serde(default)]
    pub entry: Option<EntryPlace>,
    /// Milliseconds from the work's first attempt to its end.
    pub ms: u64,
    /// Accepted files in other forms, each as the first one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<StoredFile>,
    /// Everything that happened, in order.
    pub trail: Trail,
}

/// The accepted file of a work, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredFile {
    /// Of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Relative to the output folder, or to the store that `object` is in; `None` until it is stored.
    pub path: Option<String>,
    /// The link with a readable name, relative to the output folder; in a store, the index object that says the same.
    pub link: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// Its pages, where the proof counted them.
    pub pages: Option<u32>,
    /// The candidate's URL, as its source gave it.
    pub url: String,
    /// The URL that answered, after redirects.
    pub final_url: Option<String>,
    /// The tier of the source that proposed it.
    pub tier: String,
    /// The plugin of that source.
    pub plugin: String,
    /// The source that proposed it.
    pub source: String,
    /// Which version of the work it is.
    pub version: Version,
    /// As its source gave it.
    pub license: Option<String>,
    /// The same in its normal form, `CC-BY-4.0`; `None` where it has none, and in lines of versions before this field.
    #[serde(default)]
    pub license_id: Option<String>,
    /// What its proof says about it being the work.
    pub identity: Identity,
    /// Where the candidate was found.
    pub evidence: String,
    /// What `identity` stands on; `None` where nothing was compared, and in lines of versions before this field.
    #[serde(default)]
    pub proof: Option<Evidence>,
    /// Its address, where it is in a store: `s3://bucket/prefix/files/sha256/ab/ab12….pdf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// In which form it is; a PDF does not say so.
    #[serde(default = "pdf", skip_serializing_if = "is_pdf")]
    pub format: ArtifactFormat,
    /// What it is to the work, and the role of its job in a ledger; a PDF does not say so.
    #[serde(default = "role_of_pdf", skip_serializing_if = "is_role_of_pdf")]
    pub role: String,
}

/// What a file is that does not say it: there was nothing else once.
fn pdf() -> ArtifactFormat {
    ArtifactFormat::Pdf
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_pdf(format: &ArtifactFormat) -> bool {
    *format == pdf()
}

fn role_of_pdf() -> String {
    pdf().role().to_owned()
}

fn is_role_of_pdf(role: &str) -> bool {
    role == pdf().role()
}

/// The fields of a PDF's [`StoredFile`]: a line without a file has them all, as nulls.
const FILE_FIELDS: [&str; 16] = [
    "sha256",
    "path",
    "link",
    "bytes",
    "pages",
    "url",
    "final_url",
    "tier",
    "plugin",
    "source",
    "version",
    "license",
    "license_id",
    "identity",
    "evidence",
    "proof",
];

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn file_or_nulls<S: Serializer>(file: &Option<StoredFile>, serializer: S) -> Result<S::Ok, S::Error> {
    match file {
        Some(file) => file.serialize(serializer),
        None => {
            let mut map = serializer.serialize_map(Some(FILE_FIELDS.len()))?;
            for field in FILE_FIELDS {
                map.serialize_entry(field, &())?;
            }
            map.end()
        }
    }
}

/// The identifiers that are known of a work, each in its normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ids {
    /// `10.1371/journal.pone.0000308`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    /// `2101.00001`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arxiv: Option<String>,
    /// `17375194`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pmid: Option<String>,
    /// `PMC1817752`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pmcid: Option<String>,
    /// `W2008528971`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openalex: Option<String>,
    /// The page that the user gave, or the first that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Line {
    /// The line of a work that was raced, and its files in the order in which they are wanted: until a file is
    /// stored, the line names no place of it.
    pub fn new(run_id: &str, request: WorkRequest, outcome: Outcome) -> (Self, Vec<VerifiedFile>) {
        let Outcome { work, status, reason, won, also, nearest, trail, elapsed, cut: _, parked: _ } = outcome;
        let WorkRequest { input, entry, .. } = request;
        let mut line = Self::of(run_id, input, &work, status);
        line.stands_at(entry);
        line.reason = reason;
        line.nearest = nearest;
        line.trail = trail;
        line.ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let mut files = Vec::new();
        for Won { file, identity, evidence, candidate, final_url, usage_rights, tier, source } in
            won.into_iter().chain(also)
        {
            let stored = StoredFile {
                sha256: file.sha256.clone(),
                path: None,
                link: None,
                bytes: file.bytes,
                pages: Some(file.pages).filter(|pages| *pages > 0),
                url: candidate.url,
                final_url: final_url.map(String::from),
                tier,
                plugin: source.plugin,
                source: source.source,
                version: candidate.version,
                license_id: candidate.license.as_deref().and_then(License::of).map(|known| known.to_string()),
                license: candidate.license,
                identity,
                evidence: candidate.evidence,
                proof: evidence,
                object: None,
                format: file.format,
                role: file.format.role().to_owned(),
            };
            files.push(file);
            if line.file.is_some() {
                line.also.push(stored);
                continue;
            }
            line.file = Some(stored);
            if let Some(said) = usage_rights.tdm {
                line.tdm_reservation = Some(said.value);
                line.tdm_policy = said.policy;
                line.tdm_by = Some(said.by);
            }
            line.x_robots_tag = usage_rights.x_robots_tag;
        }
        (line, files)
    }

    /// The line of a work of which nothing is known but how it ended.
    pub(super) fn of(run_id: &str, input: String, work: &Work, status: Status) -> Self {
        let id = |kind| work.id(kind).map(str::to_owned);
        Self {
            work_id: work.key(),
            title_id: work.title_key().map(str::to_owned),
            input,
            run_id: run_id.to_owned(),
            status,
            reason: None,
            retry: status.retryable(),
            file: None,
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
            authors: work.known.authors.as_ref().map(|said| said.value.clone()).unwrap_or_default(),
            retracted: work.known.retracted.as_ref().is_some_and(|said| said.value && !said.is_untrusted()),
            nearest: None,
            key: None,
            entry: None,
            ms: 0,
            also: Vec::new(),
            trail: Trail::default(),
        }
    }

    /// The user's list has it there.
    pub(super) fn stands_at(&mut self, entry: Option<EntryPlace>) {
        self.key = entry.as_ref().and_then(|entry| entry.key.clone());
        self.entry = entry;
    }

    /// What its file in this form may be named by.
    pub(super) fn name_facts(&self, format: ArtifactFormat) -> NameFacts {
        let file = self.file_of(format);
        let version = file.map(|file| file.version).filter(|version| *version != Version::Unknown);
        NameFacts {
            authors: self.authors.clone(),
            year: self.year,
            title: self.title.clone(),
            doi: self.ids.doi.clone(),
            key: self.key.clone(),
            source: file.map(|file| file.source.clone()).unwrap_or_default(),
            version: version.map(Version::label).unwrap_or_default().to_owned(),
        }
    }

    /// All its files.
    pub fn files(&self) -> impl Iterator<Item = &StoredFile> {
        self.file.iter().chain(&self.also)
    }

    /// Its file in this form.
    pub(super) fn file_of(&self, format: ArtifactFormat) -> Option<&StoredFile> {
        self.files().find(|file| file.format == format)
    }

    /// The line as it would be if only this form had been looked for.
    pub(super) fn alone(&self, format: ArtifactFormat) -> Self {
        Self { file: self.file_of(format).cloned(), also: Vec::new(), ..self.clone() }
    }

    /// Adds files that were stored before; of two in one form its own one stays. `order`: the forms that are wanted,
    /// most first. What is in another form comes after them, where there are any.
    pub(super) fn with_files(mut self, before: Vec<StoredFile>, order: &[ArtifactFormat]) -> Self {
        let rank = |file: &StoredFile| order.iter().position(|format| *format == file.format);
        if self.file.is_none() && before.iter().all(|file| rank(file).is_none()) || before.is_empty() {
            return self;
        }
        let mut files: Vec<StoredFile> = self.file.take().into_iter().chain(self.also.drain(..)).collect();
        for file in before {
            if files.iter().all(|own| own.format != file.format) {
                files.push(file);
            }
        }
        files.sort_by_key(|file| rank(file).unwrap_or(order.len()));
        let mut files = files.into_iter();
        (self.file, self.also) = (files.next(), files.collect());
        (self.status, self.retry, self.reason) = (Status::Stored, false, None);
        self
    }

    /// A file of it is in its place.
    pub(super) fn stored_as(&mut self, format: ArtifactFormat, artifact: &Artifact) {
        let mut files = self.file.iter_mut().chain(&mut self.also);
        if let Some(file) = files.find(|file| file.format == format) {
            file.path = Some(artifact.path.to_string_lossy().into_owned());
            file.link = Some(artifact.link.to_string_lossy().into_owned());
            file.object.clone_from(&artifact.object);
        }
    }

    /// A file of it could not be stored; another run may fare better.
    pub(super) fn not_stored(&mut self, format: ArtifactFormat, reason: EndReason) {
        let mut files =
            self.file.take().into_iter().chain(self.also.drain(..)).filter(|file| file.format != format);
        let (file, also) = (files.next(), files.collect());
        (self.file, self.also) = (file, also);
        if self.file.is_none() {
            self.status = Status::Failed;
            self.retry = true;
            self.reason = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> StoredFile {
        StoredFile {
            sha256: "ab".repeat(32),
            path: Some("files/sha256/ab/ab.pdf".into()),
            link: None,
            bytes: 1,
            pages: None,
            url: "https://a.example/1.pdf".into(),
            final_url: None,
            tier: "tier".into(),
            plugin: "plugin".into(),
            source: "source".into(),
            version: Version::Published,
            license: None,
            license_id: None,
            identity: Identity::Proven,
            evidence: "a list".into(),
            proof: None,
            object: None,
            format: ArtifactFormat::Pdf,
            role: "fulltext".into(),
        }
    }

    #[test]
    fn a_line_of_a_version_without_evidence_is_read() {
        let work = Work::new("10.5555/1".parse().unwrap());
        let line = Line { file: Some(file()), ..Line::of("run", "10.5555/1".into(), &work, Status::Stored) };
        let mut value = serde_json::to_value(&line).unwrap();
        assert!(value.as_object_mut().unwrap().remove("proof").is_some());
        let back: Line = serde_json::from_value(value).unwrap();
        assert_eq!(back.file, line.file);
    }

    #[test]
    fn a_line_has_the_same_fields_in_the_same_order_with_and_without_a_file() {
        let work = Work::new("10.5555/1".parse().unwrap());
        let without = Line::of("run", "10.5555/1".into(), &work, Status::NoCopy);
        let with = Line { file: Some(file()), ..without.clone() };
        let keys = |line: &Line| match serde_json::to_value(line).unwrap() {
            serde_json::Value::Object(fields) => fields.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
            other => panic!("{other}"),
        };
        assert_eq!(keys(&with), keys(&without));
        assert_eq!(keys(&with)[6..22], FILE_FIELDS);
        for line in [with, without] {
            let text = serde_json::to_string(&line).unwrap();
            let back: Line = serde_json::from_str(&text).unwrap();
            assert_eq!(back.file, line.file);
            assert_eq!(serde_json::to_string(&back).unwrap(), text);
        }
    }

    #[test]
    fn a_line_has_one_file_of_each_form_and_is_stored_with_any() {
        let work = Work::new("10.5555/1".parse().unwrap());
        let xml = || StoredFile { format: ArtifactFormat::Jats, role: "fulltext_xml".into(), ..file() };
        let order = ArtifactFormat::ALL;
        let none = Line::of("run", "10.5555/1".into(), &work, Status::NoCopy);
        let line = Line { file: Some(xml()), status: Status::Stored, ..none.clone() }
            .with_files(vec![file(), xml()], &order);
        let formats = |line: &Line| line.files().map(|file| file.format.label()).collect::<Vec<_>>();
        assert_eq!(formats(&line), ["pdf", "jats"]);
        assert_eq!(formats(&line.alone(ArtifactFormat::Jats)), ["jats"]);
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap().also, line.also);

        let mut fewer = line.clone();
        fewer.not_stored(ArtifactFormat::Pdf, EndReason::InternalError);
        assert_eq!((formats(&fewer), fewer.status), (vec!["jats"], Status::Stored));
        fewer.not_stored(ArtifactFormat::Jats, EndReason::InternalError);
        assert_eq!((formats(&fewer), fewer.status, fewer.retry), (vec![], Status::Failed, true));
        let back = none.clone().with_files(vec![file()], &order);
        assert_eq!((back.status, formats(&back)), (Status::Stored, vec!["pdf"]));
        let unwanted = none.with_files(vec![file()], &[ArtifactFormat::Jats]);
        assert_eq!(
            (unwanted.status, formats(&unwanted)),
            (Status::NoCopy, vec![]),
            "another form was asked for"
        );
    }

    #[test]
    fn a_retraction_is_told_where_a_registry_says_so() {
        let line = |said: bool, by: &str| {
            let mut work = Work::new("10.5555/1".parse().unwrap());
            work.learn(&tierfall_work::Facts { retracted: Some(said), ..Default::default() }, by);
            serde_json::to_string(&Line::of("run", "10.5555/1".into(), &work, Status::NoCopy)).unwrap()
        };
        assert!(line(true, "pmc").contains("\"retracted\":true"), "{}", line(true, "pmc"));
        for (said, by) in [(false, "pmc"), (true, "theirs/pmc")] {
            assert!(!line(said, by).contains("retracted"), "{said} {by}");
        }
    }

    #[test]
    fn only_what_is_no_pdf_says_its_form() {
        let work = Work::new("10.5555/1".parse().unwrap());
        let line = Line { file: Some(file()), ..Line::of("run", "10.5555/1".into(), &work, Status::Stored) };
        let text = serde_json::to_string(&line).unwrap();
        assert!(
            !text.contains("\"format\"") && !text.contains("\"role\"") && !text.contains("\"also\""),
            "{text}"
        );
        let xml = StoredFile { format: ArtifactFormat::Jats, role: "fulltext_xml".into(), ..file() };
        let line = Line { file: Some(xml), ..line };
        let text = serde_json::to_string(&line).unwrap();
        assert!(text.contains("\"format\":\"jats\",\"role\":\"fulltext_xml\""), "{text}");
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap().file, line.file);
    }
}
