//! The numbers that the PRISMA 2020 flow diagram asks for, under the names of its template.

use super::words;
use super::work::{Kind, Works};

/// Field, text of the box, n. Works of one list come from databases and registers.
pub fn boxes(works: &Works) -> Vec<(&'static str, String, usize)> {
    let sought = works.works.len();
    let assessed = works.works.iter().filter(|work| work.stored).count();
    let mut boxes = vec![
        ("dbr_sought_reports", "Reports sought for retrieval".to_owned(), sought),
        ("dbr_notretrieved_reports", "Reports not retrieved".to_owned(), sought - assessed),
    ];
    for (code, count) in works.counts(Kind::Reason, |work| !work.stored) {
        let text = format!("Reports not retrieved: {}", words::why(code));
        boxes.push(("dbr_notretrieved_reports", text, usize::try_from(count).unwrap_or(usize::MAX)));
    }
    boxes.push(("dbr_assessed", "Reports assessed for eligibility".to_owned(), assessed));
    boxes
}
