//! XML: EndNote's and PubMed's exports, MODS, Word's sources, Europe PMC's answers, arXiv's feeds and Dublin Core.

use tierfall_ids::IdKind;

use super::mods::Mods;
use super::tagged::says_its_kind;
use crate::beginning::Beginning;
use crate::entry::{EntryError, InputEntry};
use crate::fields::{self, Field};
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;
use crate::xml::{self, Open};

pub(crate) const XML: FormatSpec = FormatSpec {
    names: &["xml", "endnote-xml", "pubmed-xml", "mods"],
    extensions: &["xml"],
    sure: true,
    looks,
    open: |_| Ok(Box::new(Xml { any: false })),
};

/// Elements that are a record each.
const RECORDS: [&str; 7] =
    ["record", "PubmedArticle", "PubmedBookArticle", "mods", "Source", "result", "entry"];

fn looks(beginning: &Beginning<'_>) -> bool {
    const ROOTS: [&str; 10] = [
        "<records",
        "<record>",
        "<PubmedArticle",
        "<PubmedBook",
        "<mods",
        "Sources",
        "<responseWrapper",
        "http://www.w3.org/2005/Atom",
        "<OAI-PMH",
        "<resultList",
    ];
    let head = || beginning.lines().take(12);
    beginning.first().starts_with('<') && head().any(|line| ROOTS.iter().any(|root| line.contains(root)))
}

struct Xml {
    any: bool,
}

impl Parse for Xml {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        let Some(snippet) = xml::next_of(&RECORDS, None, || lines.piece(b'>')) else {
            let message = "it has no record that is known: of EndNote, PubMed, MODS, Word, Europe PMC, arXiv or Dublin Core";
            return (!std::mem::replace(&mut self.any, true)).then(|| Err(EntryError::new(1, message)));
        };
        self.any = true;
        let snippet = match snippet {
            Ok(snippet) => snippet,
            Err(bad) => return Some(Err(bad)),
        };
        let mut record = Record::default();
        let mut accession = None;
        let mut from_pubmed = false;
        let mut mods = Mods::default();
        let mut others = Others::default();
        xml::each(&snippet.text, |path, text| {
            let Some(own) = path.last() else { return };
            if path.first().is_some_and(|record| record.name == "mods") {
                return mods.read(&mut record, path, text.trim());
            }
            match own.name.as_str() {
                "accession-num" => accession = Some(text.trim().to_owned()),
                "remote-database-name" | "remote-database-provider" | "database" => {
                    let database = text.to_ascii_lowercase();
                    from_pubmed |= ["pubmed", "medline", "nlm"].iter().any(|name| database.contains(name));
                }
                _ => read(&mut record, &mut others, path, own, text.trim()),
            }
        });
        mods.finish(&mut record);
        others.finish(&mut record);
        if let Some(accession) = accession {
            if from_pubmed {
                record.add(Field::Id(IdKind::Pmid), &accession);
            } else if says_its_kind(&accession) {
                record.add(Field::Any, &accession);
            }
        }
        Some(record.into_entry(snippet.line, "the record"))
    }
}

/// What PubMed says of the original of a translated title, and of the book that a record is in: it counts where
/// the record says nothing of its own.
#[derive(Default)]
struct Others {
    original: String,
    book: String,
    year: String,
    authors: Vec<String>,
}

impl Others {
    fn read(&mut self, path: &[Open], parent: &str, own: &Open, text: &str) {
        let by_authors =
            || path.iter().any(|open| open.name == "AuthorList" && open.attribute("Type") == Some("authors"));
        match (parent, own.name.as_str()) {
            ("Book", "BookTitle") => text.clone_into(&mut self.book),
            ("PubDate", "Year") => text.clone_into(&mut self.year),
            ("Author", "LastName" | "CollectiveName") if by_authors() => self.authors.push(text.to_owned()),
            _ => {}
        }
    }

    fn finish(self, record: &mut Record) {
        record.add(Field::Title, &self.original);
        if record.facts.title.is_none() {
            self.authors.iter().for_each(|name| record.author(name));
        }
        record.add(Field::Title, &self.book);
        record.add(Field::Year, &self.year);
    }
}

/// What an element says, by its name and by what it is in.
fn read(record: &mut Record, others: &mut Others, path: &[Open], own: &Open, text: &str) {
    let within = |name: &str| path.iter().any(|open| open.name == name);
    let parent = path
        .len()
        .checked_sub(2)
        .and_then(|at| path.get(at))
        .map(|open| open.name.as_str())
        .unwrap_or_default();
    // What a work cites or is part of is not the work.
    if ["ReferenceList", "CommentsCorrectionsList"].iter().any(|other| within(other)) {
        return;
    }
    if within("Book") {
        return others.read(path, parent, own, text);
    }
    match (parent, own.name.as_str()) {
        (_, "electronic-resource-num") => record.add(Field::Any, text),
        ("related-urls" | "web-urls", "url") => record.add(Field::Id(IdKind::Url), text),
        ("pdf-urls" | "image-urls", _) => {}
        (_, "custom1" | "custom2" | "custom3" | "custom4" | "custom7") if says_its_kind(text) => {
            record.add(Field::Any, text)
        }
        (_, "notes" | "research-notes") => record.add(Field::Note, text),
        ("titles", "title") => record.add(Field::Title, text),
        ("titles", _) => {}
        ("authors", "author") => record.author(text),
        ("MedlineCitation" | "BookDocument", "PMID") => record.add(Field::Id(IdKind::Pmid), text),
        ("ArticleIdList", "ArticleId") => {
            let kind = own.attribute("IdType").and_then(fields::named);
            if let Some(field @ Field::Id(_)) = kind {
                record.add(field, text);
            }
        }
        (_, "ELocationID")
            if own.attribute("EIdType") == Some("doi") && own.attribute("ValidYN") != Some("N") =>
        {
            record.add(Field::Id(IdKind::Doi), text);
        }
        ("Article" | "BookDocument", "ArticleTitle") if !text.starts_with("[Not Available]") => {
            record.add(Field::Title, text)
        }
        ("Article", "VernacularTitle") => text.clone_into(&mut others.original),
        ("Author", "LastName" | "CollectiveName") if within("AuthorList") => record.author(text),
        ("PubDate", "Year" | "MedlineDate") | ("dates", "year") => record.add(Field::Year, text),
        ("Pagination", "MedlinePgn") => record.add(Field::Pages, text),
        ("Person", "Last") => record.author(text),
        ("author", "name") | ("dc", "creator") => record.author(text),
        ("dc", "identifier") => record.add(Field::Any, text),
        ("dc", "title") => record.add(Field::Title, text),
        ("dc", "date") => record.add(Field::Year, text),
        ("record", "pages") => record.add(Field::Pages, text),
        ("record", _) => {}
        // Leaves of records that name their fields as tables do.
        ("result" | "entry" | "Source", name) if path.len() == 2 => {
            if let Some(field) = fields::named(name).filter(|field| *field != Field::Authors) {
                record.add(field, text);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn endnote_is_read_whether_it_has_lines_or_not() {
        let source = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><xml><records><record><database name=\"x.enl\">x.enl</database>\
            <contributors><authors><author><style face=\"normal\">Doe, Jane</style></author><author>Roe, R.</author></authors></contributors>\
            <titles><title><style face=\"normal\">A title &amp; </style><style face=\"italic\">more</style></title><secondary-title>J</secondary-title></titles>\
            <pages><style>1-8</style></pages><dates><year><style>2020</style></year></dates>\
            <electronic-resource-num><style>10.5555/a</style></electronic-resource-num>\
            <urls><related-urls><url>https://example.org/a</url></related-urls></urls></record>\n\
            <record><titles><title>From PubMed</title></titles><accession-num>17000001</accession-num><remote-database-name>Medline</remote-database-name><custom2>PMC12</custom2></record>\
            <record><titles><title>Neither</title></titles><accession-num>WOS:0001</accession-num></record></records></xml>";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.5555/a => doi:10.5555/a | A title & more | Doe; Roe | 2020 | 8 pages | https://example.org/a
        2: 17000001 => pmid:17000001 pmcid:PMC12 | From PubMed
        2! the record, “Neither”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn pubmed_is_read_without_what_a_work_cites() {
        let source = "<?xml version=\"1.0\" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC \"x\" \"y\">\n<PubmedArticleSet>\n<PubmedArticle>\n<MedlineCitation Status=\"MEDLINE\">\n\
            <PMID Version=\"1\">17000001</PMID>\n<Article><Journal><JournalIssue><PubDate><Year>2020</Year></PubDate></JournalIssue></Journal><ArticleTitle>A <i>title</i></ArticleTitle><Pagination><MedlinePgn>11-8</MedlinePgn></Pagination>\
            <ELocationID EIdType=\"doi\" ValidYN=\"Y\">10.5555/a</ELocationID><AuthorList><Author><LastName>Doe</LastName></Author></AuthorList></Article>\n\
            <CommentsCorrectionsList><CommentsCorrections><PMID>17000009</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation>\n\
            <PubmedData><ArticleIdList><ArticleId IdType=\"pubmed\">17000001</ArticleId><ArticleId IdType=\"pmc\">PMC12</ArticleId></ArticleIdList>\
            <ReferenceList><Reference><ArticleIdList><ArticleId IdType=\"doi\">10.5555/cited</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData>\n</PubmedArticle>\n</PubmedArticleSet>\n";
        insta::assert_snapshot!(read(source, None, None), @r#"4: 10.5555/a => doi:10.5555/a pmid:17000001 pmcid:PMC12 | A title | Doe | 2020 | 8 pages"#);
    }

    #[test]
    fn a_book_of_pubmed_and_a_title_that_was_not_translated_are_known() {
        let book = "<Book><Publisher><PublisherName>P</PublisherName></Publisher><BookTitle book=\"x\">A book</BookTitle><PubDate><Year>2001</Year></PubDate>\
            <AuthorList Type=\"authors\"><Author><LastName>Doe</LastName></Author></AuthorList><AuthorList Type=\"editors\"><Author><LastName>Poe</LastName></Author></AuthorList>\
            <CollectionTitle book=\"y\">C</CollectionTitle></Book>";
        let source = format!(
            "<PubmedBookArticleSet>\n<PubmedBookArticle><BookDocument><PMID>17000001</PMID>{book}</BookDocument></PubmedBookArticle>\n\
            <PubmedBookArticle><BookDocument><PMID>17000002</PMID>{book}<ArticleTitle book=\"x\">A chapter</ArticleTitle>\
            <AuthorList Type=\"authors\"><Author><LastName>Roe</LastName></Author></AuthorList></BookDocument></PubmedBookArticle></PubmedBookArticleSet>"
        );
        insta::assert_snapshot!(read(&source, None, None), @r#"
        2: 17000001 => pmid:17000001 | A book | Doe | 2001
        3: 17000002 => pmid:17000002 | A chapter | Roe | 2001
        "#);
        let source = "<PubmedArticle><MedlineCitation><PMID>17000001</PMID><Article><ArticleTitle>[Not Available].</ArticleTitle><VernacularTitle>Ein Titel</VernacularTitle></Article></MedlineCitation></PubmedArticle>";
        insta::assert_snapshot!(read(source, None, None), @r#"1: 17000001 => pmid:17000001 | Ein Titel"#);
    }

    #[test]
    fn xml_of_another_kind_is_not_read_line_by_line() {
        let source = "<?xml version=\"1.0\"?>\n<doi_records>\n<doi>10.5555/a</doi>\n<ref>10.5555/cited</ref>\n</doi_records>\n";
        insta::assert_snapshot!(read(source, None, None), @r#"1! it has no record that is known: of EndNote, PubMed, MODS, Word, Europe PMC, arXiv or Dublin Core"#);
        for (source, xml) in [
            ("<doi_records>\n<doi>10.5555/cited</doi>\n", true),
            ("<m:record xmlns:m=\"http://example.org/\">\n", true),
            ("<PMC12>\n", false),
            ("<ol>\n<li>10.5555/a</li>\n</ol>\n", false),
            ("<pmid:17000001>\n", false),
        ] {
            assert_eq!(
                read(source, None, None).contains("record"),
                xml,
                "{source}: {}",
                read(source, None, None)
            );
        }
        insta::assert_snapshot!(read("<https://doi.org/10.5555/a>\n", None, None), @r#"1: <https://doi.org/10.5555/a> => doi:10.5555/a"#);
    }

    #[test]
    fn other_records_name_their_fields() {
        for (source, id) in [
            (
                "<modsCollection><mods><titleInfo><title>T</title></titleInfo><identifier type=\"doi\">10.5555/a</identifier><relatedItem><identifier type=\"doi\">10.5555/book</identifier></relatedItem></mods></modsCollection>",
                "doi:10.5555/a | T",
            ),
            (
                "<b:Sources xmlns:b=\"x\"><b:Source><b:Title>T</b:Title><b:DOI>10.5555/a</b:DOI></b:Source></b:Sources>",
                "doi:10.5555/a | T",
            ),
            (
                "<responseWrapper><resultList><result><pmid>17000001</pmid><doi>10.5555/a</doi><title>T</title></result></resultList></responseWrapper>",
                "doi:10.5555/a pmid:17000001 | T",
            ),
            (
                "<feed xmlns=\"http://www.w3.org/2005/Atom\"><id>x</id><entry><id>http://arxiv.org/abs/2101.00001v1</id><title>T</title></entry></feed>",
                "arxiv:2101.00001v1 doi:10.48550/arxiv.2101.00001 | T",
            ),
            (
                "<OAI-PMH><record><metadata><oai_dc:dc><dc:title>T</dc:title><dc:identifier>https://doi.org/10.5555/a</dc:identifier></oai_dc:dc></metadata></record></OAI-PMH>",
                "doi:10.5555/a | T",
            ),
        ] {
            let read = read(source, None, None);
            assert!(read.contains(id), "{source}: {read}");
        }
    }

    #[test]
    fn what_xml_can_do_to_a_reader_it_does_not_do() {
        let bomb = "<!DOCTYPE xml [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><xml><records><record><titles><title>&b;T</title></titles><electronic-resource-num>10.5555/a</electronic-resource-num></record></records></xml>";
        insta::assert_snapshot!(read(bomb, None, None), @r#"1: 10.5555/a => doi:10.5555/a | T"#);
        let deep = format!(
            "<xml><records>\n<record>{}</record>\n<record><electronic-resource-num>10.5555/a</electronic-resource-num></record>",
            "<a>".repeat(200_000)
        );
        insta::assert_snapshot!(read(&deep, None, None), @r#"
        2! the record has no identifier
        3: 10.5555/a => doi:10.5555/a
        "#);
        let long = format!(
            "<xml><records>\n<record>{}</record>\n<record><electronic-resource-num>10.5555/a</electronic-resource-num></record><record>",
            "<a>x</a>".repeat(200_000)
        );
        insta::assert_snapshot!(read(&long, None, None), @r#"
        2! the record is longer than 1 MiB, and is left out
        3: 10.5555/a => doi:10.5555/a
        3! the record has no end
        "#);
        insta::assert_snapshot!(read("<nothing/>", Some(Format::Xml), None), @r#"1! it has no record that is known: of EndNote, PubMed, MODS, Word, Europe PMC, arXiv or Dublin Core"#);
    }
}
