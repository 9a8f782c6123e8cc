//! Fetches the works of the demo from its recorded web, as another program would.
//!
//! `cargo run -p tierfall --example embed -- OUT`

use std::path::Path;

use futures_util::StreamExt;
use tierfall::run::{Line, WorkRequest};
use tierfall::{Error, Event, Tierfall};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "tierfall-embedded".into());
    for line in fetch_demo(Path::new(&out)).await? {
        println!("{:<8} {}", line.status, line.work_id);
    }
    Ok(())
}

/// Every work of the demo, in the order in which they end.
pub async fn fetch_demo(out: &Path) -> Result<Vec<Line>, Error> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/demo");
    let tierfall = Tierfall::builder()
        .mailto("demo@tierfall.example")
        .out(out)
        // A real program asks the web, and leaves out these three lines.
        .replay(demo.join("web.warc.gz"))
        .set("http.proxy", "direct")
        .set("secrets.core_api_key", "demo")
        .on_event(|event| {
            if let Event::Asking { work_id, source, .. } = event {
                eprintln!("{work_id}: asking {source}");
            }
        })
        .build()
        .await?;

    let list = std::fs::read_to_string(demo.join("works.txt")).expect("the demo's works");
    // Comments are no identifiers.
    let works: Vec<WorkRequest> = list.lines().filter_map(|line| line.parse().ok()).collect();
    let mut outcomes = tierfall.fetch_all(works);
    let mut lines = Vec::new();
    while let Some(line) = outcomes.next().await {
        lines.push(line?);
    }
    Ok(lines)
}
