//! Tables that spreadsheets open without harm: a cell that one would take for a formula is marked as text.

use std::io::{self, Write};

/// The mark by which spreadsheets know UTF-8.
pub const BEGINNING: &str = "\u{feff}";

/// Writes one row.
pub fn row(out: &mut impl Write, cells: &[&str]) -> io::Result<()> {
    for (nth, cell) in cells.iter().enumerate() {
        if nth > 0 {
            out.write_all(b",")?;
        }
        out.write_all(b"\"")?;
        if is_formula(cell) {
            out.write_all(b"'")?;
        }
        let mut rest = *cell;
        while let Some(at) = rest.find(['"', '\0']) {
            out.write_all(rest.as_bytes().get(..at).unwrap_or_default())?;
            if rest.as_bytes().get(at) == Some(&b'"') {
                out.write_all(b"\"\"")?;
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())?;
        out.write_all(b"\"")?;
    }
    out.write_all(b"\r\n")
}

/// Spreadsheets calculate what begins so, also behind blanks; East Asian ones in full width, too.
fn is_formula(cell: &str) -> bool {
    let begins = |c: char| {
        matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n' | '|' | '%')
    };
    cell.starts_with(begins) || cell.trim_start().starts_with(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        let mut out = Vec::new();
        row(&mut out, cells).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", " =cmd|'/c calc'!A0", "\t=1", "＝1"] {
            assert!(written(&[evil]).starts_with("\"'"), "{evil}");
        }
        assert_eq!(written(&["a", "say \"x\", y", ""]), "\"a\",\"say \"\"x\"\", y\",\"\"\r\n");
        assert_eq!(written(&["two\nlines", "nul\0"]), "\"two\nlines\",\"nul\"\r\n");
    }
}
