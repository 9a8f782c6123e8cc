//! The PDF examiner: a component that reads one PDF and reports its pages, metadata and text. It imports
//! nothing, so the worst that a hostile file can do is to end this instance; the host treats a trap as a
//! damaged file.

mod accents;
mod bidi;
mod bindings;
mod end;
mod export;
mod fonts;
mod glyph_names;
mod inflate;
pub mod jats;
mod layout;
mod lines;
mod metadata;
mod page;
mod structure;

pub use bindings::{JatsProblem, JatsReport, Problem, Report};

use std::sync::Arc;

use hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData};

use end::End;
use page::Reader;

/// Readers find a header that has up to this much before it (ISO 32000-1, Annex H, note 13).
const HEADER_WITHIN: usize = 1024;

/// A file of so few pages may be something else than the article, and say so on any of them.
const FEW_PAGES: usize = 3;

/// What a PDF is: its pages and metadata, and the text of at most `first_pages`. Behind the first page of prose none is
/// read: a work's own title, authors and identifiers stand there or before, and reading takes the most of the time.
pub fn examine(mut pdf: Vec<u8>, first_pages: u32) -> Result<Report, Problem> {
    let header =
        end::find(&pdf[..pdf.len().min(HEADER_WITHIN + HEADER.len())], HEADER).ok_or(Problem::NotPdf)?;
    // Offsets count from the header.
    pdf.drain(..header);
    let end = end::of(&pdf);
    if let End::Missing(why) = end {
        return Err(Problem::Truncated(why.into()));
    }
    let info = metadata::info_reference(&pdf);
    let bytes: PdfData = Arc::new(pdf).into();
    let pdf = Pdf::new(bytes.clone()).map_err(|error| match error {
        LoadPdfError::Decryption(
            DecryptionError::PasswordProtected | DecryptionError::UnsupportedAlgorithm,
        ) => Problem::Encrypted,
        LoadPdfError::Decryption(error) => Problem::Damaged(format!("its encryption is broken ({error:?})")),
        LoadPdfError::Invalid => Problem::Damaged("no document can be made of its objects".into()),
    })?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(Problem::Damaged("it has no pages".into()));
    }
    let structure = structure::check(&pdf, bytes.as_ref(), &end);
    let described = metadata::of(&pdf, info);
    let mut report = Report {
        pages: u32::try_from(pages.len()).unwrap_or(u32::MAX),
        title: described.title,
        metadata: described.lines,
        text: Vec::new(),
        headings: Vec::new(),
        images: false,
        repaired: end == End::Broken,
        drawn: 0,
        read: 0,
        damage: structure.damage,
        unchecked: structure.unchecked,
    };
    let mut reader = Reader::new();
    for page in pages.iter().take(usize::try_from(first_pages).unwrap_or(usize::MAX)) {
        let read = reader.read(page);
        report.images |= read.scanned;
        report.headings.push(read.lines.headings());
        let text = read.lines.into_text();
        let is_prose = lines::is_page_of_prose(&text);
        report.text.push(text);
        if is_prose && pages.len() > FEW_PAGES {
            break;
        }
    }
    (report.drawn, report.read) = (reader.drawn, reader.read);
    Ok(report)
}

const HEADER: &[u8] = b"%PDF-";
