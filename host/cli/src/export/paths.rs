//! How programs write where a file is.

use std::path::{Component, Path, PathBuf};

/// Whose way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FileStyle {
    /// `:papers/works/a.pdf:PDF`
    #[default]
    Jabref,
    /// `Full Text PDF:papers/works/a.pdf:application/pdf`
    Zotero,
    /// `papers/works/a.pdf`
    Plain,
}

impl FileStyle {
    /// The value of a `file` field.
    pub fn field(self, path: &str) -> String {
        match self {
            Self::Jabref if is_xml(path) => format!(":{}:XML", escaped(path)),
            Self::Jabref => format!(":{}:PDF", escaped(path)),
            Self::Zotero if is_xml(path) => format!("Full Text XML:{}:application/xml", escaped(path)),
            Self::Zotero => format!("Full Text PDF:{}:application/pdf", escaped(path)),
            Self::Plain => path.to_owned(),
        }
    }
}

/// An article in XML, by the name that the store gives it.
pub fn is_xml(path: &str) -> bool {
    path.ends_with(".xml")
}

/// A file in a store, by its address.
pub fn is_object(file: &str) -> bool {
    tierfall::acquire::is_address(file) && !file.contains(char::is_control)
}

/// What separates the parts of such a field.
fn escaped(path: &str) -> String {
    path.replace('\\', "\\\\").replace(':', "\\:").replace(';', "\\;")
}

/// From where paths count.
#[derive(Clone, Debug)]
pub struct Paths {
    pub style: FileStyle,
    /// The output folder, absolute.
    out: PathBuf,
    /// The folder of the bibliography that is written, where paths can be relative to it.
    beside: Option<PathBuf>,
}

impl Paths {
    /// `beside`: the folder of the bibliography that is written. Paths count from it if the files are below it.
    pub fn new(style: FileStyle, out: &Path, beside: Option<&Path>) -> Self {
        let absolute = |path: &Path| {
            path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
        };
        Self { style, out: absolute(out), beside: beside.map(absolute) }
    }

    /// The path of a stored file, which counts from the output folder.
    pub fn path(&self, file: &str) -> String {
        if is_object(file) {
            return file.to_owned();
        }
        let file = self.out.join(file);
        let relative = self.beside.as_ref().and_then(|beside| file.strip_prefix(beside).ok());
        let path = relative.unwrap_or(&file);
        let honest = path.components().all(|part| !matches!(part, Component::ParentDir));
        // Programs on every system read slashes.
        if honest { path.to_string_lossy().replace('\\', "/") } else { file.to_string_lossy().into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_gets_its_own_way_of_writing_a_file() {
        let path = "papers/works/a:b;c.pdf";
        assert_eq!(FileStyle::Jabref.field(path), ":papers/works/a\\:b\\;c.pdf:PDF");
        assert_eq!(FileStyle::Zotero.field(path), "Full Text PDF:papers/works/a\\:b\\;c.pdf:application/pdf");
        assert_eq!(FileStyle::Plain.field(path), path);
        assert_eq!(FileStyle::Jabref.field("a.xml"), ":a.xml:XML");
        assert_eq!(FileStyle::Zotero.field("a.xml"), "Full Text XML:a.xml:application/xml");
    }

    #[test]
    fn paths_count_from_the_bibliography_if_the_files_are_below_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        let paths = |beside: Option<&Path>| Paths::new(FileStyle::Plain, &root.join("papers"), beside);
        assert_eq!(paths(Some(&root)).path("works/a.pdf"), "papers/works/a.pdf");
        let absolute = root.join("papers/works/a.pdf").to_string_lossy().into_owned();
        assert_eq!(paths(None).path("works/a.pdf"), absolute);
        assert_eq!(paths(Some(&root.join("elsewhere"))).path("works/a.pdf"), absolute);
    }
}
