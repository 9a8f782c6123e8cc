//! Tables: CSV, TSV, and sheets.

mod columns;
mod csv;
mod rows;
pub(crate) mod sheet;

use self::columns::{Columns, NoColumn, PREAMBLE, SAMPLE};
use self::csv::Csv;
use self::rows::{Row, Rows};
use crate::beginning::Beginning;
use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::{Line, Lines};
use crate::parse::{FormatSpec, OpenError, Opening, Parse};
use crate::record::Record;

pub(crate) const CSV: FormatSpec = FormatSpec {
    names: &["csv"],
    extensions: &["csv"],
    sure: false,
    looks: |beginning| header(beginning).is_some_and(|delimiter| delimiter != b'\t'),
    open: |opening| open(opening, None),
};

pub(crate) const TSV: FormatSpec = FormatSpec {
    names: &["tsv", "tab"],
    extensions: &["tsv", "tab"],
    sure: false,
    looks: |beginning| header(beginning).is_some_and(|delimiter| delimiter == b'\t'),
    open: |opening| open(opening, Some(b'\t')),
};

/// The delimiter of the first line that names a column with identifiers.
fn header(beginning: &Beginning<'_>) -> Option<u8> {
    let mut lines = beginning.lines();
    let first = lines.next()?;
    if let Some(delimiter) = csv::declared(first) {
        return Some(delimiter);
    }
    std::iter::once((first, true)).chain(lines.map(|line| (line, false))).find_map(|(line, first)| {
        let delimiter = csv::delimiter(line);
        is_header(line, delimiter, beginning.column, first).then_some(delimiter)
    })
}

fn is_header(line: &str, delimiter: u8, column: Option<&str>, first: bool) -> bool {
    let names = line.split(char::from(delimiter)).map(|name| name.trim_matches(['"', ' ']));
    columns::is_header(names, column, first)
}

/// Opens a table of text. Its delimiter is `usual`, unless its header has another one.
fn open(opening: Opening<'_>, usual: Option<u8>) -> Result<Box<dyn Parse>, OpenError> {
    let Opening { origin, lines, column } = opening;
    let mut ahead: Vec<Line> = Vec::new();
    let mut found = None;
    let mut held = 0;
    let mut seen = 0;
    while found.is_none() && seen < PREAMBLE && held < 64 << 10 {
        let line = match lines.next() {
            Some(Ok(line)) => line,
            Some(Err(bad)) if seen == 0 => {
                let error = std::io::Error::new(std::io::ErrorKind::InvalidData, bad.message);
                return Err(OpenError::Unreadable { origin: origin.to_owned(), error });
            }
            _ => break,
        };
        held += line.text.len();
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if seen == 0
            && let Some(delimiter) = csv::declared(&line.text)
        {
            found = Some(delimiter);
            continue;
        }
        let delimiter = csv::delimiter(text);
        // `;` in the names of a table with tabs is no delimiter.
        let delimiter = usual.filter(|usual| text.as_bytes().contains(usual)).unwrap_or(delimiter);
        if is_header(text, delimiter, column, seen == 0) {
            found = Some(delimiter);
        }
        ahead.push(line);
        seen += 1;
    }
    // What stands before the header are notes; without a header, the first line is one, or the first row.
    let keep = if found.is_some() { ahead.len().saturating_sub(1) } else { 0 };
    let first = ahead.get(keep).or(ahead.first()).map(|line| line.text.clone()).unwrap_or_default();
    let delimiter = found
        .or(usual.filter(|usual| first.as_bytes().contains(usual)))
        .unwrap_or_else(|| csv::delimiter(&first));
    lines.put_back(ahead.split_off(keep.min(ahead.len())));
    Ok(Box::new(Table::new(origin, Rows::new(Csv::new(delimiter)), lines, column)?))
}

/// Opens a spreadsheet: of its sheets the first with identifiers, else the first.
pub(crate) fn open_sheets(
    origin: &str,
    book: &sheet::Spreadsheet,
    column: Option<&str>,
) -> Result<Box<dyn Parse>, OpenError> {
    let mut lines = Lines::new(std::io::empty());
    let mut first = None;
    for sheet in book.sheets() {
        let table = Table::new(origin, Rows::new(sheet), &mut lines, column);
        if table.as_ref().is_ok_and(|table| !table.columns.fields.is_empty()) {
            return Ok(Box::new(table?));
        }
        // A sheet with nothing in it says less than one without identifiers.
        if first.as_ref().is_none_or(Result::is_ok) {
            first = Some(table);
        }
    }
    let none = || Err(OpenError::NoIdColumn { origin: origin.to_owned(), columns: "none".into() });
    Ok(Box::new(first.unwrap_or_else(none)?))
}

/// A table whose columns are known.
struct Table {
    rows: Rows,
    columns: Columns,
}

impl Table {
    /// Finds the header among the first rows. A first row with an identifier is not a header, and is read as data.
    fn new(origin: &str, mut rows: Rows, lines: &mut Lines, column: Option<&str>) -> Result<Self, OpenError> {
        let cells = |row: &Row| row.cells.clone();
        let is_header =
            |row: &Row, first: bool| columns::is_header(cells(row).iter().map(String::as_str), column, first);
        rows.look_ahead(lines, |seen| {
            seen.len() < PREAMBLE && !seen.last().is_some_and(|row| is_header(row, seen.len() == 1))
        });
        let seen = rows.looked_at();
        let found =
            seen.iter().enumerate().find(|(nth, row)| is_header(row, *nth == 0)).map(|(_, row)| row.line);
        if let Some(line) = found {
            rows.begin_at(line);
        }
        let names = rows.looked_at().first().map(|row| cells(row)).unwrap_or_default();
        let mut columns = Columns::of(&rows.looked_at(), column);
        // The names of weak columns do not suffice; the cells of the others are looked at.
        let weak = match &columns {
            Ok(columns) => {
                !columns.fields.iter().flatten().any(|field| field.rank().is_some_and(|rank| rank < 6))
            }
            Err(_) => true,
        };
        if weak && column.is_none() {
            rows.look_ahead(lines, |seen| seen.len() <= SAMPLE);
            columns = Columns::of(&rows.looked_at(), column);
        }
        let listed = || names.iter().map(|name| format!("`{}`", name.trim())).collect::<Vec<_>>().join(", ");
        let columns = columns.map_err(|why| match why {
            NoColumn::Named => OpenError::NoSuchColumn {
                origin: origin.to_owned(),
                column: column.unwrap_or_default().to_owned(),
                columns: listed(),
            },
            NoColumn::Ids => OpenError::NoIdColumn { origin: origin.to_owned(), columns: listed() },
        })?;
        if columns.header {
            rows.skip_header();
        }
        Ok(Self { rows, columns })
    }
}

impl Parse for Table {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            let row = match self.rows.next(lines)? {
                Ok(row) => row,
                Err(bad) => return Some(Err(bad)),
            };
            if row.is_blank() {
                continue;
            }
            let mut record = Record::default();
            for (field, cell) in self.columns.fields.iter().zip(&row.cells) {
                let number = || cell.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                match field {
                    Some(Field::Work | Field::Any) if !self.columns.numbers && number() => {}
                    Some(field) => record.add(*field, cell),
                    None => {}
                }
            }
            return Some(record.into_entry(row.line, "the row"));
        }
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
        4! the row, “Nothing”, has no identifier, and neither authors nor a year to find its title by
        6! the row, “Bad doi”, has no identifier, and neither authors nor a year to find its title by
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
    fn exports_begin_with_notes_and_name_their_columns_in_their_own_ways() {
        for (source, format) in [
            (
                "Item Title,Publication Title,Item DOI,Authors,Publication Year,URL\nT,J,10.5555/a,A B,2020,http://example.org/a\n",
                None,
            ),
            ("TI,AU,PY,DI\nT,A,2020,10.5555/a\n", None),
            ("sep=;\r\nT;DOI\r\nT;10.5555/a\r\n", None),
            (
                "\"About the data: exported, on a day\"\nRank,Publication ID,DOI,Title\n1,pub.1,10.5555/a,T\n",
                None,
            ),
            ("Title\tDOI\nT\t10.5555/a\n", Some(Format::Csv)),
            ("Title,DOI\rT,10.5555/a\rT,10.5555/b\r", None),
            ("PMID,Title\n17000003.0,T\n", None),
            ("DOI,PMID\n10.5555/a; 10.5555/b,\"17000001, 17000002\"\n", None),
            (
                "Cites,Authors,Title,Year,ArticleURL,DOI,StartPage,EndPage\n5,\"A B, C D\",T,2020,https://example.org/a,10.5555/a,7,9\n",
                None,
            ),
        ] {
            assert!(read(source, format, None).contains("=>"), "{source}: {}", read(source, format, None));
        }
        insta::assert_snapshot!(read("Cites,Authors,Title,Year,ArticleURL,DOI,StartPage,EndPage\n5,\"A B, C D\",T,2020,https://example.org/a,10.5555/a,7,9\n", None, None), @r#"2: 10.5555/a => doi:10.5555/a | T | A B; C D | 2020 | 3 pages | https://example.org/a"#);
        insta::assert_snapshot!(read("Title,DOI\rT,10.5555/a\rT,10.5555/b\r", None, None), @r#"
        2: 10.5555/a => doi:10.5555/a | T
        3: 10.5555/b => doi:10.5555/b | T
        "#);
        insta::assert_snapshot!(read("PMID,Title\n17000003.0,T\n,U\n", None, None), @r#"
        2: 17000003.0 => pmid:17000003 | T
        3! the row, “U”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn where_names_say_nothing_the_cells_do() {
        insta::assert_snapshot!(read("Paper,Where\nT,https://doi.org/10.5555/a\nU,10.5555/b\nV,\n", Some(Format::Csv), None), @r#"
        2: https://doi.org/10.5555/a => doi:10.5555/a
        3: 10.5555/b => doi:10.5555/b
        4! the row has no identifier
        "#);
        insta::assert_snapshot!(read("id,Title,Where\n1001,T,10.5555/a\n1002,U,\n", Some(Format::Csv), None), @r#"
        2: 10.5555/a => doi:10.5555/a | T
        3! the row, “U”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn a_table_of_titles_gives_works_that_are_known_by_them() {
        insta::assert_snapshot!(read("Title,Authors,Year\nT,A B,2001\nU,,\n", Some(Format::Csv), None), @r#"
        2: T =>  | T | A B | 2001
        3! the row, “U”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn an_empty_table_has_no_works() {
        assert_eq!(read("", Some(Format::Csv), None), "");
        assert_eq!(read("doi\n", Some(Format::Csv), None), "");
    }
}
