//! Works that end without a file, and why.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::wayback::{captures, no_redirects};
use crate::demo_web::apis::{Apis, Location};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::Flaw;

pub const STORIES: &[fn(&mut Recording) -> Told] = &[walled, unknown, fakes];

fn walled(web: &mut Recording) -> Told {
    let record = Record {
        title: "Walls, and What They Keep Out",
        doi: Some("10.5555/walls.16"),
        landing: "https://wall.example/walls/16",
        ..Record::ARTICLE
    };
    Apis::closed(&record).record(&record, web);
    web.get(&urls::doi("10.5555/walls.16"), Reply::redirect(302, record.landing));
    let pdf = "https://wall.example/walls/16.pdf";
    let head = "<meta name=\"citation_pdf_url\" content=\"https://wall.example/walls/16.pdf\">";
    web.get(
        record.landing,
        Reply::html(&pages::article(&record, head, "<p><a href=\"/walls/16.pdf\">PDF</a></p>")),
    );
    web.get(pdf, Reply::redirect(302, "https://wall.example/login?return=walls-16"));
    web.get("https://wall.example/login?return=walls-16", Reply::html(&pages::login()));
    captures(web, &record, pdf, &[]);
    captures(web, &record, record.landing, &[]);
    no_redirects(web, &record, Some(record.year));
    Told {
        input: "10.5555/walls.16",
        tells: "the page declares a PDF, which turns out to be a form to log in",
    }
}

fn unknown(web: &mut Recording) -> Told {
    let record = Record { doi: Some("10.5555/no.such.work"), landing: "", ..Record::ARTICLE };
    Apis::unknown(&record).record(&record, web);
    web.get(&urls::doi("10.5555/no.such.work"), Reply::typed(404, "text/html", pages::not_found()));
    no_redirects(web, &record, None);
    Told { input: "10.5555/no.such.work", tells: "a DOI that nobody has registered" }
}

fn fakes(web: &mut Recording) -> Told {
    let record = Record {
        title: "Counterfeit Maps of Genuine Islands",
        pages: 12,
        doi: Some("10.5555/maps.18"),
        landing: "https://press.example/maps/18",
        ..Record::ARTICLE
    };
    let files = [
        ("https://press.example/maps/18.pdf", Flaw::Preview),
        ("https://repository.example/bitstream/18/maps.pdf", Flaw::AbstractOnly),
        ("https://second.example/maps.pdf", Flaw::Erratum),
        ("https://third.example/maps.pdf", Flaw::Supplement),
        ("https://fourth.example/maps.pdf", Flaw::WrongArticle),
    ];
    let locations: Vec<Location> =
        files.iter().map(|(pdf, _)| Location::repository(pdf, record.landing)).collect();
    Apis { unpaywall: unpaywall::work(&record, &locations), ..Apis::closed(&record) }.record(&record, web);
    for (url, flaw) in files {
        web.get(url, Reply::pdf(record.paper().flawed(flaw)));
        captures(web, &record, url, &[]);
    }
    web.get(&urls::doi("10.5555/maps.18"), Reply::redirect(302, record.landing));
    web.get(record.landing, Reply::html(&pages::paywall(&record)));
    captures(web, &record, record.landing, &[]);
    no_redirects(web, &record, Some(record.year));
    Told {
        input: "10.5555/maps.18",
        tells: "five copies, none of them the paper: a preview, an abstract, a correction, a supplement, another article",
    }
}
