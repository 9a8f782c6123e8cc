//! Which of the files of a deposit is the work itself.

use tierfall_sdk::{WorkId, url};

/// The files of a deposit that may be the work: its PDFs, without those whose names say that they
/// accompany it. Words that a title may hold as well (`Land cover change.pdf`) count only where another PDF
/// is left.
pub fn of_the_work<T>(files: impl IntoIterator<Item = (String, T)>) -> Vec<T> {
    let (beside, of_the_work): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(|(name, _)| is_pdf(name) && !has_word(name, ALWAYS_BESIDE))
        .partition(|(name, _)| has_word(name, OFTEN_BESIDE));
    let chosen = if of_the_work.is_empty() { beside } else { of_the_work };
    chosen.into_iter().map(|(_, file)| file).collect()
}

/// Whether this is the name of a PDF.
pub fn is_pdf(name: &str) -> bool {
    name.trim().to_ascii_lowercase().ends_with(".pdf")
}

/// Whether a title is that of something that accompanies a work.
pub fn accompanies(title: &str) -> bool {
    has_word(title, ALWAYS_BESIDE) || has_word(title, OFTEN_BESIDE)
}

/// Words in the names of files that are never the work. A `*` stands for any ending.
const ALWAYS_BESIDE: &[&str] = &[
    "coverletter",
    "esm",
    "graphicalabstract",
    "moesm",
    "readme",
    "supp",
    "suppinfo",
    "suppl",
    "supplement*",
];

/// Words in the names of files that accompany a work, which its title may hold too.
const OFTEN_BESIDE: &[&str] = &[
    "additional",
    "appendix",
    "checklist",
    "codebook",
    "cover",
    "poster",
    "presentation",
    "questionnaire",
    "slides",
    "sm",
    "supporting",
];

/// Whether a name holds one of some words, with or without a number at the word's end.
fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric()).any(|part| {
        let part = part.trim_end_matches(|c: char| c.is_ascii_digit());
        words.iter().any(|word| match word.strip_suffix('*') {
            Some(beginning) => part.starts_with(beginning),
            None => part == *word,
        })
    })
}

/// Whether a URL looks like a file rather than a page about one.
pub fn looks_like_file(link: &str) -> bool {
    let path = url::path(link).to_ascii_lowercase();
    let after_host = url::after_host(link).to_ascii_lowercase();
    is_pdf(&path)
        || ["/pdf/", "/download", "/bitstream", "/content/pdf", "/file/", "/files/"]
            .iter()
            .any(|part| path.contains(part))
        || path.ends_with("/pdf")
        || path.ends_with("/document")
        || after_host.contains("pdf=render")
        || after_host.contains("type=pdf")
}

/// The PDF behind a page of arXiv, which aggregators give where they mean the file.
pub fn arxiv_pdf(link: &str) -> Option<String> {
    if !url::host(link)?.ends_with("arxiv.org") || !url::path(link).starts_with("/abs/") {
        return None;
    }
    let id = WorkId::read_arxiv(link)?;
    Some(format!("https://arxiv.org/pdf/{}", id.value()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that are left of a deposit with these files.
    fn chosen(names: &[&'static str]) -> Vec<&'static str> {
        of_the_work(names.iter().map(|name| ((*name).to_owned(), *name)))
    }

    #[test]
    fn files_that_come_beside_the_work_are_told_apart_by_name() {
        for side in [
            "paper.docx",
            "Supplementary_Material.pdf",
            "supp-1.pdf",
            "suppl2.pdf",
            "Smith_SM.pdf",
            "Supporting Information.pdf",
            "41586_2020_MOESM1_ESM.pdf",
            "cover-letter.pdf",
            "slides.pdf",
            "Appendix A.pdf",
            "",
        ] {
            assert_eq!(
                chosen(&[side, "supply-chains.pdf", "Main Text.PDF"]),
                ["supply-chains.pdf", "Main Text.PDF"]
            );
        }
    }

    #[test]
    fn a_deposit_of_one_file_is_not_lost_over_a_word_of_its_title() {
        assert_eq!(chosen(&["data.csv", "Land cover change.pdf"]), ["Land cover change.pdf"]);
        assert!(chosen(&["data.csv", "supplementary.pdf"]).is_empty());
    }

    #[test]
    fn files_and_pages_are_told_apart_by_url() {
        for link in [
            "https://r.example/1/Paper.pdf?sequence=1",
            "https://r.example/bitstream/1/2/thesis",
            "https://r.example/article/download/1/2",
            "https://hal.example/hal-1/document",
            "https://epmc.example/articles/PMC1?pdf=render",
        ] {
            assert!(looks_like_file(link), "{link}");
        }
        for link in
            ["https://doi.org/10.1000/1", "https://r.example/handle/1/2", "https://r.example/pdfs.html"]
        {
            assert!(!looks_like_file(link), "{link}");
        }
    }

    #[test]
    fn a_page_of_arxiv_stands_for_its_pdf() {
        let pdf = Some("https://arxiv.org/pdf/2101.00001".to_owned());
        assert_eq!(arxiv_pdf("http://arxiv.org/abs/2101.00001"), pdf);
        assert_eq!(arxiv_pdf("https://arxiv.org/pdf/2101.00001"), None);
        assert_eq!(arxiv_pdf("https://r.example/abs/2101.00001"), None);
    }
}
