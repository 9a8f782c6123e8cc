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

/// The character at the end of a line that a DOI cannot end with, behind the beginning of one.
fn unfinished(line: &str) -> Option<char> {
    let line = line.trim_end();
    let end = line.chars().next_back().filter(|c| matches!(c, '/' | '-' | '_' | '.' | '(' | ':'))?;
    let window = line.get(line.floor_char_boundary(line.len().saturating_sub(LONGEST))..)?;
    let word = window.rsplit(char::is_whitespace).next()?;
    let begins_doi = word.match_indices("10.").any(|(at, _)| {
        let rest = word.get(at + 3..).unwrap_or_default();
        rest.split_once('/').is_some_and(|(registrant, _)| {
            registrant.len() >= 4 && registrant.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
    });
    begins_doi.then_some(end)
}

/// Whether a word may be the rest of a DOI. A point ends sentences as well, so that what follows it must stand alone.
fn continues(end: char, word: &str, alone: bool) -> bool {
    let plain = word.trim_end_matches(['.', ',', ';', ')', ']']);
    let Some(first) = plain.chars().next() else { return false };
    let may = word.len() <= LONGEST
        && first.is_ascii_alphanumeric()
        && plain.contains(|c: char| c.is_ascii_digit())
        && !plain.contains("//")
        && (alone || !is_marker(word));
    let digits = plain.bytes().all(|byte| byte.is_ascii_digit());
    let other = || written::one(plain).is_ok();
    match end {
        '.' => may && alone && !first.is_ascii_uppercase() && !digits && !other(),
        _ => may && (digits || !other()),
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
    fn the_end_of_a_sentence_is_no_break() {
        for (source, ids) in [
            ("10.5555/a.\n10.5555/b.\n17000001\n", "doi:10.5555/a doi:10.5555/b"),
            ("See 10.5555/a.\n2. Roe R. 10.5555/b\n", "doi:10.5555/a doi:10.5555/b"),
            ("See 10.5555/a.\nThe2 end.\n", "doi:10.5555/a"),
            ("doi: 10.5555/a-\nPMID: 17000001\n", "doi:10.5555/a- pmid:17000001"),
            ("doi: 10.5555/a-\n12. Roe R. 10.5555/b\n", "doi:10.5555/a- doi:10.5555/b"),
            ("10.5555/a:\nhttps://doi.org/10.5555/b\n", "doi:10.5555/a doi:10.5555/b"),
        ] {
            let read = read(source, Some(Format::Prose), None);
            let found: Vec<&str> =
                read.lines().filter_map(|line| line.split_once(" => ")).map(|(_, ids)| ids).collect();
            assert_eq!(found.join(" "), ids, "{source}");
        }
    }
}
