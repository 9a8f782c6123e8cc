//! How many files and connections the program may have open.

/// Asks for as many as the system lets this user have, up to what a run can use: shells commonly start programs with a
/// thousand, and hundreds of works are connected at a time, each to several hosts that keep their connections for a while.
#[cfg(target_os = "linux")]
pub fn ask_for_enough() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const ENOUGH: u64 = 16_384;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted) {
        // Those that there are may be enough.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// Elsewhere what there is has to do.
#[cfg(not(target_os = "linux"))]
pub fn ask_for_enough() {}
