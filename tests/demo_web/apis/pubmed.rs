//! PubMed Central, Europe PMC and arXiv.

use serde_json::{Value, json};

use crate::demo_web::record::Record;
use crate::demo_web::recording::Reply;

/// The id converter (<https://pmc.ncbi.nlm.nih.gov/tools/id-converter-api/>): the work is in PMC.
pub fn in_pmc(record: &Record) -> Reply {
    converted(&json!({
        "pmcid": record.pmcid, "pmid": record.pmid, "doi": record.asked_doi(), "requested-id": record.pmcid,
    }))
}

pub fn not_in_pmc(record: &Record) -> Reply {
    let id = record.asked_doi().or(record.pmid.map(str::to_owned));
    converted(&json!({"requested-id": id, "status": "error", "errmsg": "Identifier not found in PMC"}))
}

fn converted(record: &Value) -> Reply {
    Reply::json(&json!({
        "status": "ok",
        "responseDate": "2026-01-15 04:00:00",
        "request": {"echo": "format=json", "versions": "yes", "format": "json"},
        "records": [record],
    }))
}

/// What PMC's bucket of open articles says of one version: a text, and no PDF of its own.
pub fn in_bucket(record: &Record) -> Reply {
    let id = record.pmcid.unwrap_or_default();
    Reply::json(&json!({
        "pmcid": id, "version": 1, "pmid": record.pmid, "doi": record.asked_doi(), "title": record.title,
        "is_pmc_openaccess": true, "is_manuscript": false, "is_historical_ocr": false, "is_retracted": false,
        "license_code": "CC BY", "pdf_url": null, "media_urls": [],
        "xml_url": format!("s3://pmc-oa-opendata/{id}.1/{id}.1.xml?md5=00000000000000000000000000000000"),
        "text_url": format!("s3://pmc-oa-opendata/{id}.1/{id}.1.txt?md5=00000000000000000000000000000000"),
    }))
}

/// The bucket has no such record.
pub fn not_in_bucket() -> Reply {
    Reply::xml("<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
        .with_status(404)
}

/// The bucket's list of an article's versions.
pub fn versions(record: &Record, count: u32) -> Reply {
    let id = record.pmcid.unwrap_or("PMC0");
    let folders: String =
        (1..=count).map(|n| format!("<CommonPrefixes><Prefix>{id}.{n}/</Prefix></CommonPrefixes>")).collect();
    Reply::xml(&format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>pmc-oa-opendata</Name>\
         <Prefix>{id}.</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter>\
         <IsTruncated>false</IsTruncated>{folders}</ListBucketResult>"
    ))
}

/// Europe PMC's search (<https://europepmc.org/RestfulWebService>), `resultType=core`, with one article
/// and the URL of its PDF.
pub fn europe_pmc(record: &Record, pdf: Option<&str>) -> Reply {
    let mut urls = vec![json!({
        "availability": "Subscription required", "availabilityCode": "S", "documentStyle": "doi", "site": "DOI",
        "url": format!("https://doi.org/{}", record.asked_doi().unwrap_or_default()),
    })];
    urls.extend(pdf.map(|url| {
        json!({"availability": "Open access", "availabilityCode": "OA", "documentStyle": "pdf", "site": "Europe_PMC", "url": url})
    }));
    let yes_or_no = |is: bool| if is { "Y" } else { "N" };
    let authors: Vec<Value> =
        record.authors.iter().map(|(given, family)| json!({"fullName": format!("{family} {}", &given[..1]), "firstName": given, "lastName": family})).collect();
    results(&[json!({
        "id": record.pmid,
        "source": "MED",
        "pmid": record.pmid,
        "pmcid": record.pmcid,
        "doi": record.asked_doi(),
        "title": format!("{}.", record.title),
        "authorString": record.names().join(", "),
        "authorList": {"author": authors},
        "journalInfo": {"volume": "7", "issue": "2", "yearOfPublication": record.year, "journal": {"title": record.journal}},
        "pubYear": record.year.to_string(),
        "pageInfo": format!("{}-{}", record.first_page, record.last_page()),
        "isOpenAccess": yes_or_no(pdf.is_some()),
        "inEPMC": yes_or_no(record.pmcid.is_some()),
        "inPMC": yes_or_no(record.pmcid.is_some()),
        "hasPDF": yes_or_no(pdf.is_some()),
        "license": pdf.map(|_| "cc by"),
        "fullTextUrlList": {"fullTextUrl": urls},
    })])
}

pub fn no_results() -> Reply {
    results(&[])
}

fn results(found: &[Value]) -> Reply {
    Reply::json(&json!({
        "version": "6.9",
        "hitCount": found.len(),
        "request": {"resultType": "core", "pageSize": 3, "synonym": false},
        "resultList": {"result": found},
    }))
}

/// arXiv's Atom answer (<https://info.arxiv.org/help/api/user-manual.html>) with one entry.
pub fn feed(record: &Record, id: &str) -> Reply {
    let authors: String =
        record.names().iter().map(|name| format!("<author><name>{name}</name></author>")).collect();
    atom(
        1,
        &format!(
            "<entry><id>http://arxiv.org/abs/{id}</id><updated>2025-12-03T18:00:00Z</updated><published>2025-12-01T18:00:00Z</published>\
         <title>{}</title><summary>Nothing in this abstract is so.</summary>{authors}\
         <link href=\"http://arxiv.org/abs/{id}\" rel=\"alternate\" type=\"text/html\"/>\
         <link title=\"pdf\" href=\"http://arxiv.org/pdf/{id}\" rel=\"related\" type=\"application/pdf\"/></entry>",
            record.title
        ),
    )
}

pub fn no_feed() -> Reply {
    atom(0, "")
}

fn atom(count: u32, entries: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\
         <title type=\"html\">ArXiv Query</title>\
         <opensearch:totalResults xmlns:opensearch=\"http://a9.com/-/spec/opensearch/1.1/\">{count}</opensearch:totalResults>\
         {entries}</feed>"
    );
    Reply::typed(200, "application/atom+xml; charset=utf-8", body)
}
