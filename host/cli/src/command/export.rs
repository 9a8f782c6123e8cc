//! `tierfall export`: a bibliography with the files of its works.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::export::{Bibliography, FileStyle, Paths, StoredFiles, Target};
use crate::output::{complain, counted};

/// Write a bibliography again, with where the file of each work is; keys, order and everything else stay.
#[derive(Debug, Args)]
pub struct ExportCommand {
    /// The bibliography: BibTeX, RIS or CSL.
    #[arg(short, long, value_name = "FILE")]
    input: PathBuf,
    /// What to write [default: what the name of --to says, else what it is].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Target>,
    /// How the `file` fields of BibTeX are written.
    #[arg(long, value_name = "STYLE", default_value = "jabref")]
    files: FileStyle,
    /// Where to write it [default: standard output]. Paths count from its folder, if the files are below it.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: SettingArgs,
}

impl ExportCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        let config = console.load(&self.settings)?;
        let out = &config.run.out;
        let read = |source| CliError::Read { path: self.input.clone(), source };
        let bytes = std::fs::read(&self.input).map_err(read)?;
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let bibliography = Bibliography::read(text)
            .map_err(|why| CliError::Usage(format!("{} cannot be exported: {why}", self.input.display())))?;
        let manifest = out.join("manifest.jsonl");
        if !manifest.is_file() {
            return Err(CliError::Usage(format!(
                "there is no {}: give the folder of the run with --out DIR",
                manifest.display()
            )));
        }
        let stored =
            StoredFiles::read(&manifest).map_err(|source| CliError::Read { path: manifest, source })?;
        let beside = self.to.as_deref().map(|file| match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        });
        let paths = Paths::new(self.files, out, beside);
        let named = self.to.as_deref().and_then(Target::of_name);
        let target = self.format.or(named).unwrap_or(bibliography.target());
        let (written, counts) =
            bibliography.with_files(target, &self.input.to_string_lossy(), &stored, &paths);
        match &self.to {
            None => crate::output::print_bytes(written.as_bytes())?,
            Some(path) => {
                std::fs::write(path, written)
                    .map_err(|source| CliError::Write { path: path.clone(), source })?;
            }
        }
        if console.for_people() {
            complain(format_args!(
                "tierfall: {} of {} have their file",
                counts.with_files,
                counted(counts.entries, "entry", "entries")
            ));
            if stored.has_objects() {
                complain(
                    "tierfall: files that are in a store stand there by their addresses there, which reference managers do not \
                     open; copy them to this machine with a tool of your store if you need them here",
                );
            }
        }
        Ok(Exit::Done)
    }
}
