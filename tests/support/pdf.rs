//! Papers made to order: small PDFs that are good, odd or bad in exactly one known way.
//!
//! Everything is invented and deterministic: the same paper in the same style is the same bytes.
//! Nothing here needs a crate, so any test module may include this file by its path.

#[path = "pdf/crypt.rs"]
mod crypt;
#[path = "pdf/file.rs"]
mod file;
#[path = "pdf/glyphs.rs"]
mod glyphs;
#[path = "pdf/prose.rs"]
mod prose;

use file::{File, Object};
use glyphs::Glyphs;

/// What is printed on a paper.
#[derive(Clone, Debug)]
pub struct Paper {
    pub title: String,
    pub authors: Vec<String>,
    pub journal: String,
    pub year: u16,
    /// Bare and as the publisher writes it.
    pub doi: Option<String>,
    pub pages: u32,
    /// What its paragraphs say, in place of English prose; with spaces where lines may be broken.
    pub sentence: Option<String>,
}

/// Good papers, each odd in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Title, authors and DOI as plain text on the first page; a classic cross-reference table.
    Plain,
    /// The title's longest word is broken over two lines with a hyphen.
    BrokenTitle,
    /// A composite font whose `fi`, `fl`, `ff`, `ffi` are single glyphs that only ToUnicode explains.
    Ligatures,
    /// NormalizedText outside ASCII as named glyphs (`/Differences`), as typesetting programs write them.
    NamedGlyphs,
    /// No DOI on the pages; it is in the document information.
    DoiInMetadata,
    /// No DOI on the pages; it is in the XMP packet.
    Xmp,
    /// A repository's cover page comes first, with its own words.
    CoverPage,
    /// Every page is an image; there is no text layer.
    Scan,
    /// Objects in compressed object streams and a cross-reference stream (PDF 1.5).
    ObjectStreams,
    /// First-page objects and their table at the front, as for viewing while loading.
    Linearised,
    /// A kilobyte of a mail gateway's words before `%PDF-`.
    JunkBefore,
    /// Encrypted with an empty user password: anyone may read, printing is forbidden.
    PrintingForbidden,
}

/// Files that must not be taken for the paper, each for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The first page alone.
    Preview,
    /// A notice in the place of the paper.
    Placeholder,
    /// Title, authors and abstract on one page, and the price of the rest.
    AbstractOnly,
    /// The supplement, which names the paper and its DOI.
    Supplement,
    /// A correction, which names the paper and its DOI.
    Erratum,
    /// Another paper.
    WrongArticle,
    /// Another paper, whose first page and references cite this one by its DOI and title.
    WrongArticleCiting,
    /// Encrypted with a user password that nobody told us.
    Encrypted,
    /// The first 60 % of the bytes.
    Truncated,
    /// Everything but the table, the trailer and `%%EOF`.
    NoEnd,
}

/// One page to be printed.
struct Page {
    lines: Vec<Line>,
    scanned: bool,
}

struct Line {
    size: u32,
    text: String,
}

impl Paper {
    /// A paper of eight pages.
    pub fn new(title: &str, authors: &[&str], doi: Option<&str>) -> Self {
        Self {
            title: title.to_owned(),
            authors: authors.iter().map(|&name| name.to_owned()).collect(),
            journal: "Journal of Invented Results".to_owned(),
            year: 2019,
            doi: doi.map(str::to_owned),
            pages: 8,
            sentence: None,
        }
    }

    pub fn with_pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// The paper as a good PDF.
    pub fn pdf(&self, style: Style) -> Vec<u8> {
        let mut printed = self.clone();
        if matches!(style, Style::DoiInMetadata | Style::Xmp) {
            printed.doi = None;
        }
        let mut pages = printed.article(style == Style::BrokenTitle);
        if style == Style::CoverPage {
            pages.insert(0, self.cover());
        }
        if style == Style::Scan {
            pages.iter_mut().for_each(|page| page.scanned = true);
        }
        let mut file = self.layout(&pages, style);
        match style {
            Style::ObjectStreams => file.with_object_streams(),
            Style::Linearised => file.linearised(),
            Style::JunkBefore => [prose::gateway_notice().into_bytes(), file.classic()].concat(),
            Style::PrintingForbidden => file.encrypted(b""),
            _ => file.classic(),
        }
    }

    /// A file that is not this paper, or not all of it.
    pub fn flawed(&self, flaw: Flaw) -> Vec<u8> {
        let of_pages = |pages: Vec<Page>| self.layout(&pages, Style::Plain).classic();
        match flaw {
            Flaw::Preview => of_pages(self.article(false).into_iter().take(1).collect()),
            Flaw::Placeholder => of_pages(vec![Page::of_text(&prose::placeholder())]),
            Flaw::AbstractOnly => of_pages(vec![self.abstract_page()]),
            Flaw::Supplement => of_pages(self.supplement()),
            Flaw::Erratum => of_pages(vec![self.erratum()]),
            Flaw::WrongArticle => self.another().pdf(Style::Plain),
            Flaw::WrongArticleCiting => {
                let other = self.another();
                let mut pages = other.article(false);
                let citation = format!("We comment on {}.", self.citation());
                if let Some(first) = pages.first_mut() {
                    first.lines.truncate(first.lines.len().saturating_sub(6));
                    first.lines.extend(prose::wrapped(&citation, 10).map(|text| Line { size: 10, text }));
                }
                if let Some(last) = pages.last_mut() {
                    last.lines
                        .extend(prose::wrapped(&self.citation(), 10).map(|text| Line { size: 10, text }));
                }
                other.layout(&pages, Style::Plain).classic()
            }
            Flaw::Encrypted => self.layout(&self.article(false), Style::Plain).encrypted(b"subscriber"),
            Flaw::Truncated => {
                let mut bytes = self.pdf(Style::Plain);
                bytes.truncate(bytes.len() * 6 / 10);
                bytes
            }
            Flaw::NoEnd => {
                let mut bytes = self.pdf(Style::Plain);
                let table = bytes.windows(6).rposition(|window| window == b"\nxref\n").unwrap_or(bytes.len());
                bytes.truncate(table);
                bytes
            }
        }
    }

    /// Another paper of the same length from the same journal, by others.
    fn another(&self) -> Self {
        Self {
            title: "Seasonal Drift of Imaginary Lighthouses Along a Fictional Coast".to_owned(),
            authors: vec!["Quentin Placeholder".to_owned(), "Ursula Nonesuch".to_owned()],
            doi: Some("10.5555/lighthouse.drift.7".to_owned()),
            ..self.clone()
        }
    }

    fn article(&self, break_title: bool) -> Vec<Page> {
        let mut prose = prose::Prose::about(&self.title);
        let paragraph = |prose: &mut prose::Prose, sentences: usize| match &self.sentence {
            Some(sentence) => prose::wrapped(&format!("{sentence} ").repeat(sentences), 10)
                .map(Line::body)
                .collect::<Vec<_>>(),
            None => prose.paragraph(sentences).map(Line::body).collect(),
        };
        let mut pages = Vec::new();
        for number in 1..=self.pages {
            let mut lines = Vec::new();
            if number == 1 {
                self.head(&mut lines, break_title);
                lines.push(Line::new(12, "Abstract"));
                lines.extend(paragraph(&mut prose, 9));
                lines.push(Line::new(12, "1. Introduction"));
            } else {
                lines.push(Line::new(8, &format!("{} ({})    {number}", self.journal, self.year)));
                if let Some(heading) = prose::heading(number) {
                    lines.push(Line::new(12, &format!("{number}. {heading}")));
                }
            }
            while lines.len() < 36 {
                lines.extend(paragraph(&mut prose, 8));
            }
            if number == self.pages && number > 1 {
                lines.truncate(30);
                lines.push(Line::new(12, "References"));
                lines.extend(prose.references(6).into_iter().map(Line::body));
            }
            pages.push(Page { lines, scanned: false });
        }
        pages
    }

    fn head(&self, lines: &mut Vec<Line>, break_title: bool) {
        lines.push(Line::new(8, &format!("{} ({})", self.journal, self.year)));
        let title =
            if break_title { prose::broken(&self.title) } else { prose::wrapped(&self.title, 16).collect() };
        lines.extend(title.iter().map(|text| Line::new(16, text)));
        lines.push(Line::new(10, &self.authors.join(", ")));
        if let Some(doi) = &self.doi {
            lines.push(Line::new(8, &format!("https://doi.org/{doi}")));
        }
    }

    fn abstract_page(&self) -> Page {
        let mut lines = Vec::new();
        self.head(&mut lines, false);
        lines.push(Line::new(12, "Abstract"));
        lines.extend(prose::Prose::about(&self.title).paragraph(9).map(Line::body));
        lines.extend(
            ["The full text of this article is available to subscribers.", "Purchase access: EUR 39.95"]
                .map(|text| Line::body(text.to_owned())),
        );
        Page { lines, scanned: false }
    }

    fn cover(&self) -> Page {
        let mut text = format!(
            "University of Nowhere Institutional Repository\n\
             This is the author's accepted manuscript of a work that has been published elsewhere.\n\
             {}\n{}\nDeposited version: accepted manuscript. Please cite the published version.\n",
            self.title,
            self.authors.join("; ")
        );
        if let Some(doi) = &self.doi {
            text.push_str(&format!("Link to publication: https://doi.org/{doi}\n"));
        }
        Page::of_text(&text)
    }

    fn supplement(&self) -> Vec<Page> {
        let mut prose = prose::Prose::about("supplement");
        (1..=4)
            .map(|number| {
                let mut lines = Vec::new();
                if number == 1 {
                    lines.push(Line::new(16, "Supplementary Information"));
                    lines.push(Line::new(12, "for"));
                    self.head(&mut lines, false);
                    lines.push(Line::body(
                        "This file contains Supplementary Methods, Figures S1 to S4 and Table S1.".into(),
                    ));
                }
                lines.push(Line::new(12, &format!("Figure S{number}")));
                while lines.len() < 36 {
                    lines.extend(prose.paragraph(6).map(Line::body));
                }
                Page { lines, scanned: false }
            })
            .collect()
    }

    fn erratum(&self) -> Page {
        let mut lines = vec![Line::new(8, &format!("{} ({})", self.journal, self.year + 1))];
        lines
            .extend(prose::wrapped(&format!("Erratum: {}", self.title), 16).map(|text| Line::new(16, &text)));
        lines.push(Line::new(10, &self.authors.join(", ")));
        let notice = format!(
            "The original article can be found online at https://doi.org/{}. In the original article the labels of \
             Figure 2 were exchanged. The authors apologise for this error, which does not change the conclusions.",
            self.doi.as_deref().unwrap_or("10.5555/unknown")
        );
        lines.extend(prose::wrapped(&notice, 10).map(Line::body));
        Page { lines, scanned: false }
    }

    fn citation(&self) -> String {
        let doi = self.doi.as_deref().map(|doi| format!(" https://doi.org/{doi}")).unwrap_or_default();
        format!("{}: {}. {} ({}).{doi}", self.authors.join(", "), self.title, self.journal, self.year)
    }

    fn layout(&self, pages: &[Page], style: Style) -> File {
        let mut file = File::new();
        let glyphs = match style {
            Style::Ligatures => Glyphs::composite(texts(pages)),
            Style::NamedGlyphs => Glyphs::named(texts(pages)),
            _ => Glyphs::fitting(texts(pages)),
        };
        let font = glyphs.add_font(&mut file);
        let image = pages.iter().any(|page| page.scanned).then(|| file.add(scanned_image()));
        let tree = file.reserve();
        let kids: Vec<u32> = pages
            .iter()
            .map(|page| {
                let (content, resources) = match image {
                    Some(image) if page.scanned => {
                        (b"q 612 0 0 792 0 0 cm /Im1 Do Q\n".to_vec(), format!("/XObject << /Im1 {image} 0 R >>"))
                    }
                    _ => (page.content(&glyphs), format!("/Font << /F1 {font} 0 R >>")),
                };
                let content = file.add(Object::stream("", content));
                file.add(Object::plain(&format!(
                    "<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Resources << {resources} >> /Contents {content} 0 R >>"
                )))
            })
            .collect();
        let list: String = kids.iter().map(|id| format!("{id} 0 R ")).collect();
        file.set(tree, Object::plain(&format!("<< /Type /Pages /Count {} /Kids [ {list}] >>", kids.len())));
        let metadata = match (style, &self.doi) {
            (Style::Xmp, Some(doi)) => {
                let packet = prose::xmp(&self.title, &self.authors, doi).into_bytes();
                let id = file.add(Object::stream("/Type /Metadata /Subtype /XML", packet));
                format!(" /Metadata {id} 0 R")
            }
            _ => String::new(),
        };
        let root = file.add(Object::plain(&format!("<< /Type /Catalog /Pages {tree} 0 R{metadata} >>")));
        let subject = self.doi.as_deref().map(|doi| format!("doi:{doi}"));
        let info = match (style, subject) {
            (Style::DoiInMetadata, Some(subject)) => Object::info(&[
                ("Title", &self.title),
                ("Author", &self.authors.join(", ")),
                ("Subject", &subject),
                ("Producer", "Invented Press 1.0"),
            ]),
            _ => Object::info(&[("Producer", "Invented Press 1.0")]),
        };
        let info = file.add(info);
        file.finish(root, info, kids.first().copied().unwrap_or(root));
        file
    }
}

impl Page {
    fn of_text(text: &str) -> Self {
        let lines = text
            .lines()
            .flat_map(|line| prose::wrapped(line, 12))
            .map(|text| Line { size: 12, text })
            .collect();
        Self { lines, scanned: false }
    }

    /// Every line in its own text object, from the top left.
    fn content(&self, glyphs: &Glyphs) -> Vec<u8> {
        let mut content = Vec::new();
        let mut y = 760;
        for line in &self.lines {
            y -= (line.size + 4).cast_signed();
            content.extend(format!("BT /F1 {} Tf 54 {y} Td ", line.size).into_bytes());
            content.extend(glyphs.shown(&line.text));
            content.extend(b" Tj ET\n");
        }
        content
    }
}

impl Line {
    fn new(size: u32, text: &str) -> Self {
        Self { size, text: text.to_owned() }
    }

    fn body(text: String) -> Self {
        Self { size: 10, text }
    }
}

fn texts(pages: &[Page]) -> impl Iterator<Item = &str> + Clone {
    pages.iter().flat_map(|page| &page.lines).map(|line| line.text.as_str())
}

/// A grey page with darker bars where lines of text would be: 153 × 198 pixels of 8 bits.
fn scanned_image() -> Object {
    let pixels = (0..198u32)
        .flat_map(|y| (0..153u32).map(move |x| if y % 6 < 2 && (12..140).contains(&x) { 90 } else { 230 }));
    Object::stream(
        "/Type /XObject /Subtype /Image /Width 153 /Height 198 /ColorSpace /DeviceGray /BitsPerComponent 8",
        pixels.collect(),
    )
}
