//! Identifiers as people and programs write them: with what clings to them, and within the URLs of publishers.
//!
//! [`WorkId`] knows the normal form and its usual spellings, and reads back what was stored. What is guessed here
//! (that the `/full` behind a DOI is the end of a URL) is guessed of inputs alone, once, so that what was stored
//! keeps its name.

use std::borrow::Cow;

use tierfall_ids::{IdKind, InvalidId, WorkId};

use crate::publisher;

/// In bytes; longer texts are refused as they are.
pub(crate) const LONGEST: usize = 4096;

/// The identifier that a text is.
pub(crate) fn one(text: &str) -> Result<WorkId, InvalidId> {
    read(None, text)
}

/// The identifier that a text is in a column of this kind.
pub(crate) fn read(kind: Option<IdKind>, text: &str) -> Result<WorkId, InvalidId> {
    let parse = |text: &str| match kind {
        Some(kind) => WorkId::parse_as(kind, text),
        None => text.parse(),
    };
    if text.len() > LONGEST {
        return parse(text);
    }
    let text = cleaned(text);
    let text = text.trim().trim_matches('*');
    if let Some(id) = publisher::named_by(text) {
        return Ok(without_tail(id));
    }
    // A spreadsheet takes a PMID for a number with decimals.
    let whole = text.split_once('.').filter(|(number, zeros)| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=2).contains(&zeros.len())
            && zeros.bytes().all(|byte| byte == b'0')
    });
    let read = parse(whole.map_or(text, |(number, _)| number)).map(without_tail);
    // `10.1371/ journal.pone.1`: a line was broken behind the slash.
    let spaced = || {
        let (prefix, suffix) = text.split_once('/')?;
        let (prefix, suffix) = (prefix.trim_end(), suffix.trim_start());
        let one_word = prefix.contains("10.") && !suffix.contains(char::is_whitespace);
        let id = one_word.then(|| parse(&format!("{prefix}/{suffix}")))?.ok()?;
        Some(without_tail(id))
    };
    read.or_else(|refused| spaced().ok_or(refused))
}

/// Without what programs do to characters: entities, TeX, dashes of typesetting, the escaped slash of JSON.
fn cleaned(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains('&') {
        text = Cow::Owned(without_entities(&text));
    }
    if text.contains(['\\', '{', '$']) {
        text = Cow::Owned(without_tex(&text));
    }
    if text.contains(is_dash) {
        text = Cow::Owned(text.replace(is_dash, "-"));
    }
    text
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('&') {
        plain.push_str(head);
        let end = tail.bytes().take(10).position(|byte| byte == b';');
        let decoded = end.and_then(|end| character(tail.get(..end)?));
        match (decoded, end) {
            (Some(character), Some(end)) => {
                plain.push(character);
                rest = tail.get(end + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('&');
                rest = tail;
            }
        }
    }
    plain + rest
}

/// What stands between `&` and `;`.
fn character(entity: &str) -> Option<char> {
    let Some(number) = entity.strip_prefix('#') else {
        return Some(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            "ndash" | "mdash" | "minus" => '-',
            _ => return None,
        });
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32).filter(|c| !c.is_control())
}

/// Reference managers escape for TeX even in fields that TeX reads verbatim.
pub(crate) fn without_tex(text: &str) -> String {
    let mut plain = text.to_owned();
    for (written, meant) in [
        ("\\_", "_"),
        ("\\%", "%"),
        ("\\&", "&"),
        ("\\#", "#"),
        ("\\/", "/"),
        ("\\~{}", "~"),
        ("{\\textless}", "<"),
        ("{\\textgreater}", ">"),
        ("\\textless", "<"),
        ("\\textgreater", ">"),
        ("{\\textendash}", "-"),
        ("\\textendash", "-"),
        ("{\\textasciitilde}", "~"),
        ("{\\_}", "_"),
        ("$<$", "<"),
        ("$>$", ">"),
        ("$\\_$", "_"),
        ("$_$", "_"),
        ("\\url", " "),
        ("\\href", " "),
        ("\\doi", " "),
        ("\\textsubscript", ""),
        ("\\textsuperscript", ""),
        ("\\ensuremath", ""),
        ("{", ""),
        ("}", ""),
    ] {
        if plain.contains(written) {
            plain = plain.replace(written, meant);
        }
    }
    plain
}

/// A DOI without what a URL or a sentence left behind it.
fn without_tail(id: WorkId) -> WorkId {
    if id.kind() != IdKind::Doi {
        return id;
    }
    let doi = bare(id.value());
    if doi == id.value() { id } else { doi.parse().unwrap_or(id) }
}

/// Ends of the URLs under which publishers show a work. No registrant uses them in DOIs.
const TAILS: [&str; 30] = [
    ".abstract",
    ".full",
    ".full+html",
    ".full-text",
    ".html",
    ".pdf",
    ".pdf+html",
    ".short",
    "/abs",
    "/abstract",
    "/citation",
    "/epdf",
    "/epub",
    "/figures",
    "/full",
    "/full/html",
    "/full/pdf",
    "/full/xml",
    "/fulltext",
    "/html",
    "/info",
    "/media",
    "/meta",
    "/pdf",
    "/pdfdirect",
    "/references",
    "/summary",
    "/suppinfo",
    "/supplementary",
    "/tables",
];

/// What a server adds below a work's URL.
const BELOW: [&str; 4] = ["/suppl_file/", "/asset/", "/fulltext.", "/figure/"];

fn bare(doi: &str) -> &str {
    let mut doi = doi;
    for (at, mark) in doi.match_indices(['?', '&', '#', '"', '<']) {
        let rest = doi.get(at + 1..).unwrap_or_default();
        let name = rest.bytes().take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'_').count();
        let parameter = name > 0 && rest.as_bytes().get(name) == Some(&b'=');
        let cut = match mark {
            "?" => parameter || rest.is_empty(),
            "&" => parameter,
            // The check character of a SICI may be a `#`, but nothing follows it.
            "#" => name > 1,
            "<" => rest.starts_with('/') || rest.starts_with("br>") || rest.starts_with("br/"),
            _ => true,
        };
        if cut {
            doi = doi.get(..at).unwrap_or(doi);
            break;
        }
    }
    for below in BELOW {
        if let Some((before, _)) = doi.split_once(below) {
            doi = before;
        }
    }
    while let Some(shorter) = TAILS.iter().find_map(|tail| doi.strip_suffix(tail)) {
        // The suffix of a DOI cannot be a tail alone.
        if !shorter.contains('/') || shorter.ends_with('/') {
            break;
        }
        doi = shorter;
    }
    unversioned_preprint(doi).unwrap_or(doi).trim_end_matches('/')
}

/// `10.1101/2020.01.01.123456v2`: bioRxiv and medRxiv number the versions of a preprint under one DOI.
fn unversioned_preprint(doi: &str) -> Option<&str> {
    let suffix = doi.strip_prefix("10.1101/").or_else(|| doi.strip_prefix("10.64898/"))?;
    let (number, version) = suffix.rsplit_once('v')?;
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_version = (1..=3).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit());
    (is_version && digits(number)).then(|| doi.get(..doi.len() - version.len() - 1)).flatten()
}
