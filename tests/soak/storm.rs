//! The storms themselves: who is started, who is killed when, and when it is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tierfall_ledger::Ledger;

use super::check::{Report, check, open, open_jobs};
use super::crew::{Footprint, LEASE, Place, Process, Site};
use super::works::{Length, Works};
use crate::buckets::Bucket;
use crate::web::Web;

/// What is done to the program.
#[derive(Clone, Debug)]
pub struct Storm {
    /// The `tierfall` that is tried.
    pub program: PathBuf,
    /// Where compiled plugins are kept.
    pub cache: PathBuf,
    pub ledger: Place,
    /// Where stored files go, if not into the output folder. It is empty.
    pub store: Option<Arc<Bucket>>,
    pub seed: u64,
    pub works: usize,
    pub length: Length,
    /// Processes at once.
    pub processes: usize,
    /// Works in hand in each of them.
    pub workers: usize,
    /// Blows that fall before the rest is left alone; a process that is put to sleep counts as well.
    pub blows: usize,
    /// Between two blows, from and to; at random.
    pub every: (Duration, Duration),
    /// The first process is spared, and what it holds is watched.
    pub veteran: bool,
}

/// How a storm went.
#[derive(Debug, Default)]
pub struct Figures {
    pub kills: usize,
    pub sleeps: usize,
    pub starts: usize,
    pub took: Duration,
    pub requests: usize,
    pub report: Report,
    /// The spared process, while it worked: by the quarter of its time, the most that it held.
    pub watched: Vec<Footprint>,
    /// The highest peak of any process, in KiB.
    pub peak_kib: u64,
    /// Where everything lies, if something is wrong.
    pub kept: Option<PathBuf>,
}

/// Without an end of any job for so long, something is stuck.
const STUCK: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(5);

impl Storm {
    /// Workers over one ledger, until it is empty.
    pub fn of_workers(&self) -> Figures {
        let (works, web, site) = self.place();
        let mut figures = Figures::default();
        let began = Instant::now();
        let planned =
            site.run("plan.log", &["run", "--plan-only", "--input", "works.txt", "--out", "papers"]);
        if !planned.as_ref().is_ok_and(|status| status.success()) {
            figures.report.wrong.push(format!("planning failed ({planned:?}): {}", said(&site, "plan.log")));
            return self.ended(site, &works, &web, began, figures);
        }
        let runtime = runtime();
        match runtime.block_on(open(&site)) {
            Ok(ledger) => {
                let watch = || runtime.block_on(open_jobs(&*ledger)).unwrap_or(u64::MAX);
                Crew::new(self, &site).weather(&watch, &mut figures);
                runtime.block_on(close(ledger));
            }
            Err(error) => figures.report.wrong.push(format!("the ledger cannot be opened: {error}")),
        }
        // The last one brings the manifest to one line per work.
        let last = site.run("last.log", &["worker", "--out", "papers"]);
        if !last.as_ref().is_ok_and(|status| matches!(status.code(), Some(0 | 3))) {
            figures
                .report
                .wrong
                .push(format!("the last worker ended with {last:?}: {}", said(&site, "last.log")));
        }
        self.ended(site, &works, &web, began, figures)
    }

    /// One run, started with the same name again and again until it is not killed before its end.
    pub fn of_a_run(&self) -> Figures {
        let (works, web, site) = self.place();
        let mut figures = Figures::default();
        let mut rng = Rng::with_seed(self.seed);
        let began = Instant::now();
        let workers = self.workers.to_string();
        let call =
            ["run", "--run-id", "storm", "--input", "works.txt", "--out", "papers", "--workers", &workers];
        loop {
            let mut running = site.start("run.log", &call);
            figures.starts += 1;
            let blow = Instant::now() + self.pause(&mut rng);
            let spared = figures.kills >= self.blows;
            let status = loop {
                figures.note_peak(running.footprint());
                if let Some(status) = running.ended() {
                    break Some(status);
                }
                if !spared && Instant::now() >= blow {
                    break None;
                }
                if blow.elapsed() > STUCK {
                    figures.report.wrong.push(format!("the run does not end; it said:\n{}", running.said()));
                    return self.ended(site, &works, &web, began, figures);
                }
                thread::sleep(MOMENT);
            };
            match status {
                None => {
                    running.kill();
                    figures.kills += 1;
                }
                Some(status) if matches!(status.code(), Some(0 | 3)) => break,
                // What failed in a way that may pass has its time in the ledger.
                Some(status) if status.code() == Some(4) => {}
                Some(status) => {
                    figures.report.wrong.push(format!("the run ended with {status}: {}", running.said()));
                    break;
                }
            }
        }
        self.ended(site, &works, &web, began, figures)
    }

    fn place(&self) -> (Works, Web, Site) {
        let works = Works { seed: self.seed, count: self.works, length: self.length };
        let web = Web::of_script(move |seen, nth| works.answer(seen, nth));
        let site = Site::new(&self.program, &self.cache, self.ledger.clone(), self.store.clone(), &web);
        fs::write(site.path("works.txt"), works.list()).expect("a file can be written");
        (works, web, site)
    }

    /// Looks at what is left, and asks for everything once more: nothing may be fetched for that.
    fn ended(&self, site: Site, works: &Works, web: &Web, began: Instant, mut figures: Figures) -> Figures {
        figures.took = began.elapsed();
        let requests = |web: &Web| web.request_counts().into_values().sum();
        figures.requests = requests(web);
        let look = || runtime().block_on(check(&site, works, web));
        let mut wrong = std::mem::replace(&mut figures.report, look()).wrong;
        if wrong.is_empty() && figures.report.wrong.is_empty() {
            let again = site.run("again.log", &["run", "--input", "works.txt", "--out", "papers"]);
            if !again.as_ref().is_ok_and(|status| matches!(status.code(), Some(0 | 3))) {
                wrong.push(format!("asking once more ended with {again:?}: {}", said(&site, "again.log")));
            }
            let more = requests(web) - figures.requests;
            if more > 0 {
                wrong.push(format!("{more} requests were made for what was done"));
            }
            figures.report.wrong = look().wrong;
        }
        figures.report.wrong.splice(..0, wrong);
        // Each kill can leave one file on its way, and one link, for every work that was in hand.
        let allowed = 2 * (figures.kills + figures.sleeps) * self.workers;
        if figures.report.leftovers > allowed {
            let leftovers = figures.report.leftovers;
            figures
                .report
                .wrong
                .push(format!("{leftovers} files are left over; {allowed} are to be expected"));
        }
        figures.judge_growth();
        if !figures.report.wrong.is_empty() {
            figures.kept = Some(site.keep());
        }
        figures
    }

    fn pause(&self, rng: &mut Rng) -> Duration {
        let (from, to) = (self.every.0.as_micros() as u64, self.every.1.as_micros() as u64);
        Duration::from_micros(rng.u64(from..=to))
    }
}

impl Figures {
    fn note_peak(&mut self, footprint: Option<Footprint>) {
        self.peak_kib = self.peak_kib.max(footprint.map_or(0, |footprint| footprint.peak_kib));
    }

    /// From its second quarter to its last, a process that goes on may not hold more and more. Of open files most are
    /// connections that are kept for some seconds, which are many at one moment and few at the next: in a leak the last
    /// quarter has more than any other.
    fn judge_growth(&mut self) {
        let [first, second, third, last] = self.watched.as_slice() else { return };
        if last.resident_kib > second.resident_kib + second.resident_kib / 4 + 16 * 1024 {
            self.report.wrong.push(format!("memory has grown: {:?}", self.watched));
        }
        if last.files > first.files.max(second.files).max(third.files) + 24 {
            self.report.wrong.push(format!("open files have grown: {:?}", self.watched));
        }
    }
}

/// The processes of a storm.
struct Crew<'s> {
    storm: &'s Storm,
    site: &'s Site,
    rng: Rng,
    hands: BTreeMap<usize, Hand>,
    samples: Vec<Footprint>,
}

struct Hand {
    process: Process,
    wakes: Option<Instant>,
}

impl<'s> Crew<'s> {
    fn new(storm: &'s Storm, site: &'s Site) -> Self {
        Self { storm, site, rng: Rng::with_seed(storm.seed), hands: BTreeMap::new(), samples: Vec::new() }
    }

    /// Works until nothing is open and everybody has ended. `open_jobs` counts what is still to be done.
    fn weather(mut self, open_jobs: &dyn Fn() -> u64, figures: &mut Figures) {
        for place in 0..self.storm.processes {
            self.start(place, figures);
        }
        let mut blow = Instant::now() + self.storm.pause(&mut self.rng);
        let (mut left, mut progress, mut looked) = (u64::MAX, Instant::now(), Instant::now());
        loop {
            if looked.elapsed() > Duration::from_millis(100) {
                looked = Instant::now();
                let now = open_jobs();
                if now != left {
                    (left, progress) = (now, Instant::now());
                }
                self.look(figures);
            }
            let done = left == 0;
            self.collect(done, figures);
            if self.hands.is_empty() || !figures.report.wrong.is_empty() {
                break;
            }
            if progress.elapsed() > STUCK {
                figures
                    .report
                    .wrong
                    .push(format!("nothing has ended for {STUCK:?}, and {left} jobs are open"));
                break;
            }
            if !done && Instant::now() >= blow && figures.kills + figures.sleeps < self.storm.blows {
                self.strike(figures);
                blow = Instant::now() + self.storm.pause(&mut self.rng);
            }
            self.wake(done);
            thread::sleep(MOMENT);
        }
        figures.watched = quarters(&self.samples);
    }

    fn start(&mut self, place: usize, figures: &mut Figures) {
        let workers = self.storm.workers.to_string();
        let process = self
            .site
            .start(&format!("worker-{place}.log"), &["worker", "--out", "papers", "--workers", &workers]);
        figures.starts += 1;
        self.hands.insert(place, Hand { process, wakes: None });
    }

    /// Takes note of who has ended. Who ends while others may still be lost is called back.
    fn collect(&mut self, done: bool, figures: &mut Figures) {
        let mut ended = Vec::new();
        for (place, hand) in &mut self.hands {
            if let Some(status) = hand.process.ended() {
                ended.push(*place);
                if !matches!(status.code(), Some(0 | 3 | 4)) {
                    let said = hand.process.said();
                    figures.report.wrong.push(format!("worker {place} ended with {status}: {said}"));
                }
            }
        }
        for place in ended {
            self.hands.remove(&place);
            if !done {
                self.start(place, figures);
            }
        }
    }

    /// Kills one at random, or puts it to sleep for longer than its leases last.
    fn strike(&mut self, figures: &mut Figures) {
        let spared = usize::from(self.storm.veteran);
        let places: Vec<usize> = self.hands.keys().copied().filter(|place| *place >= spared).collect();
        if places.is_empty() {
            return;
        }
        let place = places[self.rng.usize(..places.len())];
        let sleep = LEASE.mul_f64(1.2 + self.rng.f64());
        let Some(mut hand) = self.hands.remove(&place) else { return };
        if self.rng.u8(..8) == 0 && hand.wakes.is_none() {
            hand.process.put_to_sleep();
            hand.wakes = Some(Instant::now() + sleep);
            figures.sleeps += 1;
            self.hands.insert(place, hand);
        } else {
            hand.process.kill();
            figures.kills += 1;
            self.start(place, figures);
        }
    }

    fn wake(&mut self, done: bool) {
        for hand in self.hands.values_mut() {
            if hand.wakes.is_some_and(|wakes| done || Instant::now() >= wakes) {
                hand.process.wake();
                hand.wakes = None;
            }
        }
    }

    fn look(&mut self, figures: &mut Figures) {
        for (place, hand) in &self.hands {
            let footprint = hand.process.footprint();
            figures.note_peak(footprint);
            if *place == 0 && self.storm.veteran {
                self.samples.extend(footprint);
            }
        }
    }
}

/// The most that was held in each quarter of the samples; nothing where there are too few to say.
fn quarters(samples: &[Footprint]) -> Vec<Footprint> {
    if samples.len() < 40 {
        return Vec::new();
    }
    let most = |samples: &[Footprint]| {
        samples.iter().fold(Footprint::default(), |most, one| Footprint {
            resident_kib: most.resident_kib.max(one.resident_kib),
            peak_kib: most.peak_kib.max(one.peak_kib),
            files: most.files.max(one.files),
        })
    };
    let quarter = samples.len() / 4;
    (0..4).map(|nth| most(&samples[nth * quarter..(nth + 1) * quarter])).collect()
}

fn said(site: &Site, log: &str) -> String {
    fs::read_to_string(site.path(Path::new(log).to_str().unwrap_or_default())).unwrap_or_default()
}

async fn close(ledger: Arc<dyn Ledger>) {
    ledger.close().await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}
