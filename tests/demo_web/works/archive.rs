//! Works whose copy lies in a repository that has to be asked itself.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::{Apis, Location, archives};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::Style;

/// Those that are asked about many works in one question.
pub const REPOSITORIES: &[fn(&mut Recording) -> Told] = &[core, zenodo, hal, datacite, openaire];

/// Those that are asked about each work.
pub const STORIES: &[fn(&mut Recording) -> Told] = &[osf, figshare, internet_archive];

/// The DOI leads to the shop of the publisher.
fn sold(record: &Record, web: &mut Recording) {
    web.get(&urls::doi(&record.asked_doi().unwrap_or_default()), Reply::redirect(302, record.landing));
    web.get(record.landing, Reply::html(&pages::paywall(record)));
}

fn core(web: &mut Recording) -> Told {
    let record = Record {
        title: "Clocks That Agree to Disagree",
        doi: Some("10.5555/clocks.7"),
        landing: "https://shop.example/clocks/7",
        ..Record::ARTICLE
    };
    let pdf = "https://core.ac.uk/download/99000001.pdf";
    Apis { core: archives::core(&record, pdf), ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    web.get(pdf, Reply::pdf(record.manuscript().pdf(Style::Plain)));
    Told {
        input: "10.5555/clocks.7",
        tells: "for sale at the publisher; CORE, which wants a key, has the author's copy",
    }
}

fn zenodo(web: &mut Recording) -> Told {
    let record = Record {
        title: "A Catalogue of Colours Nobody Has Seen",
        doi: Some("10.5555/colours.1"),
        landing: "https://shop.example/colours/1",
        ..Record::ARTICLE
    };
    let zenodo = archives::zenodo(&[(&record, "99000201", "colours.pdf")]);
    Apis { zenodo, ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    let pdf = "https://zenodo.org/api/records/99000201/files/colours.pdf/content";
    web.get(pdf, Reply::typed(200, "application/octet-stream", record.paper().pdf(Style::Plain)));
    Told { input: "10.5555/colours.1", tells: "for sale at the publisher; Zenodo has it beside its data" }
}

fn hal(web: &mut Recording) -> Told {
    let record = Record {
        title: "Une théorie générale des promenades imaginaires",
        authors: &[("Inès", "Inexistante"), ("Luc", "Supposé")],
        doi: Some("10.5555/promenades.2"),
        landing: "https://shop.example/promenades/2",
        ..Record::ARTICLE
    };
    let pdf = "https://hal.science/hal-99000202/document";
    let hal = archives::hal(&[(&record, "https://hal.science/hal-99000202", pdf)]);
    Apis { hal, ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    web.get(pdf, Reply::redirect(302, "https://hal.science/hal-99000202v1/file/promenades.pdf"));
    let file = record.manuscript().pdf(Style::CoverPage);
    web.get("https://hal.science/hal-99000202v1/file/promenades.pdf", Reply::pdf(file));
    Told { input: "10.5555/promenades.2", tells: "HAL has the author's version behind its own cover page" }
}

fn osf(web: &mut Recording) -> Told {
    let record = Record {
        title: "Do Imaginary Friends Replicate? A Preregistered Study",
        doi: Some("10.5555/osf.io/inv3n"),
        landing: "https://osf.example/inv3n",
        ..Record::ARTICLE
    };
    Apis::closed(&record).record(&record, web);
    web.get(&urls::osf_preprint("inv3n"), archives::osf_preprint(&record, "inv3n"));
    sold(&record, web);
    let download = archives::osf_file(web, "inv3n", "friends.pdf");
    web.get(&download, Reply::pdf(record.manuscript().pdf(Style::Plain)));
    Told { input: "10.5555/osf.io/inv3n", tells: "a preprint on OSF, whose file takes two questions to find" }
}

fn figshare(web: &mut Recording) -> Told {
    let record = Record {
        title: "Figures Without Axes: an Illustrated Warning",
        doi: Some("10.5555/m9.figures.99000204"),
        landing: "https://shop.example/figures/4",
        ..Record::ARTICLE
    };
    let figshare = archives::figshare(web, &record, 99_000_204, 99_000_205);
    Apis { figshare, ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    let storage = "https://storage.figshare.example/99000205/manuscript.pdf";
    web.get("https://ndownloader.figshare.com/files/99000205", Reply::redirect(302, storage));
    web.get(storage, Reply::pdf(record.manuscript().pdf(Style::Xmp)));
    Told {
        input: "10.5555/m9.figures.99000204",
        tells: "found with Figshare's search, which has to be asked by POST",
    }
}

fn openaire(web: &mut Recording) -> Told {
    let record = Record {
        title: "Nested Results of a Nested Search for Nests",
        doi: Some("10.5555/nests.3"),
        landing: "https://shop.example/nests/3",
        ..Record::ARTICLE
    };
    let pdf = "https://nest.example/download/nests.pdf";
    Apis { openaire: archives::openaire(&record, pdf), ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    web.get(pdf, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told { input: "10.5555/nests.3", tells: "OpenAIRE knows where a university keeps it" }
}

fn datacite(web: &mut Recording) -> Told {
    let record = Record {
        title: "Field Notes From a Country That Is Not on Maps",
        publisher: "Nowhere Data Centre",
        doi: Some("10.5555/nowhere.fieldnotes"),
        landing: "https://data.nowhere.example/fieldnotes",
        ..Record::ARTICLE
    };
    let pdf = "https://data.nowhere.example/fieldnotes/notes.pdf";
    Apis { datacite: archives::datacite(&record, &[pdf]), ..Apis::unknown(&record) }.record(&record, web);
    sold(&record, web);
    web.get(pdf, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/nowhere.fieldnotes",
        tells: "registered with DataCite, which knows the file itself",
    }
}

fn internet_archive(web: &mut Recording) -> Told {
    let record = Record {
        title: "The Half-Life of Promises on Web Pages",
        doi: Some("10.5555/promises.9"),
        landing: "https://shop.example/promises/9",
        ..Record::ARTICLE
    };
    let capture = urls::capture("20190607080910", "https://old.example/promises.pdf");
    let link = "https://old.example/promises.pdf";
    let unpaywall = unpaywall::work(&record, &[Location::publisher(link, record.landing)]);
    let fatcat = archives::fatcat(&record, &[("webarchive", &capture), ("web", link)]);
    Apis { unpaywall, fatcat, ..Apis::closed(&record) }.record(&record, web);
    sold(&record, web);
    web.get(link, Reply::typed(404, "text/html", pages::not_found()));
    web.get(&capture, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/promises.9",
        tells: "the link is dead; the Internet Archive's catalogue knows a capture of it",
    }
}
