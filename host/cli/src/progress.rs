//! A run's progress: bars on a terminal, plain lines elsewhere, JSON lines for machines.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::{Page, complain, print, shorten, size, time};
use crate::wash;
use tierfall::run::{Line, Reporter, WorkRequest};
use tierfall::tiers::{EndReason, Observer, SourceName, Status};
use tierfall_input::BadEntry;
use tierfall_work::Candidate;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Bars,
    Lines,
    Json,
    Quiet,
}

impl Mode {
    /// Bars where a person is looking, lines where a log is.
    pub fn choose(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (_, true) => Self::Quiet,
            _ if io::stderr().is_terminal() => Self::Bars,
            _ => Self::Lines,
        }
    }
}

/// Shows a run while it goes on, and keeps its first lines for the table at its end.
pub struct Progress {
    mode: Mode,
    bars: MultiProgress,
    total: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: u64,
    missing: u64,
    total_known: bool,
    active: HashMap<String, ProgressBar>,
    lines: Vec<Line>,
    /// Why standard output took a line no longer.
    unwritten: Option<io::Error>,
}

/// Runs larger than this end with counts instead of a table: nobody reads longer ones, and the manifest
/// has it all.
const MOST_LINES: usize = 60;

impl Progress {
    pub fn new(mode: Mode, bars: MultiProgress) -> Arc<Self> {
        let total = if mode == Mode::Bars {
            let style =
                ProgressStyle::with_template("{spinner} {pos}/{len} works  {wide_bar}  {msg}  {elapsed}");
            let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.add(bar)
        } else {
            ProgressBar::hidden()
        };
        Arc::new(Self { mode, bars, total, state: Mutex::default() })
    }

    /// The lines of the run, if it was small enough for a table.
    pub fn lines(&self) -> Option<Vec<Line>> {
        let mut state = self.lock();
        (state.lines.len() <= MOST_LINES).then(|| std::mem::take(&mut state.lines))
    }

    /// Whether every line of a run in JSON was written.
    pub fn written(&self) -> io::Result<()> {
        self.lock().unwritten.take().map_or(Ok(()), Err)
    }

    pub fn finish(&self) {
        self.total.finish_and_clear();
        for (_, bar) in self.lock().active.drain() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Progress {
    fn total(&self, works: u64) {
        self.lock().total_known = true;
        self.total.set_length(works);
    }

    fn bad(&self, entry: &BadEntry) {
        if self.mode != Mode::Quiet {
            self.bars.suspend(|| complain(format_args!("tierfall: {entry}")));
        }
    }

    fn started(&self, request: &WorkRequest) {
        if self.mode != Mode::Bars {
            return;
        }
        if !self.lock().total_known {
            self.total.inc_length(1);
        }
        let style = ProgressStyle::with_template("  {spinner} {prefix}  {msg}");
        let bar = ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            .with_prefix(shorten(&wash::line(&request.work.key()), 44));
        let bar = self.bars.insert_before(&self.total, bar);
        bar.enable_steady_tick(Duration::from_millis(120));
        self.lock().active.insert(request.work.key(), bar);
    }

    fn left(&self, request: &WorkRequest) {
        if let Some(bar) = self.lock().active.remove(&request.work.key()) {
            bar.finish_and_clear();
        }
    }

    fn observer(&self, request: &WorkRequest) -> Box<dyn Observer> {
        match self.lock().active.get(&request.work.key()) {
            Some(bar) => Box::new(Watch { bar: bar.clone() }),
            None => Box::new(()),
        }
    }

    fn ended(&self, line: &Line) {
        let mut state = self.lock();
        if line.status == Status::Stored {
            state.stored += 1;
        } else {
            state.missing += 1;
        }
        if state.lines.len() <= MOST_LINES {
            state.lines.push(line.clone());
        }
        match self.mode {
            Mode::Quiet => {}
            Mode::Json => {
                // Nothing more can be written after the first failure; the manifest has the line all the same.
                if state.unwritten.is_none() {
                    state.unwritten = print(Page::json(line)).err();
                }
            }
            Mode::Lines => {
                let what = match &line.file {
                    Some(file) => format!("{} from {}", size(file.bytes), file.source),
                    None => line.reason.map_or("", EndReason::code).to_owned(),
                };
                let took = time(Duration::from_millis(line.ms));
                complain(format_args!("{:<8} {}  {what}  {took}", line.status, wash::line(&line.work_id)));
            }
            Mode::Bars => {
                // A work may have been learned under a better id; bars are known by the requested one.
                if let Some(bar) = state.active.remove(&line.work_id) {
                    bar.finish_and_clear();
                }
                self.total.inc(1);
                self.total.set_message(format!("{} stored, {} not", state.stored, state.missing));
            }
        }
    }
}

struct Watch {
    bar: ProgressBar,
}

impl Observer for Watch {
    fn attempt_started(&self, _tier: &str, source: &SourceName) {
        self.bar.set_message(format!("asking {}", wash::line(&source.source)));
    }

    fn acquisition_started(&self, source: &SourceName, candidate: &Candidate) {
        let url = shorten(&candidate.url, 60);
        self.bar.set_message(wash::line(&format!("{}: {url}", source.source)).into_owned());
    }
}

/// Standard error for log lines, written above the bars instead of into them.
pub struct BesideBars(pub MultiProgress);

impl io::Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
