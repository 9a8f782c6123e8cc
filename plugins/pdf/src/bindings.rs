//! What the contract makes of this crate.

wit_bindgen::generate!({ path: "../../wit/proof-0.2.0", world: "examiner", additional_derives: [PartialEq] });
