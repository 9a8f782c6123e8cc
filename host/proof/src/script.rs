//! In which script something is written, told before it is normalized: that spells Greek in Latin letters.

use crate::normalized::is_word_sign;

/// Scripts that are told apart. What shares one is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Latin,
    Greek,
    Cyrillic,
    Arabic,
    /// Chinese, Japanese and Korean.
    Signs,
    /// All others.
    Other,
}

/// The script of more than half of a text's letters, and how many these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub script: Script,
    pub letters: usize,
}

/// A text's letters by script.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScriptCounts {
    counts: [usize; 6],
}

/// Fewer letters are a stamp or a label, and not what a document is written in.
const FEWEST: usize = 200;

impl ScriptCounts {
    /// Counts the letters of words. One alone is a symbol: physics in English has more β than a Greek title.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut letters = Self::default();
        for text in texts {
            let mut word: Option<(Script, usize)> = None;
            for c in text.chars().filter(|c| !is_mark(*c)) {
                let Some(script) = script_of(c) else {
                    word = None;
                    continue;
                };
                let length = word.filter(|(before, _)| *before == script).map_or(0, |(_, length)| length) + 1;
                word = Some((script, length));
                letters.counts[script as usize] += match (script, length) {
                    // Nearly a word each.
                    (Script::Signs, _) => 3,
                    (_, 1) => 0,
                    (_, 2) => 2,
                    _ => 1,
                };
            }
        }
        letters
    }

    /// The script of most of them.
    pub fn written(&self) -> Option<Written> {
        use Script as S;
        let all: usize = self.counts.iter().sum();
        [S::Latin, S::Greek, S::Cyrillic, S::Arabic, S::Signs, S::Other]
            .map(|script| Written { script, letters: self.counts[script as usize] })
            .into_iter()
            .find(|written| written.letters * 2 > all)
    }

    /// Whether what is written so cannot be missing from a document with these letters, because that is in another
    /// script. Every document has some Latin letters, in addresses and identifiers; a third of them are an abstract
    /// with its title, and then it can be compared.
    pub fn lack(&self, written: Written) -> bool {
        let all: usize = self.counts.iter().sum();
        let there = self.counts[written.script as usize];
        all >= FEWEST
            && if written.script == Script::Latin { there * 3 < all } else { there < written.letters }
    }
}

/// Accents and vowel signs that stand behind their letter, and what is not seen.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{652}' | '\u{200b}'..='\u{200f}')
}

fn script_of(c: char) -> Option<Script> {
    Some(match c {
        _ if !c.is_alphabetic() => return None,
        // Letters that are used as signs: ª, µ, º, modifiers, ℓ, mathematical alphabets.
        '\u{aa}'
        | '\u{b5}'
        | '\u{ba}'
        | '\u{2b0}'..='\u{2ff}'
        | '\u{2070}'..='\u{214f}'
        | '\u{1d400}'..='\u{1d7ff}' => {
            return None;
        }
        '\0'..='\u{2af}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}'
        | '\u{ab30}'..='\u{ab6f}'
        | '\u{fb00}'..='\u{fb06}'
        | '\u{ff21}'..='\u{ff5a}' => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Script::Greek,
        '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}'
        | '\u{2de0}'..='\u{2dff}'
        | '\u{a640}'..='\u{a69f}' => Script::Cyrillic,
        '\u{600}'..='\u{6ff}'
        | '\u{750}'..='\u{77f}'
        | '\u{870}'..='\u{8ff}'
        | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{feff}' => Script::Arabic,
        _ if is_word_sign(c) => Script::Signs,
        _ => Script::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_in_the_script_of_most_of_its_words() {
        let written = |text| ScriptCounts::of([text]).written().map(|written| written.script);
        for (text, script) in [
            ("Lighthouse drift", Some(Script::Latin)),
            ("Дрейф маяков (Lighthouse)", Some(Script::Cyrillic)),
            ("Η μετατόπιση των φάρων", Some(Script::Greek)),
            ("Drift of β-lactam by α, β, γ, δ, ε, ζ, η, θ, ι and κ", Some(Script::Latin)),
            ("انجراف المنارات", Some(Script::Arabic)),
            ("北方海域燈塔 COVID-19", Some(Script::Signs)),
            ("De\u{301}rive", Some(Script::Latin)),
            ("𝑥 + 𝛽 = 3 µ", None),
            ("", None),
        ] {
            assert_eq!(written(text), script, "{text}");
        }
    }

    #[test]
    fn a_page_with_an_english_abstract_has_both_scripts() {
        let title = ScriptCounts::of(["Lighthouse drift"]).written().expect("Latin");
        let russian = "Маяки дрейфуют на север. ".repeat(40);
        let english = "Lighthouses drift to the north. ".repeat(20);
        assert!(
            ScriptCounts::of([russian.as_str(), "doi:10.5555/drift.1, ada@invented.example"]).lack(title)
        );
        assert!(!ScriptCounts::of([russian.as_str(), english.as_str()]).lack(title));
        assert!(!ScriptCounts::of(["Маяки"]).lack(title), "a label");
        let greek = ScriptCounts::of(["Η μετατόπιση των φάρων"]).written().expect("Greek");
        assert!(
            ScriptCounts::of([english.as_str(), "α β γ δ ε ζ η θ ι κ λ μ ν ξ ο π ρ σ τ υ φ χ ψ ω"])
                .lack(greek)
        );
        assert!(!ScriptCounts::of([english.as_str(), "Η μετατόπιση των πλοίων"]).lack(greek));
    }
}
