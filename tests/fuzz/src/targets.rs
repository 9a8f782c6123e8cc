//! Every target by its name, for whatever replays or measures them all.

#[path = "answers.rs"]
mod answers;
#[path = "config.rs"]
mod config;
#[path = "heads.rs"]
mod heads;
#[path = "identifiers.rs"]
mod identifiers;
#[path = "inputs.rs"]
mod inputs;
#[path = "links.rs"]
mod links;
#[path = "pdf.rs"]
mod pdf;
#[path = "proof.rs"]
mod proof;
#[path = "reports.rs"]
mod reports;
#[path = "robots.rs"]
mod robots;
#[path = "rows.rs"]
mod rows;
#[path = "warc.rs"]
mod warc;

/// Panics if the bytes break what the target promises.
pub type Promise = fn(&[u8]);

pub const TARGETS: [(&str, Promise); 12] = [
    ("answers", answers::promise),
    ("config", config::promise),
    ("heads", heads::promise),
    ("identifiers", identifiers::promise),
    ("inputs", inputs::promise),
    ("links", links::promise),
    ("pdf", pdf::promise),
    ("proof", proof::promise),
    ("reports", reports::promise),
    ("robots", robots::promise),
    ("rows", rows::promise),
    ("warc", warc::promise),
];
