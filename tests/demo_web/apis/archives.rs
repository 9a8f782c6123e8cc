//! The repositories and aggregators of the archive tier, and DOAJ.

use serde_json::{Value, json};

use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};

/// DOAJ's article search (<https://doaj.org/api/docs>).
pub fn doaj(record: &Record, link: &str) -> Reply {
    let doi = record.asked_doi().unwrap_or_default();
    let authors: Vec<Value> = record.names().iter().map(|name| json!({"name": name})).collect();
    doaj_found(
        record,
        &[json!({
            "id": "00000000000000000000000000005555",
            "created_date": "2025-01-01T00:00:00Z",
            "last_updated": "2025-01-01T00:00:00Z",
            "bibjson": {
                "title": record.title,
                "year": record.year.to_string(),
                "author": authors,
                "identifier": [{"type": "doi", "id": doi}, {"type": "eissn", "id": "0000-0000"}],
                "journal": {"title": record.journal, "publisher": record.publisher},
                "start_page": record.first_page.to_string(),
                "end_page": record.last_page().to_string(),
                "link": [{"type": "fulltext", "content_type": "PDF", "url": link}],
            },
        })],
    )
}

pub fn doaj_nothing(record: &Record) -> Reply {
    doaj_found(record, &[])
}

fn doaj_found(record: &Record, results: &[Value]) -> Reply {
    let query = format!("doi:{}", record.asked_doi().unwrap_or_default());
    Reply::json(&json!({
        "total": results.len(), "page": 1, "pageSize": 3, "timestamp": "2026-01-15T09:00:00Z", "query": query,
        "results": results,
    }))
}

/// CORE's search (<https://api.core.ac.uk/docs/v3>) with one work and where it can be downloaded.
pub fn core(record: &Record, download: &str) -> Reply {
    let authors: Vec<Value> =
        record.authors.iter().map(|(given, family)| json!({"name": format!("{family}, {given}")})).collect();
    core_found(&[json!({
        "id": 99_000_001,
        "doi": record.asked_doi(),
        "title": record.title,
        "authors": authors,
        "yearPublished": record.year,
        "publisher": record.publisher,
        "downloadUrl": download,
        "links": [
            {"type": "download", "url": download},
            {"type": "display", "url": "https://core.ac.uk/works/99000001"},
        ],
        "sourceFulltextUrls": [],
        "identifiers": [{"type": "DOI", "identifier": record.asked_doi()}],
    })])
}

pub fn core_nothing() -> Reply {
    core_found(&[])
}

fn core_found(results: &[Value]) -> Reply {
    Reply::json(&json!({"totalHits": results.len(), "limit": 3, "offset": 0, "results": results}))
}

/// Zenodo's records (<https://developers.zenodo.org/>), with the files of one.
pub fn zenodo(records: &[(&Record, &str, &str)]) -> Reply {
    let hits: Vec<Value> = records
        .iter()
        .map(|(record, id, key)| {
            let creators: Vec<Value> = record
                .authors
                .iter()
                .map(|(given, family)| json!({"name": format!("{family}, {given}"), "affiliation": null}))
                .collect();
            json!({
                "id": id.parse::<u64>().unwrap_or_default(),
                "doi": record.asked_doi(),
                "metadata": {
                    "title": record.title, "doi": record.asked_doi(), "creators": creators,
                    "publication_date": format!("{}-03-01", record.year),
                    "access_right": "open",
                    "license": {"id": "cc-by-4.0"},
                    "resource_type": {"type": "publication", "subtype": "article", "title": "Journal article"},
                },
                "links": {"self": format!("https://zenodo.org/api/records/{id}"), "self_html": format!("https://zenodo.org/records/{id}")},
                "files": [
                    {"id": "1", "key": "data.csv", "size": 512, "checksum": "md5:0",
                     "links": {"self": format!("https://zenodo.org/api/records/{id}/files/data.csv/content")}},
                    {"id": "2", "key": key, "size": 48000, "checksum": "md5:0",
                     "links": {"self": format!("https://zenodo.org/api/records/{id}/files/{key}/content")}},
                ],
            })
        })
        .collect();
    Reply::json(&json!({
        "hits": {"hits": hits, "total": hits.len()}, "aggregations": {}, "links": {"self": "https://zenodo.org/api/records"},
    }))
}

/// HAL's search (<https://api.archives-ouvertes.fr/docs/search>).
pub fn hal(records: &[(&Record, &str, &str)]) -> Reply {
    let docs: Vec<Value> = records
        .iter()
        .map(|(record, page, file)| {
            let label = format!(
                "{}. {}. {}, {}.",
                record.names().join(", "),
                record.title,
                record.journal,
                record.year
            );
            json!({
                "label_s": label, "uri_s": page, "fileMain_s": file, "files_s": [file], "title_s": [record.title],
                "doiId_s": record.asked_doi(), "docType_s": "ART", "producedDateY_i": record.year, "openAccess_bool": true,
            })
        })
        .collect();
    Reply::json(
        &json!({"response": {"numFound": docs.len(), "start": 0, "numFoundExact": true, "docs": docs}}),
    )
}

/// OSF's preprints (<https://developer.osf.io/>) found for a DOI; none here is found so.
pub fn osf_nothing() -> Reply {
    Reply::json(
        &json!({"data": [], "meta": {"version": "2.20", "total": 0}, "links": {"first": null, "next": null}}),
    )
}

/// One preprint of OSF; its file is a further request.
pub fn osf_preprint(record: &Record, guid: &str) -> Reply {
    let attributes = json!({
        "title": record.title,
        "doi": null,
        "is_published": true,
        "public": true,
        "date_withdrawn": null,
        "date_published": format!("{}-03-01T00:00:00", record.year),
    });
    let links = json!({
        "self": format!("https://api.osf.io/v2/preprints/{guid}/"),
        "html": format!("https://osf.io/preprints/osf/{guid}"),
        "preprint_doi": format!("https://doi.org/{}", record.asked_doi().unwrap_or_default()),
    });
    let file = format!("https://api.osf.io/v2/files/{guid}-file/");
    Reply::json(&json!({
        "data": {
            "id": guid,
            "type": "preprints",
            "attributes": attributes,
            "links": links,
            "relationships": {"primary_file": {
                "links": {"related": {"href": file, "meta": {}}},
                "data": {"id": format!("{guid}-file"), "type": "files"},
            }},
        },
        "meta": {"version": "2.20"},
    }))
}

/// The primary file of an OSF preprint.
pub fn osf_file(web: &mut Recording, guid: &str, name: &str) -> String {
    let download = format!("https://osf.io/download/{guid}-file/");
    let file = json!({
        "data": {
            "id": format!("{guid}-file"),
            "type": "files",
            "attributes": {"name": name, "kind": "file", "size": 48000},
            "links": {"download": download, "html": format!("https://osf.io/{guid}-file/")},
        },
    });
    web.get(&format!("https://api.osf.io/v2/files/{guid}-file/"), Reply::json(&file));
    download
}

/// Figshare's search finds an article (<https://docs.figshare.com/>); its files are another request.
pub fn figshare(web: &mut Recording, record: &Record, id: u64, file: u64) -> Reply {
    let download = format!("https://ndownloader.figshare.com/files/{file}");
    let found = json!({
        "id": id,
        "title": record.title,
        "doi": record.asked_doi(),
        "url": format!("https://api.figshare.com/v2/articles/{id}"),
        "url_public_html": format!("https://figshare.com/articles/journal_contribution/_/{id}"),
        "published_date": format!("{}-03-01T00:00:00Z", record.year),
    });
    let mut article = found.clone();
    article["license"] =
        json!({"value": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"});
    article["files"] = json!([
        {"id": file, "name": "manuscript.pdf", "size": 48000, "is_link_only": false, "download_url": download, "mimetype": "application/pdf"},
    ]);
    web.get(&format!("https://api.figshare.com/v2/articles/{id}"), Reply::json(&article));
    Reply::json(&json!([found]))
}

/// OpenAIRE's Graph API (<https://graph.openaire.eu/docs/apis/graph-api/>) with nothing found.
pub fn openaire_nothing() -> Reply {
    openaire_found(&[])
}

/// OpenAIRE's publication with one copy in one place.
pub fn openaire(record: &Record, url: &str) -> Reply {
    let pids = json!([{"scheme": "doi", "value": record.asked_doi()}]);
    let authors: Vec<Value> = record
        .authors
        .iter()
        .map(|(given, family)| json!({"fullName": format!("{family}, {given}"), "name": given, "surname": family}))
        .collect();
    openaire_found(&[json!({
        "id": "doi_dedup___::5555",
        "type": "publication",
        "mainTitle": record.title,
        "authors": authors,
        "publicationDate": format!("{}-03-01", record.year),
        "publisher": record.publisher,
        "pids": pids,
        "container": {"name": record.journal, "sp": record.first_page.to_string(), "ep": record.last_page().to_string()},
        "bestAccessRight": {"code": "c_abf2", "label": "OPEN"},
        "instances": [{
            "pids": pids,
            "type": "Article",
            "license": "CC BY",
            "accessRight": {"code": "c_abf2", "label": "OPEN"},
            "urls": [url],
        }],
    })])
}

fn openaire_found(results: &[Value]) -> Reply {
    Reply::json(
        &json!({"header": {"numFound": results.len(), "page": 1, "pageSize": 10}, "results": results}),
    )
}

/// DataCite's DOI (<https://support.datacite.org/docs/api>) with the URLs of its content.
pub fn datacite(record: &Record, content: &[&str]) -> Reply {
    let doi = record.asked_doi().unwrap_or_default();
    let creators: Vec<Value> = record
        .authors
        .iter()
        .map(|(given, family)| json!({"name": format!("{family}, {given}"), "nameType": "Personal", "givenName": given, "familyName": family}))
        .collect();
    Reply::json(&json!({"data": {
        "id": doi,
        "type": "dois",
        "attributes": {
            "doi": doi,
            "titles": [{"title": record.title}],
            "creators": creators,
            "publisher": record.publisher,
            "publicationYear": record.year,
            "types": {"resourceTypeGeneral": "JournalArticle"},
            "url": record.landing,
            "contentUrl": content,
            "rightsList": [{"rights": "Creative Commons Attribution 4.0", "rightsIdentifier": "cc-by-4.0"}],
            "relatedIdentifiers": [],
            "state": "findable",
        },
    }}))
}

pub fn datacite_unknown() -> Reply {
    Reply::json(
        &json!({"errors": [{"status": "404", "title": "The resource you are looking for doesn't exist."}]}),
    )
    .with_status(404)
}

/// A release of the Internet Archive's catalogue with one captured file.
pub fn fatcat(record: &Record, urls: &[(&str, &str)]) -> Reply {
    let urls: Vec<Value> = urls.iter().map(|(rel, url)| json!({"rel": rel, "url": url})).collect();
    Reply::json(&json!({
        "ident": "aaaaaaaaaaaaarceaaaaaaaafe",
        "state": "active",
        "title": record.title,
        "release_type": "article-journal",
        "release_stage": "published",
        "release_year": record.year,
        "pages": format!("{}-{}", record.first_page, record.last_page()),
        "ext_ids": {"doi": record.asked_doi()},
        "files": [{"ident": "aaaaaaaaaaaaarceaaaaaaaaff", "state": "active", "mimetype": "application/pdf", "size": 48000, "urls": urls}],
    }))
}

pub fn fatcat_unknown() -> Reply {
    Reply::json(&json!({"success": false, "error": "not-found", "message": "Not found: release"}))
        .with_status(404)
}
