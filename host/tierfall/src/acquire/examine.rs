//! Reading a file, wherever that happens.

use futures_util::future::BoxFuture;

use tierfall_sandbox::Examiner;
use tierfall_work::{JatsProblem, JatsReport, PdfProblem, PdfReport};

/// Tells what a file is. The sandbox does; tests need none.
pub trait Examine: Send + Sync {
    /// A PDF's pages and metadata, and the text of its front pages, at most of `first_pages`.
    fn examine<'a>(&'a self, pdf: &'a [u8], first_pages: u32)
    -> BoxFuture<'a, Result<PdfReport, PdfProblem>>;

    /// The front matter of an article in XML, and how much text it has.
    fn examine_jats<'a>(&'a self, xml: &'a [u8]) -> BoxFuture<'a, Result<JatsReport, JatsProblem>>;
}

impl Examine for Examiner {
    fn examine<'a>(
        &'a self,
        pdf: &'a [u8],
        first_pages: u32,
    ) -> BoxFuture<'a, Result<PdfReport, PdfProblem>> {
        Box::pin(Self::examine(self, pdf, first_pages))
    }

    fn examine_jats<'a>(&'a self, xml: &'a [u8]) -> BoxFuture<'a, Result<JatsReport, JatsProblem>> {
        Box::pin(Self::examine_jats(self, xml))
    }
}
