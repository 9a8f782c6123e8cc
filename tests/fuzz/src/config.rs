//! A configuration is read, or every mistake in it has its place; what `config show` prints is one again.

use tierfall::config::{Config, ConfigError, ConfigLayers, Layer, TierSpec};

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(first) = text.lines().next() {
        let spec = first.parse::<TierSpec>();
        assert_eq!(format!(" {first}\t").parse(), spec, "blanks around a tier count");
    }
    match load(&text) {
        Ok(config) => good(&config, &text),
        Err(ConfigError::Problems(problems)) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                assert!(!problem.message.is_empty());
                if problem.origin.layer() == Layer::File {
                    placed(problem.origin.line(), &text);
                }
            }
        }
        Err(error) => panic!("a text is always readable: {error}"),
    }
}

fn good(config: &Config, text: &str) {
    assert!(!config.plan.is_empty());
    assert!(!format!("{config:?}").contains(KEY), "a secret is shown");
    assert!(config.effective.iter().all(|value| !value.value.contains(KEY)), "a secret is shown");
    // Whatever was set, as it is shown, sets the same.
    let mut shown = String::new();
    for value in config.effective.iter().filter(|value| value.origin.layer() == Layer::File) {
        placed(value.origin.line(), text);
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !value.value.contains("****")
            && !value.key.starts_with("secrets.")
            && value.key.split('.').all(plain)
        {
            shown += &format!("{} = {}\n", value.key, value.value);
        }
    }
    let again = match load(&shown) {
        Ok(again) => again,
        // One table may hold both a name that can be written so and one that cannot.
        Err(_) if text.contains(['"', '\'']) => return,
        Err(error) => panic!("what is shown cannot be read: {error}\n{shown}"),
    };
    for value in again.effective.iter().filter(|value| value.origin.layer() == Layer::File) {
        let before = config.effective.iter().find(|before| before.key == value.key);
        assert_eq!(before.map(|before| &before.value), Some(&value.value), "{}", value.key);
    }
}

fn placed(line: Option<usize>, text: &str) {
    let lines = text.matches('\n').count() + 1;
    assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "line {line:?} of {lines}");
}

/// The value of a secret, by the environment: it must never be seen.
const KEY: &str = "k-7f3a9b21c5";

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("tierfall.toml");
    std::fs::write(&path, text).expect("a file can be written");
    Config::load(ConfigLayers {
        file: Some(path),
        directory: folder.path().to_owned(),
        environment: vec![("CORE_API_KEY".into(), KEY.into())],
        overrides: Vec::new(),
    })
}
