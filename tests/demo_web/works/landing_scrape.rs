//! Works whose page is known and has to be read.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::{Apis, Location, openalex};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::{Flaw, Style};

pub const STORIES: &[fn(&mut Recording) -> Told] = &[journal, repository, inward, forbidden];

fn journal(web: &mut Recording) -> Told {
    let record = Record {
        title: "On Writing Systems That Read Their Readers",
        authors: &[("Hanna", "Unreal")],
        landing: "https://ojs.imaginary.example/index.php/jir/article/view/17",
        ..Record::ARTICLE
    };
    Apis::unknown(&record).record(&record, web);
    let body = "<ul><li><a class=\"obj_galley_link pdf\" href=\"https://ojs.imaginary.example/index.php/jir/article/view/17/23\">PDF</a></li></ul>";
    web.get(record.landing, Reply::html(&pages::article(&record, "", body)));
    let viewer = pages::article(&record, "", "<iframe src=\"/plugins/viewer.html\"></iframe>");
    web.get("https://ojs.imaginary.example/index.php/jir/article/view/17/23", Reply::html(&viewer));
    let download = "https://ojs.imaginary.example/index.php/jir/article/download/17/23";
    web.get(download, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "https://ojs.imaginary.example/index.php/jir/article/view/17",
        tells: "only a page's URL; its link leads to a viewer, and a rule makes the download of it",
    }
}

fn repository(web: &mut Recording) -> Told {
    let record = Record {
        title: "Doors Painted on Walls and the People Who Knock",
        doi: Some("10.5555/doors.8"),
        landing: "https://loop.example/doors/8",
        ..Record::ARTICLE
    };
    let page = "https://repository.example/handle/8/doors";
    let location = Location::repository("https://unused.example/", page).page().licensed("cc-by-sa");
    let unpaywall = unpaywall::work(&record, &[location]);
    Apis { unpaywall, ..Apis::closed(&record) }.record(&record, web);
    web.get(&urls::doi("10.5555/doors.8"), Reply::redirect(302, record.landing));
    let session = "https://loop.example/doors/8?session=new";
    web.get(record.landing, Reply::redirect(302, session));
    web.get(session, Reply::redirect(302, record.landing));
    let head =
        "<meta name=\"citation_pdf_url\" content=\"https://repository.example/bitstream/8/doors.pdf\">";
    web.get(page, Reply::html(&pages::article(&record, head, "")));
    web.get(
        "https://repository.example/bitstream/8/doors.pdf",
        Reply::pdf(record.manuscript().pdf(Style::CoverPage)),
    );
    Told {
        input: "10.5555/doors.8",
        tells: "the publisher redirects in circles; Unpaywall knows a repository's page",
    }
}

fn inward(web: &mut Recording) -> Told {
    let record = Record {
        title: "Inward Paths: Signposts That Point at Themselves",
        doi: Some("10.5555/inward.4"),
        landing: "https://inward.example/articles/4/",
        ..Record::ARTICLE
    };
    let (trap, page) = ("https://inward.example/go/4", "https://society.example/archive/4/index.html");
    let unpaywall = unpaywall::work(&record, &[Location::publisher(trap, record.landing)]);
    let openalex = openalex::work(&record, &[Location::repository("https://unused.example/", page).page()]);
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(trap, Reply::redirect(302, "http://169.254.169.254/latest/meta-data/"));
    web.get(&urls::doi("10.5555/inward.4"), Reply::typed(404, "text/html", pages::not_found()));
    web.get(record.landing, Reply::typed(404, "text/html", pages::not_found()));
    let head = "<base href=\"https://society.example/files/4/\">\n<script type=\"application/ld+json\">{\"@context\": \
        \"https://schema.org\", \"@type\": \"ScholarlyArticle\", \"encoding\": {\"@type\": \"MediaObject\", \
        \"encodingFormat\": \"application/pdf\", \"contentUrl\": \"inward.pdf\"}}</script>";
    let body = "<p><a href=\"cover.pdf\">Cover (PDF)</a> <a href=\"supporting-information.pdf\">Supporting information (PDF)</a></p>";
    web.get(page, Reply::html(&pages::article(&record, head, body)));
    for base in ["https://society.example/files/4/", "https://society.example/archive/4/"] {
        web.get(&format!("{base}inward.pdf"), Reply::pdf(record.paper().pdf(Style::Plain)));
        web.get(
            &format!("{base}supporting-information.pdf"),
            Reply::pdf(record.paper().flawed(Flaw::Supplement)),
        );
        web.get(&format!("{base}cover.pdf"), Reply::typed(404, "text/html", pages::not_found()));
    }
    Told {
        input: "10.5555/inward.4",
        tells: "one copy redirects to an address inside the network, which is refused; a society's page names the file in JSON-LD",
    }
}

fn forbidden(web: &mut Recording) -> Told {
    let record = Record {
        title: "Fences, Hedges and Other Polite Refusals",
        doi: Some("10.5555/fences.6"),
        landing: "https://hedge.example/6",
        ..Record::ARTICLE
    };
    let (fenced, page) = ("https://fence.example/private/fences.pdf", "https://village.example/6");
    let unpaywall = unpaywall::work(
        &record,
        &[
            Location::repository(fenced, "https://fence.example/private/fences"),
            Location::repository("https://unused.example/", page).page(),
        ],
    );
    Apis { unpaywall, ..Apis::closed(&record) }.record(&record, web);
    web.get(
        "https://fence.example/robots.txt",
        Reply::typed(200, "text/plain", "User-agent: *\nDisallow: /private/\n"),
    );
    web.get(fenced, Reply::pdf(record.paper().pdf(Style::Plain)));
    web.get(&urls::doi("10.5555/fences.6"), Reply::redirect(302, record.landing));
    web.get(record.landing, Reply::typed(403, "text/html", pages::bot_check()));
    let body = "<p>The article: <a href=\"/6/download?inline=false\">Full text (PDF, 48 KB)</a></p>";
    web.get(page, Reply::html(&pages::article(&record, "", body)));
    web.get(
        "https://village.example/6/download?inline=false",
        Reply::typed(200, "binary/octet-stream", record.paper().pdf(Style::Plain)),
    );
    Told {
        input: "10.5555/fences.6",
        tells: "robots.txt forbids one copy, and so it is not fetched; another page has a plain link",
    }
}
