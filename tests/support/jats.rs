//! Made-up articles in XML, as archives publish them.

/// An article in the Journal Article Tag Suite with this many paragraphs of text; none is a front matter alone.
pub fn article(title: &str, authors: &[String], doi: &str, paragraphs: usize) -> String {
    let names = authors.iter().map(|name| {
        let family = name.rsplit(' ').next().unwrap_or_default();
        format!("<contrib contrib-type=\"author\"><name><surname>{family}</surname></name></contrib>")
    });
    let paragraph = "<p>The results of the measurement are in agreement with the model and with those of the others, \
                     as far as imaginary results can be.</p>";
    let body = match paragraphs {
        0 => String::new(),
        count => format!("<body><sec><title>Introduction</title>{}</sec></body>", paragraph.repeat(count)),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE article PUBLIC \"-//NLM//DTD JATS (Z39.96) Journal Archiving and \
         Interchange DTD v1.3 20210610//EN\" \"JATS-archivearticle1-3.dtd\">\n<article article-type=\"research-article\"><front>\
         <article-meta><article-id pub-id-type=\"doi\">{doi}</article-id><title-group><article-title>{title}</article-title>\
         </title-group><contrib-group>{}</contrib-group></article-meta></front>{body}</article>",
        names.collect::<String>()
    )
}
