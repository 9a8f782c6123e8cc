//! Sheets of Excel (`.xlsx`) and of OpenDocument (`.ods`), row by row.
//!
//! Libraries for spreadsheets build the whole rectangle between the first cell and the last, so that two cells of a
//! file of a kilobyte take terabytes. Here a row is held at a time, and the texts that rows share, up to a limit.

mod cells;
mod excel;
mod opendocument;

use std::sync::Arc;

use super::rows::{Row, Source};
use crate::archive::Archive;
use crate::entry::EntryError;
use crate::lines::Lines;
use crate::parse::{FormatSpec, OpenError};

pub(crate) const SHEET: FormatSpec = FormatSpec {
    names: &["sheet", "xlsx", "ods", "excel"],
    // It is told by its content alone: files of other kinds are called so.
    extensions: &[],
    sure: false,
    looks: |_| false,
    open: |opening| {
        Err(OpenError::NoBibliography {
            origin: opening.origin.to_owned(),
            what: "no spreadsheet of Excel or OpenDocument",
            advice: "leave out --format, so that it is told from its content",
        })
    },
};

/// Sheets of a book that are looked at.
const MOST_SHEETS: usize = 20;

/// A spreadsheet.
pub(crate) enum Spreadsheet {
    Excel { archive: Archive, texts: Arc<[Box<str>]> },
    OpenDocument { archive: Archive },
}

impl Spreadsheet {
    /// `None` if the archive is no spreadsheet.
    pub(crate) fn open(archive: Archive) -> Result<Option<Self>, EntryError> {
        if excel::sheets(&archive).next().is_some() {
            let texts = excel::shared(&archive)?;
            return Ok(Some(Self::Excel { archive, texts }));
        }
        Ok(opendocument::is(&archive).then_some(Self::OpenDocument { archive }))
    }

    /// Its sheets, in order.
    pub(super) fn sheets(&self) -> impl Iterator<Item = Sheet> {
        let sheet = |text, cells| Sheet { text, cells, row: 0, ended: false };
        let sheets: Vec<Sheet> = match self {
            Self::Excel { archive, texts } => {
                let mut names: Vec<&str> = excel::sheets(archive).collect();
                names.sort_by_key(|name| (name.len(), *name));
                let sheets = names.into_iter().take(MOST_SHEETS).filter_map(|name| archive.text(name));
                sheets.map(|text| sheet(text, Cells::Excel(Arc::clone(texts)))).collect()
            }
            Self::OpenDocument { archive } => {
                let sheets = (0..MOST_SHEETS).map_while(|nth| opendocument::sheet(archive, nth));
                sheets.map(|text| sheet(text, Cells::OpenDocument)).collect()
            }
        };
        sheets.into_iter()
    }
}

/// One sheet that is being read.
pub(super) struct Sheet {
    text: Lines,
    cells: Cells,
    /// The number of the last row.
    row: u64,
    ended: bool,
}

/// How cells are written.
enum Cells {
    /// With the texts that they share.
    Excel(Arc<[Box<str>]>),
    OpenDocument,
}

impl Source for Sheet {
    fn row(&mut self, _: &mut Lines) -> Option<Result<Row, EntryError>> {
        if self.ended {
            return None;
        }
        let row = match &self.cells {
            Cells::Excel(texts) => excel::row(&mut self.text, texts, &mut self.row),
            Cells::OpenDocument => opendocument::row(&mut self.text, &mut self.row),
        };
        self.ended = row.is_none();
        row
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use crate::tests::read_bytes;

    /// An archive of these files, as far as a reader looks at it.
    fn zipped<N: AsRef<str>, T: AsRef<[u8]>>(members: impl IntoIterator<Item = (N, T)>) -> Vec<u8> {
        let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
        for (name, text) in members {
            let name = name.as_ref().as_bytes();
            let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text.as_ref()).expect("memory can be written");
            let packed = packed.finish().expect("memory can be written");
            let sizes = [packed.len() as u32, text.as_ref().len() as u32].map(u32::to_le_bytes).concat();
            let lengths = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
            let about = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &lengths].concat();
            let at = (archive.len() as u32).to_le_bytes();
            directory.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10], &at, name].concat());
            archive.extend([&b"PK\x03\x04"[..], &about, name, &packed].concat());
            count += 1;
        }
        let (at, length) = ((archive.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
        let counts = [0, 0, count, count].map(u16::to_le_bytes).concat();
        [&archive[..], &directory, b"PK\x05\x06", &counts, &length, &at, &[0, 0]].concat()
    }

    fn excel(shared: &str, sheets: &[&str]) -> Vec<u8> {
        let names: Vec<String> =
            (1..=sheets.len()).map(|nth| format!("xl/worksheets/sheet{nth}.xml")).collect();
        let whole: Vec<String> = sheets
            .iter()
            .map(|rows| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"))
            .collect();
        let shared = format!("<sst>{shared}</sst>");
        let mut members =
            vec![("[Content_Types].xml", "<Types/>"), ("xl/sharedStrings.xml", shared.as_str())];
        members.extend(names.iter().zip(&whole).map(|(name, text)| (name.as_str(), text.as_str())));
        zipped(members)
    }

    fn open_document(tables: &str) -> Vec<u8> {
        let content = format!(
            "<office:document-content><office:spreadsheet>{tables}</office:spreadsheet></office:document-content>"
        );
        zipped([("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)])
    }

    #[test]
    fn a_sheet_of_excel_is_a_table() {
        let shared = "<si><t>Title</t></si><si><t>DOI</t></si><si><r><t>A </t></r><r><t>title</t></r><rPh><t>spoken</t></rPh></si>";
        let notes = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>About</t></is></c></row>";
        let rows = "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"C2\" t=\"s\"><v>1</v></c><c r=\"D2\" t=\"inlineStr\"><is><t>PMID</t></is></c></row>\
            <row r=\"3\"><c r=\"A3\" t=\"s\"><v>2</v></c><c r=\"C3\" t=\"str\"><f>A1</f><v>10.5555/a</v></c><c r=\"D3\"><v>1.7000001E7</v></c></row>\
            <row r=\"5\"><c><v>7</v></c><c/><c t=\"s\"><v>99</v></c><c><v>17000002</v></c></row><row r=\"6\"/>\
            <row r=\"7\"><c r=\"A7\" t=\"s\"><v>2</v></c></row>";
        insta::assert_snapshot!(read_bytes(excel(shared, &[notes, &format!("{notes}{rows}")])), @r#"
        3: 10.5555/a => doi:10.5555/a pmid:17000001 | A title
        5: 17000002 => pmid:17000002 | 7
        7! the row, “A title”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn a_formula_that_links_is_what_it_leads_to() {
        let cell = |formula: &str, value: &str| format!("<c t=\"str\"><f>{formula}</f>{value}</c>");
        let rows = format!(
            "<row r=\"1\"><c t=\"inlineStr\"><is><t>Title</t></is></c><c t=\"inlineStr\"><is><t>Link</t></is></c></row>\
             <row r=\"2\">{}{}</row><row r=\"3\">{}{}</row><row r=\"4\">{}{}</row>",
            cell("HYPERLINK(&quot;https://example.org/t&quot;,&quot;A title&quot;)", "<v>A title</v>"),
            cell("HYPERLINK(&quot;https://doi.org/10.5555/a&quot;,&quot;Link&quot;)", "<v>Link</v>"),
            cell("=HYPERLINK(&quot;https://example.org/t&quot;,&quot;B title&quot;)", "<v></v>"),
            cell("HYPERLINK(&quot;https://doi.org/10.5555/b&quot;)", ""),
            cell("CONCATENATE(&quot;C&quot;)", "<v>C title</v>"),
            cell("HYPERLINK(&quot;https://example.org/c&quot;,&quot;10.5555/c&quot;)", "<v>10.5555/c</v>"),
        );
        insta::assert_snapshot!(read_bytes(excel("", &[&rows])), @r#"
        2: https://doi.org/10.5555/a => doi:10.5555/a | A title
        3: https://doi.org/10.5555/b => doi:10.5555/b | B title
        4: 10.5555/c => doi:10.5555/c | C title
        "#);
    }

    #[test]
    fn a_sheet_of_open_document_is_a_table() {
        let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
        let rows = format!(
            "<table:table table:name=\"empty\"><table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>\
             <table:table table:name=\"works\"><table:table-row>{}<table:table-cell table:number-columns-repeated=\"2\"/>{}{}</table:table-row>\
             <table:table-row table:number-rows-repeated=\"3\">{}<table:covered-table-cell table:number-columns-repeated=\"2\"/>{}<table:table-cell office:value-type=\"float\" office:value=\"17000001\"><text:p>17,000,001</text:p><office:annotation><text:p>10.5555/z</text:p></office:annotation></table:table-cell></table:table-row>\
             <table:table-row>{}</table:table-row></table:table>",
            cell("Title"),
            cell("DOI"),
            cell("PMID"),
            cell("A <text:span>title</text:span>"),
            cell("10.5555/a"),
            cell("Another")
        );
        insta::assert_snapshot!(read_bytes(open_document(&rows)), @r#"
        2: 10.5555/a => doi:10.5555/a pmid:17000001 | A title
        5! the row, “Another”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn what_sheets_claim_takes_no_room() {
        let far = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>DOI</t></is></c></row><row r=\"1048576\"><c r=\"A1048576\" t=\"inlineStr\"><is><t>10.5555/a</t></is></c><c r=\"ZZZZ9\"><v>1</v></c><c r=\"9\"><v>1</v></c></row>";
        insta::assert_snapshot!(read_bytes(excel("", &[far])), @r#"1048576: 10.5555/a => doi:10.5555/a"#);
        let bomb = format!(
            "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>DOI</t></is></c></row><row r=\"2\"><c><v>{}</v></c></row><row r=\"3\"><c t=\"str\"><v>10.5555/a</v></c></row>{}",
            "1".repeat(2 << 20),
            " ".repeat(17 << 20)
        );
        insta::assert_snapshot!(read_bytes(excel("", &[&bomb])), @r#"
        2! the record is longer than 1 MiB, and is left out
        3: 10.5555/a => doi:10.5555/a
        4! failed to read on: it unpacks to more than 100 times its size, as no list does; unpack it yourself to read it all the same
        "#);
        let shared = format!("<si><t>{}</t></si>", "a".repeat(5000)).repeat(3500);
        insta::assert_snapshot!(read_bytes(excel(&shared, &[far])), @r#"failed to open the input: failed to read on: it unpacks to more than 100 times its size, as no list does; unpack it yourself to read it all the same"#);
        let cells = "<table:table table:name=\"x\"><table:table-row><table:table-cell table:number-columns-repeated=\"18446744073709551615\"><text:p>DOI</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"18446744073709551615\"/></table:table-row>\
            <table:table-row table:number-rows-repeated=\"18446744073709551615\"><table:table-cell><text:p>10.5555/a</text:p></table:table-cell></table:table-row></table:table>";
        insta::assert_snapshot!(read_bytes(open_document(cells)), @r#"2: 10.5555/a => doi:10.5555/a"#);
    }

    #[test]
    fn other_archives_are_named_for_what_they_are() {
        let named = [
            zipped([("word/document.xml", "<w/>")]),
            zipped([("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<x/>")]),
            zipped([("Index/Document.iwa", "")]),
            zipped([("refs.bib", "@a{b, doi={10.5555/a}}")]),
            b"PK\x03\x04 and nothing that is there".to_vec(),
        ];
        insta::assert_snapshot!(named.map(read_bytes).join("\n"), @r#"
        the input is no bibliography but a text document: save it as plain text, and read it with --format prose
        the input is no bibliography but a text document: save it as plain text, and read it with --format prose
        the input is no bibliography but a document of Numbers, Pages or Keynote: export it as CSV or as plain text
        the input is no bibliography but a zip archive: unpack it, and give the files in it
        failed to open the input: the zip archive is broken: its directory is not there
        "#);
    }
}
