//! The words on the pages: invented, and the same for the same seed.

/// Sentences about nothing, drawn from a small vocabulary.
pub struct Prose(u64);

const NOUNS: [&str; 24] = [
    "model",
    "sample",
    "measurement",
    "effect",
    "coefficient",
    "method",
    "population",
    "signal",
    "surface",
    "estimate",
    "hypothesis",
    "field",
    "gradient",
    "observation",
    "distribution",
    "interaction",
    "response",
    "parameter",
    "structure",
    "process",
    "boundary",
    "ratio",
    "mechanism",
    "sequence",
];
const ADJECTIVES: [&str; 16] = [
    "significant",
    "linear",
    "stable",
    "regional",
    "independent",
    "seasonal",
    "robust",
    "negligible",
    "thermal",
    "final",
    "sufficient",
    "different",
    "specific",
    "reflected",
    "uniform",
    "fluctuating",
];
const VERBS: [&str; 12] = [
    "depends on",
    "differs from",
    "confirms",
    "reflects",
    "follows",
    "precedes",
    "explains",
    "exceeds",
    "modifies",
    "supports",
    "influences",
    "describes",
];
const OPENINGS: [&str; 8] = [
    "In this setting",
    "As before",
    "Moreover",
    "By contrast",
    "In the first experiment",
    "Overall",
    "Taken together",
    "Here",
];

impl Prose {
    /// Different subjects give different text (FNV-1a of the subject is the seed).
    pub fn about(subject: &str) -> Self {
        Self(subject.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// The lines of a paragraph of so many sentences.
    pub fn paragraph(&mut self, sentences: usize) -> impl Iterator<Item = String> + use<> {
        let text: Vec<String> = (0..sentences).map(|_| self.sentence()).collect();
        wrapped(&text.join(" "), 10).collect::<Vec<_>>().into_iter()
    }

    /// A list of works that do not exist.
    pub fn references(&mut self, count: usize) -> Vec<String> {
        (1..=count)
            .map(|number| {
                let (adjective, noun) = (self.one_of(&ADJECTIVES), self.one_of(&NOUNS));
                let (year, suffix) = (1990 + self.next() % 25, self.next() % 100_000);
                format!("[{number}] A. Nobody. On the {adjective} {noun}. Fictional Letters ({year}). doi:10.5555/ref.{suffix}")
            })
            .collect()
    }

    fn sentence(&mut self) -> String {
        format!(
            "{}, the {} {} {} the {} {} of the {}.",
            self.one_of(&OPENINGS),
            self.one_of(&ADJECTIVES),
            self.one_of(&NOUNS),
            self.one_of(&VERBS),
            self.one_of(&ADJECTIVES),
            self.one_of(&NOUNS),
            self.one_of(&NOUNS)
        )
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.next() as usize % words.len()]
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

/// `text` in lines that fit the page at this font size.
pub fn wrapped(text: &str, size: u32) -> impl Iterator<Item = String> + use<> {
    // Half the font size is about the width of a Helvetica letter; the line is 504 points long.
    let width = (504 * 2 / size) as usize;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter()
}

/// The title in two lines, its longest word broken by a hyphen.
pub fn broken(title: &str) -> Vec<String> {
    let longest = title
        .split_whitespace()
        .filter(|word| word.chars().all(char::is_alphabetic))
        .max_by_key(|word| word.chars().count());
    let Some((before, after)) =
        longest.and_then(|word| title.split_once(word).zip(Some(word))).map(|((before, after), word)| {
            let middle = word.char_indices().nth(word.chars().count() / 2).map_or(0, |(at, _)| at);
            let (head, tail) = word.split_at(middle);
            (format!("{before}{head}-"), format!("{tail}{after}"))
        })
    else {
        return vec![title.to_owned()];
    };
    vec![before, after]
}

/// The section that begins on this page.
pub fn heading(page: u32) -> Option<&'static str> {
    match page {
        2 => Some("Materials and Methods"),
        4 => Some("Results"),
        6 => Some("Discussion"),
        _ => None,
    }
}

/// What a repository answers in the place of a paper it does not have.
pub fn placeholder() -> String {
    "Sorry, we do not have this article in PDF format.\nPlease contact the library of your institution."
        .to_owned()
}

/// A kilobyte that a gateway puts before the file.
pub fn gateway_notice() -> String {
    let mut notice = String::new();
    while notice.len() < 960 {
        notice.push_str("X-Gateway-Notice: this message was inspected and passed on\r\n");
    }
    notice
}

/// An XMP packet with Dublin Core and PRISM.
pub fn xmp(title: &str, authors: &[String], doi: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let creators: String = authors.iter().map(|name| format!("<rdf:li>{}</rdf:li>", escape(name))).collect();
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:prism=\"http://prismstandard.org/namespaces/basic/2.0/\">\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:title>\
         <dc:creator><rdf:Seq>{creators}</rdf:Seq></dc:creator><prism:doi>{}</prism:doi>\
         </rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>",
        escape(title),
        escape(doi)
    )
}
