//! OpenDocument's sheets: rows of cells, of which many alike are written once.

use super::super::rows::Row;
use super::cells::{number, place};
use crate::archive::Archive;
use crate::entry::EntryError;
use crate::lines::Lines;
use crate::xml;

const CONTENT: &str = "content.xml";

/// Cells that are written once; more of them have nothing in them.
const MOST_ALIKE: usize = 64;

pub(super) fn is(archive: &Archive) -> bool {
    let kind = archive.text("mimetype").and_then(|mut lines| lines.next()?.ok());
    kind.is_some_and(|line| line.text.contains("opendocument.spreadsheet"))
        && archive.names().any(|name| name == CONTENT)
}

/// The text of a sheet from its beginning; `None` if there are fewer.
pub(super) fn sheet(archive: &Archive, nth: usize) -> Option<Lines> {
    let mut lines = archive.text(CONTENT)?;
    let mut sheets = 0;
    loop {
        let piece = lines.piece(b'>')?.ok()?;
        let tag = piece.text.rsplit('<').next().unwrap_or_default();
        let begins = tag.starts_with("table:table ") || tag.starts_with("table:table>");
        if begins && sheets == nth {
            return Some(lines);
        }
        sheets += usize::from(begins);
    }
}

pub(super) fn row(lines: &mut Lines, row: &mut u64) -> Option<Result<Row, EntryError>> {
    *row = row.saturating_add(1);
    let snippet = match xml::next_of(&["table-row"], Some("table"), || lines.piece(b'>'))? {
        Ok(snippet) => snippet,
        Err(bad) => return Some(Err(EntryError { line: *row, ..bad })),
    };
    let line = *row;
    let mut cells = Vec::new();
    let mut column = 0_usize;
    let mut words = String::new();
    xml::each(&snippet.text, |path, text| {
        let Some(own) = path.last() else { return };
        let repeated = |name| own.attribute(name).and_then(|times| times.parse::<u64>().ok()).unwrap_or(1);
        match own.name.as_str() {
            // What somebody noted on a cell is not in it.
            "p" if !path.iter().any(|open| open.name == "annotation") => {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(text);
            }
            "table-cell" | "covered-table-cell" => {
                let shown = std::mem::take(&mut words);
                let text = match own.attribute("value-type") {
                    Some("float") => number(own.attribute("value").unwrap_or(&shown)),
                    _ => shown,
                };
                let times = usize::try_from(repeated("number-columns-repeated")).unwrap_or(usize::MAX);
                for nth in 0..times.min(MOST_ALIKE) {
                    place(&mut cells, column.saturating_add(nth), &text);
                }
                column = column.saturating_add(times);
            }
            // Rows alike are one work, and need not be read again.
            "table-row" => *row = row.saturating_add(repeated("number-rows-repeated").saturating_sub(1)),
            _ => {}
        }
    });
    Some(Ok(Row { line, cells }))
}
