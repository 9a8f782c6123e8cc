//! Whether a PDF is complete. A PDF is read from its end, so a file that was cut short lacks exactly
//! what says where everything is (ISO 32000-1, 7.5.5).

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The last `startxref` points at a cross-reference section.
    Sound,
    /// There is an end, but it does not lead to a cross-reference section, or `%%EOF` is missing.
    Broken,
    /// The file was cut short; says how that shows.
    Missing(&'static str),
}

/// How a file ends; it must begin with its header.
pub fn of(pdf: &[u8]) -> End {
    let Some(startxref) = rfind(pdf, b"startxref") else {
        return match rfind(pdf, b"%%EOF") {
            Some(eof) if !has_object(&pdf[eof..]) => End::Broken,
            _ => End::Missing("it ends without a cross-reference table and without an end mark"),
        };
    };
    let after = &pdf[startxref + b"startxref".len()..];
    // An appended revision that was cut short leaves objects after the last complete end.
    if has_object(after) {
        return End::Missing("objects follow its last end mark");
    }
    let blank = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let digits: Vec<u8> = after[blank..].iter().copied().take_while(u8::is_ascii_digit).collect();
    let Some(offset) = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse::<usize>().ok())
    else {
        return End::Missing("it ends within its last line");
    };
    // The first part of a linearised file ends with an offset of zero; the true end comes last. In another file
    // it is a producer's mistake.
    if offset == 0 && linearised_length(pdf).is_some_and(|length| pdf.len() < length) {
        return End::Missing("only the first part of a linearised file is there");
    }
    if is_section(pdf, offset) && find(after, b"%%EOF").is_some() { End::Sound } else { End::Broken }
}

/// How long a linearised file says it is (ISO 32000-1, annex F).
pub fn linearised_length(pdf: &[u8]) -> Option<usize> {
    let head = &pdf[..pdf.len().min(1024)];
    let dictionary = &head[find(head, b"/Linearized")?..];
    let end = find(dictionary, b">>").unwrap_or(dictionary.len());
    let dictionary = &dictionary[..end];
    // Not the `/L` of `/Linearized`.
    let entry = (1..dictionary.len()).find(|&at| {
        dictionary[at..].starts_with(b"/L") && !dictionary.get(at + 2).is_some_and(u8::is_ascii_alphabetic)
    })?;
    let digits = dictionary[entry + 2..].trim_ascii_start();
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

/// The first place of `needle`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// The last place of `needle`.
pub fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(haystack, needle)
}

/// A table begins with `xref`, a stream with `12 0 obj`. Offsets are often off by a line end.
fn is_section(pdf: &[u8], offset: usize) -> bool {
    let Some(rest) = pdf.get(offset..) else { return false };
    let rest = rest.trim_ascii_start();
    rest.starts_with(b"xref") || begins_object(rest)
}

/// Whether `12 0 obj` occurs anywhere.
fn has_object(bytes: &[u8]) -> bool {
    bytes.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| begins_object(line.trim_ascii_start()))
}

fn begins_object(bytes: &[u8]) -> bool {
    let mut tokens = bytes.splitn(3, |byte| *byte == b' ');
    let mut number =
        || tokens.next().is_some_and(|token| !token.is_empty() && token.iter().all(u8::is_ascii_digit));
    number() && number() && tokens.next().is_some_and(|token| token.starts_with(b"obj"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_or_a_stream_where_startxref_points_is_a_sound_end() {
        assert_eq!(of(b"%PDF-1.4\nxref\n0 1\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"), End::Sound);
        assert_eq!(of(b"%PDF-1.5\n7 0 obj\n<<>>\nstartxref\r\n9\r\n%%EOF"), End::Sound);
        assert_eq!(of(b"%PDF-1.4\nxref\nstartxref\n9\n%%EOF\n<!-- appended by a proxy -->"), End::Sound);
    }

    #[test]
    fn an_end_that_leads_nowhere_is_broken_but_there() {
        assert_eq!(of(b"%PDF-1.4\nxref\nstartxref\n4\n%%EOF"), End::Broken);
        assert_eq!(of(b"%PDF-1.4\nxref\nstartxref\n900\n%%EOF"), End::Broken);
        assert_eq!(of(b"%PDF-1.4\nxref\nstartxref\n9\n"), End::Broken, "the end mark itself is missing");
        assert_eq!(of(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF"), End::Broken);
        assert_eq!(of(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n0\n%%EOF"), End::Broken);
    }

    #[test]
    fn every_way_of_being_cut_short_is_seen() {
        for cut in [
            &b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n2 0 obj\n<<"[..],
            b"%PDF-1.4\nxref\nstartxref\n",
            b"%PDF-1.5\n7 0 obj\n<<>>\nstartxref\n0\n%%EOF\n8 0 obj\nstream",
            b"%PDF-1.5\n7 0 obj\n<</Linearized 1/L 9000/H [1 2]>>\nstartxref\n0\n%%EOF\n",
            b"%PDF-1.4\nxref\nstartxref\n9\n%%EOF\n9 0 obj\n<</Length 12",
            b"%PDF-1.5\n%%EOF\n8 0 obj\nstream",
        ] {
            assert!(matches!(of(cut), End::Missing(_)), "{}", String::from_utf8_lossy(cut));
        }
    }
}
