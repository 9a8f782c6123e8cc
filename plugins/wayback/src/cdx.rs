//! The index of captures
//! (<https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server>).

use std::collections::{HashMap, HashSet};

use tierfall_sdk::{Lenient, Request, SourceError, Value, url};

use crate::capture::Capture;
use crate::fetch_budget::FetchBudget;
use crate::targets::Target;

/// The columns that are read, in the order that is asked for.
const COLUMNS: &str = "timestamp,original,mimetype,statuscode,digest,length";

/// How many captures of a URL are read, newest first. Enough to reach back beyond the years in which a
/// dead page was captured again and again.
const NEWEST: &str = "-60";

/// PDFs of one URL that are proposed. The newest may be a notice that the article is gone; older ones are
/// versions of the same file.
const MOST_PDFS: usize = 4;

/// Captures this soon after the work's year are near it: embargoes and moves take a few years.
const NEAR_YEARS: u16 = 5;

/// The captures of a URL in the index, each list best first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Captures {
    /// Captures of PDFs, each of other content, with the digest of that.
    pub pdfs: Vec<(Capture, String)>,
    /// Captures of pages, followed by those of redirects.
    pub pages: Vec<Capture>,
}

/// The captures of a URL. The index treats `http` and `https`, with `www.` and without, as the same.
///
/// # Errors
/// That the index could not be asked, or gave no readable answer.
pub fn captures(
    fetch_budget: &FetchBudget,
    web_base: &str,
    target: &Target,
    year: Option<u16>,
) -> Result<Captures, SourceError> {
    let pairs = [
        ("url", Some(target.url.as_str())),
        ("output", Some("json")),
        ("fl", Some(COLUMNS)),
        // Captured errors are useless; a `-` is the status of a capture that equals another.
        ("filter", Some("!statuscode:[45]..")),
        ("collapse", Some("digest")),
        ("limit", Some(NEWEST)),
    ];
    let request = Request::get(url::with_query(&format!("{web_base}/cdx/search/cdx"), &pairs)).accept_json();
    let response = fetch_budget.fetch(&request)?;
    // The answer for sites whose owners had them excluded from the archive.
    if response.status == 403 {
        return Ok(Captures::default());
    }
    let response = response.success()?;
    // Nothing there is an empty list, or an empty body.
    if response.text().trim().is_empty() {
        return Ok(Captures::default());
    }
    let rows: Value = response.json()?;
    if !rows.is_array() {
        return Err(SourceError::BadAnswer(format!("{} answered no list of captures", response.url)));
    }
    Ok(sorted(read(rows.items("")), target.is_file, year))
}

/// One line of the index.
struct Row {
    capture: Capture,
    mimetype: String,
    status: String,
    digest: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pdf,
    Page,
    Redirect,
    Other,
}

/// Reads the rows by the names in the first; without such a row, in the order asked for.
fn read(rows: &[Value]) -> Vec<Row> {
    let header =
        rows.first().map(|row| row.texts("")).filter(|names| names.iter().any(|name| name == "timestamp"));
    let (names, rows) = match header {
        Some(names) => (names, rows.get(1..).unwrap_or_default()),
        None => (COLUMNS.split(',').map(str::to_owned).collect(), rows),
    };
    let column = |row: &Value, name: &str| {
        let at = names.iter().position(|n| n == name)?;
        row.text(&at.to_string())
    };
    rows.iter()
        .filter_map(|row| {
            Some(Row {
                capture: Capture::new(&column(row, "timestamp")?, &column(row, "original")?)?,
                mimetype: column(row, "mimetype").unwrap_or_default().to_ascii_lowercase(),
                status: column(row, "statuscode").unwrap_or_default(),
                digest: column(row, "digest").unwrap_or_default(),
            })
        })
        .collect()
}

fn sorted(mut rows: Vec<Row>, is_file: bool, year: Option<u16>) -> Captures {
    // A `warc/revisit` had the same content as an earlier capture, whose row says of what type.
    let kinds: HashMap<String, Kind> = rows
        .iter()
        .filter(|row| !is_revisit(row))
        .map(|row| (row.digest.clone(), kind(row, is_file)))
        .collect();
    // Newest first, then by nearness to the year; sorting is stable.
    rows.sort_by(|a, b| b.capture.moment.cmp(&a.capture.moment));
    rows.sort_by_key(|row| year.map(|year| distance(row.capture.year(), year)));
    let mut captures = Captures::default();
    let mut redirects = Vec::new();
    let mut seen = HashSet::new();
    for row in rows {
        let kind = match is_revisit(&row) {
            true => kinds.get(&row.digest).copied().unwrap_or_else(|| guess(is_file)),
            false => kind(&row, is_file),
        };
        if !row.digest.is_empty() && !seen.insert(row.digest.clone()) {
            continue;
        }
        match kind {
            Kind::Pdf if captures.pdfs.len() < MOST_PDFS => {
                captures.pdfs.push((row.capture, row.digest));
            }
            Kind::Page => captures.pages.push(row.capture),
            Kind::Redirect => redirects.push(row.capture),
            Kind::Pdf | Kind::Other => {}
        }
    }
    captures.pages.append(&mut redirects);
    captures
}

fn is_revisit(row: &Row) -> bool {
    row.mimetype == "warc/revisit"
}

fn kind(row: &Row, is_file: bool) -> Kind {
    match (row.status.as_str(), row.mimetype.as_str()) {
        (status, _) if status.starts_with('3') => Kind::Redirect,
        // Some early captures have neither status nor type.
        (status, _) if !status.is_empty() && status != "-" && !status.starts_with('2') => Kind::Other,
        (_, mimetype) if mimetype.contains("pdf") => Kind::Pdf,
        (_, mimetype) if mimetype.contains("html") => Kind::Page,
        (_, "" | "-" | "unk" | "no-type") => guess(is_file),
        (_, mimetype)
            if is_file && ["octet-stream", "download"].iter().any(|part| mimetype.contains(part)) =>
        {
            Kind::Pdf
        }
        _ => Kind::Other,
    }
}

fn guess(is_file: bool) -> Kind {
    if is_file { Kind::Pdf } else { Kind::Page }
}

/// Years between a capture and the years in which the work was new.
fn distance(captured: u16, year: u16) -> u16 {
    match captured {
        early if early < year => year - early,
        late => late.saturating_sub(year.saturating_add(NEAR_YEARS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context};

    const AT: &str = "https://web.archive.org/cdx/search/cdx?url=http%3A%2F%2Fone.example%2F1.pdf&output=json\
        &fl=timestamp%2Coriginal%2Cmimetype%2Cstatuscode%2Cdigest%2Clength&filter=%21statuscode%3A%5B45%5D..&collapse=digest&limit=-60";

    fn find_in(answer: &str, year: Option<u16>) -> Result<Captures, SourceError> {
        let host = Recorded::new().json(AT, answer);
        of(&host, year)
    }

    fn of(host: &Recorded, year: Option<u16>) -> Result<Captures, SourceError> {
        let fetch_budget = FetchBudget::new(host, context().budget);
        let target = Target { url: "http://one.example/1.pdf".into(), is_file: true };
        captures(&fetch_budget, "https://web.archive.org", &target, year)
    }

    fn rows(rows: &[(&str, &str, &str, &str)]) -> String {
        let mut all = vec![json!(["timestamp", "original", "mimetype", "statuscode", "digest", "length"])];
        all.extend(rows.iter().map(|(moment, mimetype, status, digest)| {
            json!([moment, "http://one.example/1.pdf", mimetype, status, digest, "1234"])
        }));
        Value::Array(all).to_string()
    }

    fn moments(captures: &[(Capture, String)]) -> Vec<&str> {
        captures.iter().map(|(capture, _)| capture.moment.as_str()).collect()
    }

    const PDF: &str = "application/pdf";

    #[test]
    fn pdfs_are_told_from_pages_and_redirects_and_each_content_once() {
        let answer = rows(&[
            ("20150101000000", "text/html", "302", "R"),
            ("20160101000000", PDF, "200", "A"),
            ("20170101000000", PDF, "200", "B"),
            ("20180101000000", PDF, "200", "A"),
            ("20190101000000", "text/html", "200", "H"),
            ("20200101000000", "image/png", "200", "I"),
            ("20210101000000", PDF, "404", "E"),
        ]);
        let captures = find_in(&answer, None).expect("captures");
        assert_eq!(moments(&captures.pdfs), ["20180101000000", "20170101000000"]);
        assert_eq!(
            captures.pages.iter().map(|page| page.moment.as_str()).collect::<Vec<_>>(),
            ["20190101000000", "20150101000000"]
        );
    }

    #[test]
    fn captures_near_the_works_year_come_before_later_ones_and_newest_first_among_them() {
        let answer = rows(&[
            ("2001", PDF, "200", "A"),
            ("2004", PDF, "200", "B"),
            ("2006", PDF, "200", "C"),
            ("2023", PDF, "200", "D"),
        ]);
        assert_eq!(
            moments(&find_in(&answer, Some(2003)).expect("captures").pdfs),
            ["2006", "2004", "2001", "2023"]
        );
        assert_eq!(
            moments(&find_in(&answer, Some(1974)).expect("captures").pdfs),
            ["2001", "2004", "2006", "2023"]
        );
        assert_eq!(
            moments(&find_in(&answer, None).expect("captures").pdfs),
            ["2023", "2006", "2004", "2001"]
        );
    }

    #[test]
    fn a_revisit_is_of_the_type_of_the_capture_that_it_equals() {
        let answer = rows(&[
            ("2010", "text/html", "200", "H"),
            ("2011", "warc/revisit", "-", "H"),
            ("2012", "warc/revisit", "-", "lost"),
        ]);
        let captures = find_in(&answer, None).expect("captures");
        assert_eq!(moments(&captures.pdfs), ["2012"], "of a file, what is not known is most likely the file");
        assert_eq!(captures.pages.iter().map(|page| page.moment.as_str()).collect::<Vec<_>>(), ["2011"]);
    }

    #[test]
    fn files_of_vague_types_count_as_pdfs_where_the_url_is_of_a_file() {
        let answer = rows(&[("2010", "application/octet-stream", "200", "A"), ("2011", "unk", "200", "B")]);
        assert_eq!(find_in(&answer, None).expect("captures").pdfs.len(), 2);
    }

    #[test]
    fn columns_are_read_by_name_and_without_names_in_the_order_asked_for() {
        let named = r#"[["digest","statuscode","original","timestamp","mimetype"],["A","200","http://one.example/1.pdf","2010","application/pdf"]]"#;
        let bare = r#"[["2010","http://one.example/1.pdf","application/pdf","200","A","99"]]"#;
        for answer in [named, bare] {
            assert_eq!(moments(&find_in(answer, None).expect("captures").pdfs), ["2010"], "{answer}");
        }
    }

    #[test]
    fn nothing_there_and_broken_rows_are_no_captures() {
        for answer in [
            "[]",
            "",
            "\n",
            r#"[["timestamp","original","mimetype","statuscode","digest","length"]]"#,
            r#"[["timestamp","original"],null,3,["2010"],["x","http://one.example/1.pdf"],["2010","ftp://one.example/"]]"#,
        ] {
            assert_eq!(find_in(answer, None), Ok(Captures::default()), "{answer}");
        }
    }

    #[test]
    fn a_site_taken_out_of_the_archive_has_no_captures_and_a_busy_index_is_unavailable() {
        assert_eq!(of(&Recorded::new().status(AT, 403), None), Ok(Captures::default()));
        assert_eq!(of(&Recorded::new().status(AT, 429), None), Err(SourceError::Unavailable(None)));
        assert_eq!(of(&Recorded::new().status(AT, 503), None), Err(SourceError::Unavailable(None)));
        assert!(matches!(find_in("<html>", None), Err(SourceError::BadAnswer(_))));
        assert!(matches!(find_in(r#"{"message": "x"}"#, None), Err(SourceError::BadAnswer(_))));
    }
}
