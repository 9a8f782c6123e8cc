//! The component's one export.
#![expect(unsafe_code, reason = "the canonical ABI is pointers and lengths")]

use crate::bindings::{self, Guest, Problem, Report};

struct Examiner;

impl Guest for Examiner {
    fn examine(pdf: Vec<u8>, first_pages: u32) -> Result<Report, Problem> {
        crate::examine(pdf, first_pages)
    }
}

bindings::export!(Examiner with_types_in bindings);
