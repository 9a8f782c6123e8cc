//! Reading a PDF, wherever that happens.

use futures_util::future::BoxFuture;

use tierfall_sandbox::Examiner;
use tierfall_work::{PdfProblem, PdfReport};

/// Tells what a PDF is. The sandbox does; tests need none.
pub trait Examine: Send + Sync {
    /// Its pages and metadata, and the text of the first `first_pages`.
    fn examine<'a>(&'a self, pdf: &'a [u8], first_pages: u32)
    -> BoxFuture<'a, Result<PdfReport, PdfProblem>>;
}

impl Examine for Examiner {
    fn examine<'a>(
        &'a self,
        pdf: &'a [u8],
        first_pages: u32,
    ) -> BoxFuture<'a, Result<PdfReport, PdfProblem>> {
        Box::pin(Self::examine(self, pdf, first_pages))
    }
}
