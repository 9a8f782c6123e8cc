//! Zip archives, which spreadsheets and documents are.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use crate::decode::{self, Limited};
use crate::foreign::Foreign;
use crate::lines::Lines;

/// In bytes; a spreadsheet with a hundred thousand references has a third of it.
const LARGEST: u64 = 64 << 20;

/// Files of one archive that are looked at.
const MOST: usize = 10_000;

/// An archive and where its files are in it.
pub(crate) struct Archive {
    bytes: Arc<[u8]>,
    members: Vec<Member>,
}

struct Member {
    name: String,
    begin: usize,
    end: usize,
    deflated: bool,
}

impl Archive {
    /// Reads an archive to its end; where its files are stands there.
    pub(crate) fn read(source: impl Read) -> io::Result<Self> {
        let broken = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
        let mut bytes = Vec::new();
        source.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(broken(format!("it is a zip archive of more than {} MiB", LARGEST >> 20)));
        }
        let members = members(&bytes)
            .ok_or_else(|| broken("the zip archive is broken: its directory is not there".into()))?;
        Ok(Self { bytes: bytes.into(), members })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// One of its files as text.
    pub(crate) fn text(&self, name: &str) -> Option<Lines> {
        let member = self.members.iter().find(|member| member.name == name)?;
        let packed = Slice { bytes: Arc::clone(&self.bytes), at: member.begin, end: member.end };
        let left = decode::most_of((member.end - member.begin) as u64);
        let plain: Box<dyn Read + Send> =
            if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Some(Lines::new(BufReader::new(Limited { source: plain, left })))
    }

    /// What it is, if it is no spreadsheet.
    pub(crate) fn kind(&self) -> Foreign {
        let has = |begin: &str| self.names().any(|name| name.starts_with(begin));
        let of = |what, advice| Foreign { what, advice };
        let first = self
            .text("mimetype")
            .and_then(|mut lines| lines.next()?.ok())
            .map(|line| line.text)
            .unwrap_or_default();
        if has("word/") || first.contains("opendocument.text") {
            return of("a text document", "save it as plain text, and read it with --format prose");
        }
        if has("ppt/") || first.contains("opendocument.presentation") {
            return of(
                "a presentation",
                "save its references as plain text, and read them with --format prose",
            );
        }
        if has("Index/") {
            return of("a document of Numbers, Pages or Keynote", "export it as CSV or as plain text");
        }
        if first.contains("epub") {
            return of("a book in EPUB", "give a list of works");
        }
        if has("sdb/") {
            return of("an EndNote library", "export it from EndNote as XML, RIS or BibTeX");
        }
        if has("xl/") {
            return of("a binary or protected spreadsheet", "save it as .xlsx without a password, or as CSV");
        }
        of("a zip archive", "unpack it, and give the files in it")
    }
}

/// The files of an archive, by the directory at its end (APPNOTE 4.3); without those that are encrypted, or packed
/// in a way that no spreadsheet is.
fn members(bytes: &[u8]) -> Option<Vec<Member>> {
    // A comment of 64 KiB may follow the end.
    let from = bytes.len().saturating_sub(22 + 65_535);
    let end = bytes.get(from..)?.windows(4).rposition(|mark| mark == b"PK\x05\x06")? + from;
    let mut at = number(bytes, end + 16, 4)?;
    let mut members = Vec::new();
    while members.len() < MOST && bytes.get(at..)?.starts_with(b"PK\x01\x02") {
        let (flags, method) = (number(bytes, at + 8, 2)?, number(bytes, at + 10, 2)?);
        let (length, header) = (number(bytes, at + 20, 4)?, number(bytes, at + 42, 4)?);
        let (name, more, comment) =
            (number(bytes, at + 28, 2)?, number(bytes, at + 30, 2)?, number(bytes, at + 32, 2)?);
        let name_at = at + 46;
        at = name_at + name + more + comment;
        let encrypted = flags & 1 == 1;
        // Its own header may have another extra field.
        let begin = number(bytes, header + 26, 2)
            .zip(number(bytes, header + 28, 2))
            .map(|(a, b)| header + 30 + a + b);
        let (Some(begin), 0 | 8, false) = (begin, method, encrypted) else { continue };
        if let Some(name) = bytes.get(name_at..name_at + name).filter(|_| begin + length <= bytes.len()) {
            let name = String::from_utf8_lossy(name).into_owned();
            members.push(Member { name, begin, end: begin + length, deflated: method == 8 });
        }
    }
    Some(members)
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// A part of the archive.
struct Slice {
    bytes: Arc<[u8]>,
    at: usize,
    end: usize,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut part = self.bytes.get(self.at..self.end).unwrap_or_default();
        let read = part.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
