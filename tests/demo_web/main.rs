//! Writes the recorded web of `tierfall demo`: `cargo run -p tierfall-cli --example make-demo-web [DIR]`.

#[path = "mod.rs"]
mod demo_web;
#[expect(dead_code, reason = "the demo does not need every kind of paper")]
#[path = "../support/pdf.rs"]
mod pdf;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/demo"));
    let folder = std::env::args_os().nth(1).map_or(default, PathBuf::from);
    let demo = demo_web::Demo::made();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("web.warc.gz"), &demo.archive)?;
    std::fs::write(folder.join("works.txt"), &demo.works)?;
    println!("{} works, {} exchanges, {} bytes", demo.count, demo.exchanges, demo.archive.len());
    Ok(())
}
