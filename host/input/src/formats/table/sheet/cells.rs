//! Cells of a row, in their columns.

/// Columns of a sheet; those beyond are left out.
const MOST_COLUMNS: usize = 1 << 12;

/// In bytes; a longer cell is cut.
const LONGEST_CELL: usize = 32 << 10;

/// Puts a cell into its column.
pub(super) fn place(cells: &mut Vec<String>, column: usize, text: &str) {
    if column >= MOST_COLUMNS || text.is_empty() {
        return;
    }
    if cells.len() <= column {
        cells.resize(column + 1, String::new());
    }
    if let Some(cell) = cells.get_mut(column) {
        *cell = text.get(..text.floor_char_boundary(LONGEST_CELL)).unwrap_or_default().to_owned();
    }
}

/// `17000001.0` and `1.7000001E7` are how a number is stored that people see as 17000001.
pub(super) fn number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 1e15 && text.contains(['.', 'e', 'E']) => {
            format!("{value:.0}")
        }
        _ => text.to_owned(),
    }
}
