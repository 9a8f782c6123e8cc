//! What the contract makes of this crate. Generated, so the workspace's rules on code end here.
#![expect(unsafe_code, reason = "the canonical ABI is pointers and lengths")]

wit_bindgen::generate!({ path: "../../wit/proof-0.1.0", world: "examiner", additional_derives: [PartialEq] });

struct Examiner;

impl Guest for Examiner {
    fn examine(pdf: Vec<u8>, first_pages: u32) -> Result<Report, Problem> {
        crate::examine(pdf, first_pages)
    }
}

export!(Examiner);
