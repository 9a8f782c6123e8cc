//! The stories: one function for each work, grouped by the tier in which its copy is found.

mod archive;
mod direct_oa;
mod doi_follow;
mod indexes;
mod landing_scrape;
mod no_copy;
mod wayback;

use super::recording::Recording;

/// A work as it stands in the list.
pub struct Told {
    /// The identifier, in the form in which a person would paste it.
    pub input: &'static str,
    /// One line on what happens to it.
    pub tells: &'static str,
}

pub struct Chapter {
    pub heading: &'static str,
    pub works: Vec<Told>,
}

/// Tells every story to the recording.
pub fn chapters(web: &mut Recording) -> Vec<Chapter> {
    let mut chapter = |heading, stories: &[fn(&mut Recording) -> Told]| Chapter {
        heading,
        works: stories.iter().map(|story| story(web)).collect(),
    };
    vec![
        chapter("Found at once: a service names an open copy (tier indexes)", indexes::STORIES),
        chapter(
            "Found in a repository that is asked about many works at once (tier repositories)",
            archive::REPOSITORIES,
        ),
        chapter("Found by following the DOI (tier doi_follow)", doi_follow::STORIES),
        chapter("Found by asking about this work alone (tier direct_oa)", direct_oa::STORIES),
        chapter("Found on the page about the work (tier landing_scrape)", landing_scrape::STORIES),
        chapter("Found in a repository (tier archive)", archive::STORIES),
        chapter("Found in the web's past (tier wayback)", wayback::STORIES),
        chapter("Not to be had anywhere", no_copy::STORIES),
    ]
}
