//! Links on a page that seem to lead to the work's PDF.

use std::collections::HashMap;
use std::rc::Rc;

use super::Rules;
use super::same_work::is_same_work;
use super::shape::LOOKS_LIKE_PDF;
use super::words::words;
use crate::html::{Element, Page};
use crate::{ids, url};

/// What a link needs to be proposed; `rules.txt` gives the points.
const ENOUGH: i32 = 5;
/// A link in the page's navigation needs points from both its URL and its label.
const IN_NAVIGATION: i32 = -3;
/// A sidebar holds the article's own tools as often as other things.
const IN_SIDEBAR: i32 = -1;
const IN_ARTICLE: i32 = 1;
/// It holds the DOI of the work.
const NAMES_THE_WORK: i32 = 4;
/// It holds the same number or name as the page's own URL.
const SHARES_THE_PAGES_ID: i32 = 2;
/// Links to the title's own page and the like are this long at most.
const LONGEST_URL: usize = 2000;

/// What a link is compared with.
pub(super) struct Setting<'a> {
    pub page_url: &'a str,
    /// What relative links are relative to.
    pub base: &'a str,
    pub doi: Option<&'a str>,
    /// In [`words`].
    pub title: &'a str,
}

/// A link that was found good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub url: String,
    pub label: String,
    pub points: i32,
    /// The text around it holds the work's title.
    pub beside_title: bool,
}

/// The links that seem to lead to the PDF, best first, and those to another page of the same work.
pub(super) fn read(page: &Page, setting: &Setting<'_>, rules: &Rules) -> (Vec<Link>, Vec<String>) {
    let mut links: Vec<Link> = Vec::new();
    let mut follow = Vec::new();
    let own_id = id_of(setting.page_url);
    let mut sections = Sections { judged: HashMap::new(), title: setting.title, rules };
    for anchor in page.elements.iter().filter(|e| matches!(e.name.as_str(), "a" | "button")) {
        let Some(url) = target(anchor, setting) else {
            continue;
        };
        let label = label(anchor);
        let label_words = words(&label);
        // Icons have no text, but a class.
        let own = ["class", "id"].map(|a| anchor.attribute(a).unwrap_or_default());
        let hints = words(&format!("{label} {} {}", own[0], own[1]));
        let label_points = rules.label_points(&hints);
        let url_points = rules.url_points(&url);
        let text = words(&anchor.text);
        let leads_on = (rules.leads_on(&label_words) || rules.leads_on(&text)) && url_points < LOOKS_LIKE_PDF;
        let mut points = label_points + url_points;
        if points == 0 && !leads_on {
            continue;
        }
        // Not its query, where other things are named beside it.
        let file = words(&url::decode(file_name(&url)));
        if rules.is_another_type(&url)
            || rules.is_something_else(&label_words, setting.title)
            || rules.is_something_else(&file, setting.title)
            || is_of_another_work(&url, setting.doi)
            || is_cited(&url, &label_words, label_points, setting)
            || sections.lead_elsewhere(anchor)
        {
            continue;
        }
        // A page to look at, not a file to propose.
        if leads_on {
            follow.push(url);
            continue;
        }
        let decoded = url::decode(&url).to_lowercase();
        points += match setting.doi {
            Some(doi) if decoded.contains(doi) => NAMES_THE_WORK,
            _ if own_id.is_some_and(|id| decoded.contains(&id.to_lowercase())) => SHARES_THE_PAGES_ID,
            _ => 0,
        };
        if anchor.inside("nav") || anchor.inside("footer") {
            points += IN_NAVIGATION;
        } else if anchor.inside("aside") {
            points += IN_SIDEBAR;
        } else if anchor.inside("main") || anchor.inside("article") {
            points += IN_ARTICLE;
        }
        // A DOI or a number adds points only to a link that already seems to be a PDF.
        if points < ENOUGH || label_points.max(url_points) < 3 {
            continue;
        }
        let beside_title = is_beside_title(page, anchor, setting.title);
        match links.iter_mut().find(|link| link.url == url) {
            Some(link) => {
                link.points = link.points.max(points);
                link.beside_title |= beside_title;
            }
            None => links.push(Link {
                url,
                label: label.split_whitespace().collect::<Vec<_>>().join(" "),
                points,
                beside_title,
            }),
        }
    }
    // On a list of articles the work's own link stands beside its title.
    if links.len() > 1 && links.iter().any(|link| link.beside_title) {
        links.retain(|link| link.beside_title);
    }
    links.sort_by_key(|link| -link.points);
    (links, follow)
}

/// Whether a link to a file elsewhere says nothing of being this work's PDF: texts cite files of others, by their names
/// or their addresses.
fn is_cited(url: &str, label: &str, label_points: i32, setting: &Setting<'_>) -> bool {
    let site = |url: &str| {
        let host = url::host(url).unwrap_or_default();
        host.rsplitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let elsewhere = site(url) != site(setting.page_url) && site(url) != site(setting.base);
    let address = label.starts_with(" http ") || label.starts_with(" https ") || label.starts_with(" www ");
    let titled = setting.title.len() > 2 && (label.contains(setting.title) || setting.title.contains(label));
    elsewhere && (address || (label_points <= 0 && !titled && label.len() > 2))
}

/// Where an anchor leads; none for places on the page itself. One that leads nowhere by itself may carry
/// the address in its data, for a script of the page.
fn target(anchor: &Element, setting: &Setting<'_>) -> Option<String> {
    let href = anchor.attribute("href").unwrap_or_default();
    let nowhere =
        href.is_empty() || href.starts_with('#') || href.to_ascii_lowercase().starts_with("javascript:");
    let reference = if nowhere { hidden(anchor)? } else { href };
    if reference.len() > LONGEST_URL {
        return None;
    }
    url::join(setting.base, reference).filter(|url| url != setting.page_url)
}

/// An address in an anchor's `data-…` attributes, or in what a click on it runs.
fn hidden(anchor: &Element) -> Option<&str> {
    let address = |text: &str| text.starts_with('/') || url::is_web(text);
    let data = anchor.attributes.iter().filter(|(name, _)| name.starts_with("data-"));
    let data = data.map(|(_, value)| value.trim()).find(|value| address(value));
    data.or_else(|| {
        let click = anchor.attribute("onclick")?;
        click.split(['\'', '"']).skip(1).step_by(2).find(|text| address(text))
    })
}

/// The anchor's label for people.
fn label(anchor: &Element) -> String {
    let mut label = anchor.text.clone();
    for name in ["title", "aria-label"] {
        label.push(' ');
        label.push_str(anchor.attribute(name).unwrap_or_default());
    }
    // A whole teaser within an anchor is not a label.
    label.chars().take(300).collect()
}

/// The last segment of the path: where files are named.
fn file_name(url: &str) -> &str {
    url::path(url).trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The sections of a page, each evaluated once.
struct Sections<'a> {
    judged: HashMap<Rc<str>, bool>,
    title: &'a str,
    rules: &'a Rules,
}

impl Sections<'_> {
    /// Whether an anchor stands in a section whose links lead to other works.
    fn lead_elsewhere(&mut self, anchor: &Element) -> bool {
        let outer = ["html", "body"];
        anchor
            .around
            .iter()
            .filter(|named| !outer.contains(&named.split(' ').next().unwrap_or_default()))
            .chain(&anchor.headings)
            .any(|name| match self.judged.get(name) {
                Some(known) => *known,
                None => {
                    let elsewhere = self.rules.leads_elsewhere(&words(name), self.title);
                    self.judged.insert(Rc::clone(name), elsewhere);
                    elsewhere
                }
            })
    }
}

/// Whether the URL holds a DOI that is not the work's.
fn is_of_another_work(url: &str, doi: Option<&str>) -> bool {
    let Some(doi) = doi else {
        return false;
    };
    let decoded = url::decode(url).to_lowercase();
    if decoded.contains(doi) {
        return false;
    }
    // Only a DOI as long as its registrant is certain: `/10.1000/` could begin the work's own, cut.
    decoded.match_indices("/10.").any(|(at, _)| {
        let rest = decoded.get(at + 1..).unwrap_or_default();
        let end = rest.find(['?', '&', '#']).unwrap_or(rest.len());
        let found = rest.get(..end).unwrap_or_default();
        ids::bare_doi(found).is_some_and(|found| !is_same_work(&found, doi)) && !doi.starts_with(found)
    })
}

/// The part of a page's URL that is most likely its article's number or name.
fn id_of(page_url: &str) -> Option<&str> {
    url::after_host(page_url)
        .split(['/', '?', '&', '=', '#'])
        .rfind(|part| part.len() >= 4 && part.chars().any(|c| c.is_ascii_digit()))
}

/// Whether the text in the anchor's row or paragraph holds the work's title.
fn is_beside_title(page: &Page, anchor: &Element, title: &str) -> bool {
    // Fewer words are found anywhere.
    if title.split_whitespace().count() < 3 {
        return false;
    }
    let near = page.text.get(anchor.block_start..anchor.end).unwrap_or_default();
    near.len() < 4000 && words(near).contains(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str) -> Vec<String> {
        let page = crate::html::read(html, &|name, _| matches!(name, "a" | "button"));
        let setting = Setting {
            page_url: "https://j.invalid/article/4711",
            base: "https://j.invalid/article/4711",
            doi: Some("10.1000/abc"),
            title: &words("The Cover Crops of Mars"),
        };
        let (links, _) = read(&page, &setting, &Rules::built_in());
        links.into_iter().map(|l| l.url.replace("https://j.invalid", "")).collect()
    }

    #[test]
    fn labels_urls_icons_and_images_all_speak_for_a_link() {
        for html in [
            "<a href=/x/1>PDF</a>",
            "<a href=/x/1><img src=i alt='Full text PDF'></a>",
            "<a href=/x/1 title='Download PDF'><i></i></a>",
            "<a href=/x/1 class='icon-pdf'></a>",
            "<a href=/x/1>全文PDF下载</a>",
        ] {
            assert_eq!(found(html), ["/x/1"], "{html}");
        }
        assert_eq!(found("<a href=/store/9.pdf>here</a>"), ["/store/9.pdf"]);
        assert_eq!(found("<a href=/bitstream/1/2/Final%20text.pdf>View/Open</a>").len(), 1);
        assert_eq!(found("<a href=/download/4711>Download</a>").len(), 1);
        assert!(found("<a href=/about>About</a><a href=#>PDF</a><a href=javascript:x()>PDF</a>").is_empty());
    }

    #[test]
    fn an_address_in_an_anchors_data_counts_where_the_anchor_itself_leads_nowhere() {
        for html in [
            "<a href='#' class='pdf btn' data-popup='/get?x=1&amp;mimetype=application%2Fpdf'>PDF</a>",
            "<button class=btn data-toggle=modal data-target='/get?x=1&amp;mimetype=application%2Fpdf'>PDF</button>",
            "<a href='javascript:void(0)' onclick=\"window.open('/get?x=1&amp;mimetype=application%2Fpdf', 'w')\">PDF</a>",
        ] {
            assert_eq!(found(html), ["/get?x=1&mimetype=application%2Fpdf"], "{html}");
        }
        assert_eq!(found("<a href=/9.pdf data-popup=/other.pdf>PDF</a>"), ["/9.pdf"]);
        assert!(found("<button data-label='PDF'>PDF</button>").is_empty());
    }

    #[test]
    fn words_that_spoil_a_link_do_not_count_in_its_query() {
        let html = "<a href='/file?_pii=1&amp;_coverDate=2012&amp;pid=main.pdf'>PDF</a>\
                    <a href='/deliver/app/1/9.pdf?itemId=/content/journal/app/10.1000/abc'>PDF</a>";
        assert_eq!(found(html).len(), 2);
        assert!(found("<a href='/cover.pdf?id=1'>PDF</a>").is_empty());
    }

    #[test]
    fn marks_shops_and_tables_are_no_links_to_the_work() {
        for html in [
            "<a href='https://mark.invalid/dialog?doi=10.1000/abc&amp;domain=pdf'>Check for updates</a>",
            "<a href=/getaccess/4711/purchase>Purchase PDF</a>",
            "<a href='/action/downloadTable?id=T1&amp;doi=10.1000/abc'>CSV</a>",
            "<a href=/doi/full/10.1000/abc>View full text</a>",
            "<a href=/files/4711.pdf>Author agreement</a>",
            "<a href=/files/4711.pdf>Review report</a>",
        ] {
            assert!(found(html).is_empty(), "{html}");
        }
    }

    #[test]
    fn supplements_covers_and_documents_of_the_site_are_left_alone() {
        for html in [
            "<a href=/suppl_file/x_si_001.pdf>PDF</a>",
            "<a href=/x.pdf>Supplementary material (PDF)</a>",
            "<a href=/files/cover.pdf>PDF</a>",
            "<a href=/docs/author-guidelines.pdf>Author guidelines</a>",
            "<a href=/docs/authorGuide.pdf>PDF</a>",
            "<a href=/terms.pdf>Terms</a>",
            "<a href=/files/other.pdf>Previous article (PDF)</a>",
            "<a href=/1471-MOESM1_ESM.pdf>PDF</a>",
            "<a href=/x.pdf>Preview PDF</a>",
            "<a href=/x.pdf>Erratum (PDF)</a>",
            "<a href=/x.docx>PDF</a>",
            "<a href=/license.txt>View/Open</a>",
        ] {
            assert!(found(html).is_empty(), "{html}");
        }
        // The word is part of the work's own title.
        assert_eq!(found("<a href=/cover-crops.pdf>PDF</a>").len(), 1);
    }

    #[test]
    fn sections_about_other_works_are_left_alone() {
        for html in [
            "<aside class=relatedArticles><a href=/9.pdf>PDF</a></aside>",
            "<main><h2>Recommended reading</h2><ul><li><a href=/9.pdf>PDF</a></ul></main>",
            "<section id=references><a href=/9.pdf>Full text PDF</a></section>",
            "<div aria-label='Cited by'><a href=/9.pdf>PDF</a></div>",
            "<footer><a href=/9.pdf>x</a></footer>",
        ] {
            assert!(found(html).is_empty(), "{html}");
        }
        assert_eq!(found("<nav><a href=/4711.pdf>PDF</a></nav>").len(), 1);
        assert_eq!(found("<h2>References</h2><p>…<h2>Downloads</h2><a href=/9.pdf>PDF</a>").len(), 1);
    }

    #[test]
    fn a_link_that_names_another_doi_is_of_another_work_and_one_that_names_the_works_own_is_best() {
        let html = "<a href=/doi/pdf/10.1000/xyz>PDF</a><a href=/nr/9.pdf>PDF</a><a href=/doi/pdf/10.1000/ABC>PDF</a>";
        assert_eq!(found(html), ["/doi/pdf/10.1000/ABC", "/nr/9.pdf"]);
        assert_eq!(found("<a href=/9.pdf>PDF</a><a href=/4711.pdf>PDF</a>"), ["/4711.pdf", "/9.pdf"]);
    }

    #[test]
    fn on_a_list_the_link_beside_the_title_is_the_works_own() {
        let html = "<ul><li>The Moons of Mars <a href=/1.pdf>PDF</a><li>The cover crops\n of <i>Mars</i> <a href=/2.pdf>PDF</a>\
                    <li>More of Mars <a href=/3.pdf>PDF</a></ul>";
        assert_eq!(found(html), ["/2.pdf"]);
    }
}
