//! Excel's sheets: rows of cells that are numbers, texts, or the number of a text that the book shares.

use std::sync::Arc;

use super::super::rows::Row;
use super::cells::{number, place};
use crate::archive::Archive;
use crate::entry::EntryError;
use crate::lines::Lines;
use crate::xml;

/// In bytes, of the texts that rows share; a hundred thousand references with their abstracts may have more.
const MOST_SHARED: usize = 96 << 20;

/// In bytes, of one of them: titles and lists of authors are shorter, and nothing longer is read.
const LONGEST_SHARED: usize = 4 << 10;

/// What a text takes beside its length.
const PER_TEXT: usize = 32;

pub(super) fn sheets(archive: &Archive) -> impl Iterator<Item = &str> {
    archive.names().filter(|name| name.starts_with("xl/worksheets/sheet") && name.ends_with(".xml"))
}

/// The texts that cells share, by their number.
pub(super) fn shared(archive: &Archive) -> Result<Arc<[Box<str>]>, EntryError> {
    let Some(mut lines) = archive.text("xl/sharedStrings.xml") else { return Ok(Arc::new([])) };
    let mut texts: Vec<Box<str>> = Vec::new();
    let mut held = 0;
    while let Some(snippet) = xml::next_of(&["si"], None, || lines.piece(b'>')) {
        let mut text = String::new();
        match snippet {
            Ok(snippet) => xml::each(&snippet.text, |path, part| {
                // How a word is spoken stands beside it.
                if path.last().is_some_and(|own| own.name == "t")
                    && !path.iter().any(|open| open.name == "rPh")
                {
                    text.push_str(part);
                }
            }),
            Err(bad) if bad.last => return Err(bad),
            Err(_) => {}
        }
        text.truncate(text.floor_char_boundary(LONGEST_SHARED));
        held += text.len() + PER_TEXT;
        if held > MOST_SHARED {
            let message =
                format!("its texts are longer than {} MiB: save the sheet as CSV", MOST_SHARED >> 20);
            return Err(EntryError::ending(1, message));
        }
        texts.push(text.into());
    }
    Ok(texts.into())
}

pub(super) fn row(lines: &mut Lines, texts: &[Box<str>], row: &mut u64) -> Option<Result<Row, EntryError>> {
    *row = row.saturating_add(1);
    let snippet = match xml::next_of(&["row"], Some("sheetData"), || lines.piece(b'>'))? {
        Ok(snippet) => snippet,
        Err(bad) => return Some(Err(EntryError { line: *row, ..bad })),
    };
    let mut cells = Vec::new();
    let mut column = 0;
    let (mut value, mut formula) = (String::new(), String::new());
    xml::each(&snippet.text, |path, text| {
        let Some(own) = path.last() else { return };
        match own.name.as_str() {
            "v" => value = text.trim().to_owned(),
            // Of several runs of one text.
            "t" => value.push_str(text),
            "f" => text.clone_into(&mut formula),
            "c" => {
                column = own.attribute("r").and_then(place_of).unwrap_or(column);
                let value = std::mem::take(&mut value);
                if let Some(target) = linked(&std::mem::take(&mut formula), &value) {
                    place(&mut cells, column, target);
                    column += 1;
                    return;
                }
                match own.attribute("t").unwrap_or("n") {
                    "s" => place(
                        &mut cells,
                        column,
                        value.parse().ok().and_then(|nth: usize| texts.get(nth)).map_or("", |text| text),
                    ),
                    "n" => place(&mut cells, column, &number(&value)),
                    "b" | "e" => {}
                    _ => place(&mut cells, column, &value),
                }
                column += 1;
            }
            "row" => *row = own.attribute("r").and_then(|row| row.parse().ok()).unwrap_or(*row).max(*row),
            _ => {}
        }
    });
    Some(Ok(Row { line: *row, cells }))
}

/// What `HYPERLINK("https://…","Full text")` leads to, where the cell shows nothing, or a word that says no more
/// than that it is a link.
fn linked<'a>(formula: &'a str, shown: &str) -> Option<&'a str> {
    const WORDS: [&str; 10] =
        ["article", "click here", "doi", "full text", "fulltext", "here", "html", "link", "pdf", "view"];
    let (function, rest) = formula.split_once("HYPERLINK(\"")?;
    let (target, name) = rest.split_once('"')?;
    let name = name.split('"').nth(1).unwrap_or_default();
    let shown = if shown.is_empty() { name } else { shown };
    let says_nothing = shown.is_empty() || WORDS.contains(&shown.trim().to_ascii_lowercase().as_str());
    match (function.trim_start_matches(['=', '_', ' ']).is_empty(), says_nothing) {
        (true, true) => Some(target),
        // A program that writes formulas, and does not work them out.
        (true, false) if shown == name => Some(name),
        _ => None,
    }
}

/// The column of `AB12`, from 0.
fn place_of(cell: &str) -> Option<usize> {
    let letters = cell.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let column =
        letters.fold(0, |column, letter| column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    column.checked_sub(1)
}
