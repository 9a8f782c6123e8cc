//! Every URL that a source asks an API for, in one place. Where a plugin changes how it asks, this is
//! the file to change with it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::record::Record;

/// The address that the demo gives where an API wants one.
pub const MAILTO: &str = "demo@tierfall.example";

/// Everything but what RFC 3986 calls unreserved.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, with the slashes of a path.
const PATH: &AsciiSet = &VALUE.remove(b'/');

fn value(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

pub fn unpaywall(doi: &str) -> String {
    format!("https://api.unpaywall.org/v2/{}?email={}", path(doi), value(MAILTO))
}

/// One URL for each identifier that a work may be asked by.
pub fn openalex(record: &Record) -> Vec<String> {
    let ids = [
        record.asked_doi().map(|doi| format!("doi:{}", path(&doi))),
        record.openalex.map(str::to_owned),
        record.pmid.map(|id| format!("pmid:{id}")),
        record.pmcid.map(|id| format!("pmcid:{id}")),
    ];
    let fields = "id,doi,title,display_name,publication_year,ids,open_access,best_oa_location,primary_location,locations,\
                  authorships,biblio,has_content,content_urls";
    let query = format!("select={}&mailto={}", value(fields), value(MAILTO));
    ids.into_iter().flatten().map(|id| format!("https://api.openalex.org/works/{id}?{query}")).collect()
}

pub fn arxiv_feed(id: &str) -> String {
    format!("https://export.arxiv.org/api/query?id_list={}&max_results=1", value(id))
}

pub fn id_converter(record: &Record) -> Vec<String> {
    let ids = [record.asked_doi(), record.pmid.map(str::to_owned), record.pmcid.map(str::to_owned)];
    let base = "https://pmc.ncbi.nlm.nih.gov/tools/idconv/api/v1/articles/";
    let query = format!("format=json&versions=yes&tool=tierfall&email={}", value(MAILTO));
    ids.into_iter().flatten().map(|id| format!("{base}?ids={}&{query}", value(&id))).collect()
}

pub fn pmc_record(pmcid: &str) -> String {
    format!("https://pmc-oa-opendata.s3.amazonaws.com/metadata/{pmcid}.1.json")
}

pub fn pmc_versions(pmcid: &str) -> String {
    let prefix = value(&format!("{pmcid}."));
    format!("https://pmc-oa-opendata.s3.amazonaws.com/?list-type=2&delimiter=%2F&prefix={prefix}")
}

pub fn europe_pmc(record: &Record) -> Vec<String> {
    let queries = [
        record.asked_doi().map(|doi| format!("DOI:\"{doi}\"")),
        record.pmid.map(|id| format!("EXT_ID:{id} AND SRC:MED")),
        record.pmcid.map(|id| format!("PMCID:{id}")),
    ];
    let base = "https://www.ebi.ac.uk/europepmc/webservices/rest/search";
    let rest = "resultType=core&format=json&pageSize=3";
    queries.into_iter().flatten().map(|query| format!("{base}?query={}&{rest}", value(&query))).collect()
}

pub fn semantic_scholar(record: &Record) -> Vec<String> {
    let ids = [
        record.asked_doi().map(|doi| format!("DOI:{}", path(&doi))),
        record.bare_arxiv().map(|id| format!("ARXIV:{}", path(id))),
        record.pmid.map(|id| format!("PMID:{id}")),
        record.pmcid.map(|id| format!("PMCID:{}", id.trim_start_matches("PMC"))),
    ];
    let base = "https://api.semanticscholar.org/graph/v1/paper";
    let fields = value("openAccessPdf,title,externalIds,year,authors,journal");
    ids.into_iter().flatten().map(|id| format!("{base}/{id}?fields={fields}")).collect()
}

pub fn crossref(doi: &str) -> String {
    format!("https://api.crossref.org/works/{}?mailto={}", path(doi), value(MAILTO))
}

pub fn doaj(doi: &str) -> String {
    format!("https://doaj.org/api/search/articles/{}?pageSize=3", path(&format!("doi:\"{doi}\"")))
}

pub fn core(doi: &str) -> String {
    format!("https://api.core.ac.uk/v3/search/works?q={}&limit=3", value(&format!("doi:\"{doi}\"")))
}

pub fn zenodo(doi: &str) -> String {
    format!("https://zenodo.org/api/records?q={}&size=3&sort=mostrecent", value(&format!("doi:\"{doi}\"")))
}

pub fn hal(doi: &str) -> String {
    let query = value(&format!("doiId_s:\"{doi}\" OR doiId_id:\"{doi}\""));
    let fields = "fileMain_s,files_s,label_s,uri_s,halId_s,doiId_s,arxivId_s,pubmedId_s,pubmedcentralId_s,title_s,\
                  authLastName_s,authFullName_s,producedDateY_i,page_s,licence_s,docType_s,linkExtUrl_s,linkExtId_s,\
                  openAccess_bool";
    format!("https://api.archives-ouvertes.fr/search/?q={query}&fl={}&wt=json", value(fields))
}

/// What OSF is asked to answer along with a preprint.
const OSF_EMBEDS: &str = "embed=primary_file&embed=contributors&embed=license";

pub fn osf(doi: &str) -> String {
    format!("https://api.osf.io/v2/preprints/?{}={}&{OSF_EMBEDS}", value("filter[doi]"), value(doi))
}

/// A preprint whose DOI names it.
pub fn osf_preprint(guid: &str) -> String {
    format!("https://api.osf.io/v2/preprints/{guid}/?{OSF_EMBEDS}")
}

pub const FIGSHARE_SEARCH: &str = "https://api.figshare.com/v2/articles/search";

pub fn openaire(doi: &str) -> String {
    format!("https://api.openaire.eu/graph/v1/researchProducts?pid={}", value(doi))
}

pub fn datacite(doi: &str) -> String {
    format!("https://api.datacite.org/dois/{}", path(doi))
}

pub fn fatcat(doi: &str) -> String {
    let rest = format!("expand=files&hide={}", value("abstracts,refs"));
    format!("https://scholar.archive.org/fatcat/release/lookup?doi={}&{rest}", value(doi))
}

pub fn doi(doi: &str) -> String {
    format!("https://doi.org/{}", path(doi))
}

pub fn availability(url: &str, year: Option<u16>) -> String {
    let near = year.map(|year| format!("&timestamp={year}")).unwrap_or_default();
    format!("https://archive.org/wayback/available?url={}{near}", value(url))
}

pub fn cdx(url: &str) -> String {
    format!(
        "https://web.archive.org/cdx/search/cdx?url={}&output=json&fl={}&filter={}&collapse=digest&limit=-60",
        value(url),
        value("timestamp,original,mimetype,statuscode,digest,length"),
        value("!statuscode:[45]..")
    )
}

/// The captures of a DOI's own redirect, under both names of its resolver, some time after the work's year
/// or at any time.
pub fn resolver_captures(record: &Record, year: Option<u16>) -> Vec<String> {
    let moment = year.map_or("2999".to_owned(), |year| (year + 2).to_string());
    let doi = record.asked_doi().map(|doi| path(&doi)).unwrap_or_default();
    [format!("https://doi.org/{doi}"), format!("http://dx.doi.org/{doi}")]
        .map(|url| capture(&moment, &url))
        .to_vec()
}

/// The original bytes of a capture.
pub fn capture(timestamp: &str, original: &str) -> String {
    format!("https://web.archive.org/web/{timestamp}id_/{original}")
}
