//! A record of MODS: titles and names in parts, the article's year and pages in the volume that it is in.

use tierfall_ids::IdKind;

use crate::fields::{self, Field};
use crate::record::Record;
use crate::xml::Open;

/// What is kept until the element that it is a part of ends.
#[derive(Default)]
pub(super) struct Mods {
    article: String,
    title: String,
    subtitle: String,
    name: String,
    family: String,
    /// Whether the name has a role that is not an author's, an artist's or the like.
    other: bool,
    /// The year of what the work is in.
    host_year: Option<String>,
    /// Most often that of a catalogue.
    page: Option<String>,
}

impl Mods {
    /// What an element says as it ends.
    pub(super) fn read(&mut self, record: &mut Record, path: &[Open], text: &str) {
        let [before @ .., own] = path else { return };
        let parent = before.last().map(|open| open.name.as_str()).unwrap_or_default();
        let related = before.iter().find(|open| open.name == "relatedItem");
        match (parent, own.name.as_str()) {
            (_, "date" | "dateIssued")
                if related.is_some_and(|item| item.attribute("type") == Some("host")) =>
            {
                self.host_year.get_or_insert_with(|| text.to_owned());
            }
            ("extent", part @ ("start" | "end")) => {
                let field = if part == "start" { Field::FirstPage } else { Field::LastPage };
                record.add(field, text);
            }
            // What the work is part of is not the work.
            _ if related.is_some() || own.name == "relatedItem" => {}
            ("titleInfo", "nonSort") => text.clone_into(&mut self.article),
            ("titleInfo", "title") => text.clone_into(&mut self.title),
            ("titleInfo", "subTitle") => text.clone_into(&mut self.subtitle),
            ("mods", "titleInfo") => self.titled(record, own.attribute("type").is_none()),
            ("name", "namePart") => match own.attribute("type") {
                Some("family") => text.clone_into(&mut self.family),
                None => text.clone_into(&mut self.name),
                Some(_) => {}
            },
            ("role", "roleTerm") => {
                const OTHERS: [&str; 16] = [
                    "advisor",
                    "degree grantor",
                    "dgg",
                    "distributor",
                    "dst",
                    "editor",
                    "edt",
                    "funder",
                    "host institution",
                    "pbl",
                    "publisher",
                    "spn",
                    "sponsor",
                    "ths",
                    "translator",
                    "trl",
                ];
                self.other |= OTHERS.contains(&text.to_ascii_lowercase().as_str());
            }
            ("mods", "name") => self.named(record, own.attribute("type") == Some("personal")),
            ("mods", "identifier") => {
                if let Some(field @ Field::Id(_)) = own.attribute("type").and_then(fields::named) {
                    record.add(field, text);
                }
            }
            ("location", "url") => {
                self.page.get_or_insert_with(|| text.to_owned());
            }
            ("originInfo", "dateIssued") => record.add(Field::Year, text),
            ("originInfo", "copyrightDate" | "dateCreated") => {
                self.host_year.get_or_insert_with(|| text.to_owned());
            }
            _ => {}
        }
    }

    /// At the end of the record.
    pub(super) fn finish(self, record: &mut Record) {
        record.add(Field::Year, &self.host_year.unwrap_or_default());
        // A title leads further, where there is enough to know it by.
        if record.facts.title.is_none() || (record.facts.authors.is_empty() && record.facts.year.is_none()) {
            record.add(Field::Id(IdKind::Url), &self.page.unwrap_or_default());
        }
    }

    fn titled(&mut self, record: &mut Record, own: bool) {
        let [article, title, subtitle] =
            [&mut self.article, &mut self.title, &mut self.subtitle].map(std::mem::take);
        let title = title.trim().trim_end_matches([':', ' ', '/']);
        if !own || title.is_empty() {
            return;
        }
        let gap = if article.is_empty() || article.ends_with(['\'', '’']) { "" } else { " " };
        let colon = if subtitle.trim().is_empty() { "" } else { ": " };
        record.add(Field::Title, &format!("{}{gap}{title}{colon}{}", article.trim(), subtitle.trim()));
    }

    fn named(&mut self, record: &mut Record, personal: bool) {
        let [name, family] = [&mut self.name, &mut self.family].map(std::mem::take);
        if std::mem::take(&mut self.other) {
            return;
        }
        match (family.is_empty(), personal) {
            (false, _) => record.author(&family),
            (true, true) => record.author(&name),
            (true, false) => record.group(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::read;

    #[test]
    fn titles_and_names_are_put_together_and_the_year_is_that_of_the_volume() {
        let source = "<modsCollection><mods ID=\"a\"><titleInfo type=\"abbreviated\"><title>Short</title></titleInfo>\
            <titleInfo><nonSort>The</nonSort><title>question</title><subTitle>of things</subTitle></titleInfo>\
            <name type=\"personal\"><namePart type=\"given\">Jane</namePart><namePart type=\"family\">Doe</namePart><role><roleTerm>author</roleTerm></role></name>\
            <name type=\"personal\"><namePart>Roe, Richard, 1900-</namePart></name>\
            <name type=\"personal\"><namePart>Poe, Edna</namePart><role><roleTerm type=\"text\">editor</roleTerm></role></name>\
            <name type=\"corporate\"><namePart>Things, Inc.</namePart></name>\
            <location><url>https://example.org/catalogue</url></location><relatedItem type=\"host\"><titleInfo><title>Journal</title></titleInfo><name><namePart>Host, H</namePart></name><identifier type=\"doi\">10.5555/host</identifier>\
            <part><date>1999</date><extent unit=\"page\"><start>11</start><end>18</end></extent></part></relatedItem></mods>\n\
            <mods><titleInfo><title>Arias :</title></titleInfo><name><namePart>A Group</namePart></name><originInfo><dateIssued>1985</dateIssued><copyrightDate>1986</copyrightDate></originInfo></mods>\n<mods><titleInfo><title>Page</title></titleInfo><location><url>https://example.org/p</url></location></mods></modsCollection>";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: The question: of things =>  | The question: of things | Doe; Roe; Things, Inc. | 1999 | 8 pages
        2: Arias =>  | Arias | A Group | 1985
        3: https://example.org/p => url:https://example.org/p | Page | https://example.org/p
        "#);
    }
}
