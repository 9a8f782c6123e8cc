//! What of this program's environment a build gets to see. A plugin's crate and all that it depends on run code of
//! theirs while they are built (build scripts, procedural macros): of the variables they get those that the toolchain
//! needs, and neither keys of services nor whatever else somebody keeps in their shell.

use std::ffi::{OsStr, OsString};

/// Where the toolchain is, how it reaches the registry, and where it may write; what Windows programs cannot start
/// without.
const NEEDED: [&str; 42] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TERM",
    "TMPDIR",
    "TMP",
    "TEMP",
    "CARGO_HOME",
    "CARGO_NET_OFFLINE",
    "CARGO_NET_RETRY",
    "CARGO_NET_GIT_FETCH_WITH_CLI",
    "CARGO_HTTP_CAINFO",
    "CARGO_HTTP_CHECK_REVOKE",
    "CARGO_HTTP_TIMEOUT",
    "CARGO_BUILD_JOBS",
    "CARGO_TERM_COLOR",
    "CARGO_INCREMENTAL",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NO_PROXY",
    "CC",
    "CXX",
    "AR",
    "LD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
];

/// Proxies, as far as they hold no password.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "CARGO_HTTP_PROXY"];

/// The variables of `all` that a build gets. Names are compared without regard to case, as Windows does; proxies are
/// often written in lower case.
pub(crate) fn passed(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    all.into_iter().filter(|(name, value)| is_passed(name, value))
}

fn is_passed(name: &OsStr, value: &OsStr) -> bool {
    let Some(name) = name.to_str().map(str::to_ascii_uppercase) else { return false };
    NEEDED.contains(&name.as_str())
        || name.starts_with("LC_")
        || PROXIES.contains(&name.as_str()) && value.to_str().is_some_and(|proxy| !proxy.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_sees_what_the_toolchain_needs_and_no_keys() {
        let given = [
            ("PATH", "/usr/bin", true),
            ("CARGO_HOME", "/home/me/.cargo", true),
            ("LC_ALL", "C", true),
            ("https_proxy", "http://proxy.example:3128", true),
            ("HTTPS_PROXY", "http://me:hidden@proxy.example:3128", false),
            ("CORE_API_KEY", "hidden", false),
            ("TIERFALL_SECRETS_MINE", "hidden", false),
            ("TIERFALL_LEDGER", "postgres://me:hidden@db.example/t", false),
            ("CARGO_REGISTRY_TOKEN", "hidden", false),
            ("CARGO_REGISTRIES_MINE_TOKEN", "hidden", false),
            ("AWS_SECRET_ACCESS_KEY", "hidden", false),
            ("GITHUB_TOKEN", "hidden", false),
            ("SSH_AUTH_SOCK", "/tmp/agent", false),
            ("RUSTFLAGS", "-C x", false),
            ("RUSTC_WRAPPER", "clippy-driver", false),
            ("CARGO_PKG_NAME", "outer", false),
        ];
        let all = given.map(|(name, value, _)| (name.into(), value.into()));
        let passed: Vec<OsString> = passed(all).map(|(name, _)| name).collect();
        let expected: Vec<&str> =
            given.iter().filter(|(.., passes)| *passes).map(|(name, ..)| *name).collect();
        assert_eq!(passed, expected);
    }
}
