//! A bibliography with the files of its works: the same entries, each with where its file is.

mod bibtex;
mod csl;
mod paths;
mod piece;
mod reference;
mod ris;
mod stored;

pub use paths::{FileStyle, Paths};
pub use stored::StoredFiles;

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;

use self::piece::Piece;
use self::reference::Reference;
use tierfall_work::Work;

/// What a bibliography is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// For JabRef, Zotero, LaTeX.
    Bibtex,
    /// For EndNote, Mendeley, Zotero.
    Ris,
    /// For citation processors: JSON.
    Csl,
}

impl Target {
    /// What a file of this name is to be.
    pub fn of_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "bib" | "bibtex" => Some(Self::Bibtex),
            "ris" => Some(Self::Ris),
            "json" => Some(Self::Csl),
            _ => None,
        }
    }
}

/// A bibliography that can be written again.
pub struct Bibliography {
    target: Target,
    text: String,
    pieces: Vec<Piece>,
}

/// How many entries there were, and how many have their file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub entries: u64,
    pub with_files: u64,
}

impl Bibliography {
    /// Takes a text apart. An error says what it is that cannot be exported.
    pub fn read(text: String) -> Result<Self, String> {
        let begin = text.trim_start_matches('\u{feff}').trim_start();
        let (target, pieces) = if begin.starts_with(['[', '{']) {
            (Target::Csl, csl::pieces(&text).ok_or("it is JSON, and no list of CSL items")?)
        } else if ris::looks(&text) {
            (Target::Ris, ris::pieces(&text))
        } else {
            (Target::Bibtex, bibtex::pieces(&text))
        };
        if !pieces.iter().any(|piece| matches!(piece, Piece::Entry { .. })) {
            return Err("it holds no entry of BibTeX, RIS or CSL".to_owned());
        }
        Ok(Self { target, text, pieces })
    }

    /// What it is.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The same entries with their files. Where it stays what it is, everything else stays as it stands.
    pub fn with_files(
        &self,
        target: Target,
        list: &str,
        stored: &StoredFiles,
        paths: &Paths,
    ) -> (String, Counts) {
        let mut counts = Counts::default();
        let mut written = String::with_capacity(self.text.len() + self.text.len() / 8);
        let (mut others, mut keys): (Vec<String>, HashSet<String>) = Default::default();
        for piece in &self.pieces {
            match piece {
                Piece::Other(at) if target == self.target => {
                    written.push_str(self.text.get(at.clone()).unwrap_or_default())
                }
                Piece::Other(_) => {}
                Piece::Entry { at, line } => {
                    counts.entries += 1;
                    let entry = self.text.get(at.clone()).unwrap_or_default();
                    let (work, key) = self.work_of(entry);
                    let files = stored.files(work.as_ref(), list, *line, key.as_deref());
                    let files: Vec<String> = files.iter().map(|file| paths.path(file)).collect();
                    counts.with_files += u64::from(!files.is_empty());
                    if target == self.target {
                        written.push_str(&self.amended(entry, &files, paths.style));
                    } else {
                        let mut reference = self.reference(entry);
                        if let Some(work) = &work {
                            reference.complete(work);
                        }
                        reference.key = reference.key_among(&mut keys);
                        others.push(converted(&reference, target, &files, paths.style));
                    }
                }
            }
        }
        match target {
            target if target == self.target => {}
            Target::Csl => written = format!("[\n{}\n]\n", others.join(",\n")),
            Target::Bibtex | Target::Ris => written = others.join("\n"),
        }
        (written, counts)
    }

    /// The entry with its files.
    fn amended(&self, entry: &str, files: &[String], style: FileStyle) -> String {
        let each = |add: &dyn Fn(&str, &str) -> String| {
            files.iter().fold(entry.to_owned(), |entry, file| add(&entry, file))
        };
        match self.target {
            Target::Bibtex => each(&|entry, file| bibtex::with_file(entry, &style.field(file))),
            Target::Ris => each(&ris::with_file),
            Target::Csl => csl::with_files(entry, files),
        }
    }

    fn reference(&self, entry: &str) -> Reference {
        match self.target {
            Target::Bibtex => bibtex::reference(entry),
            Target::Ris => ris::reference(entry),
            Target::Csl => csl::reference(entry),
        }
    }

    /// The work of an entry, as a run reads it, and what the list calls it.
    fn work_of(&self, entry: &str) -> (Option<Work>, Option<String>) {
        let format = match self.target {
            Target::Bibtex => "bibtex",
            Target::Ris => "ris",
            Target::Csl => "json",
        };
        let format = tierfall_input::Format::from_str(format).ok();
        let source = std::io::Cursor::new(entry.to_owned().into_bytes());
        let Ok(mut reader) = tierfall_input::Reader::new("entry", source, format, None) else {
            return (None, None);
        };
        match reader.next() {
            Some(Ok(read)) => (Some(read.work), read.key),
            Some(Err(bad)) => (None, bad.key),
            None => (None, None),
        }
    }
}

/// An entry as another kind of bibliography writes it.
fn converted(reference: &Reference, target: Target, files: &[String], style: FileStyle) -> String {
    match target {
        Target::Bibtex => {
            let fields: Vec<String> = files.iter().map(|file| style.field(file)).collect();
            let field = Some(fields.join(";")).filter(|field| !field.is_empty());
            bibtex::written(reference, field.as_deref())
        }
        Target::Ris => ris::written(reference, files),
        Target::Csl => csl::written(reference, files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(text: &str, target: Target) -> String {
        let list = Bibliography::read(text.to_owned()).expect("a bibliography");
        let paths = Paths::new(FileStyle::default(), Path::new("papers"), None);
        list.with_files(target, "refs", &StoredFiles::default(), &paths).0
    }

    #[test]
    fn what_becomes_another_kind_keeps_what_a_run_reads_in_it_and_made_keys_differ() {
        let json = r#"[{"doi": "10.5555/one", "title": "A Thing"}, {"ids": {"pmid": 77}, "pmid": "77"},
            {"id": "x", "DOI": "10.5555/two"}]"#;
        let bibtex = exported(json, Target::Bibtex);
        for part in ["@misc{work,", "doi = {10.5555/one}", "@misc{work-2,", "pmid = {77}", "@misc{x,"] {
            assert!(bibtex.contains(part), "{part}: {bibtex}");
        }
        let ris = exported(json, Target::Ris);
        for part in ["DO  - 10.5555/one\n", "AN  - 77\n", "DO  - 10.5555/two\n"] {
            assert!(ris.contains(part), "{part}: {ris}");
        }
        let preprint = "@misc{p, title = {On it}, eprint = {2101.00001}, archiveprefix = {arXiv}}";
        let ris = exported(preprint, Target::Ris);
        assert!(ris.contains("UR  - https://arxiv.org/abs/2101.00001\n"), "{ris}");
        assert_eq!(exported(preprint, Target::Bibtex), preprint);
    }
}
