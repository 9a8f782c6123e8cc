//! Which forms of the full text are looked for, and when there are enough of them.

use serde::de::{Deserialize, Deserializer, Error};
use tierfall_settings::Harmless;
use tierfall_work::{ArtifactFormat, Candidate, Format};

/// `[artifacts]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Artifacts {
    /// Never empty, each once; what is wanted most comes first.
    #[serde(deserialize_with = "formats")]
    pub formats: Vec<ArtifactFormat>,
    /// Whether all of them are wanted.
    pub want: Want,
    /// Sources that may have articles in XML: who else is in the plan is not asked where nothing but XML is missing.
    pub jats_sources: Vec<String>,
}

/// How many of the formats are wanted of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// Each that there is.
    All,
    /// The first of them that a tier has.
    First,
}

impl Artifacts {
    /// See [`Harmless`].
    pub const HARMLESS: &[Harmless] =
        &[Harmless::key("formats"), Harmless::key("want"), Harmless::key("jats_sources")];

    /// The first of the formats.
    pub fn most_wanted(&self) -> ArtifactFormat {
        self.formats.first().copied().unwrap_or(ArtifactFormat::Pdf)
    }

    /// Whether there are several, and each of them is wanted.
    pub fn are_all_wanted(&self) -> bool {
        self.want == Want::All && self.formats.len() > 1
    }

    /// Whether a form is not to be looked for, because the work has one of these.
    pub fn is_needless(
        &self,
        format: ArtifactFormat,
        mut there: impl Iterator<Item = ArtifactFormat>,
    ) -> bool {
        let rank = |format| self.formats.iter().position(|wanted| *wanted == format);
        self.want == Want::First
            && there.any(|other| rank(other).is_some_and(|other| rank(format).is_none_or(|own| other < own)))
    }

    /// Whether the source of this name may have one of these.
    pub fn may_come_from(&self, source: &str, mut formats: impl Iterator<Item = ArtifactFormat>) -> bool {
        formats.any(|format| match format {
            ArtifactFormat::Pdf => true,
            ArtifactFormat::Jats => self.jats_sources.iter().any(|known| known == source),
        })
    }
}

/// PDFs alone.
impl Default for Artifacts {
    fn default() -> Self {
        Self { formats: vec![ArtifactFormat::Pdf], want: Want::All, jats_sources: Vec::new() }
    }
}

/// What a candidate is looked at as; `None`: it is nothing that is kept.
pub fn format_of(candidate: &Candidate) -> Option<ArtifactFormat> {
    match candidate.format {
        Format::Pdf | Format::Unknown => Some(ArtifactFormat::Pdf),
        Format::Jats => Some(ArtifactFormat::Jats),
        Format::Html => None,
    }
}

fn formats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ArtifactFormat>, D::Error> {
    let mut formats: Vec<ArtifactFormat> = Vec::new();
    for name in Vec::<String>::deserialize(deserializer)? {
        let format = name.parse().map_err(D::Error::custom)?;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    if formats.is_empty() {
        return Err(D::Error::custom("it is empty; give \"pdf\", \"jats\" or both"));
    }
    Ok(formats)
}
