//! Text that is written from right to left, as in Hebrew and Arabic. On a page it stands as it is seen; people search
//! for it as it is read.

/// Letters of scripts that are written from right to left.
pub fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        && c.is_alphabetic()
}

/// Brings a line's characters, given from left to right, into the order in which they are read. Runs of another
/// direction keep their own order: Latin words and numbers in a Hebrew line, Hebrew words in a Latin one.
pub fn into_logical_order(clusters: &mut [&str]) {
    let strong = |cluster: &str| cluster.chars().find_map(direction);
    let count = |wanted: Direction| clusters.iter().filter(|cluster| strong(cluster) == Some(wanted)).count();
    let (right_to_left, left_to_right) = (count(Direction::RightToLeft), count(Direction::LeftToRight));
    // Foreign names and formulas are common in a line of Hebrew, and Hebrew words are rare in a Latin one.
    let base =
        if right_to_left * 2 >= left_to_right { Direction::RightToLeft } else { Direction::LeftToRight };
    if base == Direction::RightToLeft {
        clusters.reverse();
    }
    // What stands between two runs of the other direction belongs to them, if it has no direction itself.
    let mut at = 0;
    while at < clusters.len() {
        if strong(clusters[at]).is_none_or(|direction| direction.along() == base) {
            at += 1;
            continue;
        }
        let mut end = at;
        for (next, cluster) in clusters.iter().enumerate().skip(at) {
            match strong(cluster) {
                Some(direction) if direction.along() == base => break,
                Some(_) => end = next + 1,
                None => {}
            }
        }
        clusters[at..end].reverse();
        at = end;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    LeftToRight,
    RightToLeft,
    /// Digits are written from left to right in every script.
    Number,
}

impl Direction {
    fn along(self) -> Self {
        if self == Self::Number { Self::LeftToRight } else { self }
    }
}

fn direction(c: char) -> Option<Direction> {
    match c {
        _ if c.is_numeric() => Some(Direction::Number),
        _ if is_right_to_left(c) => Some(Direction::RightToLeft),
        _ if c.is_alphabetic() => Some(Direction::LeftToRight),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seen: &str) -> String {
        let parts: Vec<String> = seen.chars().map(String::from).collect();
        let mut clusters: Vec<&str> = parts.iter().map(String::as_str).collect();
        into_logical_order(&mut clusters);
        clusters.concat()
    }

    #[test]
    fn a_line_is_read_from_right_to_left_and_its_numbers_and_latin_words_from_left_to_right() {
        assert_eq!(read("םולש"), "שלום");
        assert_eq!(read("2024 תנש"), "שנת 2024");
        assert_eq!(read("םלוע World Wide םולש"), "שלום World Wide עולם");
        assert_eq!(read("a few words, םולש, in Latin"), "a few words, שלום, in Latin");
        assert_eq!(read("plain text 12"), "plain text 12");
    }
}
