//! Text from plugins, made safe to show.

/// Text from a plugin as it may appear on a terminal, in a log or in the manifest: without control
/// characters (escape sequences) and bidirectional overrides, and of bounded length.
pub(crate) fn clean(text: &str, most_chars: usize) -> String {
    let harmless = |c: &char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut kept: String = text.chars().filter(harmless).take(most_chars).collect();
    if kept.len() < text.len() && text.chars().filter(harmless).nth(most_chars).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_cannot_steer_a_terminal() {
        assert_eq!(clean("\u{1b}[31mred\u{7}\r\n\u{202e}fdp", 100), "[31mredfdp");
    }

    #[test]
    fn what_a_plugin_says_is_cut_with_a_mark() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }
}
