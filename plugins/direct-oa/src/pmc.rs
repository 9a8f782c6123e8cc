//! PubMed Central. Its files, licences, versions and digests are in a bucket
//! (<https://pmc.ncbi.nlm.nih.gov/tools/pmcaws/>), one record a version. A work whose PMCID is not known is
//! converted first (<https://pmc.ncbi.nlm.nih.gov/tools/id-converter-api/>). The page's own PDF comes last:
//! it often answers with a check of who asks.

use roxmltree::Document;
use tierfall_sdk::many::{Lookup, Records};
use tierfall_sdk::*;

use crate::shared::{crossref_doi, mailto};

pub fn source() -> Source {
    Source::new("pmc", "the copy in PubMed Central", &[IdKind::Pmcid, IdKind::Doi, IdKind::Pmid])
        .api("https://pmc.ncbi.nlm.nih.gov")
        .batch(MOST)
        .setting(Setting::new("bucket_base", "where the bucket of open articles is").default(BUCKET))
        .host(setting_host("bucket_base"), Role::Api)
        .setting(mailto())
}

const BUCKET: &str = "https://pmc-oa-opendata.s3.amazonaws.com";
/// The bucket's name in the addresses that its records state.
const BUCKET_NAME: &str = "s3://pmc-oa-opendata/";
/// It converts 200 at once; but each article that is there is asked for in the bucket one by one, at a tenth of a second
/// or two, and all works of a question wait for the last of them.
const MOST: u32 = 40;
/// Versions of one article that are asked for; few have more than one.
const MOST_VERSIONS: usize = 3;

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let mut facts = Facts::none();
    let article = match work.pmcid() {
        Some(pmcid) => Article { pmcid: pmcid.to_owned(), versions: Vec::new() },
        None => convert(host, work, ctx, &mut facts)?,
    };
    copies(host, work, ctx, &article, facts)
}

/// All identifiers are converted at once; what the bucket has of each article is asked one by one.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let ask = |ids: &[&str]| {
        let Records { mut records, whole } =
            Records::of(converted(host, &context, &ids.join(","))?, "records", "")?;
        records.retain(is_known);
        Ok(Records { records, whole })
    };
    // Lists are separated by commas, and are of one kind.
    let listed =
        |id: Option<&str>| id.filter(|id| !id.contains(',')).map(str::to_owned).into_iter().collect();
    let unconverted = |work: &Work| work.pmcid().is_none();
    let lookups = [
        Lookup {
            terms: &|work| listed(crossref_doi(work).filter(|_| unconverted(work))),
            most: MOST as usize,
            length: 2500,
            ask: &ask,
            keys: &|record| record.text("doi").and_then(|doi| ids::bare_doi(&doi)).into_iter().collect(),
        },
        Lookup {
            terms: &|work| listed(work.pmid().filter(|_| unconverted(work) && crossref_doi(work).is_none())),
            most: MOST as usize,
            length: 2500,
            ask: &ask,
            keys: &|record| record.text("pmid").into_iter().collect(),
        },
    ];
    many::find_many(
        questions,
        &lookups,
        &|records, Question { work, .. }| {
            let mut facts = Facts::none();
            let article = article(records.first().ok_or(SourceError::NotFound)?, work, &mut facts)?;
            copies(host, work, &context, &article, facts)
        },
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

fn copies(
    host: &dyn Host,
    work: &Work,
    ctx: &Context,
    article: &Article,
    facts: Facts,
) -> Result<Finding, SourceError> {
    let site = ctx.api_base()?;
    let bucket = ctx.required("bucket_base")?.trim_end_matches('/');
    let mut finding = Finding { facts, ..Finding::none() };
    let landing = format!("{site}/articles/{}/", article.pmcid);
    match files(host, bucket, article, work) {
        Ok(records) => {
            for record in records {
                record.add_to(&mut finding, bucket, &landing);
            }
        }
        Err(error) => host.log(Level::Info, &format!("no answer from the bucket of PMC: {error:?}")),
    }
    finding.add(
        Candidate::new(format!("{landing}pdf/"), Basis::Rule, "the PMCID")
            .landing_page(Some(landing.clone())),
    );
    finding.facts.add_landing_url(Some(landing));
    Ok(finding)
}

/// An article, and the numbers of its versions as far as they are known, the current one first.
struct Article {
    pmcid: String,
    versions: Vec<String>,
}

/// Asks for the PMCID of a work that is known by its DOI or PMID, and learns its other identifiers.
fn convert(host: &dyn Host, work: &Work, ctx: &Context, facts: &mut Facts) -> Result<Article, SourceError> {
    let id = crossref_doi(work).or(work.pmid()).ok_or(SourceError::NotApplicable)?;
    let answer = converted(host, ctx, id)?;
    let record = answer.items("records").iter().find(|record| is_known(record));
    article(record.ok_or(SourceError::NotFound)?, work, facts)
}

fn converted(host: &dyn Host, ctx: &Context, ids: &str) -> Result<Value, SourceError> {
    let base = format!("{}/tools/idconv/api/v1/articles/", ctx.api_base()?);
    let url = url::with_query(
        &base,
        &[
            ("ids", Some(ids)),
            ("format", Some("json")),
            ("versions", Some("yes")),
            ("tool", Some("tierfall")),
            ("email", ctx.setting("mailto")),
        ],
    );
    get_json(host, &url)
}

/// What it does not know comes as a record too.
fn is_known(record: &Value) -> bool {
    record.text("status").as_deref() != Some("error")
}

/// The article that a record is about, if that is the work.
fn article(record: &Value, work: &Work, facts: &mut Facts) -> Result<Article, SourceError> {
    let ids: Vec<WorkId> = [
        record.text("pmid").and_then(|id| WorkId::read_pmid(&id)),
        record.text("doi").and_then(|id| WorkId::read_doi(&id)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !work.may_be(&ids) {
        return Err(SourceError::NotFound);
    }
    let pmcid = record.text("pmcid").and_then(|id| WorkId::read_pmcid(&id)).ok_or(SourceError::NotFound)?;
    facts.add_id(Some(pmcid.clone()));
    ids.into_iter().for_each(|id| facts.add_id(Some(id)));
    // The highest number is not always the newest: one is marked.
    let mut versions = record.items("versions").to_vec();
    versions.sort_by_key(|version| !version.yes("current"));
    let versions = versions.iter().filter_map(|version| number_of(&version.text("pmcid")?)).collect();
    Ok(Article { pmcid: pmcid.value().to_owned(), versions })
}

/// The `2` of `PMC34.2`.
fn number_of(versioned: &str) -> Option<String> {
    let (_, number) = versioned.rsplit_once('.')?;
    (!number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit()))
        .then(|| number.to_owned())
}

/// What the bucket says of one version of an article.
struct Record(Value);

/// The records of an article, the current version first. Nearly every article has the version 1 alone, so
/// that is asked for unasked; the list of versions only where it is not there or has no PDF.
fn files(host: &dyn Host, bucket: &str, article: &Article, work: &Work) -> Result<Vec<Record>, SourceError> {
    let mut asked: Vec<String> = Vec::new();
    let mut records: Vec<Record> = Vec::new();
    let known = if article.versions.is_empty() { vec!["1".to_owned()] } else { article.versions.clone() };
    for listed in [false, true] {
        if records.iter().any(Record::has_pdf) {
            break;
        }
        let versions = if listed { self::listed(host, bucket, &article.pmcid)? } else { known.clone() };
        for version in versions.into_iter().take(MOST_VERSIONS) {
            if asked.contains(&version) {
                continue;
            }
            match get_json(host, &format!("{bucket}/metadata/{}.{version}.json", article.pmcid)) {
                Ok(record) => records.extend(Some(Record(record)).filter(|record| record.is_of(work))),
                Err(SourceError::NotFound) => {}
                // What was read before is worth more than the error.
                Err(_) if records.iter().any(Record::has_pdf) => break,
                Err(error) => return Err(error),
            }
            asked.push(version);
        }
    }
    Ok(records)
}

/// The versions of an article that the bucket holds, newest first: the folders `PMC34.1/`, `PMC34.2/`.
fn listed(host: &dyn Host, bucket: &str, pmcid: &str) -> Result<Vec<String>, SourceError> {
    let prefix = format!("{pmcid}.");
    let pairs = [("list-type", Some("2")), ("delimiter", Some("/")), ("prefix", Some(prefix.as_str()))];
    let url = url::with_query(&format!("{bucket}/"), &pairs);
    let answer = host.fetch(&Request::get(url).header("accept", "application/xml"))?.success()?;
    let document = Document::parse(answer.text())
        .map_err(|error| SourceError::BadAnswer(format!("the bucket of PMC answered no XML: {error}")))?;
    let folders = document.descendants().filter(|node| node.tag_name().name() == "CommonPrefixes");
    let mut versions: Vec<String> = folders
        .flat_map(|folder| folder.children().filter(|node| node.tag_name().name() == "Prefix"))
        .filter_map(|prefix| number_of(prefix.text()?.trim().trim_end_matches('/')))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.parse::<u32>().unwrap_or_default()));
    Ok(versions)
}

impl Record {
    /// Its identifiers are the work's, as far as both are known.
    fn is_of(&self, work: &Work) -> bool {
        work.may_be(&self.ids())
    }

    fn ids(&self) -> Vec<WorkId> {
        [
            self.0.text("pmcid").and_then(|id| WorkId::read_pmcid(&id)),
            self.0.text("pmid").and_then(|id| WorkId::read_pmid(&id)),
            self.0.text("doi").and_then(|id| WorkId::read_doi(&id)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn has_pdf(&self) -> bool {
        self.0.text("pdf_url").is_some()
    }

    fn add_to(&self, finding: &mut Finding, bucket: &str, landing: &str) {
        let record = &self.0;
        let mut facts = Facts::none();
        facts.title = record.text("title").and_then(|title| wording::title(&title));
        self.ids().into_iter().for_each(|id| facts.add_id(Some(id)));
        facts.retracted = record.at("is_retracted").as_bool();
        finding.facts.absorb(facts);
        let manuscript = record.yes("is_manuscript");
        let scan = record.yes("is_historical_ocr");
        let notes = [
            (manuscript, "an author's manuscript"),
            (scan, "a scan"),
            (record.yes("is_retracted"), "retracted"),
        ];
        let notes = notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| format!(", {note}"));
        let notes = notes.collect::<String>();
        // The XML of a scan is a front matter alone.
        let files = [("pdf_url", Format::Pdf, "file"), ("xml_url", Format::Jats, "XML")];
        for (key, format, name) in files.into_iter().filter(|(_, format, _)| !scan || *format == Format::Pdf)
        {
            let Some((url, md5)) = record.text(key).and_then(|stated| file(&stated, bucket)) else {
                continue;
            };
            finding.add(
                Candidate::new(url, Basis::Registry, format!("the {name} in PMC's bucket{notes}"))
                    .version(if manuscript { Version::Accepted } else { Version::Published })
                    .license(record.text("license_code"))
                    .landing_page(Some(landing.to_owned()))
                    .format(format)
                    .digest(DigestAlgorithm::Md5, md5.as_deref()),
            );
        }
    }
}

/// The address of a file that a record states as `s3://pmc-oa-opendata/PMC34.1/x.pdf?md5=…`, and its digest.
fn file(stated: &str, bucket: &str) -> Option<(String, Option<String>)> {
    let md5 = url::parameter(stated, "md5");
    let bare = stated.split('?').next().unwrap_or_default();
    match bare.strip_prefix(BUCKET_NAME) {
        Some(key) => Some((format!("{bucket}/{}", url::encode_path(&url::decode(key))), md5)),
        None => url::is_web(bare).then(|| (bare.to_owned(), md5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, work};

    const PDF: &str = "https://pmc.ncbi.nlm.nih.gov/articles/PMC34/pdf/";
    const FILE: &str = "https://pmc-oa-opendata.s3.amazonaws.com/PMC34.1/main.pdf";
    const XML: &str = "https://pmc-oa-opendata.s3.amazonaws.com/PMC34.1/PMC34.1.xml";
    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const LIST: &str = "https://pmc-oa-opendata.s3.amazonaws.com/?list-type=2&delimiter=%2F&prefix=PMC34.";
    const NO_KEY: &str = "<Error><Code>NoSuchKey</Code></Error>";

    fn metadata(version: u32) -> String {
        format!("https://pmc-oa-opendata.s3.amazonaws.com/metadata/PMC34.{version}.json")
    }

    fn record(version: u32) -> Value {
        json!({"pmcid": "PMC34", "version": version, "pmid": 12, "doi": "10.1000/A", "title": "On <i>Mars</i>",
            "is_pmc_openaccess": true, "is_manuscript": false, "is_historical_ocr": false, "is_retracted": false,
            "license_code": "CC BY", "xml_url": format!("s3://pmc-oa-opendata/PMC34.{version}/PMC34.{version}.xml?md5={MD5}"),
            "pdf_url": format!("s3://pmc-oa-opendata/PMC34.{version}/main.pdf?md5={MD5}"), "media_urls": []})
    }

    fn folders(versions: &[u32]) -> String {
        let folders =
            versions.iter().map(|n| format!("<CommonPrefixes><Prefix>PMC34.{n}/</Prefix></CommonPrefixes>"));
        format!(
            r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix>PMC34.</Prefix>{}</ListBucketResult>"#,
            folders.collect::<String>()
        )
    }

    fn idconv(ids: &str) -> String {
        format!(
            "https://pmc.ncbi.nlm.nih.gov/tools/idconv/api/v1/articles/?ids={ids}&format=json&versions=yes&tool=tierfall"
        )
    }

    fn find_with(host: &Recorded, id: WorkId) -> Result<Finding, SourceError> {
        find(host, &work(id), &context_of(&source()))
    }

    fn doi() -> WorkId {
        WorkId::Doi("10.1000/a".into())
    }

    fn pmcid() -> WorkId {
        WorkId::Pmcid("PMC34".into())
    }

    fn urls(finding: &Finding) -> Vec<&str> {
        finding.candidates.iter().map(|c| c.url.as_str()).collect()
    }

    #[test]
    fn a_doi_or_pmid_is_converted_and_the_buckets_file_comes_with_licence_and_digest() {
        let converted =
            r#"{"status":"ok","records":[{"pmcid":"PMC34","pmid":12,"doi":"10.1000/A","requested-id":"x"}]}"#;
        for (id, ids) in [(doi(), "10.1000%2Fa"), (WorkId::Pmid("12".into()), "12")] {
            let host =
                Recorded::new().json(&idconv(ids), converted).json(&metadata(1), &record(1).to_string());
            let finding = find_with(&host, id).unwrap();
            assert_eq!(urls(&finding), [FILE, XML, PDF]);
            assert_eq!(finding.candidates[1].format, Format::Jats);
            assert!(finding.candidates[1].digest.is_some());
            let first = &finding.candidates[0];
            assert_eq!(first.digest.as_ref().map(|digest| digest.value.as_str()), Some(MD5));
            assert_eq!((first.format, finding.facts.retracted), (Format::Pdf, Some(false)));
            assert_eq!((first.license.as_deref(), first.basis), (Some("CC BY"), Basis::Registry));
            assert_eq!(first.version, Version::Published);
            assert_eq!(finding.facts.ids.len(), 3);
            assert_eq!(finding.facts.title.as_deref(), Some("On Mars"));
            assert_eq!(finding.facts.landing_urls, ["https://pmc.ncbi.nlm.nih.gov/articles/PMC34/"]);
        }
    }

    #[test]
    fn the_version_that_is_current_comes_first_however_it_is_numbered() {
        let converted = json!({"records": [{"pmcid": "PMC34", "doi": "10.1000/a", "versions": [
            {"pmcid": "PMC34.2", "current": "false"}, {"pmcid": "PMC34.1", "current": "true"}]}]});
        let host = Recorded::new()
            .json(&idconv("10.1000%2Fa"), &converted.to_string())
            .json(&metadata(1), &record(1).to_string())
            .json(&metadata(2), &record(2).to_string());
        let finding = find_with(&host, doi()).unwrap();
        assert!(finding.candidates[0].url.contains("/PMC34.1/"));
        assert!(finding.candidates[2].url.contains("/PMC34.2/"));
    }

    #[test]
    fn an_article_whose_first_version_is_not_there_is_found_by_the_list_of_its_versions() {
        let host = Recorded::new()
            .answer(&metadata(1), 404, "application/xml", NO_KEY)
            .answer(LIST, 200, "application/xml", &folders(&[2, 10]))
            .json(&metadata(10), &record(10).to_string())
            .json(&metadata(2), &record(2).to_string());
        let finding = find_with(&host, pmcid()).unwrap();
        assert!(finding.candidates[0].url.ends_with("/PMC34.10/main.pdf"));
    }

    #[test]
    fn the_xml_of_a_scan_is_not_proposed_and_that_of_an_article_without_a_pdf_is() {
        let proposed = |scan: bool| {
            let mut said = record(1);
            (said["is_historical_ocr"], said["pdf_url"]) = (json!(scan), json!(null));
            let host = Recorded::new().json(&metadata(1), &said.to_string()).answer(
                LIST,
                200,
                "application/xml",
                &folders(&[1]),
            );
            urls(&find_with(&host, pmcid()).unwrap()).contains(&XML)
        };
        assert!(proposed(false) && !proposed(true));
    }

    #[test]
    fn a_manuscript_a_scan_and_a_retraction_are_told() {
        let mut said = record(1);
        said["is_manuscript"] = json!(true);
        said["is_retracted"] = json!(true);
        said["license_code"] = json!(null);
        let host = Recorded::new().json(&metadata(1), &said.to_string());
        let first = find_with(&host, pmcid()).unwrap().candidates.remove(0);
        assert_eq!((first.version, first.license), (Version::Accepted, None));
        assert_eq!(first.evidence, "the file in PMC's bucket, an author's manuscript, retracted");
    }

    #[test]
    fn a_known_pmcid_needs_no_conversion_and_always_has_a_page() {
        let mut without = record(1);
        without["pdf_url"] = json!(null);
        without["xml_url"] = json!(null);
        for host in [
            Recorded::new().status(&metadata(1), 404).answer(LIST, 200, "application/xml", &folders(&[])),
            Recorded::new().json(&metadata(1), &without.to_string()).answer(
                LIST,
                200,
                "application/xml",
                &folders(&[1]),
            ),
            Recorded::new().status(&metadata(1), 404).answer(LIST, 200, "text/html", "<p>"),
            Recorded::new().status(&metadata(1), 503),
            Recorded::new().json(&metadata(1), "[]").answer(LIST, 200, "application/xml", &folders(&[1])),
            Recorded::new().html(&metadata(1), "<p>"),
        ] {
            let finding = find_with(&host, pmcid()).unwrap();
            assert_eq!(urls(&finding), [PDF]);
            assert_eq!(finding.candidates[0].basis, Basis::Rule);
        }
    }

    #[test]
    fn a_record_of_another_article_proposes_nothing() {
        let mut other = record(1);
        other["doi"] = json!("10.1000/other");
        let work = Work::new(vec![pmcid(), doi()]);
        let host = Recorded::new().json(&metadata(1), &other.to_string()).answer(
            LIST,
            200,
            "application/xml",
            &folders(&[1]),
        );
        assert_eq!(urls(&find(&host, &work, &context_of(&source())).unwrap()), [PDF]);
    }

    #[test]
    fn stated_addresses_become_those_of_the_web_and_odd_digests_none() {
        let at = |stated: &str| file(stated, "https://b.example");
        assert_eq!(
            at("s3://pmc-oa-opendata/PMC34.1/a b+c.pdf?md5=00"),
            Some(("https://b.example/PMC34.1/a%20b%2Bc.pdf".into(), Some("00".into())))
        );
        assert_eq!(at("https://b.example/x.pdf"), Some(("https://b.example/x.pdf".into(), None)));
        assert_eq!(at("s3://other/x.pdf"), None);
        let candidate = Candidate::new("https://b.example/x.pdf", Basis::Registry, "");
        assert_eq!(candidate.digest(DigestAlgorithm::Md5, Some("00")).digest, None);
    }

    #[test]
    fn what_is_not_in_pmc_is_not_found() {
        for answer in [
            r#"{"records":[{"doi":"10.1000/a","status":"error","errmsg":"Identifier not found in PMC"}]}"#,
            r#"{"records":[{"doi":"10.1000/a","pmid":"12","pmcid":null}]}"#,
            r#"{"records":[{"doi":"10.1000/other","pmcid":"PMC34"}]}"#,
            r#"{"records":[]}"#,
            r#"{"records":[null, 7]}"#,
            r#"{"status":"error"}"#,
            "[]",
        ] {
            let host = Recorded::new().json(&idconv("10.1000%2Fa"), answer);
            assert_eq!(find_with(&host, doi()), Err(SourceError::NotFound), "{answer}");
        }
        let down = Recorded::new().status(&idconv("10.1000%2Fa"), 500);
        assert_eq!(find_with(&down, doi()), Err(SourceError::Unavailable(None)));
        assert_eq!(
            find_with(&Recorded::new(), WorkId::Openalex("W1".into())),
            Err(SourceError::NotApplicable)
        );
    }

    #[test]
    fn several_works_are_converted_at_once_and_asked_for_in_the_bucket_one_by_one() {
        let ctx = context_of(&source()).with("mailto", "me@lib.example");
        let converted = url::with_query(
            "https://pmc.ncbi.nlm.nih.gov/tools/idconv/api/v1/articles/",
            &[
                ("ids", Some("10.1000/a,10.1000/no")),
                ("format", Some("json")),
                ("versions", Some("yes")),
                ("tool", Some("tierfall")),
                ("email", Some("me@lib.example")),
            ],
        );
        let answer = json!({"status": "ok", "records": [
            {"requested-id": "10.1000/no", "doi": "10.1000/no", "status": "error", "errmsg": "not found in PMC"},
            {"requested-id": "10.1000/a", "doi": "10.1000/A", "pmcid": "PMC34", "pmid": "12"}]});
        let file = |id: &str| {
            json!({"pmcid": id, "pdf_url": format!("s3://pmc-oa-opendata/{id}.1/{id}.1.pdf?md5=x")})
                .to_string()
        };
        let host = Recorded::new()
            .json(&converted, &answer.to_string())
            .json(&format!("{BUCKET}/metadata/PMC34.1.json"), &file("PMC34"))
            .json(&format!("{BUCKET}/metadata/PMC5.1.json"), &file("PMC5"));
        let ids =
            [WorkId::Doi("10.1000/a".into()), WorkId::Doi("10.1000/no".into()), WorkId::Pmcid("PMC5".into())];
        let answers = find_many(&host, &questions(ids), &ctx.of_many());
        let first = |at: usize| answers[at].as_ref().unwrap().candidates[0].url.clone();
        assert_eq!(first(0), format!("{BUCKET}/PMC34.1/PMC34.1.pdf"));
        assert!(answers[0].as_ref().unwrap().facts.ids.contains(&WorkId::Pmid("12".into())));
        assert_eq!(answers[1], Err(SourceError::NotFound));
        assert_eq!(first(2), format!("{BUCKET}/PMC5.1/PMC5.1.pdf"));
    }
}
