//! JSON: one object a line, an array, or one object after the other; works as OpenAlex, Crossref, CSL,
//! Semantic Scholar and others write them, or any object that has a `doi` or an `id`; strings that are identifiers.

mod document;
mod value;
mod work;

use std::collections::VecDeque;

use serde_json::{Map, Value};

use self::document::Document;
use crate::beginning::Beginning;
use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::{Line, Lines};
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;

pub(crate) const JSON: FormatSpec = FormatSpec {
    names: &["json", "jsonl", "ndjson", "csl"],
    extensions: &["json", "jsonl", "ndjson"],
    sure: true,
    looks,
    open: |_| Ok(Box::new(Json::default())),
};

/// A list may begin with a bracket as well: `[1] Doe J. …`.
fn looks(beginning: &Beginning<'_>) -> bool {
    let first = beginning.first();
    match first.strip_prefix('[') {
        Some(rest) => rest.trim_start().is_empty() || rest.trim_start().starts_with(['{', '[', '"', ']']),
        None => first.starts_with('{'),
    }
}

#[derive(Default)]
struct Json {
    layout: Option<Layout>,
    /// Works that were read and not yet returned: an API's answer holds a page of them.
    found: VecDeque<(u64, Map<String, Value>)>,
}

enum Layout {
    Lines,
    Document(Document),
}

impl Parse for Json {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            if let Some((line, work)) = self.found.pop_front() {
                let entry = work::record(&work).into_entry(line, &work::name(&work));
                // An object that says nothing of a work is no record of one.
                return Some(entry.map_err(|error| EntryError { whole: error.described.is_some(), ..error }));
            }
            let value = match self.layout.get_or_insert_with(|| layout(lines)) {
                Layout::Lines => match lines.next()? {
                    Ok(line) if line.text.trim().is_empty() => continue,
                    other => other,
                },
                Layout::Document(document) => document.value(lines)?,
            };
            let line = match value {
                Ok(line) => line,
                Err(bad) => return Some(Err(bad)),
            };
            match value::parse(line.text.trim().trim_end_matches(',')) {
                Ok(Value::Object(object)) => {
                    self.found.extend(work::works(object).into_iter().map(|work| (line.number, work)));
                }
                Ok(Value::String(id)) => {
                    let mut record = Record::default();
                    record.add(Field::Work, &id);
                    return Some(record.into_entry(line.number, "the string"));
                }
                Ok(Value::Array(list)) if list.iter().all(|item| item.is_object() || item.is_string()) => {
                    let works = list.into_iter().flat_map(|item| match item {
                        Value::Object(object) => work::works(object),
                        other => vec![Map::from_iter([("workid".to_owned(), other)])],
                    });
                    self.found.extend(works.map(|work| (line.number, work)));
                }
                Ok(_) => return Some(Err(EntryError::new(line.number, "it is JSON, but not an object"))),
                Err(error) => {
                    let at = line.number + error.line().saturating_sub(1) as u64;
                    let error = error.to_string();
                    // serde_json's own position counts from the beginning of the object.
                    let problem = error.split(" at line ").next().unwrap_or(&error);
                    return Some(Err(EntryError::new(at, format!("it is not JSON: {problem}"))));
                }
            }
        }
    }
}

/// One value a line if the first line is a whole one, or if the second begins another object.
fn layout(lines: &mut Lines) -> Layout {
    let mut ahead = Vec::new();
    while ahead.len() < 2 {
        match lines.next() {
            Some(Ok(line)) if line.text.trim().is_empty() => {}
            Some(Ok(line)) => ahead.push(line),
            _ => break,
        }
    }
    let whole = |line: &Line| serde_json::from_str::<serde::de::IgnoredAny>(&line.text).is_ok();
    let array = ahead.first().is_some_and(|line| line.text.trim_start().starts_with('['));
    let by_line = !array
        && (ahead.first().is_some_and(whole) || ahead.get(1).is_some_and(|line| line.text.starts_with('{')));
    lines.put_back(ahead);
    if by_line { Layout::Lines } else { Layout::Document(Document::default()) }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    fn json(source: &str) -> String {
        read(source, Some(Format::Json), None)
    }

    #[test]
    fn lines_of_openalex_crossref_csl_and_others_are_works() {
        let source = r#"{"id":"https://openalex.org/W2","doi":"https://doi.org/10.1371/A","display_name":"T","title":"T","publication_year":2007,"ids":{"openalex":"https://openalex.org/W2","mag":"2","pmid":"https://pubmed.ncbi.nlm.nih.gov/17375194","pmcid":"https://www.ncbi.nlm.nih.gov/pmc/articles/1817752"},"authorships":[{"author":{"display_name":"Heather Piwowar"}}],"biblio":{"volume":"2","first_page":"11","last_page":"18"},"locations":[{"landing_page_url":"https://doi.org/10.1371/a"},{"landing_page_url":null},{"landing_page_url":"https://example.org/a"},{"landing_page_url":"http://arxiv.org/abs/2101.00001"}]}
{"id":"https://openalex.org/W3","doi":null,"title":null,"type":"article","ids":{"openalex":"https://openalex.org/W3"},"authorships":[],"biblio":{"first_page":null,"last_page":null},"locations":[]}
{"DOI":"10.1371/B","URL":"https://doi.org/10.1371/b","title":["T","U"],"author":[{"given":"Heather","family":"Piwowar"},{"name":"A Group"}],"issued":{"date-parts":[[2007,3]]},"page":"1-8","resource":{"primary":{"URL":"https://example.org/b"}}}
{"id":"http://zotero.org/users/1/items/X","type":"article-journal","title":"CSL","DOI":"10.1371/c","PMID":"17375194","author":[{"family":"Day","given":"R."},{"literal":"WHO"}],"issued":{"raw":"March 2007"},"number-of-pages":"12"}
{"id":"http://zotero.org/users/1/items/Y","type":"book","title":"CSL without an identifier"}
{"paperId":"x","externalIds":{"DOI":"10.1371/D","ArXiv":"2101.00001","CorpusId":5},"title":"S2","authors":[{"authorId":"1","name":"A B"}],"year":2021}
{"doi":"10.1371/e"}

{"id":"PMC12"}
{"id":12345678}
{"id":"https://example.org/x"}
"10.1371/f"
17
{"doi":"10.1371/g"},
{"doi":"10.1371/h"
{"nothing":1}
"#;
        insta::assert_snapshot!(json(source), @r#"
        1: https://doi.org/10.1371/A => doi:10.1371/a pmid:17375194 pmcid:PMC1817752 openalex:W2 arxiv:2101.00001 | T | Heather Piwowar | 2007 | 8 pages | https://example.org/a
        2: https://openalex.org/W3 => openalex:W3
        3: 10.1371/B => doi:10.1371/b | T | Piwowar; A Group | 2007 | 8 pages | https://example.org/b
        4: 10.1371/c => doi:10.1371/c pmid:17375194 | CSL | Day; WHO | 2007 | 12 pages
        5! the object `http://zotero.org/users/1/items/Y`, “CSL without an identifier”, has no identifier, and neither authors nor a year to find its title by
        6: 10.1371/D => doi:10.1371/d arxiv:2101.00001 | S2 | A B | 2021
        7: 10.1371/e => doi:10.1371/e
        9: PMC12 => pmcid:PMC12
        10: 12345678 => pmid:12345678
        11: https://example.org/x => url:https://example.org/x | https://example.org/x
        12: 10.1371/f => doi:10.1371/f
        13! it is JSON, but not an object
        14: 10.1371/g => doi:10.1371/g
        15! it is not JSON: EOF while parsing an object
        16! the object has no identifier
        "#);
    }

    #[test]
    fn arrays_and_indented_objects_are_read_one_by_one() {
        let source = "[\n  {\n    \"DOI\": \"10.1371/a\",\n    \"title\": \"a ] } \\\" b\"\n  },\n  {\"DOI\": \"10.1371/b\"}, {\"DOI\": \"10.1371/c\"}\n]\n";
        insta::assert_snapshot!(json(source), @r#"
        2: 10.1371/a => doi:10.1371/a | a ] } " b
        6: 10.1371/b => doi:10.1371/b
        6: 10.1371/c => doi:10.1371/c
        "#);
    }

    #[test]
    fn a_broken_object_costs_only_itself() {
        let source = "[\n  {\n    \"DOI\": \"10.1371/a,\n    \"author\": [\n      {\"family\": \"X\"}\n    ]\n  },\n  {\n    \"DOI\": 10.1371\n  },\n  {\"DOI\": \"10.1371/b\"}\n]\n";
        insta::assert_snapshot!(json(source), @r#"
        2! the object is broken: a string or a bracket is not closed
        8! `10.1371` is not a DOI: there is no slash between its prefix and its suffix; expected something like 10.1371/journal.pone.0000308
        11: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\"doi\": \"10.1371/a\"\n{\"doi\": \"10.1371/b\"}\n"), @r#"
        1! it is not JSON: EOF while parsing an object
        2: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\n \"doi\": \"10.1371/a\"\n"), @r#"1! the object has no end"#);
    }

    #[test]
    fn services_and_libraries_are_read_in_their_own_words() {
        let source = r#"{"corpusid":1,"externalids":{"DOI":"10.5555/a","PubMed":null},"title":"S2ORC","year":2001}
{"resultList":{"result":[{"id":"17000008","source":"MED","pmid":"17000008","doi":"10.5555/b","title":"Europe PMC","pubYear":"2007","authorString":"A B, C D."}]}}
{"data":[{"lens_id":"1","title":"Lens","year_published":2020,"external_ids":[{"type":"doi","value":"10.5555/c"},{"type":"magid","value":"1"},{"type":"pmid","value":"17000001"}],"authors":[{"last_name":"Doe"}]}],"total":1}
{"total":2,"data":[{"paperId":"x","externalIds":{"ArXiv":"2101.00001"},"title":"A list of papers"},{"citedPaper":{"paperId":"y","externalIds":{"DOI":"10.5555/d"},"title":"Cited"}}]}
{"key":"X","version":1,"library":{"type":"user","id":1,"name":"n"},"data":{"key":"X","itemType":"journalArticle","title":"Zotero","creators":[{"lastName":"Doe","firstName":"J"}],"date":"2020-01","DOI":"10.5555/e","extra":"PMID: 17000002"}}
{"data":{"id":"10.5555/f","type":"dois","attributes":{"doi":"10.5555/f","titles":[{"title":"DataCite"}],"publicationYear":2019}}}
{"results":[{"id":"abc","bibjson":{"title":"DOAJ","identifier":[{"type":"doi","id":"10.5555/g"},{"type":"eissn","id":"1234-5678"}]}}]}
{"hits":{"hits":[{"id":1,"metadata":{"titles":[{"title":"INSPIRE"}],"dois":[{"value":"10.5555/h"}],"arxiv_eprints":[{"value":"2101.00002"}]}}],"total":1}}
{"result":{"uids":["17000003"],"17000003":{"uid":"17000003","title":"PubMed","articleids":[{"idtype":"pubmed","value":"17000003"},{"idtype":"doi","value":"10.5555/i"}]}}}
{"10.5555/k":{"title":"By its key"}}
{"id":12345678,"type":"article-journal","title":"A number of a library"}
{"pmid":17000004.0,"title":"A number of a table"}
{"meta":{"count":0},"results":[]}
"#;
        insta::assert_snapshot!(json(source), @r#"
        1: 10.5555/a => doi:10.5555/a | S2ORC | 2001
        2: 10.5555/b => doi:10.5555/b pmid:17000008 | Europe PMC | A B; C D. | 2007
        3: 10.5555/c => doi:10.5555/c pmid:17000001 | Lens | Doe | 2020
        4: 2101.00001 => arxiv:2101.00001 doi:10.48550/arxiv.2101.00001 | A list of papers
        4: 10.5555/d => doi:10.5555/d | Cited
        5: 10.5555/e => doi:10.5555/e | Zotero | Doe | 2020
        6: 10.5555/f => doi:10.5555/f | DataCite | 2019
        7: 10.5555/g => doi:10.5555/g | DOAJ
        8: 10.5555/h => doi:10.5555/h arxiv:2101.00002 | INSPIRE
        9: 10.5555/i => doi:10.5555/i pmid:17000003 | PubMed
        10: 10.5555/k => doi:10.5555/k | By its key
        11! the object `12345678`, “A number of a library”, has no identifier, and neither authors nor a year to find its title by
        12: 17000004 => pmid:17000004 | A number of a table
        "#);
    }

    #[test]
    fn files_and_notes_of_a_library_are_no_works_and_editors_no_authors() {
        let source = r#"[{"key":"A","data":{"itemType":"bookSection","title":"T","creators":[{"creatorType":"editor","lastName":"Ed"},{"creatorType":"author","lastName":"Doe"},{"creatorType":"bookAuthor","name":"Poe"},{"creatorType":"author","name":"Things, Inc."}],"date":"2001"}},
{"key":"B","data":{"itemType":"attachment","title":"Full Text PDF","url":"https://example.org/a.pdf"}},
{"key":"C","data":{"itemType":"note","note":"<p>10.5555/n</p>"}},
{"itemType":"attachment","title":"Snapshot","url":"https://example.org/b"},
{"key":"D","data":{"itemType":"book","title":"U","creators":[{"creatorType":"editor","lastName":"Ed"}],"date":"2002"}}]"#;
        insta::assert_snapshot!(json(source), @r#"
        1: T =>  | T | Doe; Things, Inc. | 2001
        5: U =>  | U | 2002
        "#);
    }

    #[test]
    fn an_item_of_a_list_that_says_nothing_is_not_lost() {
        let source = r#"{"config":{"id":"x"},"items":[{"itemID":1,"itemType":"book","title":"T","creators":[{"creatorType":"author","lastName":"Doe"}]},
            {"itemID":2,"itemType":"book","DOI":"10.5555/b"},{"itemID":3,"citationKey":"poe","itemType":"book","creators":[{"creatorType":"author","lastName":"Poe"}]},{"itemID":4,"itemType":"attachment","title":"x"},{"itemID":5,"citationKey":"moe","itemType":"book","extra":["Note"]}]}"#;
        insta::assert_snapshot!(json(source), @r#"
        1: T =>  | T | Doe
        1: 10.5555/b => doi:10.5555/b
        1! the object `poe` has no identifier
        1! the object `moe` has no identifier
        "#);
    }

    #[test]
    fn dates_notes_and_preprints_are_read_as_libraries_write_them() {
        let source = r#"{"id":"a","type":"book","title":"A","issued":"2008-01","author":{"family":"Doe"}}
{"id":"b","type":"article","title":"B","issued":[{"year":2009}],"note":"PMID: 17000001\nPMCID: PMC12\nTo be read: 10.5555/z"}
{"itemType":"journalArticle","title":"C","extra":"Citation Key: c\nDOI: 10.5555/c\ntex.x: y"}
{"id":"d","type":"article","title":"D","number":"arXiv:2101.00001","publisher":"arXiv"}
{"itemType":"preprint","title":"E","repository":"arXiv","archiveID":"arXiv:2101.00002"}
{"id":"f","type":"article","title":"F","archive":"arXiv","archive_location":"2101.00003"}
{"id":"g","type":"report","title":"G","number":"2101.00004","note":"PMID: 17000001\nPMID: 17000002"}
"#;
        insta::assert_snapshot!(json(source), @r#"
        1: A =>  | A | Doe | 2008
        2: PMID: 17000001 => pmid:17000001 pmcid:PMC12 | B | 2009
        3: DOI: 10.5555/c => doi:10.5555/c | C
        4: arXiv:2101.00001 => arxiv:2101.00001 doi:10.48550/arxiv.2101.00001 | D
        5: arXiv:2101.00002 => arxiv:2101.00002 doi:10.48550/arxiv.2101.00002 | E
        6: 2101.00003 => arxiv:2101.00003 doi:10.48550/arxiv.2101.00003 | F
        7! the object `g`, “G”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn strings_are_identifiers() {
        insta::assert_snapshot!(json("[\"10.5555/a\", \"10.5555/b\",\n \"PMC12\", 7, \"nothing\"]"), @r#"
        1: 10.5555/a => doi:10.5555/a
        1: 10.5555/b => doi:10.5555/b
        2: PMC12 => pmcid:PMC12
        2! it is JSON, but neither an object nor a string
        2! `nothing` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        "#);
        insta::assert_snapshot!(json("[[\"10.5555/a\"]]"), @r#"1: 10.5555/a => doi:10.5555/a"#);
    }

    #[test]
    fn a_value_that_holds_too_much_is_given_up() {
        let long = format!(
            "{{\"doi\":\"10.5555/a\",\"x\":[{}0]}}\n{{\"doi\":\"10.5555/b\"}}\n",
            "0,".repeat(300_000)
        );
        insta::assert_snapshot!(json(&long), @r#"
        1! it is not JSON: it holds more than 200000 values
        2: 10.5555/b => doi:10.5555/b
        "#);
        let deep =
            format!("{{\"doi\":\"10.5555/a\",\"x\":{}\n{{\"doi\":\"10.5555/b\"}}\n", "[".repeat(300_000));
        insta::assert_snapshot!(json(&deep), @r#"
        1! it is not JSON: recursion limit exceeded
        2: 10.5555/b => doi:10.5555/b
        "#);
    }

    #[test]
    fn the_answer_of_an_api_holds_works() {
        insta::assert_snapshot!(json(r#"{"status":"ok","message":{"items":[{"DOI":"10.1371/a"},{"DOI":"10.1371/b"}]}}"#), @r#"
        1: 10.1371/a => doi:10.1371/a
        1: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\n\"meta\": {},\n\"results\": [\n{\"id\": \"https://openalex.org/W1\"}\n]}\n"), @r#"1: https://openalex.org/W1 => openalex:W1"#);
    }
}
