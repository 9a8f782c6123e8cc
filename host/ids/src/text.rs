//! Texts reduced to what can be compared: titles without their mark-up, identifiers without their
//! version, letters without what typesetting does to them.

/// Cuts a mark and the number behind it off the end: the `v2` of `2101.00001v2` with the mark `v`.
pub fn without_version<'a>(id: &'a str, mark: &str) -> &'a str {
    match id.rsplit_once(mark) {
        Some((bare, number)) if !bare.is_empty() && crate::chars::is_digits(number) => bare,
        _ => id,
    }
}

/// A title without the tags and entities of HTML and MathML that registries keep in it. TeX stays.
pub fn without_tags(title: &str) -> String {
    strip(title, |_, plain| {
        plain.push('\\');
        1
    })
}

/// A title without tags and entities ([`without_tags`]) and without the commands of TeX, save that
/// Greek letters stay with their names: `$\alpha$` becomes `$alpha$`.
pub fn without_markup(title: &str) -> String {
    strip(title, |rest, plain| {
        let length = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let command = &rest[1..=length];
        if GREEK.iter().any(|(_, name)| command.eq_ignore_ascii_case(name)) {
            plain.push_str(command);
        }
        1 + command.len()
    })
}

/// `backslash` gets the text from a backslash on, adds what stays of it, and tells the bytes it has read.
fn strip(title: &str, backslash: impl Fn(&str, &mut String) -> usize) -> String {
    let mut plain = String::with_capacity(title.len());
    let mut rest = title;
    // A title may hold thousands of `<a` and nothing that closes them; each would be searched to the end.
    let last_close = title.rfind('>').unwrap_or(0);
    while let Some(c) = rest.chars().next() {
        let closes = title.len() - rest.len() < last_close;
        let tag = if c == '<' && closes { tag_length(rest) } else { None };
        let entity = if c == '&' { entity(rest) } else { None };
        let taken = if let Some(length) = tag {
            length
        } else if let Some((decoded, length)) = entity {
            plain.push_str(decoded);
            length
        } else if c == '\\' {
            backslash(rest, &mut plain)
        } else {
            plain.push(c);
            c.len_utf8()
        };
        rest = &rest[taken..];
    }
    plain
}

/// The length of the tag at the beginning of a text: `<i>`, `</sub>`, `<mml:math xmlns:mml="…">`.
fn tag_length(text: &str) -> Option<usize> {
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    // `p < q` and `<0.05` are no tags.
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    // A tag holds no other one; so each character is looked at once, however many are never closed.
    let end = text[1..].find(['<', '>'])? + 1;
    text[end..].starts_with('>').then_some(end + 1)
}

fn entity(text: &str) -> Option<(&'static str, usize)> {
    const NAMED: [(&str, &str); 8] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&#x2013;", "–"),
    ];
    NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, decoded)| (*decoded, name.len()))
}

/// The letters and digits of a text, in lower case, decomposed and without accents; ligatures and Greek
/// letters are spelled out. A title reduced so is the same however it was typeset or typed.
#[cfg(feature = "fold")]
pub fn folded(text: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(text.len());
    text.chars().for_each(|c| fold(c, |letter| letters.push(letter)));
    letters
}

/// What [`folded`] makes of one character: nothing, one letter, or several.
#[cfg(feature = "fold")]
pub fn fold(c: char, mut push: impl FnMut(char)) {
    use unicode_normalization::UnicodeNormalization;

    if c.is_ascii() {
        if c.is_ascii_alphanumeric() {
            push(c.to_ascii_lowercase());
        }
        return;
    }
    for c in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
        match spelled(c) {
            Some(spelled) => spelled.chars().for_each(&mut push),
            None if c.is_alphanumeric() => push(c),
            None => {}
        }
    }
}

/// Letters that decomposition leaves whole, as people type them who do not have them.
#[cfg(feature = "fold")]
fn spelled(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        _ => return GREEK.iter().find(|(letter, _)| *letter == c).map(|(_, name)| *name),
    })
}

/// The Greek letters under the names by which registries write them out.
const GREEK: [(char, &str); 25] = [
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('ο', "omicron"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('ς', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(a: &str, b: &str) -> bool {
        folded(&without_markup(a)) == folded(&without_markup(b))
    }

    #[test]
    fn one_title_has_one_spelling() {
        for (a, b) in [
            ("Efficient flow of fluids", "Eﬃcient ﬂow of ﬂuids"),
            ("Relationships between negative emotions", "Relati-\nonships between\nnegative emotions"),
            ("Évaluation de l’âge à Łódź", "Evaluation de l'age a Lodz"),
            ("E\u{301}valuation", "Évaluation"),
            ("Die Größe der Straße", "DIE GRÖSSE DER STRASSE"),
            ("β-Carotene and TNF-α", "beta-Carotene and TNF-alpha"),
            ("5 µm particles", "5 μm particles"),
            ("CO<sub>2</sub> in H<sub>2</sub>O", "CO2 in H₂O"),
            ("Crystal structure of U<sub>2</sub>Ga<sub>5−x</sub>", "Crystal structure of U2Ga5−x"),
            ("Problems &amp; Scenarios", "Problems & Scenarios"),
            ("$\\alpha$-decay of $^{212}$Po", "α-decay of 212Po"),
            ("Measuring $\\mathrm{H}_0$", "Measuring H0"),
            ("The <i>E. coli</i> genome", "The E. coli genome"),
            ("Mass of <mml:math xmlns:mml=\"x\"><mml:mi>Z</mml:mi></mml:math> bosons", "Mass of Z bosons"),
            ("“Everyday” helpers — a study", "\"Everyday\" helpers - a study"),
            ("ＦＵＬＬ width", "full width"),
            ("𝑥-ray", "x-ray"),
        ] {
            assert!(same(a, b), "{a} / {b}");
        }
        assert!(!same("p < q implies q > p", "p implies p"), "a comparison is no tag");
        assert!(!same("Studies on X. I", "Studies on X. II"));
    }

    #[test]
    fn a_title_keeps_its_tex_where_people_read_it() {
        assert_eq!(without_tags("$p<\\beta$ &amp; <i>q</i> &amp;lt;"), "$p<\\beta$ & q &lt;");
        assert_eq!(without_tags("a <unclosed"), "a <unclosed");
        assert_eq!(without_tags("a<b<i>c</i>"), "a<bc");
    }

    #[test]
    fn a_title_of_a_megabyte_takes_as_long_as_it_is() {
        for part in ["<a‹a", "<a", "&lt;a", "\\a", "\\alpha", "<a>", "</", "e\u{301}"] {
            let long = part.repeat(1_000_000 / part.len());
            let began = std::time::Instant::now();
            without_markup(&long);
            without_tags(&long);
            folded(&long);
            // In an unoptimised build; what grows with the square takes minutes.
            assert!(began.elapsed().as_secs() < 10, "{part:?} took {:?}", began.elapsed());
        }
    }

    #[test]
    fn only_a_number_behind_the_mark_is_a_version() {
        assert_eq!(without_version("2101.00001v2", "v"), "2101.00001");
        assert_eq!(without_version("10.31219/osf.io/ab3de_v3", "_v"), "10.31219/osf.io/ab3de");
        for id in ["2101.00001", "solv-int/9901001", "10.1000/v", "v2"] {
            assert_eq!(without_version(id, "v"), id);
        }
    }

    proptest! {
        #[test]
        fn no_title_is_too_strange(text in any::<String>()) {
            without_markup(&text);
            without_tags(&text);
        }

        #[test]
        fn reducing_twice_changes_nothing(text in any::<String>()) {
            let once: String = folded(&text).into_iter().collect();
            let twice: String = folded(&once).into_iter().collect();
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn spaces_case_and_punctuation_do_not_matter(words in prop::collection::vec("[a-z]{1,9}", 1..9), seed in any::<u64>()) {
            let plain = words.join(" ");
            let mut strange = String::new();
            for (number, c) in plain.chars().enumerate() {
                match (seed >> (number % 60)) & 3 {
                    0 => strange.extend(c.to_uppercase()),
                    1 => strange.extend(['-', '\n', c]),
                    2 => strange.extend([c, '\u{301}']),
                    _ => strange.push(c),
                }
            }
            prop_assert_eq!(folded(&plain), folded(&strange));
        }
    }
}
