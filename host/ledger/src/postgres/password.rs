//! The password that the URL does not have, where libpq looks for it: `PGPASSWORD`, and the password file.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::config::Host;

use super::target::Target;

/// A larger file is none of passwords.
const MOST: u64 = 1 << 20;

/// The password for the first server that the URL names.
pub(super) fn password_of(target: &Target) -> Option<String> {
    if let Some(password) = std::env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()) {
        return Some(password);
    }
    let path = target.password_file.clone().or_else(default_file)?;
    let text = read_private(&path)?;
    let config = &target.config;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        // As libpq has it, whichever socket that is.
        #[cfg(unix)]
        Some(Host::Unix(_)) => "localhost".to_owned(),
        None => config.get_hostaddrs().first()?.to_string(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    find(&text, &[&host, &port, database, user])
}

fn default_file() -> Option<PathBuf> {
    let given = std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pgpass")))
}

/// Like libpq, which reads no file of passwords that others may read too.
fn read_private(path: &Path) -> Option<String> {
    let there = fs::metadata(path).ok().filter(|there| there.is_file() && there.len() <= MOST)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&there.permissions()) & 0o077 != 0 {
        tracing::warn!(
            "the password file {} is not read: others may read it too (chmod 600)",
            path.display()
        );
        return None;
    }
    let _ = &there;
    fs::read_to_string(path).ok()
}

/// The password of the first line whose fields are these; a `*` is any, a backslash takes the next character as it is.
fn find(text: &str, wanted: &[&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = vec![(String::new(), false)];
        let mut characters = line.chars();
        while let Some(c) = characters.next() {
            let ends = fields.len() <= 4;
            let (field, literal) = fields.last_mut()?;
            match c {
                '\\' => {
                    *literal = true;
                    field.extend(characters.next());
                }
                // What follows the fourth is the password, whatever is in it.
                ':' if ends => fields.push((String::new(), false)),
                c => field.push(c),
            }
        }
        let (password, _) = fields.get(4)?;
        let fits = |((field, literal), wanted): (&(String, bool), &&str)| {
            field == *wanted || (field == "*" && !literal)
        };
        fields.iter().zip(wanted).all(fits).then(|| password.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let file =
            "# a comment\nother:5432:*:me:no\ndb.example.org:*:tier\\:fall:me:a\\:b\\\\c:d\n*:*:*:*:last\n";
        let find = |wanted: [&str; 4]| find(file, &wanted);
        assert_eq!(find(["db.example.org", "5432", "tier:fall", "me"]).as_deref(), Some("a:b\\c:d"));
        assert_eq!(find(["db.example.org", "5432", "tierfall", "me"]).as_deref(), Some("last"));
        assert_eq!(super::find("a:b\n", &["a", "b", "c", "d"]), None);
    }
}
