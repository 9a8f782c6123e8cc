//! What an attempt gets besides the work, or the works: settings, budget, trail.

use crate::{BatchContext, Context, Question, SourceError};

impl Context {
    /// The value of a declared setting; none if it is unset or blank.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value of a setting that the source cannot do without.
    ///
    /// # Errors
    /// `misconfigured`, which names the setting.
    pub fn required(&self, name: &str) -> Result<&str, SourceError> {
        self.setting(name)
            .ok_or_else(|| SourceError::Misconfigured(format!("the setting `{name}` has no value")))
    }

    /// The setting `api_base`, without a slash at its end.
    ///
    /// # Errors
    /// `misconfigured` if it is unset.
    pub fn api_base(&self) -> Result<&str, SourceError> {
        Ok(self.required("api_base")?.trim_end_matches('/'))
    }

    /// Whether a declared secret has a value. The host puts it on the requests it is for.
    pub fn secret_is_set(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret == name)
    }

    /// The URLs tried earlier for this work that ended with this verdict (a reason code such as
    /// `html_instead`).
    pub fn tried_as<'a>(&'a self, verdict: &'a str) -> impl Iterator<Item = &'a str> {
        self.trail.iter().filter(move |tried| tried.verdict == verdict).map(|tried| tried.url.as_str())
    }
}

impl BatchContext {
    /// As if one question were asked alone. The budget is that of all of them: what the others spend of it is not
    /// taken off.
    pub fn of(&self, question: &Question) -> Context {
        Context { trail: question.trail.clone(), ..self.settings_only() }
    }

    /// The settings, secrets and budget, to be read as those of a question that is asked alone: `api_base` and others
    /// are there.
    pub fn settings_only(&self) -> Context {
        let Self { budget, settings, secrets } = self.clone();
        Context { trail: Vec::new(), budget, settings, secrets }
    }
}
