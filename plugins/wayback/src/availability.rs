//! The availability API (<https://archive.org/help/wayback_api.php>): the capture nearest to a
//! moment. It does not know every capture.

use tierfall_sdk::{Lenient, Request, SourceError, Value, url};

use crate::capture::Capture;
use crate::fetch_budget::FetchBudget;

/// The capture of a URL nearest to a year, if the API knows one.
///
/// # Errors
/// That the API could not be asked, or gave no readable answer.
pub fn nearest(
    fetch_budget: &FetchBudget,
    api_base: &str,
    link: &str,
    year: Option<u16>,
) -> Result<Option<Capture>, SourceError> {
    let year = year.map(|year| year.to_string());
    let pairs = [("url", Some(link)), ("timestamp", year.as_deref())];
    let request =
        Request::get(url::with_query(&format!("{api_base}/wayback/available"), &pairs)).accept_json();
    let answer: Value = fetch_budget.fetch(&request)?.success()?.json()?;
    let closest = answer.at("archived_snapshots.closest");
    // Some answers leave it out.
    if closest.at("available").as_bool() == Some(false) {
        return Ok(None);
    }
    let read = closest.text("url").and_then(|link| Capture::read(&link));
    Ok(read.map(|capture| Capture { moment: closest.text("timestamp").unwrap_or(capture.moment), ..capture }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context};

    const AT: &str = "https://archive.org/wayback/available?url=http%3A%2F%2Fone.example%2F1.pdf";

    fn find_in(answer: &Value) -> Result<Option<Capture>, SourceError> {
        let host = Recorded::new().json(AT, &answer.to_string());
        let fetch_budget = FetchBudget::new(&host, context().budget);
        nearest(&fetch_budget, "https://archive.org", "http://one.example/1.pdf", None)
    }

    #[test]
    fn the_nearest_capture_is_told_with_its_moment_and_url() {
        let answer = json!({"url": "one.example/1.pdf", "archived_snapshots": {"closest": {"status": "200", "available": true,
            "url": "http://web.archive.org/web/20170428151545/https://one.example/1.pdf", "timestamp": "20170428151545"}}});
        assert_eq!(find_in(&answer), Ok(Capture::new("20170428151545", "https://one.example/1.pdf")));
    }

    #[test]
    fn the_year_is_asked_for_where_it_is_known() {
        let host = Recorded::new().json(&format!("{AT}&timestamp=1999"), "{}");
        let fetch_budget = FetchBudget::new(&host, context().budget);
        let answer = nearest(&fetch_budget, "https://archive.org", "http://one.example/1.pdf", Some(1999));
        assert_eq!(answer, Ok(None));
    }

    #[test]
    fn nothing_there_in_any_wording_is_none() {
        for answer in [
            json!({"archived_snapshots": {}}),
            json!({"archived_snapshots": null}),
            json!({"archived_snapshots": {"closest": {"available": false, "url": "http://web.archive.org/web/2017/http://one.example/"}}}),
            json!({"archived_snapshots": {"closest": {"available": true, "url": 3}}}),
            json!([]),
        ] {
            assert_eq!(find_in(&answer), Ok(None), "{answer}");
        }
    }

    #[test]
    fn errors_say_what_they_are() {
        let of = |host: Recorded| {
            let fetch_budget = FetchBudget::new(&host, context().budget);
            nearest(&fetch_budget, "https://archive.org", "http://one.example/1.pdf", None)
        };
        assert_eq!(of(Recorded::new().status(AT, 429)), Err(SourceError::Unavailable(None)));
        assert!(matches!(of(Recorded::new().html(AT, "<html>")), Err(SourceError::BadAnswer(_))));
    }
}
