//! What reads bytes from outside, for the fuzz targets and the tests that replay their corpora.

pub use crate::exchange::{read_response, response_head};
pub use crate::robots::Rules as RobotsRules;
pub use crate::warc::{Place, RecordHead, Scanner, Writer, open_at};
