//! Articles on the local web, each on a host of its own: a page that declares a file, and the file.

use sha2::{Digest, Sha256};

use super::pdf::{Paper, Style};
use super::web::{Answer, Web};

pub struct Article {
    /// `http://NAME.example/article`
    pub page: String,
    /// `http://NAME.example/article.pdf`
    pub file: String,
    pub bytes: Vec<u8>,
    pub sha256: String,
}

impl Article {
    /// A good one.
    pub fn on(web: &Web, name: &str) -> Self {
        let article = Self::without_file(web, name, 8);
        web.get(&article.file, [Answer::pdf(article.bytes.clone())]);
        article
    }

    /// The page alone; what the file answers is the test's matter.
    pub fn without_file(web: &Web, name: &str, pages: u32) -> Self {
        let title = format!("The Invented Matter of {name} Considered Anew");
        let bytes = Paper::new(&title, &["Ada Invented", "Boris Fictional"], None)
            .with_pages(pages)
            .pdf(Style::Plain);
        let (page, file) =
            (format!("http://{name}.example/article"), format!("http://{name}.example/article.pdf"));
        web.get(&page, [Answer::html(&format!(
            "<!DOCTYPE html><html><head><title>{title}</title><meta name=\"citation_title\" content=\"{title}\">\
             <meta name=\"citation_author\" content=\"Ada Invented\"><meta name=\"citation_pdf_url\" content=\"{file}\">\
             </head><body><h1>{title}</h1></body></html>"
        ))]);
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Self { page, file, bytes, sha256 }
    }

    /// The address of another page that declares the same file.
    pub fn again(&self, web: &Web) -> String {
        let page = self.page.replace("/article", "/again");
        let name = self.page.trim_start_matches("http://").split('.').next().unwrap_or_default();
        web.get(&page, [Answer::html(&format!(
            "<html><head><title>Again</title><meta name=\"citation_title\" content=\"The Invented Matter of {name} \
             Considered Anew\"><meta name=\"citation_pdf_url\" content=\"{}\"></head><body></body></html>",
            self.file
        ))]);
        page
    }

    /// A page without a file.
    pub fn missing(web: &Web, name: &str) -> Self {
        let article = Self::without_file(web, name, 8);
        web.get(
            &article.page,
            [Answer::html("<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>")],
        );
        article
    }
}
