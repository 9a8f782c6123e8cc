//! The works of a run: arguments, then files, then standard input, each once.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tierfall::run::{EntryPlace, InputItem, WorkRequest};
use tierfall_input::{BadEntry, Dedupe, InputEntry, arguments, open};

use crate::args::InputArgs;
use crate::error::CliError;

/// Opens every input before the first work is taken, so that a mistyped name is told at once.
pub fn works(
    arguments_given: Vec<String>,
    args: &InputArgs,
) -> Result<impl Iterator<Item = InputItem> + Send + 'static, CliError> {
    let mut paths = args.input.clone();
    if paths.is_empty() && arguments_given.is_empty() {
        if io::stdin().is_terminal() {
            return Err(CliError::Usage(
                "there are no works: give identifiers, --input FILE, or a list on standard input".into(),
            ));
        }
        paths.push(PathBuf::from("-"));
    }
    if let Some(file) = arguments_given.iter().find(|given| mistaken_file(given)) {
        return Err(CliError::Usage(format!("`{file}` is a file: read it with --input {file}")));
    }
    let files = paths
        .iter()
        .map(|path| open(path, args.format, args.column.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let arguments = arguments(arguments_given).map(|entry| (None, entry));
    let files = paths.into_iter().zip(files).flat_map(|(path, file)| {
        let name: Arc<str> = path.to_string_lossy().into();
        file.map(move |entry| (Some(Arc::clone(&name)), entry))
    });
    Ok(each_once(arguments.chain(files)))
}

/// One work however often, and in whatever spelling, it is asked for; with the list that names it, if it is one.
pub fn each_once(
    entries: impl Iterator<Item = (Option<Arc<str>>, Result<InputEntry, BadEntry>)> + Send + 'static,
) -> impl Iterator<Item = InputItem> + Send + 'static {
    let mut seen = Dedupe::new();
    entries.map(move |(list, entry)| match entry {
        Err(bad) => InputItem::Bad(bad),
        Ok(InputEntry { line, key, raw, work }) if seen.admit(&work) => {
            let entry = list.map(|list| EntryPlace::new(&list, line, key));
            InputItem::Work(WorkRequest { input: raw, entry, work })
        }
        Ok(_) => InputItem::Repeat,
    })
}

/// A file given where a work belongs.
fn mistaken_file(given: &str) -> bool {
    given.parse::<tierfall_ids::WorkId>().is_err() && Path::new(given).is_file()
}
