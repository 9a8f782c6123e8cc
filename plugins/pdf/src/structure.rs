//! Whether a file is whole between its beginning and its end. A transfer that went through the wrong hands damages
//! the middle: bytes are replaced, left out, exchanged or repeated. Readers mend what they can and say nothing; here
//! it is told what they could not.

use std::collections::{HashMap, HashSet};

use hayro_syntax::object::{Dict, MaybeRef, Name, Object, ObjectIdentifier, Stream};
use hayro_syntax::{Filter, Pdf};
use memchr::memmem;

use crate::end::End;
use crate::inflate::{self, Inflated};

/// What a check of the whole file found.
#[derive(Debug, Default)]
pub struct Structure {
    /// What is broken, for people; empty for a whole file.
    pub damage: Vec<String>,
    /// Streams in which nothing shows damage: images of formats without a checksum.
    pub unchecked: u32,
}

/// Objects that are looked at; a book of a thousand pages has fifty thousand.
const MAX_OBJECTS: usize = 200_000;
/// Bytes that are unpacked for their checksums, of all streams together.
const MAX_UNPACKED: usize = 256 << 20;

/// Entries whose objects are needed to draw a page.
const NEEDED: [&str; 15] = [
    "Contents",
    "Resources",
    "Font",
    "XObject",
    "Kids",
    "Pages",
    "FontDescriptor",
    "FontFile",
    "FontFile2",
    "FontFile3",
    "DescendantFonts",
    "CharProcs",
    "Encoding",
    "ToUnicode",
    "Widths",
];

/// Checks a document whose file is `bytes` and ends as `end` says.
pub fn check(pdf: &Pdf, bytes: &[u8], end: &End) -> Structure {
    let mut check = Check {
        pdf,
        budget: MAX_UNPACKED,
        seen: HashSet::new(),
        missing: Vec::new(),
        broken: Vec::new(),
        unchecked: 0,
        lengths: Lengths::default(),
    };
    // The table as it was written, before the parser rebuilds it.
    let misplaced = if *end == End::Sound { misplaced(bytes) } else { 0 } + repeated(bytes);
    for object in pdf.objects().into_iter().take(MAX_OBJECTS) {
        match object {
            Object::Stream(stream) => {
                check.stream(&stream);
                check.references(stream.dict());
            }
            Object::Dict(dict) => check.references(&dict),
            _ => {}
        }
    }
    check.pages();
    let counted = check.counted();
    let mut damage = Vec::new();
    let mut tell = |objects: &[ObjectIdentifier], what: &str| {
        if let Some(first) = objects.first() {
            damage.push(format!("{} {what} (object {})", objects.len(), first.obj_number));
        }
    };
    tell(&check.broken, "of its streams do not decode to what was written");
    tell(&check.missing, "of the objects that its pages need are not there");
    let mut count = |count: usize, what: &str| {
        if count > 0 {
            damage.push(format!("{count} {what}"));
        }
    };
    count(check.lengths.wrong(*end == End::Sound), "of its streams are not as long as they say");
    count(misplaced, "of its objects are not where its table says, or are there twice");
    if let Some((found, said)) = counted
        && found < said
    {
        damage.push(format!("it has {found} of the {said} pages that it says it has"));
    }
    Structure { damage, unchecked: check.unchecked }
}

struct Check<'a> {
    pdf: &'a Pdf,
    budget: usize,
    seen: HashSet<ObjectIdentifier>,
    missing: Vec<ObjectIdentifier>,
    broken: Vec<ObjectIdentifier>,
    unchecked: u32,
    lengths: Lengths,
}

impl<'a> Check<'a> {
    fn references(&mut self, dict: &Dict<'a>) {
        for (key, value) in dict.entries() {
            if NEEDED.contains(&key.as_str()) {
                self.need(&value, 0);
            }
        }
    }

    fn need(&mut self, value: &MaybeRef<Object<'a>>, depth: u32) {
        match value {
            MaybeRef::Ref(reference) => {
                let id = ObjectIdentifier::from(*reference);
                if self.seen.insert(id) && self.pdf.xref().get::<Object<'_>>(id).is_none() {
                    self.missing.push(id);
                }
            }
            MaybeRef::NotRef(Object::Dict(dict)) if depth < 3 => {
                dict.entries().for_each(|(_, value)| self.need(&value, depth + 1));
            }
            MaybeRef::NotRef(Object::Array(array)) if depth < 3 => {
                array.raw_iter().for_each(|value| self.need(&value, depth + 1));
            }
            MaybeRef::NotRef(_) => {}
        }
    }

    fn stream(&mut self, stream: &Stream<'a>) {
        let filters = stream.filters();
        let said = stream.dict().get::<u32>("Length").map(|length| length as usize);
        let data = stream.raw_data();
        self.lengths.add(said, data.len());
        match filters.first() {
            Some(Filter::FlateDecode) => match inflate::check(&data, &mut self.budget) {
                Inflated::Whole => {}
                Inflated::Broken => self.broken.push(stream.obj_id()),
                Inflated::Unchecked => self.unchecked += 1,
            },
            // An image of a format without a checksum can be damaged so that nothing shows it.
            Some(Filter::DctDecode) if !data.starts_with(b"\xff\xd8") => {
                self.broken.push(stream.obj_id());
            }
            Some(Filter::DctDecode | Filter::JpxDecode | Filter::Jbig2Decode | Filter::CcittFaxDecode) => {
                match said {
                    Some(said) if said > 0 && said.abs_diff(data.len()) > SHORT_PADDING => {
                        self.broken.push(stream.obj_id());
                    }
                    _ => self.unchecked += 1,
                }
            }
            _ if stream.dict().contains_key("Width") => self.unchecked += 1,
            None if is_metadata(stream) && has_hole(&data) => self.broken.push(stream.obj_id()),
            _ => {}
        }
    }

    /// The pages that are there, and those that the page tree says there are.
    fn counted(&self) -> Option<(usize, usize)> {
        let catalog = self.pdf.xref().get::<Dict<'_>>(self.pdf.xref().root_id())?;
        let said = catalog.get::<Dict<'_>>("Pages")?.get::<u32>("Count")?;
        Some((self.pdf.pages().len(), said as usize))
    }

    /// Content without a checksum is text, in which other bytes are seen.
    fn pages(&mut self) {
        for page in self.pdf.pages().iter() {
            let mut contents = Vec::new();
            match page.raw().get::<Object<'_>>("Contents") {
                Some(Object::Stream(stream)) => contents.push(stream),
                Some(Object::Array(array)) => contents.extend(array.iter::<Stream<'_>>()),
                _ => {}
            }
            for stream in contents {
                if stream.filters().contains(&Filter::FlateDecode) {
                    continue;
                }
                let Ok(data) = stream.decoded_data() else {
                    self.broken.push(stream.obj_id());
                    continue;
                };
                self.budget = self.budget.saturating_sub(data.len());
                if self.budget == 0 {
                    return;
                }
                if !is_content(&data) {
                    self.broken.push(stream.obj_id());
                }
            }
        }
    }
}

fn is_metadata(stream: &Stream<'_>) -> bool {
    stream.dict().get::<Name<'_>>("Type").is_some_and(|name| name.as_str() == "Metadata")
}

/// Whether a run of zeroes stands in the place of text. (Images may have long ones.)
fn has_hole(text: &[u8]) -> bool {
    text.chunks_exact(128).any(|piece| piece.iter().all(|byte| *byte == 0))
}

/// What encryption and line ends add to a stream at most.
const SHORT_PADDING: usize = 32;

/// Whether bytes are a page's operators: printable text, but for strings and the data of images.
fn is_content(data: &[u8]) -> bool {
    /// A font's name or two may be written in another encoding.
    const TOLERATED: usize = 16;
    // Zeroes mean nothing in a string of one-byte codes and separate tokens elsewhere; two-byte codes have one in two.
    let hole = memmem::find(data, &[0; TOLERATED + 1]).unwrap_or(data.len());
    let (mut strange, mut depth, mut at) = (0, 0usize, 0);
    while let Some(byte) = data.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            // Most of a page is text in strings, which is passed over many bytes at a time.
            _ if depth > 0 => {
                let rest = data.get(at - 1..).unwrap_or_default();
                let Some(next) = memchr::memchr3(b'\\', b'(', b')', rest) else { break };
                at += next;
                match rest.get(next) {
                    Some(b'\\') => at += 1,
                    Some(b'(') => depth += 1,
                    _ => depth -= 1,
                }
            }
            // What follows is the data of an inline image; its end is not worth finding.
            b'I' if data[at - 1..].starts_with(b"ID") && is_operator(data, at - 1, 2) => return at <= hole,
            b'\t' | b'\n' | b'\r' | 0x0c | 0 | b' '..=b'~' => {}
            _ => strange += 1,
        }
    }
    hole == data.len() && strange <= TOLERATED
}

fn is_operator(data: &[u8], at: usize, length: usize) -> bool {
    let is_space = |at: usize| data.get(at).is_none_or(u8::is_ascii_whitespace);
    is_space(at + length) && at.checked_sub(1).is_none_or(is_space)
}

/// How many streams are as long as they say. Producers that get it wrong get it wrong everywhere, and readers look
/// for the end themselves; what is wrong in a few places among many was right once.
#[derive(Debug, Default)]
struct Lengths {
    right: usize,
    other: usize,
}

impl Lengths {
    /// Line ends before `endstream` are counted by some.
    const TOLERATED: usize = 3;

    fn add(&mut self, said: Option<usize>, found: usize) {
        match said {
            Some(said) if said.abs_diff(found) <= Self::TOLERATED => self.right += 1,
            // Decryption takes off the padding of a block.
            Some(said) if said > found && said - found <= SHORT_PADDING => {}
            Some(_) => self.other += 1,
            None => {}
        }
    }

    /// Those that are wrong for another reason than a habit; the fewer need be right, the less the file was touched
    /// since it was written.
    fn wrong(&self, sound: bool) -> usize {
        let needed = if sound { self.other } else { 3 * self.other };
        if self.right >= needed { self.other } else { 0 }
    }
}

/// In-use entries of the last cross-reference table that lead to no object, if they are few: where most are wrong,
/// the producer or a changed line end is to blame, and readers build another table.
fn misplaced(bytes: &[u8]) -> usize {
    let Some(table) = last_table(bytes) else { return 0 };
    let (mut right, mut wrong) = (0usize, 0usize);
    let mut lines =
        table.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty());
    let mut next = 0u32;
    for line in lines.by_ref() {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(offset), Some(generation), Some(kind)) if matches!(kind, "n" | "f") => {
                // Some producers write zero for objects that they left out.
                if kind == "n"
                    && let Ok(offset) = offset.parse::<usize>()
                    && offset > 0
                {
                    if leads_to(bytes, offset, next, generation) { right += 1 } else { wrong += 1 }
                }
                next = next.saturating_add(1);
            }
            (Some(first), Some(_), None) => match first.parse() {
                Ok(first) => next = first,
                Err(_) => break,
            },
            (Some("xref"), None, None) => {}
            _ => break,
        }
    }
    if right >= 3 * wrong { wrong } else { 0 }
}

fn last_table(bytes: &[u8]) -> Option<&[u8]> {
    let startxref = crate::end::rfind(bytes, b"startxref")?;
    let digits = bytes[startxref + 9..].trim_ascii_start();
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let offset: usize = std::str::from_utf8(&digits[..length]).ok()?.parse().ok()?;
    let table = bytes.get(offset..)?.trim_ascii_start();
    table.starts_with(b"xref").then_some(table)
}

fn leads_to(bytes: &[u8], offset: usize, number: u32, generation: &str) -> bool {
    let Some(rest) = bytes.get(offset..) else { return false };
    let head = String::from_utf8_lossy(&rest[..rest.len().min(40)]);
    let mut words = head.split_ascii_whitespace();
    let same = |word: Option<&str>, number: &str| {
        word.is_some_and(|word| word.trim_start_matches('0') == number.trim_start_matches('0'))
    };
    same(words.next(), &number.to_string())
        && same(words.next(), generation)
        && words.next().is_some_and(|word| word.starts_with("obj"))
}

/// How much may stand before `obj` on its line: an object's number and its generation.
const LONGEST_NUMBERS: usize = 20;

/// Objects that are there twice in a file that was written in one go.
fn repeated(bytes: &[u8]) -> usize {
    // A linearised file has two tables from the beginning.
    let written_at_once = if crate::end::linearised_length(bytes).is_some() { 2 } else { 1 };
    let tables = memmem::find_iter(bytes, b"startxref").count();
    if tables > written_at_once {
        return 0;
    }
    let mut found: HashMap<&[u8], usize> = HashMap::new();
    for at in memmem::find_iter(bytes, b" obj") {
        let before = &bytes[at.saturating_sub(LONGEST_NUMBERS)..at];
        let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b' ').count();
        // Numbers that fill all of it may be the end of more.
        let (line, numbers) = before.split_at(before.len() - digits);
        let begins = line.last().map_or(at == digits, |byte| matches!(byte, b'\n' | b'\r'));
        if begins {
            *found.entry(numbers).or_default() += 1;
        }
    }
    found.values().filter(|count| **count > 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_told_from_other_bytes() {
        assert!(is_content(b"BT /F1 12 Tf (\x80\xff\\) text) Tj ET\r\n"));
        assert!(is_content(b"q BI /W 1 ID \x00\xff\x80 EI Q"));
        assert!(!is_content(&[&b"BT /F1 12 Tf "[..], &[0; 40]].concat()));
        assert!(!is_content(&[0x9d; 40]));
        let within = |string: &[u8]| [b"BT (", string, b") Tj ET"].concat();
        assert!(is_content(&within(b"a (nested \\( one) \x9d")), "and what follows it is no string");
        assert!(is_content(&within(&[0x9d; 40])));
        assert!(!is_content(&within(&[0; 40])), "a hole");
        assert!(!is_content(&[&within(b"\\)"), &[0x9d; 40][..]].concat()), "behind the string");
        assert!(is_content(&[b"BI /W 1 ID ", &[0; 40][..]].concat()), "an image may hold anything");
    }

    #[test]
    fn objects_are_counted_where_a_line_begins_with_their_numbers() {
        assert_eq!(repeated(b"1 0 obj\n2 0 obj\r1 0 obj\nstartxref\n"), 1);
        assert_eq!(
            repeated(b"1 0 obj\nsee 1 0 obj, or\n11 0 obj\nstartxref\n"),
            0,
            "in a sentence, and another"
        );
        assert_eq!(repeated(b"1 0 obj\nstartxref\n1 0 obj\nstartxref\n"), 0, "a revision replaces objects");
    }

    #[test]
    fn a_few_wrong_lengths_are_damage_and_many_are_a_habit() {
        let lengths = |right, other| Lengths { right, other }.wrong(false);
        assert_eq!(lengths(9, 1), 1);
        assert_eq!(lengths(2, 5), 0);
        assert_eq!(lengths(9, 0), 0);
    }
}
