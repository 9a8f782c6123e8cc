//! Lines of pasted references, of which a DOI may go on in the next: `doi:10.1000/j.abc.2018.` and `01.001`. Half of
//! a DOI reads like another one.

use crate::entry::EntryError;
use crate::lines::{Line, Lines};
use crate::written;

/// Lines that one DOI goes over.
const MOST: usize = 4;

/// In bytes; what is longer is no DOI.
const LONGEST: usize = 400;

/// The next line, with the rest of the DOI that it ends within. What else stands on the line of that rest comes next.
pub(super) fn next(lines: &mut Lines) -> Option<Result<Line, EntryError>> {
    let mut line = match lines.next()? {
        Ok(line) => line,
        bad => return Some(bad),
    };
    for _ in 1..MOST {
        let Some(end) = unfinished(&line.text) else { break };
        let Some(Ok(following)) = lines.next() else { break };
        let text = following.text.trim_start();
        let word = text.split(char::is_whitespace).next().unwrap_or_default();
        let rest = text.get(word.len()..).unwrap_or_default();
        if !continues(end, word, rest.trim().is_empty()) {
            lines.put_back([following]);
            break;
        }
        line.text.truncate(line.text.trim_end().len());
        line.text.push_str(word);
        if !rest.trim().is_empty() {
            let rest = Line { number: following.number, text: rest.to_owned() };
            lines.put_back([rest]);
            break;
        }
    }
    Some(Ok(line))
}

/// How a line ends within a DOI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With what no DOI ends with.
    Open,
    /// With a point or a colon behind something that no publisher's DOI is alone.
    Part,
    /// With a point or a colon, as sentences end too.
    Stop,
}

fn unfinished(line: &str) -> Option<End> {
    let line = line.trim_end();
    let end = line.chars().next_back().filter(|c| matches!(c, '/' | '-' | '_' | '.' | '(' | ':'))?;
    let window = line.get(line.floor_char_boundary(line.len().saturating_sub(LONGEST))..)?;
    let word = window.rsplit(char::is_whitespace).next()?;
    let suffix = word.match_indices("10.").find_map(|(at, _)| {
        let (registrant, suffix) = word.get(at + 3..)?.split_once('/')?;
        let numbers = registrant.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        (registrant.len() >= 4 && numbers).then_some(suffix)
    })?;
    Some(match end {
        '.' | ':' if is_part(suffix.trim_end_matches(['.', ':'])) => End::Part,
        '.' | ':' => End::Stop,
        _ => End::Open,
    })
}

/// `journal.pone`, which has no number yet; `j.cell.2018.01` of Elsevier, and the end of an older one of Wiley.
fn is_part(suffix: &str) -> bool {
    let elsevier = suffix.strip_prefix("j.").is_some_and(|rest| {
        let mut parts = rest.split('.');
        let name = parts.next().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic()));
        let number = |part: Option<&str>, length| {
            part.is_none_or(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        name && number(parts.next(), 4) && number(parts.next(), 2) && parts.next().is_none()
    });
    let wiley = suffix.ends_with(">3.0") || suffix.ends_with(">2.0");
    elsevier || wiley || !suffix.contains(|c: char| c.is_ascii_digit())
}

/// Whether a word may be the rest of a DOI; `alone` says that nothing else stands on its line.
fn continues(end: End, word: &str, alone: bool) -> bool {
    let plain = word.trim_end_matches(['.', ',', ';', ')', ']']);
    let Some(first) = plain.chars().next() else { return false };
    let digits = plain.bytes().all(|byte| byte.is_ascii_digit());
    // The check digit of an ISSN or of an article may be an X.
    let number = plain.contains(|c: char| c.is_ascii_digit()) || plain == "X";
    if !number || word.len() > LONGEST || !first.is_ascii_alphanumeric() || plain.contains("//") {
        return false;
    }
    // Of numbers, those that no reference, no PMID and no amount is written as.
    let parted =
        plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && plain.len() > 4 && !digits;
    let odd = parted || (digits && first == '0');
    let capital = first.is_ascii_uppercase() && !plain.starts_with("CO;");
    let other = !digits && written::one(plain).is_ok();
    match end {
        End::Open => !other,
        End::Part => !other && !capital && (alone || odd || !is_marker(word)),
        End::Stop => odd || (alone && !digits && !other && !capital),
    }
}

/// What numbers the entries of a list: `[12]`, `(12)`, `12.`, `12)`, `-`, `•`.
pub(super) fn is_marker(word: &str) -> bool {
    let number = word.trim_start_matches(['[', '(']).trim_end_matches([']', ')', '.', ':']);
    let digits = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    digits || matches!(word, "-" | "–" | "•" | "*" | "·")
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn a_doi_that_goes_over_lines_is_read_whole() {
        let source = "1. Doe J. Title. doi:10.5555/j.abc.2018.\n01.001.\n2. Roe R. https://doi.org/10.5555/\n  s41586-020-1 (accessed 2020)\n\
            3. Poe P. 10.5555/978-3-030-\n12345-6_\n7\n4. PMID: 17000001\n";
        let found = "1: 10.5555/j.abc.2018.01.001. => doi:10.5555/j.abc.2018.01.001";
        for format in [Format::Text, Format::Prose] {
            let read = read(source, Some(format), None);
            assert!(read.contains(found), "{read}");
            assert!(read.contains("=> doi:10.5555/s41586-020-1\n"), "{read}");
            assert!(read.contains("=> doi:10.5555/978-3-030-12345-6_7"), "{read}");
        }
        insta::assert_snapshot!(read("10.5555/a-\nb1\n10.5555/\n17000001\n", None, None), @r#"
        1: 10.5555/a-b1 => doi:10.5555/a-b1
        3: 10.5555/17000001 => doi:10.5555/17000001
        "#);
    }

    #[test]
    fn what_no_doi_is_alone_goes_on_whatever_follows() {
        for (source, id) in [
            ("10.5555/0022-3476(80)80209-\n8. PMID: 17000001\n", "10.5555/0022-3476(80)80209-8"),
            ("10.5555/0022-3476(80)80209-\nX.\n", "10.5555/0022-3476(80)80209-x"),
            ("10.5555/j.abc.2005.\n01.001. Epub 2005.\n", "10.5555/j.abc.2005.01.001"),
            ("10.5555/j.abc.2005.01.\n001. Epub 2005.\n", "10.5555/j.abc.2005.01.001"),
            ("10.5555/j.abc.\n2005.01.001. Epub\n", "10.5555/j.abc.2005.01.001"),
            ("10.5555/journal.abc.\n1000001 Epub\n", "10.5555/journal.abc.1000001"),
            ("10.5555/j.1365-2915.\n2005.00541.x\n", "10.5555/j.1365-2915.2005.00541.x"),
            (
                "10.5555/(SICI)1096-9896(199901)187:2<191::AID-PATH206>3.0.\nCO;2-J. Epub\n",
                "10.5555/(sici)1096-9896(199901)187:2<191::aid-path206>3.0.co;2-j",
            ),
            ("10.5555/abcd.2001.\n0962. Epub\n", "10.5555/abcd.2001.0962"),
        ] {
            let read = read(source, Some(Format::Prose), None);
            assert!(
                read.lines().next().is_some_and(
                    |line| line.ends_with(&format!("doi:{id}")) || line.contains(&format!("doi:{id} "))
                ),
                "{source}: {read}"
            );
        }
    }

    #[test]
    fn the_end_of_a_sentence_is_no_break() {
        for (source, ids) in [
            ("10.5555/a1.\n10.5555/b1.\n17000001\n", "doi:10.5555/a1 doi:10.5555/b1"),
            ("See 10.5555/a.\n2. Roe R. 10.5555/b\n", "doi:10.5555/a doi:10.5555/b"),
            ("See 10.5555/a.\nThe2 end.\n", "doi:10.5555/a"),
            ("doi: 10.5555/a-\nPMID: 17000001\n", "doi:10.5555/a- pmid:17000001"),
            ("doi: 10.5555/abc.\n12. Roe R. 10.5555/b\n", "doi:10.5555/abc doi:10.5555/b"),
            ("doi: 10.5555/a1:\n12. Roe R. 10.5555/b\n", "doi:10.5555/a1 doi:10.5555/b"),
            ("doi: 10.5555/a1.\n2.5 grams\n", "doi:10.5555/a1"),
            ("10.5555/a:\nhttps://doi.org/10.5555/b\n", "doi:10.5555/a doi:10.5555/b"),
        ] {
            let read = read(source, Some(Format::Prose), None);
            let found: Vec<&str> =
                read.lines().filter_map(|line| line.split_once(" => ")).map(|(_, ids)| ids).collect();
            assert_eq!(found.join(" "), ids, "{source}");
        }
    }
}
