//! Which column holds what: by its name, by what the user says, or by what its cells are.

use tierfall_ids::IdKind;

use super::rows::Row;
use crate::fields::{self, Field};
use crate::written;

/// What each column holds.
pub(super) struct Columns {
    pub fields: Vec<Option<Field>>,
    /// Whether a bare number in a column of any kind is a PMID. Where other columns are of one kind, or the rows have
    /// titles, it is the number of a row or of a record.
    pub numbers: bool,
    /// Whether the first row is a header, and no data.
    pub header: bool,
}

/// Why no column can be read.
pub(super) enum NoColumn {
    /// The one that the user named is not there.
    Named,
    /// None holds identifiers.
    Ids,
}

/// How many rows are looked at where names do not tell.
pub(super) const SAMPLE: usize = 20;

/// Rows before the header, with notes about the export.
pub(super) const PREAMBLE: usize = 30;

/// Whether a column of a header is the one that the user names.
fn is_named(header: &str, column: &str) -> bool {
    header.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(column.trim())
}

/// Whether a row names a column that is known to hold identifiers, or the one that the user names. A note of one
/// cell is a header only as the first row.
pub(super) fn is_header<'a>(
    cells: impl Iterator<Item = &'a str> + Clone,
    column: Option<&str>,
    first: bool,
) -> bool {
    let known = cells.clone().filter(|name| fields::named(name).is_some()).count();
    let names = |name: &str| match column {
        Some(column) => is_named(name, column),
        None => fields::named(name).is_some_and(|field| field.rank().is_some()),
    };
    cells.clone().any(names) && (first || known > 1 || (column.is_some() && cells.count() > 1))
}

impl Columns {
    /// `rows` begin with what may be the header.
    pub(super) fn of(rows: &[&Row], column: Option<&str>) -> Result<Self, NoColumn> {
        let Some(header) = rows.first().map(|row| &row.cells) else {
            return Ok(Self { fields: Vec::new(), numbers: true, header: false });
        };
        let mut named: Vec<Option<Field>> = header.iter().map(|name| fields::named(name)).collect();
        if let Some(column) = column {
            let at = header.iter().position(|name| is_named(name, column)).ok_or(NoColumn::Named)?;
            // The named column comes before all others. If its name is well known, its values are of that kind.
            for (nth, field) in named.iter_mut().enumerate() {
                match field {
                    Some(Field::Id(_)) if nth == at => {}
                    _ if nth == at => *field = Some(Field::Work),
                    Some(Field::Work | Field::Any) => *field = None,
                    _ => {}
                }
            }
            let typed = |field: &Field| matches!(field, Field::Id(kind) if *kind != IdKind::Url);
            let numbers = !named.iter().flatten().any(typed);
            return Ok(Self { fields: named, numbers, header: true });
        }
        let strong = |field: &Field| field.rank().is_some_and(|rank| rank < 6);
        if named.iter().flatten().any(strong) {
            return Ok(Self::new(named, true));
        }
        // A column whose cells are identifiers goes before one that is only called `id` or `url`.
        let known = named.iter().flatten().count();
        let header_is_data = known == 0 && header.iter().any(|cell| is_identifier(cell));
        let data = if header_is_data { rows } else { rows.get(1..).unwrap_or_default() };
        for (nth, field) in named.iter_mut().enumerate() {
            if field.is_none() && holds_identifiers(data, nth) {
                *field = Some(Field::Work);
            }
        }
        if named.iter().flatten().any(|field| field.rank().is_some()) {
            return Ok(Self::new(named, !header_is_data));
        }
        // A table of titles has no identifiers, and says so row by row.
        let has = |wanted: Field| named.contains(&Some(wanted));
        if has(Field::Title) && (has(Field::Authors) || has(Field::Year)) {
            return Ok(Self::new(named, true));
        }
        Err(NoColumn::Ids)
    }

    fn new(fields: Vec<Option<Field>>, header: bool) -> Self {
        let typed = |field: &Field| {
            matches!(field, Field::Work) || matches!(field, Field::Id(kind) if *kind != IdKind::Url)
        };
        let titled = fields.iter().flatten().any(|field| *field == Field::Title);
        let numbers = !titled && !fields.iter().flatten().any(typed);
        // With the only column that there is, everything in it counts.
        let numbers =
            numbers || fields.iter().flatten().filter(|field| field.rank().is_some()).count() == 1 && !titled;
        Self { fields, numbers, header }
    }
}

/// Whether most cells of a column that say something are identifiers which say what they are.
fn holds_identifiers(rows: &[&Row], column: usize) -> bool {
    let cells = rows
        .iter()
        .filter_map(|row| row.cells.get(column))
        .map(|cell| cell.trim())
        .filter(|cell| !cell.is_empty());
    let (mut ids, mut others) = (0, 0);
    for cell in cells {
        match is_identifier(cell) {
            true => ids += 1,
            false => others += 1,
        }
    }
    ids > others
}

fn is_identifier(cell: &str) -> bool {
    let number = cell.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !number && written::one(cell).is_ok()
}
