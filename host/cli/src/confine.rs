//! What the program gives up before it reads anything remote, where the system lets it. Whatever is found in the
//! bytes of the web, it can then write only where it has something to write.

use std::path::{Path, PathBuf};

use tierfall::config::Config;

/// The folders and files that a command writes to.
#[derive(Debug, Default)]
pub struct Writes {
    places: Vec<PathBuf>,
    /// Folders that were made for this command: only what is there can be left open.
    made: Made,
}

/// Folders that were made before it was known whether anything would be put into them.
#[derive(Debug, Default)]
pub struct Made(Vec<PathBuf>);

impl Made {
    /// Takes away those in which nothing is.
    pub fn remove_empty(&self) {
        for folder in self.0.iter().rev() {
            // What is not empty stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// What was given up.
#[derive(Debug)]
pub struct Confined {
    /// What holds now, for `-v`.
    pub held: String,
    pub made: Made,
}

impl Writes {
    /// What the configuration names: output, caches, the ledger's folder (its journal lies beside it).
    pub fn of(config: &Config) -> Self {
        let ledger = config.ledger.url.as_deref().filter(|url| !url.contains("://")).map(Path::new);
        let beside = |file: &Path| file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut writes = vec![config.run.out.clone()];
        writes.extend(config.sandbox.cache_dir.clone());
        writes.extend(config.state_dir.clone());
        writes.extend(ledger.map(beside));
        Self { places: writes, made: Made::default() }
    }

    /// Makes the folders that are missing, because only what is there can be left open.
    pub fn make(&mut self, folder: &Path) {
        let missing =
            folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        // What cannot be made is reported by the command that needs it.
        if std::fs::create_dir_all(folder).is_ok() {
            self.made.0.extend(missing.into_iter().rev());
        }
    }

    /// One more file, which is made if it is not there.
    pub fn file(&mut self, path: &Path) {
        // What cannot be made is reported by the command that needs it.
        if std::fs::OpenOptions::new().create(true).append(true).open(path).is_ok() {
            self.places.push(path.to_owned());
        }
    }
}

/// Gives up what is not needed, for this thread and all that it will start.
#[cfg(target_os = "linux")]
pub fn confine(writes: Writes, secrets: bool) -> Confined {
    let held = match restrict(&writes) {
        Ok(landlock::RulesetStatus::NotEnforced) => {
            "nothing is given up: this kernel has no Landlock".to_owned()
        }
        Ok(_) => {
            "writes only to its output, caches, ledger, recording and temporary files; no new privileges"
                .to_owned()
        }
        Err(error) => format!("nothing is given up: {error}"),
    };
    let held = match secrets && no_cores() {
        true => format!("{held}; no core dumps"),
        false => held,
    };
    Confined { held, made: writes.made }
}

/// Elsewhere the program keeps what its user has.
#[cfg(not(target_os = "linux"))]
pub fn confine(writes: Writes, _secrets: bool) -> Confined {
    Confined { held: "nothing is given up: this system has no Landlock".to_owned(), made: writes.made }
}

#[cfg(target_os = "linux")]
fn restrict(writes: &Writes) -> Result<landlock::RulesetStatus, landlock::RulesetError> {
    use landlock::{
        ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    };
    // The first that knows renames from one folder to another (Linux 5.19): without them no file could be stored.
    let needed = AccessFs::from_write(ABI::V2);
    let access = AccessFs::from_write(ABI::V5);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(needed)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(access)?
        .create()?;
    // SQLite sorts in /var/tmp; a process's streams may be this device.
    let others = [std::env::temp_dir(), "/var/tmp".into(), "/dev/null".into()];
    for path in writes.places.iter().chain(&others) {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        // What is not there yet, and is not made before, is nothing that this command writes.
        let Ok(folder) = PathFd::new(here) else { continue };
        let rights = if here.is_dir() { access } else { access & AccessFs::from_file(ABI::V5) };
        ruleset = ruleset.add_rule(PathBeneath::new(folder, rights))?;
    }
    // Folders that stay empty are taken away again.
    for above in writes.made.0.iter().filter_map(|folder| folder.parent()) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        if let Ok(above) = PathFd::new(above) {
            ruleset = ruleset.add_rule(PathBeneath::new(above, AccessFs::RemoveDir))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// A core would hold the keys; the kernel then writes none, whatever it is told to do with them.
#[cfg(target_os = "linux")]
fn no_cores() -> bool {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).is_ok() && set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_a_command_writes_to_can_be_written() {
        // Not below the folder for temporary files, which stays open.
        let program = std::env::current_exe().unwrap();
        let scratch = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let path = |name: &str| scratch.path().join(name);
        for folder in ["out/a", "out/b", "elsewhere"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        let mut writes = Writes { places: vec![path("out")], made: Made::default() };
        writes.make(&path("new/folder"));
        writes.file(&path("recording"));
        // A thread of its own: what it gives up, the other tests keep.
        let held = std::thread::scope(|scope| {
            let path = &path;
            let confined = scope.spawn(move || {
                let Confined { held, made } = confine(writes, false);
                made.remove_empty();
                assert!(!path("new").exists(), "what stayed empty is gone");
                if held.contains("nothing is given up") {
                    return held;
                }
                fs::write(path("out/a/file"), "x").expect("the output can be written");
                fs::rename(path("out/a/file"), path("out/b/file")).expect("and files moved in it");
                fs::write(path("recording"), "x").expect("the recording can be written");
                assert!(fs::write(path("elsewhere/file"), "x").is_err(), "nothing else can be");
                assert!(fs::rename(path("out/b/file"), path("elsewhere/file")).is_err());
                let child = std::process::Command::new("touch").arg(path("elsewhere/file")).status();
                assert!(child.is_ok_and(|status| !status.success()), "nor by what it starts");
                held
            });
            confined.join().expect("it could do its work, and nothing else")
        });
        if held.contains("nothing is given up") {
            eprintln!("SKIPPED: {held}");
        }
    }
}
