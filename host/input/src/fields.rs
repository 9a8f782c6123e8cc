//! The column and key names of identifiers and facts.

use tierfall_ids::IdKind;

/// What a column or a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// An identifier of the work, of any kind.
    Work,
    Id(IdKind),
    /// Called an identifier, but often only a number within the list.
    Any,
    /// Text that may hold identifiers with their kind beside them. Those of other works stand there too, so that it
    /// counts only where there is no better field.
    Note,
    Title,
    Authors,
    Year,
    /// From–to.
    Pages,
    FirstPage,
    LastPage,
    PageCount,
    /// What the list itself calls the work.
    Key,
}

/// By name, without regard to case, spaces and punctuation. The names are those of Scopus, Web of Science, Lens,
/// Dimensions, Embase, IEEE, Springer, PubMed, Publish or Perish, Zotero, EPPI, Covidence, Rayyan and ASReview.
pub(crate) fn named(name: &str) -> Option<Field> {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    // The tags of Web of Science; in lower case they are words.
    let tag = name.trim().trim_start_matches('\u{feff}');
    match tag {
        "DI" => return Some(Field::Id(IdKind::Doi)),
        "PM" => return Some(Field::Id(IdKind::Pmid)),
        "TI" => return Some(Field::Title),
        "AU" => return Some(Field::Authors),
        "PY" => return Some(Field::Year),
        "BP" => return Some(Field::FirstPage),
        "EP" => return Some(Field::LastPage),
        "PG" => return Some(Field::PageCount),
        _ => {}
    }
    Some(match plain.as_str() {
        "workid" => Field::Work,
        "doi"
        | "dois"
        | "articledoi"
        | "bookdoi"
        | "itemdoi"
        | "paperdoi"
        | "publicationdoi"
        | "originalpaperdoi"
        | "doilink"
        | "doiurl"
        | "doinumber"
        | "digitalobjectidentifier"
        | "digitalobjectidentifierdoi"
        | "idsdoi"
        | "externalidsdoi"
        | "crossrefdoi"
        | "doiid" => Field::Id(IdKind::Doi),
        "arxiv" | "arxivid" | "arxividentifier" | "externalidsarxiv" => Field::Id(IdKind::Arxiv),
        "pmid"
        | "pmids"
        | "pubmedid"
        | "pubmed"
        | "pubmedidentifier"
        | "medlinepmid"
        | "idspmid"
        | "externalidspubmed"
        | "originalpaperpubmedid" => Field::Id(IdKind::Pmid),
        "pmcid"
        | "pmcids"
        | "pmc"
        | "pubmedcentral"
        | "pubmedcentralid"
        | "idspmcid"
        | "externalidspubmedcentral" => Field::Id(IdKind::Pmcid),
        "openalex" | "openalexid" | "idsopenalex" => Field::Id(IdKind::Openalex),
        "url"
        | "urls"
        | "link"
        | "landingurl"
        | "landingpage"
        | "landingpageurl"
        | "articleurl"
        | "paperurl"
        | "pdflink"
        | "pdfurl"
        | "fulltexturl"
        | "fulltextlink"
        | "documenturl"
        | "externalurl"
        | "itemurl"
        | "primarylocationlandingpageurl" => Field::Id(IdKind::Url),
        "id" | "identifier" | "identifiers" | "accessionnumber" => Field::Any,
        "extra" | "note" | "notes" | "annotation" => Field::Note,
        "title" | "titles" | "displayname" | "articletitle" | "documenttitle" | "itemtitle"
        | "papertitle" | "primarytitle" => Field::Title,
        "authors" | "author" | "authornames" | "authorlist" => Field::Authors,
        "year" | "publicationyear" | "pubyear" | "publishedyear" | "yearpublished" | "datepublished"
        | "publicationdate" | "pubdate" | "date" => Field::Year,
        "pages" | "page" | "pagination" | "pagerange" => Field::Pages,
        "startpage" | "pagestart" | "firstpage" | "beginningpage" => Field::FirstPage,
        "endpage" | "pageend" | "lastpage" | "endingpage" => Field::LastPage,
        "numberofpages" | "pagecount" | "numpages" | "pagetotal" => Field::PageCount,
        "key" | "citekey" | "citationkey" | "bibtexkey" | "entrykey" => Field::Key,
        _ => return None,
    })
}

impl Field {
    /// Of several identifiers, the one with the lowest rank names the work. `None` for fields that hold none.
    pub(crate) fn rank(self) -> Option<u8> {
        Some(match self {
            Self::Work => 0,
            Self::Id(IdKind::Doi) => 1,
            Self::Id(IdKind::Arxiv) => 2,
            Self::Id(IdKind::Pmid) => 3,
            Self::Id(IdKind::Pmcid) => 4,
            Self::Id(IdKind::Openalex) => 5,
            Self::Any => 6,
            Self::Id(IdKind::Url) => 7,
            Self::Note
            | Self::Title
            | Self::Authors
            | Self::Year
            | Self::Pages
            | Self::FirstPage
            | Self::LastPage
            | Self::PageCount
            | Self::Key => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_many_names() {
        assert_eq!(named("PubMed ID"), Some(Field::Id(IdKind::Pmid)));
        assert_eq!(named("arxiv_id"), Some(Field::Id(IdKind::Arxiv)));
        assert_eq!(named("\u{feff}DOI"), Some(Field::Id(IdKind::Doi)));
        assert_eq!(named("Item DOI"), Some(Field::Id(IdKind::Doi)));
        assert_eq!(named("Author(s)"), Some(Field::Authors));
        assert_eq!(named("DI"), Some(Field::Id(IdKind::Doi)));
        assert_eq!(named("Page start"), Some(Field::FirstPage));
        assert_eq!(named("di"), None);
        assert_eq!(named("abstract"), None);
    }
}
