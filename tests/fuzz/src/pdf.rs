//! The examiner's own code never panics, and what it reports is bounded and does not depend on what was put
//! before the file. A panic of the parser under it ends one instance in the sandbox; here it is no answer.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

use tierfall_plugin_pdf::{Problem, Report, examine};

const PAGES: u32 = 3;

pub fn promise(data: &[u8]) {
    let Some(examined) = contained(data, PAGES) else { return };
    let within = &data[..data.len().min(1024 + 5)];
    let header = within.windows(5).position(|window| window == b"%PDF-");
    assert_eq!(examined == Err(Problem::NotPdf), header.is_none());
    if let Ok(report) = &examined {
        bounded(report);
    }
    if let Some(header) = header
        && header < 1000
    {
        let shifted = [b"from a gateway: \n", data].concat();
        assert_eq!(contained(&shifted, PAGES).as_ref(), Some(&examined), "what is before it counts");
    }
    let Some(Ok(report)) = contained(data, 0) else {
        assert!(examined.is_err(), "it cannot be read without its text");
        return;
    };
    assert!(report.text.is_empty() && report.headings.is_empty());
}

fn bounded(report: &Report) {
    let first = report.pages.min(PAGES) as usize;
    assert!(report.pages > 0);
    // Reading may end sooner: with a page of prose.
    assert!((1..=first).contains(&report.text.len()));
    assert_eq!(report.headings.len(), report.text.len());
    assert!(report.text.iter().all(|page| page.len() < 80 * 1024));
    let headings = || report.headings.iter().flatten();
    assert!(report.headings.iter().all(|page| page.len() <= 8));
    assert!(headings().all(|heading| heading.len() <= 2 * 1024));
    assert!(report.metadata.len() <= 80 * 1024, "{}", report.metadata.len());
    assert!(
        report
            .text
            .iter()
            .chain(headings())
            .all(|text| !text.contains(|c: char| c.is_control() && c != '\n'))
    );
}

thread_local! {
    /// Where the last panic happened, while they are contained.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static CONTAINED: RefCell<bool> = const { RefCell::new(false) };
}

/// `None` where the parser panicked.
fn contained(data: &[u8], pages: u32) -> Option<Result<Report, Problem>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CONTAINED.with_borrow(|contained| *contained) {
                PLACE.set(info.location().map(|place| place.to_string()));
            } else {
                before(info);
            }
        }));
    });
    CONTAINED.set(true);
    let examined = panic::catch_unwind(|| examine(data.to_vec(), pages));
    CONTAINED.set(false);
    match examined {
        Ok(examined) => Some(examined),
        Err(panic) => {
            let place = PLACE.take().unwrap_or_default();
            assert!(!place.contains("plugins/pdf/src"), "the examiner panicked at {place}: {panic:?}");
            None
        }
    }
}
