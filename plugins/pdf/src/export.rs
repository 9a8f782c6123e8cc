//! The component's exports.
#![expect(unsafe_code, reason = "the canonical ABI is pointers and lengths")]

use crate::bindings::{self, Guest, JatsProblem, JatsReport, Problem, Report};

struct Examiner;

impl Guest for Examiner {
    fn examine(pdf: Vec<u8>, first_pages: u32) -> Result<Report, Problem> {
        crate::examine(pdf, first_pages)
    }

    fn examine_jats(xml: Vec<u8>) -> Result<JatsReport, JatsProblem> {
        crate::jats::examine(&xml)
    }
}

bindings::export!(Examiner with_types_in bindings);
