//! What texts look like that may be the URL of a file.

use crate::url;

/// Points from which a URL alone, without a label, counts as that of a PDF.
pub(super) const LOOKS_LIKE_PDF: i32 = 4;

/// Whether a value in a page's data may be an address at all.
pub(super) fn looks_like_url(text: &str) -> bool {
    url::is_web(text) || text.contains('/') || text.contains(".pdf")
}
