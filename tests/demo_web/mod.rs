//! A small scholarly web that never was: the works, what every API says of them, and their files.
//!
//! Each work is a story in `works/`; the shapes of the APIs' answers are in `apis/`, and every URL that
//! a plugin asks is built in `urls`. The result is always the same bytes.

mod apis;
mod pages;
mod record;
mod recording;
mod urls;
mod warc;
mod works;

use recording::Recording;

/// What ships in `host/demo`.
pub struct Demo {
    /// The recorded web: WARC, one gzip member a record.
    pub archive: Vec<u8>,
    /// The identifiers, with what happens to each.
    pub works: String,
    pub count: usize,
    pub exchanges: usize,
}

impl Demo {
    pub fn made() -> Self {
        let mut web = Recording::new();
        let chapters = works::chapters(&mut web);
        let mut works =
            "# The works of the demo. All of them are invented, and so is the web they are found on.\n"
                .to_owned();
        let mut count = 0;
        for chapter in &chapters {
            works.push_str(&format!("\n# {}\n", chapter.heading));
            for told in &chapter.works {
                works.push_str(&format!("\n# {}\n{}\n", told.tells, told.input));
                count += 1;
            }
        }
        Self { archive: warc::archive(&web), works, count, exchanges: web.exchanges().len() }
    }
}
