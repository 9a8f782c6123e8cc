//! Every line of an input leads to a work or to an error with its number, however its bytes arrive, in little time
//! and without holding more than was given.
//!
//! The first byte of the data chooses the format.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Cursor, Read};
use std::time::{Duration, Instant};

use tierfall_ids::{IdKind, WorkId};
use tierfall_input::{BadEntry, Format, InputEntry, Reader};

pub fn promise(data: &[u8]) {
    let Some((choice, source)) = data.split_first() else { return };
    let format = match usize::from(*choice) % (Format::ALL.len() + 1) {
        0 => None,
        nth => Some(Format::ALL[nth - 1]),
    };
    // Packed or wide input has more lines than its bytes show.
    let plain = !source.starts_with(&[0x1f, 0x8b])
        && !source.starts_with(&[0xff, 0xfe])
        && !source.starts_with(&[0xfe, 0xff])
        && !source.starts_with(b"PK")
        && !source.iter().take(2).any(|byte| *byte == 0);
    let begun = Instant::now();
    let most = if plain { source.len() } else { source.len() * 2048 } + 1;
    let (mut held, mut numbers) = (0, Vec::new());
    let whole = read(Cursor::new(source.to_vec()), format, most, |entry| {
        checked(entry);
        held += self::held(entry);
        numbers.push(line(entry));
    });
    let dripping = read(Drops(Cursor::new(source.to_vec())), format, most, |_| {});
    // Of a packed file that is damaged, more or less can be unpacked; but never without saying so.
    if !plain && damaged(&whole) {
        assert!(damaged(&dripping), "the damage is not seen: {dripping:?}");
    } else {
        assert_eq!(whole, dripping, "it matters how the bytes arrive");
    }
    // A thousand times what it takes, so that a busy machine fails nothing.
    let most_time = Duration::from_secs(5) + Duration::from_millis(source.len() as u64 / 10);
    assert!(begun.elapsed() < most_time, "it took {:?}", begun.elapsed());
    let Ok(read) = whole else { return };
    if plain {
        // What the entries say was in the source; an identifier in its normal form may be encoded.
        assert!(held <= 1000 * read.entries + 20 * source.len(), "{held} bytes are held of {}", source.len());
    }
    assert!(read.entries <= most, "it goes on for ever");
    assert!(numbers.is_sorted(), "lines come in their order");
    if plain {
        let lines = source.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
        assert!(
            numbers.last().is_none_or(|last| (1..=lines).contains(last)),
            "{:?} of {lines}",
            numbers.last()
        );
    }
    let returns = source.contains(&b'\r');
    if let (Some(Format::Text), Ok(text), true) = (format, std::str::from_utf8(source), plain && !returns) {
        // A line may name several works.
        numbers.dedup();
        let mut all = that_say_something(text.trim_start_matches('\u{feff}'));
        if read.damaged {
            all.truncate(numbers.len());
        }
        assert_eq!(numbers, all);
    }
}

fn checked(entry: &Entry) {
    match entry {
        Ok(InputEntry { raw, work, .. }) => {
            assert!(!raw.is_empty() && !work.ids.is_empty(), "{work:?}");
            for id in &work.ids {
                let again = id.to_string().parse::<WorkId>();
                // A work with an arXiv id is given arXiv's DOI for it, which is read as the arXiv id.
                let is_arxivs = id.kind() == IdKind::Doi && id.value().starts_with("10.48550/arxiv.");
                match again {
                    Ok(id) if is_arxivs && id.kind() == IdKind::Arxiv => {}
                    again => assert_eq!(again.as_ref(), Ok(id)),
                }
            }
        }
        Err(bad) => assert!(!bad.message.is_empty()),
    }
}

/// The length of what an entry says.
fn held(entry: &Entry) -> usize {
    match entry {
        Ok(InputEntry { raw, work, .. }) => {
            let ids: usize = work.ids.iter().map(|id| id.value().len()).sum();
            let title = work.known.title.as_ref().map_or(0, |title| title.value.len());
            let authors: usize =
                work.known.authors.iter().flat_map(|said| &said.value).map(String::len).sum();
            raw.len() + ids + title + authors + work.landing_urls.iter().map(String::len).sum::<usize>()
        }
        Err(bad) => bad.message.len(),
    }
}

type Entry = Result<InputEntry, BadEntry>;

/// What came of an input that could be opened. The entries themselves are not kept, as no reader of them keeps those
/// that are refused.
#[derive(Debug, PartialEq)]
struct Contents {
    entries: usize,
    /// Of all that the entries say.
    digest: u64,
    /// The last entry says why there are no more.
    damaged: bool,
}

fn damaged(outcome: &Result<Contents, String>) -> bool {
    outcome.as_ref().map_or(true, |contents| contents.damaged)
}

fn read(
    source: impl Read + Send + 'static,
    format: Option<Format>,
    most: usize,
    mut check: impl FnMut(&Entry),
) -> Result<Contents, String> {
    let reader = Reader::new("the input", source, format, None).map_err(|error| error.to_string())?;
    let (mut entries, mut digest, mut damaged) = (0, DefaultHasher::new(), false);
    for entry in reader.take(most + 1) {
        assert!(!damaged, "something follows the last");
        damaged = matches!(&entry, Err(bad) if bad.last);
        format!("{entry:?}").hash(&mut digest);
        entries += 1;
        check(&entry);
    }
    Ok(Contents { entries, digest: digest.finish(), damaged })
}

fn line(entry: &Entry) -> u64 {
    match entry {
        Ok(entry) => entry.line,
        Err(bad) => bad.line,
    }
}

/// The lines of a list that are neither blank nor a comment.
fn that_say_something(text: &str) -> Vec<u64> {
    let says = |line: &str| {
        let uncommented = line.split(" #").next().unwrap_or_default().split("\t#").next().unwrap_or_default();
        !line.trim_start().starts_with('#') && !uncommented.trim().is_empty()
    };
    let lines = (1..).zip(text.split('\n'));
    lines.filter(|(_, line)| says(line.trim_end_matches('\r'))).map(|(number, _)| number).collect()
}

/// One byte at a time.
struct Drops(Cursor<Vec<u8>>);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}
