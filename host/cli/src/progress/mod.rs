//! A run's progress: a block of lines on a terminal, a line every so often elsewhere, JSON lines for machines.

mod rate;
mod view;

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use self::rate::Rate;
use self::view::View;
use crate::output::{Page, complain, print, shorten, size, time};
use crate::{json_log, terminal, wash};
use serde_json::Value;
use tierfall::run::{Line, Reporter, WorkRequest};
use tierfall::tiers::{EndReason, Observer, SourceName, SourceOutages, Status};
use tierfall_http::Queues;
use tierfall_input::BadEntry;
use tierfall_work::{Candidate, Work};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A block of lines that is drawn again and again.
    Block,
    Lines,
    Json,
    Quiet,
}

impl Mode {
    /// Drawn where a person is looking, lines where a log is.
    pub fn choose(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (_, true) => Self::Quiet,
            _ if terminal::draws() && !json_log::is_on() => Self::Block,
            _ => Self::Lines,
        }
    }
}

/// Shows a run while it goes on, and keeps its first lines for the table at its end.
pub struct Progress {
    mode: Mode,
    /// The block: one bar, so that there is one thing to clear.
    block: ProgressBar,
    state: Mutex<State>,
    /// Who draws, or writes a line, every so often; ends once nobody can send any more.
    ticking: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

#[derive(Default)]
struct State {
    stored: u64,
    missing: u64,
    /// Works that turned out to be others, and have no line.
    repeated: u64,
    total: Option<u64>,
    rate: Rate,
    in_hand: HashMap<String, InHand>,
    /// Works that were given back, and until when.
    parked: HashMap<String, Instant>,
    begun: u64,
    lines: Vec<Line>,
    queues: Option<Queues>,
    outages: SourceOutages,
    /// Why standard output took a line no longer.
    unwritten: Option<io::Error>,
}

/// A work in hand.
struct InHand {
    /// Its place among those that were begun.
    order: u64,
    name: String,
    doing: Arc<Mutex<String>>,
}

/// Runs larger than this end with counts instead of a table, and have no line for each work in a log: nobody reads
/// longer ones, and the manifest has it all.
const MOST_LINES: usize = 60;

/// Between two drawings of the block.
const REDRAWN: Duration = Duration::from_millis(250);

/// The first line in a log comes after this, and the next after it.
const FIRST_LINE: Duration = Duration::from_secs(10);
const NEXT_LINES: Duration = Duration::from_secs(30);

/// Works that are looked at for the block: no terminal has more lines.
const MOST_SHOWN: usize = 100;

impl Progress {
    pub fn new(mode: Mode, bars: MultiProgress) -> Arc<Self> {
        let block = match mode {
            Mode::Block => {
                let style = ProgressStyle::with_template("{msg}");
                let bar = ProgressBar::new_spinner()
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bars.add(bar)
            }
            _ => ProgressBar::hidden(),
        };
        let progress = Arc::new(Self { mode, block, state: Mutex::default(), ticking: Mutex::default() });
        let waits = match mode {
            Mode::Block => Some((REDRAWN, REDRAWN)),
            Mode::Lines => Some((FIRST_LINE, NEXT_LINES)),
            Mode::Json | Mode::Quiet => None,
        };
        if let Some((first, next)) = waits {
            let (ends, ended) = mpsc::channel();
            let shown = Arc::downgrade(&progress);
            let thread = std::thread::Builder::new().name("progress".into());
            // Without a thread it is not shown, and the run goes on.
            if let Ok(thread) = thread.spawn(move || tick(&shown, &ended, first, next)) {
                *lock(&progress.ticking) = Some((ends, thread));
            }
        }
        progress
    }

    /// From now on it is said which hosts and sources are waited for.
    pub fn watch(&self, queues: Queues, outages: SourceOutages) {
        let mut state = self.lock();
        state.queues = Some(queues);
        state.outages = outages;
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

    /// Leaves nothing on the terminal.
    pub fn finish(&self) {
        let ticking = lock(&self.ticking).take();
        if let Some((ends, thread)) = ticking {
            drop(ends);
            let _ = thread.join();
        }
        self.block.finish_and_clear();
    }

    /// Draws the block anew, or writes a line.
    fn show(&self) {
        let view = self.view();
        match self.mode {
            Mode::Block => {
                let (columns, rows) = terminal::size();
                self.block.set_message(view.lines(columns, rows).join("\n"));
            }
            Mode::Lines => complain(format_args!("tierfall: {}", view.line())),
            Mode::Json | Mode::Quiet => {}
        }
    }

    fn view(&self) -> View {
        let (mut view, queues, outages) = {
            let state = self.lock();
            let mut in_hand: Vec<&InHand> = state.in_hand.values().collect();
            in_hand.sort_unstable_by_key(|work| work.order);
            let more = in_hand.len().saturating_sub(MOST_SHOWN);
            let mut named: Vec<_> = in_hand
                .into_iter()
                .take(MOST_SHOWN)
                .map(|work| (work.name.clone(), lock(&work.doing).clone()))
                .collect();
            named.extend(std::iter::repeat_n((String::new(), String::new()), more));
            let view = View {
                done: state.stored + state.missing,
                total: state.total.map(|total| total.saturating_sub(state.repeated)),
                stored: state.stored,
                missing: state.missing,
                rate: state.rate.a_second(Instant::now()),
                in_hand: named,
                queues: Vec::new(),
                parked: state.parked_until(Instant::now()),
                outages: Vec::new(),
            };
            (view, state.queues.clone(), state.outages.clone())
        };
        view.outages = outages.now();
        view.queues = queues.map(|queues| queues.now()).unwrap_or_default();
        view
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tick(shown: &Weak<Progress>, ended: &mpsc::Receiver<()>, first: Duration, next: Duration) {
    let mut wait = first;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let Some(progress) = shown.upgrade() else { return };
        progress.show();
        wait = next;
    }
}

impl State {
    /// Works that were given back and are still away, and for how long the last of them is.
    fn parked_until(&self, now: Instant) -> Option<(u64, Duration)> {
        // One whose time has come may be another worker's by now.
        let away: Vec<_> =
            self.parked.values().filter_map(|until| until.checked_duration_since(now)).collect();
        Some((away.len() as u64, away.iter().max().copied()?))
    }

    /// The work is no longer in hand, by whichever of its names it was begun; whether it was.
    fn put_down(&mut self, work_id: &str, title_id: Option<&str>) -> bool {
        let by_title = title_id.and_then(|title| self.in_hand.remove(title));
        self.in_hand.remove(work_id).or(by_title).is_some()
    }
}

impl Reporter for Progress {
    fn total(&self, works: u64) {
        self.lock().total = Some(works);
    }

    fn bad(&self, entry: &BadEntry) {
        if self.mode != Mode::Quiet {
            complain(format_args!("tierfall: {entry}"));
        }
    }

    fn started(&self, request: &WorkRequest) {
        let key = request.work.key();
        let name = match request.work.is_known_by_title() {
            true => shorten(&wash::line(&request.input), 60),
            false => wash::line(&key).into_owned(),
        };
        let mut state = self.lock();
        state.parked.remove(&key);
        state.begun += 1;
        let work = InHand { order: state.begun, name, doing: Arc::default() };
        state.in_hand.insert(key, work);
        let first = state.begun == 1;
        drop(state);
        if first && self.mode == Mode::Block {
            self.show();
        }
    }

    fn left(&self, request: &WorkRequest) {
        self.lock().put_down(&request.work.key(), request.work.title_key());
    }

    fn parked(&self, request: &WorkRequest, wait: Duration) {
        self.left(request);
        let until = Instant::now().checked_add(wait);
        self.lock().parked.extend(until.map(|until| (request.work.key(), until)));
    }

    fn repeated(&self, work: &Work) {
        let mut state = self.lock();
        state.repeated += 1;
        // Under its identifier another one is in hand.
        if let Some(title) = work.title_key() {
            state.in_hand.remove(title);
        }
    }

    fn observer(&self, request: &WorkRequest) -> Box<dyn Observer> {
        match self.lock().in_hand.get(&request.work.key()) {
            Some(work) if self.mode == Mode::Block => Box::new(Watch { doing: Arc::clone(&work.doing) }),
            _ => Box::new(()),
        }
    }

    fn ended_again(&self, line: &Line, _before: Status) {
        {
            let mut state = self.lock();
            // Only what is not stored is tried again.
            state.missing = state.missing.saturating_sub(1);
            let is_its =
                |row: &Line| row.work_id == line.work_id || Some(&row.work_id) == line.title_id.as_ref();
            if state.lines.len() <= MOST_LINES
                && let Some(at) = state.lines.iter().position(is_its)
            {
                state.lines.remove(at);
            }
        }
        self.ended(line);
    }

    fn ended(&self, line: &Line) {
        let mut state = self.lock();
        if line.status == Status::Stored {
            state.stored += 1;
        } else {
            state.missing += 1;
        }
        if state.put_down(&line.work_id, line.title_id.as_deref()) {
            state.rate.count(Instant::now());
        }
        let few = state.lines.len() < MOST_LINES;
        if state.lines.len() <= MOST_LINES {
            state.lines.push(line.clone());
        }
        match self.mode {
            Mode::Quiet | Mode::Block => {}
            Mode::Json => {
                // Nothing more can be written after the first failure; the manifest has the line all the same.
                if state.unwritten.is_none() {
                    state.unwritten = print(Page::json(line)).err();
                }
            }
            Mode::Lines if json_log::is_on() => {
                json_log::write("INFO", line.status.label(), ended_fields(line));
            }
            Mode::Lines if few => {
                let what = match &line.file {
                    Some(file) => format!("{} from {}", size(file.bytes), file.source),
                    None => line.reason.map_or("", EndReason::code).to_owned(),
                };
                let took = time(Duration::from_millis(line.ms));
                complain(format_args!("{:<8} {}  {what}  {took}", line.status, wash::line(&line.work_id)));
            }
            Mode::Lines
                if state.lines.len() == MOST_LINES + 1
                    && state.stored + state.missing == MOST_LINES as u64 + 1 =>
            {
                complain("tierfall: more works follow; from here on there is a line every 30 seconds");
            }
            Mode::Lines => {}
        }
    }
}

/// What is said of a work that ended, for machines.
fn ended_fields(line: &Line) -> serde_json::Map<String, Value> {
    let mut fields = serde_json::Map::new();
    fields.insert("work_id".to_owned(), line.work_id.clone().into());
    fields.insert("status".to_owned(), line.status.label().into());
    if let Some(reason) = line.reason {
        fields.insert("reason".to_owned(), reason.code().into());
    }
    if let Some(file) = &line.file {
        fields.insert("source".to_owned(), file.source.clone().into());
        fields.insert("bytes".to_owned(), file.bytes.into());
    }
    fields.insert("ms".to_owned(), line.ms.into());
    fields
}

struct Watch {
    doing: Arc<Mutex<String>>,
}

impl Observer for Watch {
    fn attempt_started(&self, _tier: &str, source: &SourceName) {
        *lock(&self.doing) = format!("asking {}", wash::line(&source.source));
    }

    fn acquisition_started(&self, source: &SourceName, candidate: &Candidate) {
        let url = shorten(&candidate.url, 60);
        *lock(&self.doing) = wash::line(&format!("{}: {url}", source.source)).into_owned();
    }
}
