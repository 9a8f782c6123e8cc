//! CSV and TSV (RFC 4180), row by row.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::entry::{EntryError, InputEntry};
use crate::fields::{self, Field};
use crate::lines::{Line, Lines};
use crate::parse::{FormatSpec, OpenError, Opening, Parse};
use crate::record::Record;
use tierfall_ids::{IdKind, WorkId};

pub(crate) const CSV: FormatSpec = FormatSpec {
    names: &["csv"],
    extensions: &["csv"],
    begins: |first, column| delimiter(first) != b'\t' && is_header(first, column),
    open: |opening| Ok(Box::new(Table::new(opening, false)?)),
};

pub(crate) const TSV: FormatSpec = FormatSpec {
    names: &["tsv", "tab"],
    extensions: &["tsv", "tab"],
    begins: |first, column| delimiter(first) == b'\t' && is_header(first, column),
    open: |opening| Ok(Box::new(Table::new(opening, true)?)),
};

/// A quoted cell may contain line breaks; one with more lines than these has a quote that is never closed.
const MOST_LINES: usize = 1000;

struct Table {
    cells: Cells,
    /// What each column holds.
    columns: Vec<Option<Field>>,
    /// Whether a bare number in a column of any kind is a PMID. Where other columns are of one kind, it is a row
    /// number.
    numbers: bool,
}

/// The delimiter of a header: the one that occurs most often.
fn delimiter(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    // `max_by_key` returns the last of equals: a comma where there is no delimiter at all.
    *b"|;\t,".iter().max_by_key(|&&delimiter| count(delimiter)).unwrap_or(&b',')
}

/// Whether a line names a column that is known to hold identifiers, or the one that the user names.
fn is_header(line: &str, column: Option<&str>) -> bool {
    let mut names = line.split(char::from(delimiter(line))).map(|name| name.trim_matches(['"', ' ']));
    names.any(|name| match column {
        Some(column) => is_named(name, column),
        None => fields::named(name).is_some_and(|field| field.rank().is_some()),
    })
}

/// Whether a column of a header is the one that the user names.
fn is_named(header: &str, column: &str) -> bool {
    header.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(column.trim())
}

impl Table {
    /// Reads the header. A first row with an identifier is not a header, and is read as data.
    fn new(opening: Opening<'_>, tabs: bool) -> Result<Self, OpenError> {
        let Opening { origin, lines, column } = opening;
        let unreadable = |bad: EntryError| OpenError::Unreadable {
            origin: origin.to_owned(),
            error: std::io::Error::new(std::io::ErrorKind::InvalidData, bad.message),
        };
        let first = loop {
            match lines.next() {
                Some(Ok(line)) if line.text.trim().is_empty() || line.text.starts_with('#') => {}
                Some(Ok(line)) => break line,
                Some(Err(bad)) => return Err(unreadable(bad)),
                None => return Ok(Self { cells: Cells::new(b','), columns: Vec::new(), numbers: true }),
            }
        };
        let delimiter = if tabs { b'\t' } else { delimiter(&first.text) };
        let mut cells = Cells::new(delimiter);
        lines.put_back([first.clone()]);
        let (_, header) = match row(lines, &mut cells) {
            Some(Ok(row)) => row,
            Some(Err(bad)) => return Err(unreadable(bad)),
            None => (1, Vec::new()),
        };
        let mut columns: Vec<Option<Field>> = header.iter().map(|name| fields::named(name)).collect();
        let listed = || header.iter().map(|name| format!("`{}`", name.trim())).collect::<Vec<_>>().join(", ");
        if let Some(column) = column {
            let Some(at) = header.iter().position(|name| is_named(name, column)) else {
                return Err(OpenError::NoSuchColumn {
                    origin: origin.to_owned(),
                    column: column.to_owned(),
                    columns: listed(),
                });
            };
            // The named column comes before all others. If its name is well known, its values are of that kind.
            for (nth, field) in columns.iter_mut().enumerate() {
                match field {
                    Some(Field::Id(_)) if nth == at => {}
                    _ if nth == at => *field = Some(Field::Work),
                    Some(Field::Work | Field::Any) => *field = None,
                    _ => {}
                }
            }
        } else if !columns.iter().flatten().any(|field| field.rank().is_some()) {
            columns = header.iter().map(|cell| cell.parse::<WorkId>().ok().map(|_| Field::Work)).collect();
            if columns.iter().all(Option::is_none) {
                return Err(OpenError::NoIdColumn { origin: origin.to_owned(), columns: listed() });
            }
            lines.put_back([first]);
        }
        let typed = |field: &Field| matches!(field, Field::Id(kind) if *kind != IdKind::Url);
        let numbers = !columns.iter().flatten().any(typed);
        Ok(Self { cells, columns, numbers })
    }
}

impl Parse for Table {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            let (line, cells) = match row(lines, &mut self.cells)? {
                Ok(row) => row,
                Err(bad) => return Some(Err(bad)),
            };
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let mut record = Record::default();
            for (field, cell) in self.columns.iter().zip(&cells) {
                let number = || cell.trim().bytes().all(|byte| byte.is_ascii_digit());
                match field {
                    Some(Field::Work | Field::Any) if !self.numbers && number() => {}
                    Some(field) => record.add(*field, cell),
                    None => {}
                }
            }
            return Some(record.into_entry(line, "the row"));
        }
    }
}

/// The cells of one row, and the line it begins on. A quote that is never closed would swallow the rest of the
/// file: its line is reported, and the lines after it are read as rows of their own.
fn row(lines: &mut Lines, cells: &mut Cells) -> Option<Result<(u64, Vec<String>), EntryError>> {
    let first = match lines.next()? {
        Ok(line) => line,
        Err(bad) => return Some(Err(bad)),
    };
    let number = first.number;
    if first.text.is_empty() {
        return Some(Ok((number, Vec::new())));
    }
    cells.restart();
    if let Some(row) = cells.take(&first.text) {
        return Some(Ok((number, row)));
    }
    let mut ahead: Vec<Line> = Vec::new();
    let mut failed = None;
    while ahead.len() < MOST_LINES {
        match lines.next() {
            Some(Ok(line)) => {
                let row = cells.take(&line.text);
                ahead.push(line);
                if let Some(row) = row {
                    return Some(Ok((number, row)));
                }
            }
            // A read error ends the input; it is returned again after the lines that were put back.
            Some(Err(bad)) if bad.last => {
                failed = Some(bad);
                break;
            }
            Some(Err(_)) => {}
            None => break,
        }
    }
    lines.put_back(ahead);
    Some(Err(failed.unwrap_or_else(|| EntryError::new(number, "a quote is opened and never closed"))))
}

/// Reads a row line by line. It is reused for the next row, because building the CSV reader takes longer than
/// reading a row.
struct Cells {
    reader: Reader,
    text: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    ended: usize,
}

impl Cells {
    fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text: vec![0; 1024], length: 0, ends: vec![0; 32], ended: 0 }
    }

    fn restart(&mut self) {
        self.reader.reset();
        self.length = 0;
        self.ended = 0;
    }

    /// Adds a line; returns the cells if the row ends with it.
    fn take(&mut self, line: &str) -> Option<Vec<String>> {
        let line = format!("{line}\n");
        let mut input = line.as_bytes();
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.text[self.length..], &mut self.ends[self.ended..]);
            input = &input[read..];
            self.length += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return Some(self.cells()),
            }
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut begin = 0;
        self.ends[..self.ended]
            .iter()
            .map(|&end| {
                let cell = String::from_utf8_lossy(&self.text[begin..end]).into_owned();
                begin = end;
                cell
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn columns_with_well_known_names_are_combined() {
        let source = "nr,Title,Authors,Year,DOI,PubMed ID,PMCID,URL,Pages\n\
            1,\"A, title\",\"Piwowar, H.; Day, R.\",2007,10.1371/journal.pone.0000308,17375194,1817752,https://example.org/a,1-8\n\
            2,No doi,,,,17375194,,,\n\
            3,Nothing,,,,,,,\n\
            \n\
            4,Bad doi,,,n/a,,,,\n\
            5,Bad doi but a PMCID,,,n/a,,123,,\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        2: 10.1371/journal.pone.0000308 => doi:10.1371/journal.pone.0000308 pmid:17375194 pmcid:PMC1817752 | A, title | Piwowar; Day | 2007 | 8 pages | https://example.org/a
        3: 17375194 => pmid:17375194 | No doi
        4! the row has no identifier
        6! `n/a` is not a DOI: DOIs begin with 10.; expected something like 10.1371/journal.pone.0000308
        7: 123 => pmcid:PMC123 | Bad doi but a PMCID
        "#);
    }

    #[test]
    fn row_numbers_in_a_column_called_id_are_not_pmids() {
        insta::assert_snapshot!(read("id,doi\n12345,10.1371/a\n12346,\nPMC7,\n", None, None), @r#"
        2: 10.1371/a => doi:10.1371/a
        3! the row has no identifier
        4: PMC7 => pmcid:PMC7
        "#);
        insta::assert_snapshot!(read("id,name\n12345,A\n", None, None), @r#"2: 12345 => pmid:12345"#);
    }

    #[test]
    fn a_named_column_is_the_one_that_counts() {
        insta::assert_snapshot!(read("id;Paper;pmid\n7;10.1371/a;12\n8;10.1371/b;\n", None, Some("paper")), @r#"
        2: 10.1371/a => doi:10.1371/a pmid:12
        3: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(read("pmcid\tnr\n12\t1\n", Some(Format::Tsv), Some("pmcid")), @r#"2: 12 => pmcid:PMC12"#);
    }

    #[test]
    fn a_table_without_a_header_is_read_from_its_first_row() {
        insta::assert_snapshot!(read("10.1371/a,x\n10.1371/b,y\n", Some(Format::Csv), None), @r#"
        1: 10.1371/a => doi:10.1371/a
        2: 10.1371/b => doi:10.1371/b
        "#);
    }

    #[test]
    fn cells_go_over_lines_and_rows_may_be_short_or_long() {
        let source =
            "doi,title\n10.1371/a,\"Over\nlines, with \"\"quotes\"\"\"\n10.1371/b\n10.1371/c,C,more\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        2: 10.1371/a => doi:10.1371/a | Over lines, with "quotes"
        4: 10.1371/b => doi:10.1371/b
        5: 10.1371/c => doi:10.1371/c | C
        "#);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_row() {
        insta::assert_snapshot!(read("doi,title\n10.1371/a,\"open\n10.1371/b,B\n10.1371/c,C\n", None, None), @r#"
        2! a quote is opened and never closed
        3: 10.1371/b => doi:10.1371/b | B
        4: 10.1371/c => doi:10.1371/c | C
        "#);
    }

    #[test]
    fn an_empty_table_has_no_works() {
        assert_eq!(read("", Some(Format::Csv), None), "");
        assert_eq!(read("doi\n", Some(Format::Csv), None), "");
    }
}
