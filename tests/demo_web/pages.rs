//! Web pages: articles, repositories, and what stands in their way.

use super::record::Record;

/// An article's page; `head` and `body` hold what matters to the story.
pub fn article(record: &Record, head: &str, body: &str) -> String {
    let authors: String = record
        .names()
        .iter()
        .map(|name| format!("<meta name=\"citation_author\" content=\"{name}\">\n"))
        .collect();
    let doi =
        record.doi.map(|doi| format!("<meta name=\"citation_doi\" content=\"{doi}\">\n")).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} | {journal}</title>\n\
         <meta name=\"citation_title\" content=\"{title}\">\n{authors}{doi}\
         <meta name=\"citation_journal_title\" content=\"{journal}\">\n\
         <meta name=\"citation_publication_date\" content=\"{year}/03/01\">\n\
         <meta name=\"citation_firstpage\" content=\"{first}\">\n<meta name=\"citation_lastpage\" content=\"{last}\">\n\
         {head}\n</head>\n<body>\n<nav><a href=\"/\">{journal}</a> <a href=\"/about\">About</a></nav>\n\
         <h1>{title}</h1>\n<p>{names}</p>\n<h2>Abstract</h2>\n<p>An invented abstract of an invented article.</p>\n\
         {body}\n<footer>This journal does not exist.</footer>\n</body>\n</html>\n",
        title = record.title,
        journal = record.journal,
        year = record.year,
        first = record.first_page,
        last = record.last_page(),
        names = record.names().join(", "),
    )
}

/// What a publisher shows in the place of a paper that has moved behind a shop.
pub fn paywall(record: &Record) -> String {
    article(
        record,
        "",
        "<section><h2>Access options</h2><p>Buy this article: EUR 39.95</p>\
         <a href=\"/login?return=article\">Log in via your institution</a></section>",
    )
}

pub fn login() -> String {
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1>\n\
     <form method=\"post\" action=\"/login\"><label>E-mail <input type=\"email\" name=\"user\"></label>\n\
     <label>Password <input type=\"password\" name=\"password\"></label><button>Sign in</button></form>\n\
     <p>Access through your institution</p></body></html>\n"
        .to_owned()
}

pub fn bot_check() -> String {
    "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>\n\
     <h1>Checking your browser before accessing this site</h1>\n\
     <noscript>Enable JavaScript and cookies to continue</noscript>\n\
     <form id=\"challenge-form\" action=\"/cdn-cgi/challenge\" method=\"post\"></form></body></html>\n"
        .to_owned()
}

pub fn not_found() -> String {
    "<!DOCTYPE html>\n<html><head><title>Page not found</title></head><body><h1>Page not found</h1>\n\
     <p>The page you were looking for is not here any more.</p></body></html>\n"
        .to_owned()
}
