//! The works of a soak and the web that they are on. What every URL answers, and what must come of every work,
//! follows from a seed and the work's number alone.

use std::time::Duration;

use fastrand::Rng;
use sha2::{Digest, Sha256};

use crate::pdf::{Flaw, Paper, Style};
use crate::web::{Answer, Fault, Framing, Seen};

/// So many works, by their numbers.
#[derive(Clone, Copy, Debug)]
pub struct Works {
    pub seed: u64,
    pub count: usize,
    /// Pages of a paper: long ones arrive in many pieces.
    pub length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A few pages, sent at once.
    Short,
    /// Some hundred KiB that trickle in: whoever is killed is killed within a file.
    Long,
}

/// What must have come of a work when everything is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its paper is stored; the SHA-256 of its bytes.
    Stored(String),
    /// No copy is anywhere.
    NoCopy,
}

/// What the registry knows of a work.
struct Record {
    known: bool,
    trouble: Vec<Trouble>,
    page: Vec<Trouble>,
    copies: Vec<Offer>,
}

/// A place that is said to have a copy.
struct Offer {
    /// The registry names it; otherwise the work's page does.
    by_registry: bool,
    nature: Nature,
}

#[derive(Clone)]
enum Nature {
    /// Good, once its troubles are over.
    Good(Vec<Trouble>),
    /// Always ill.
    Ill(Trouble),
    /// Something else, for good.
    Other(Other),
}

/// What passes.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Reset,
    Cut,
    Stall,
    Hang,
    Short,
    Slow,
    Status(u16),
    TooMany,
}

/// What does not pass.
#[derive(Clone, Copy, Debug)]
enum Other {
    Status(u16),
    Page,
    Empty,
    NoPdf,
    Wrong,
    Placeholder,
    Abstract,
    Locked,
    Endless,
    Loop,
    Inward,
    Forbidden,
}

const API: &str = "http://registry.example";
/// What robots.txt keeps for itself everywhere; whoever asks for it has no manners.
pub const FORBIDDEN: &str = "/never/";
/// Where redirects that aim at the operator's own network lead.
pub const INWARD: &str = "http://169.254.169.254/";

impl Works {
    pub fn doi(&self, number: usize) -> String {
        format!("10.5555/soak.{}.{number}", self.seed)
    }

    /// The list that a run is given.
    pub fn list(&self) -> String {
        (0..self.count).map(|number| self.doi(number) + "\n").collect()
    }

    /// The number of a work by its key in ledger and manifest.
    pub fn number(&self, key: &str) -> Option<usize> {
        let number = key.strip_prefix(&format!("doi:10.5555/soak.{}.", self.seed))?.parse().ok()?;
        (number < self.count).then_some(number)
    }

    /// The plan that asks this web and nothing else.
    pub fn tiers() -> [String; 2] {
        [format!("direct_oa:sources=unpaywall,api_base={API}"), "landing_scrape".to_owned()]
    }

    pub fn fate(&self, number: usize) -> Fate {
        let record = self.record(number);
        let good = record.copies.iter().any(|copy| matches!(copy.nature, Nature::Good(_)));
        if record.known && good { Fate::Stored(sha256(&self.paper(number))) } else { Fate::NoCopy }
    }

    pub fn paper(&self, number: usize) -> Vec<u8> {
        let mut rng = self.rng(number, 1);
        let styles = [
            Style::Plain,
            Style::BrokenTitle,
            Style::Ligatures,
            Style::NamedGlyphs,
            Style::CoverPage,
            Style::ObjectStreams,
            Style::Linearised,
            Style::JunkBefore,
            Style::PrintingForbidden,
        ];
        match self.length {
            Length::Short => self.sheet(number).pdf(styles[rng.usize(..styles.len())]),
            Length::Long => self.sheet(number).pdf(Style::Plain),
        }
    }

    /// What the web answers to the `nth` GET of a URL.
    pub fn answer(&self, seen: &Seen, nth: usize) -> Option<Answer> {
        let rest = seen.url.strip_prefix("http://")?;
        let (host, path) = rest.split_at(rest.find('/')?);
        if path == "/robots.txt" {
            return Some(match host.len() % 3 {
                0 => Answer::status(404),
                _ => Answer::ok("text/plain", format!("User-agent: *\nDisallow: {FORBIDDEN}\n")),
            });
        }
        if seen.url.starts_with(API) {
            let doi = path.strip_prefix("/v2/")?.split('?').next()?;
            return Some(self.registry(self.number(&format!("doi:{doi}"))?, nth));
        }
        let mut parts = path.strip_prefix(FORBIDDEN).unwrap_or(path.strip_prefix('/')?).split('/');
        let (kind, number) = (parts.next()?, parts.next()?.parse().ok()?);
        match kind {
            "article" => Some(self.page(number, nth)),
            "file" => {
                let copy = parts.next()?.strip_suffix(".pdf")?.parse().ok()?;
                self.file(number, copy, nth)
            }
            "round" => Some(Answer::redirect(&format!("http://{host}/round/{}", number + 1))),
            _ => None,
        }
    }

    fn registry(&self, number: usize, nth: usize) -> Answer {
        let record = self.record(number);
        let sheet = self.sheet(number);
        let page = self.page_url(number);
        let locations: Vec<_> = (0..)
            .zip(&record.copies)
            .filter(|(_, copy)| copy.by_registry)
            .map(|(at, copy)| {
                serde_json::json!({
                    "url_for_pdf": self.copy_url(number, at, &copy.nature),
                    "url_for_landing_page": page,
                    "version": "publishedVersion",
                })
            })
            .chain([serde_json::json!({"url_for_pdf": null, "url_for_landing_page": page})])
            .collect();
        let answer = match record.known {
            true => Answer::json(
                &serde_json::json!({
                    "doi": self.doi(number), "title": sheet.title, "year": sheet.year, "oa_locations": locations,
                })
                .to_string(),
            ),
            false => Answer::status(404).header("Content-Type", "application/json").body("{\"error\": true}"),
        };
        troubled(answer, record.trouble.get(nth))
    }

    fn page(&self, number: usize, nth: usize) -> Answer {
        let record = self.record(number);
        let title = self.sheet(number).title;
        let mut page = format!(
            "<!DOCTYPE html><html><head><title>{title}</title><meta name=citation_title content=\"{title}\">\
             <meta name=citation_doi content=\"{}\">",
            self.doi(number)
        );
        for (at, copy) in (0..).zip(&record.copies).filter(|(_, copy)| !copy.by_registry) {
            let url = self.copy_url(number, at, &copy.nature);
            page += &format!("<meta name=citation_pdf_url content=\"{url}\">");
        }
        page += &format!("</head><body><h1>{title}</h1></body></html>");
        troubled(Answer::html(&page), record.page.get(nth))
    }

    fn file(&self, number: usize, copy: usize, nth: usize) -> Option<Answer> {
        let good = || {
            let paper = self.paper(number);
            let tag = format!("\"{}\"", &sha256(&paper)[..16]);
            let answer = Answer::pdf(paper).with_ranges(&tag);
            match self.length {
                Length::Short => answer,
                Length::Long => answer.failing(Fault::Trickle(8 << 10, Duration::from_millis(4))),
            }
        };
        Some(match &self.record(number).copies.get(copy)?.nature {
            Nature::Good(trouble) => troubled(good(), trouble.get(nth)),
            Nature::Ill(trouble) => troubled(good(), Some(trouble)),
            Nature::Other(other) => self.other(number, *other),
        })
    }

    fn other(&self, number: usize, other: Other) -> Answer {
        let sheet = self.sheet(number);
        match other {
            Other::Status(status) => Answer::status(status).text("No."),
            Other::Page => {
                Answer::html("<html><head><title>Welcome</title></head><body>Please read on.</body></html>")
            }
            Other::Empty => Answer::pdf(""),
            Other::NoPdf => Answer::pdf(b"PK\x03\x04 a document of another kind".to_vec()),
            Other::Wrong => Answer::pdf(self.paper((number + 1) % self.count.max(2))),
            Other::Placeholder => Answer::pdf(sheet.flawed(Flaw::Placeholder)),
            Other::Abstract => Answer::pdf(sheet.flawed(Flaw::AbstractOnly)),
            Other::Locked => Answer::pdf(sheet.flawed(Flaw::Encrypted)),
            Other::Endless => {
                Answer::pdf(vec![b'%'; 64 << 10]).framed(Framing::Chunked).failing(Fault::Endless)
            }
            Other::Loop => Answer::redirect(&format!("http://loop.example/round/{number}")),
            Other::Inward => Answer::redirect(&format!("{INWARD}latest/meta-data/")),
            // Nobody asks for it.
            Other::Forbidden => Answer::pdf(self.paper(number)),
        }
    }

    fn page_url(&self, number: usize) -> String {
        format!("http://journal{}.example/article/{number}", number % 12)
    }

    fn copy_url(&self, number: usize, at: usize, nature: &Nature) -> String {
        let kept = matches!(nature, Nature::Other(Other::Forbidden));
        let host =
            if kept { "kept-to-itself".to_owned() } else { format!("archive{}", (number * 7 + at) % 24) };
        let folder = if kept { FORBIDDEN } else { "/" };
        format!("http://{host}.example{folder}file/{number}/{at}.pdf")
    }

    fn sheet(&self, number: usize) -> Paper {
        const A: [&str; 16] = [
            "Seasonal",
            "Coastal",
            "Nocturnal",
            "Granular",
            "Recursive",
            "Magnetic",
            "Brittle",
            "Hidden",
            "Alpine",
            "Tidal",
            "Silent",
            "Parallel",
            "Amber",
            "Volcanic",
            "Imaginary",
            "Woven",
        ];
        const B: [&str; 16] = [
            "Lighthouses",
            "Sparrows",
            "Glaciers",
            "Orchards",
            "Pendulums",
            "Dialects",
            "Mosses",
            "Ferries",
            "Clocks",
            "Beetles",
            "Canals",
            "Quarries",
            "Ledgers",
            "Lanterns",
            "Meadows",
            "Harbours",
        ];
        const C: [&str; 16] = [
            "Drift",
            "Decay",
            "Migration",
            "Resonance",
            "Erosion",
            "Symmetry",
            "Memory",
            "Growth",
            "Friction",
            "Colour",
            "Silence",
            "Balance",
            "Torsion",
            "Renewal",
            "Absence",
            "Rhythm",
        ];
        const D: [&str; 16] = [
            "Norway",
            "Patagonia",
            "Bohemia",
            "Lapland",
            "Sicily",
            "Anatolia",
            "Flanders",
            "Nubia",
            "Karelia",
            "Bavaria",
            "Galicia",
            "Thrace",
            "Silesia",
            "Brittany",
            "Iceland",
            "Crete",
        ];
        let word = |list: &[&'static str; 16], step: usize| list[(number / step) % 16];
        let (a, b, c, d) = (word(&A, 1), word(&B, 16), word(&C, 256), word(&D, 4096));
        let title = format!("{c} of {a} {b} in {d}: Observation {number} and Its Limits");
        let mut rng = self.rng(number, 2);
        let pages = match self.length {
            Length::Short => rng.u32(2..7),
            Length::Long => rng.u32(40..80),
        };
        Paper::new(&title, &["Ada Invented", "Boris Fictional"], Some(&self.doi(number))).with_pages(pages)
    }

    fn record(&self, number: usize) -> Record {
        let mut rng = self.rng(number, 3);
        let chance = |rng: &mut Rng, percent: u32| rng.u32(..100) < percent;
        let known = !chance(&mut rng, 8);
        let has_copy = !chance(&mut rng, 22);
        let mut copies = Vec::new();
        for _ in 0..rng.usize(..4) {
            let nature = match has_copy && chance(&mut rng, 30) {
                true => Nature::Ill(Trouble::any(&mut rng)),
                false => Nature::Other(Other::any(&mut rng)),
            };
            copies.push(Offer { by_registry: rng.bool(), nature });
        }
        if has_copy {
            let good = Nature::Good(Trouble::some(&mut rng, 35));
            copies.insert(
                rng.usize(..=copies.len()),
                Offer { by_registry: chance(&mut rng, 65), nature: good },
            );
        }
        Record { known, trouble: Trouble::some(&mut rng, 15), page: Trouble::some(&mut rng, 15), copies }
    }

    /// Numbers of chance that belong to this work and use.
    fn rng(&self, number: usize, salt: u64) -> Rng {
        let mut rng =
            Rng::with_seed(self.seed ^ (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (salt << 56));
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..4 {
            rng.u64(..);
        }
        rng
    }
}

impl Trouble {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(..100) {
            0..22 => Self::Reset,
            22..40 => Self::Cut,
            40..44 => Self::Stall,
            44..46 => Self::Hang,
            46..56 => Self::Short,
            56..66 => Self::Slow,
            66..80 => Self::Status(503),
            80..86 => Self::Status(500),
            86..92 => Self::Status(502),
            _ => Self::TooMany,
        }
    }

    /// None as a rule; with so many per cent of chance, one to four in a row.
    fn some(rng: &mut Rng, percent: u32) -> Vec<Self> {
        match rng.u32(..100) < percent {
            true => (0..rng.usize(1..5)).map(|_| Self::any(rng)).collect(),
            false => Vec::new(),
        }
    }
}

impl Other {
    fn any(rng: &mut Rng) -> Self {
        match rng.u32(..100) {
            0..18 => Self::Status(404),
            18..22 => Self::Status(410),
            22..28 => Self::Status(403),
            28..46 => Self::Page,
            46..52 => Self::Empty,
            52..58 => Self::NoPdf,
            58..68 => Self::Wrong,
            68..74 => Self::Placeholder,
            74..80 => Self::Abstract,
            80..85 => Self::Locked,
            85..87 => Self::Endless,
            87..90 => Self::Loop,
            90..94 => Self::Inward,
            _ => Self::Forbidden,
        }
    }
}

/// The answer, or what becomes of it.
fn troubled(answer: Answer, trouble: Option<&Trouble>) -> Answer {
    let Some(trouble) = trouble else { return answer };
    let some = answer.body.len() * 3 / 5;
    match trouble {
        Trouble::Reset => answer.failing(Fault::Reset(some)),
        Trouble::Cut => answer.failing(Fault::Cut(some)),
        Trouble::Stall => answer.failing(Fault::Stall(some)),
        Trouble::Hang => answer.failing(Fault::Hang),
        Trouble::Short => {
            let declared = answer.body.len() as u64 + 500;
            answer.framed(Framing::LyingLength(declared)).failing(Fault::Cut(usize::MAX))
        }
        Trouble::Slow => answer.failing(Fault::Trickle(2 << 10, Duration::from_millis(20))),
        Trouble::Status(status) => Answer::status(*status).text("Not now."),
        Trouble::TooMany => Answer::too_many("1"),
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
