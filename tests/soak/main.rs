//! The long soak and the storm of kills: `cargo run --release -p tierfall-cli --example soak -- soak`, `… -- kills`. The
//! program that is tried is the `tierfall` of the same build, so build that first.

#[expect(dead_code, unused_imports, reason = "here nothing goes wrong on the way to the store")]
#[path = "../support/buckets/mod.rs"]
mod buckets;
#[expect(dead_code, reason = "a soak does not need every kind of paper")]
#[path = "../support/pdf.rs"]
mod pdf;
#[expect(dead_code, reason = "here the server stays as it is")]
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "mod.rs"]
mod soak;
#[expect(dead_code, unused_imports, reason = "its web is made by a function, and not from routes")]
#[path = "../support/web.rs"]
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use buckets::{Bucket, Service};
use postgres::Database;
use soak::{Figures, Length, Place, Storm};

#[derive(Parser)]
#[command(about = "Many works over a web where everything goes wrong, by processes that are killed")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The program that is tried; otherwise the one beside this build.
    #[arg(long, global = true)]
    tierfall: Option<PathBuf>,
    /// What everything follows from, save the luck of the moment.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    #[arg(long, global = true, value_enum, default_value_t = Engine::Sqlite)]
    engine: Engine,
    /// Where stored files go: the output folder, or a bucket of a server of S3's, Google's or Azure's interface (moto,
    /// fake-gcs-server, Azurite), which has to be installed.
    #[arg(long, global = true, value_enum, default_value_t = Store::Folder)]
    store: Store,
}

#[derive(Subcommand)]
enum What {
    /// Works over a bad web by processes that are killed and started again, until the ledger is empty.
    Soak {
        #[arg(long, default_value_t = 10_000)]
        works: usize,
        /// Processes at once, each with 16 works in hand.
        #[arg(long, default_value_t = 4)]
        workers: usize,
    },
    /// Kills in the middle of downloads: half of them over runs, half over eight workers with 500 works.
    Kills {
        #[arg(long, default_value_t = 1000)]
        kills: usize,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Store {
    Folder,
    S3,
    Gs,
    Az,
}

#[derive(Clone, Copy, ValueEnum)]
enum Engine {
    Sqlite,
    Postgres,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    println!("seed {}", arguments.seed);
    let program = arguments.tierfall.clone().unwrap_or_else(beside_this);
    // Each process runs in a folder of its own.
    let program = program.canonicalize().unwrap_or(program);
    let storm = |seed| -> Option<Storm> {
        let ledger = match arguments.engine {
            Engine::Sqlite => Place::File,
            Engine::Postgres => Place::Server(Database::new()?.url()),
        };
        let store = match arguments.store {
            Store::Folder => None,
            Store::S3 => Some(Arc::new(Bucket::new(Service::S3)?)),
            Store::Gs => Some(Arc::new(Bucket::new(Service::Google)?)),
            Store::Az => Some(Arc::new(Bucket::new(Service::Azure)?)),
        };
        Some(Storm {
            store,
            program: program.clone(),
            cache: program.with_file_name("soak-cache"),
            ledger,
            seed,
            works: 0,
            length: Length::Short,
            processes: 0,
            workers: 16,
            blows: usize::MAX,
            every: (Duration::from_millis(200), Duration::from_millis(3000)),
            veteran: true,
        })
    };
    let (mut struck, mut wrong, mut rounds) = (0, false, 0);
    head();
    match arguments.what {
        What::Soak { works, workers } => {
            let Some(storm) = storm(arguments.seed) else { return ExitCode::FAILURE };
            wrong |= tell("soak", &Storm { works, processes: workers, ..storm }.of_workers());
        }
        What::Kills { kills } => {
            while struck < kills && !wrong {
                rounds += 1;
                let seed = arguments.seed.wrapping_mul(1000) + rounds;
                let Some(storm) = storm(seed) else { return ExitCode::FAILURE };
                let left = kills - struck;
                let (name, figures) = if rounds % 2 == 1 {
                    let every = (Duration::from_millis(20), Duration::from_millis(700));
                    let blows = left.min(60);
                    let storm = Storm { works: 30, length: Length::Long, workers: 4, blows, every, ..storm };
                    ("run", storm.of_a_run())
                } else {
                    let every = (Duration::from_millis(10), Duration::from_millis(150));
                    let storm = Storm {
                        works: 500,
                        processes: 8,
                        workers: 4,
                        blows: left,
                        every,
                        veteran: false,
                        ..storm
                    };
                    ("workers", storm.of_workers())
                };
                struck += figures.kills + figures.sleeps;
                wrong |= tell(name, &figures);
            }
            println!("{struck} kills and sleeps in {rounds} rounds");
        }
    }
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn head() {
    println!(
        "{:8} {:>7} {:>8} {:>7} {:>7} {:>7} {:>9} {:>9} {:>10} {:>8} {:>6}",
        "",
        "kills",
        "sleeps",
        "starts",
        "stored",
        "no copy",
        "attempts",
        "requests",
        "left over",
        "peak",
        "time"
    );
}

/// Prints a line; whether anything was wrong.
fn tell(name: &str, figures: &Figures) -> bool {
    let report = &figures.report;
    println!(
        "{name:8} {:>7} {:>8} {:>7} {:>7} {:>7} {:>9} {:>9} {:>10} {:>5} M {:>4} s",
        figures.kills,
        figures.sleeps,
        figures.starts,
        report.stored,
        report.no_copy,
        report.attempts,
        figures.requests,
        report.leftovers,
        figures.peak_kib / 1024,
        figures.took.as_secs()
    );
    for (quarter, held) in (1..).zip(&figures.watched) {
        println!(
            "  the spared worker in quarter {quarter}: {} MiB resident, {} open files",
            held.resident_kib / 1024,
            held.files
        );
    }
    for wrong in &report.wrong {
        println!("  WRONG: {wrong}");
    }
    if let Some(kept) = &figures.kept {
        println!("  everything lies in {}", kept.display());
    }
    !report.wrong.is_empty()
}

/// `target/PROFILE/tierfall`, of `target/PROFILE/examples/soak`.
fn beside_this() -> PathBuf {
    let this = std::env::current_exe().expect("a program knows where it is");
    let folder = this.parent().and_then(|examples| examples.parent()).expect("it lies in a build's folder");
    folder.join(format!("tierfall{}", std::env::consts::EXE_SUFFIX))
}
