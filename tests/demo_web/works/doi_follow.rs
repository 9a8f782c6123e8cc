//! Works that no service knows a copy of, but whose DOI leads to one.

use super::Told;
use crate::demo_web::apis::{Apis, Location, openalex, unpaywall};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::{Flaw, Style};

pub const STORIES: &[fn(&mut Recording) -> Told] = &[straight, declared];

fn straight(web: &mut Recording) -> Told {
    let record = Record {
        title: "Five Corners of a Round Table",
        doi: Some("10.5555/corners.5"),
        landing: "https://press.example/corners/5",
        ..Record::ARTICLE
    };
    let summary = "https://abstracts.example/corners.pdf";
    let known = [Location::repository(summary, "https://abstracts.example/corners")];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(summary, Reply::pdf(record.paper().flawed(Flaw::AbstractOnly)));
    let hops = [
        "https://press.example/corners/5",
        "https://www.press.example/corners/5",
        "https://files.press.example/c5.pdf",
    ];
    web.get(&urls::doi("10.5555/corners.5"), Reply::redirect(302, hops[0]));
    web.get(hops[0], Reply::redirect(301, hops[1]));
    web.get(hops[1], Reply::redirect(303, hops[2]));
    web.get(hops[2], Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/corners.5",
        tells: "one copy is only the abstract; the DOI leads through three redirects straight to the PDF",
    }
}

fn declared(web: &mut Recording) -> Told {
    let record = Record {
        title: "Umbrellas Against Weather That Was Only Forecast",
        doi: Some("10.5555/umbrellas.31"),
        landing: "https://weather.example/articles/31",
        ..Record::ARTICLE
    };
    Apis::closed(&record).record(&record, web);
    web.get(&urls::doi("10.5555/umbrellas.31"), Reply::redirect(302, record.landing));
    let head = "<meta name=\"citation_pdf_url\" content=\"/articles/31/umbrellas.pdf\">";
    let body = "<p><a href=\"/articles/31/supplement.pdf\">Supplementary PDF</a></p>";
    web.get(record.landing, Reply::html(&pages::article(&record, head, body)));
    web.get(
        "https://weather.example/articles/31/umbrellas.pdf",
        Reply::pdf(record.paper().pdf(Style::ObjectStreams)),
    );
    web.get(
        "https://weather.example/articles/31/supplement.pdf",
        Reply::pdf(record.paper().flawed(Flaw::Supplement)),
    );
    Told {
        input: "10.5555/umbrellas.31",
        tells: "the article's page declares its PDF; beside it lies a supplement",
    }
}
