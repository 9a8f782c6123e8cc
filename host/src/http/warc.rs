//! WARC.
#[derive(Debug, thiserror::Error)]
pub enum WarcError {
    #[error("not a WARC")]
    NotWarc,
}
