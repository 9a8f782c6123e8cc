//! Lists that mean harm, read by the program: what stands beside the harm is asked for, in little time and memory.
//! The worst of every format are in `host/input/tests/worst.rs`.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::input::asked_for;
use crate::support::program::{Ended, Home};

/// How much larger than over an empty list a program may get, and how much longer it may take on a busy machine.
const LARGER: u64 = 200 << 20;
const LONGER: Duration = Duration::from_secs(30);

fn nothing() -> Ended {
    let home = Home::new();
    home.write("nothing.txt", "");
    asked_for(&home, &["--input", "nothing.txt"], "").1
}

#[test]
fn no_list_costs_more_than_a_little_time_and_memory() {
    let doubled: String = (1..60).map(|n| format!("@string{{s{n} = s{} # s{}}}\n", n - 1, n - 1)).collect();
    let strings =
        format!("@string{{s0 = {{ha}}}}\n{doubled}@article{{a, doi = {{10.5555/a}}, note = s59}}\n");
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(b"TY  - JOUR\nDO  - 10.5555/a\nER  - \nTY  - JOUR\n").expect("memory can be written");
    for _ in 0..100 {
        bomb.write_all(&b"AB  - x\n".repeat(1 << 17)).expect("memory can be written");
    }
    let bomb = bomb.finish().expect("memory can be written");
    let brackets = format!("10.5555/a\n10.5555/{}\n", ")".repeat(1 << 20));
    let nested = format!("\"10.5555/a\"\n{}\n", "[".repeat(1 << 20));
    let usual = nothing();
    for (name, list, message) in [
        ("strings.bib", strings.into_bytes(), None),
        ("bomb.ris.gz", bomb, Some("unpacks to more than 100 times its size")),
        ("brackets.txt", brackets.into_bytes(), Some("line 2")),
        ("nested.json", nested.into_bytes(), Some("line 2")),
    ] {
        let home = Home::new();
        home.write(name, list);
        let (works, ended) = asked_for(&home, &["--input", name], "");
        assert_eq!(works, ["doi:10.5555/a"], "{name}: {ended:#?}");
        assert!(message.is_none_or(|message| ended.err.contains(message)), "{name}: {}", ended.err);
        assert!(ended.took < usual.took + LONGER, "{name}: {:?}", ended.took);
        let larger = ended.peak.unwrap_or(0).saturating_sub(usual.peak.unwrap_or(0));
        assert!(larger < LARGER, "{name}: {} MiB more than over nothing", larger >> 20);
    }
}

#[test]
fn an_entry_that_refers_to_itself_is_an_entry() {
    for reference in ["crossref", "xdata"] {
        let home = Home::new();
        let list = format!(
            "@article{{before, doi = {{10.5555/before}}}}\n\
             @inproceedings{{loop, title = {{Points at itself}}, doi = {{10.5555/loop}}, {reference} = {{loop}}}}\n\
             @inproceedings{{here, doi = {{10.5555/here}}, {reference} = {{there}}}}\n\
             @inproceedings{{there, doi = {{10.5555/there}}, {reference} = {{here}}}}\n\
             @article{{after, doi = {{10.5555/after}}}}\n"
        );
        home.write("refs.bib", list);
        let (works, ended) = asked_for(&home, &["--input", "refs.bib"], "");
        let all = ["before", "loop", "here", "there", "after"].map(|key| format!("doi:10.5555/{key}"));
        assert_eq!(works, all, "{reference}: {ended:#?}");
    }
}
