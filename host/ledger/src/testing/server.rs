//! A PostgreSQL server for the tests alone: created in a temporary folder, reached by a socket in it, and removed with
//! the process that started it, however that ends. Uses nothing but the standard library, so that benchmarks and
//! whole-program tests can include this file too.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A server that runs until this process ends.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    /// Waits for its standard input to close, as it does with this process, and then stops the server and removes
    /// the folder. Nobody waits for it, because it outlives this process.
    _cleaner: Child,
}

/// When it is set, as in CI, tests that need PostgreSQL fail where it is not installed, instead of being skipped.
const REQUIRE: &str = "TIERFALL_REQUIRE_POSTGRES";

/// The server of this process, started on the first call with these options. `None`: PostgreSQL is not installed, which
/// was reported on standard error.
pub fn server(options: &str) -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| start(options)).as_ref()
}

impl Server {
    /// Of its database `postgres`, as libpq reads it.
    pub fn url(&self) -> String {
        format!("postgres://tierfall@{}/postgres", self.folder.display().to_string().replace('/', "%2F"))
    }
}

fn start(options: &str) -> Option<Server> {
    let Some(programs) = programs() else {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and no PostgreSQL server is installed"
        );
        // Not by `eprintln`, which the test harness captures: it shows nothing of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no PostgreSQL server is installed, so nothing was tested against one; \
             install it with: apt-get install postgresql-15 (with {REQUIRE} set, this fails)"
        );
        return None;
    };
    let folder = std::env::temp_dir().join(format!("tierfall-postgres-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder can be written to");
    let user = unprivileged_user();
    if let Some((uid, gid)) = user {
        run(Command::new("chown").arg(format!("{uid}:{gid}")).arg(&folder));
    }
    let data = folder.join("data");
    let mut initdb = as_user(user, &programs.join("initdb"));
    run(initdb
        .args(["-U", "tierfall", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
        .arg(&data));

    let cleaner = spawn_cleaner(user, &programs, &folder, &data);
    let options = format!(
        "-c listen_addresses= -c unix_socket_directories={} -c max_connections=300 {options}",
        folder.display()
    );
    let mut pg_ctl = as_user(user, &programs.join("pg_ctl"));
    run(pg_ctl.arg("-D").arg(&data).arg("-l").arg(folder.join("log")).args(["-w", "-o", &options, "start"]));
    Some(Server { folder, _cleaner: cleaner })
}

/// Where Debian puts the server's programs: version 15 if it is there, or else the latest.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("pg_ctl").is_file().then_some((version, programs))
        })
        .collect();
    found.sort_by_key(|(version, _)| (*version != 15, u32::MAX - *version));
    found.into_iter().next().map(|(_, programs)| programs)
}

/// The server refuses to run as root: there it runs as `postgres`, or as `nobody`.
fn unprivileged_user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].into_iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)))
}

fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let Some((uid, gid)) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"))
        .args(["--clear-groups", "--"])
        .arg(program);
    // The folder that a test runs in may be closed to that user.
    command.current_dir("/");
    command
}

/// A shell that waits for this process to end, and cleans up after it.
fn spawn_cleaner(user: Option<(u32, u32)>, programs: &Path, folder: &Path, data: &Path) -> Child {
    let mut stop = as_user(user, &programs.join("pg_ctl"));
    stop.arg("-D").arg(data).args(["-m", "immediate", "stop"]);
    let stop: Vec<String> = std::iter::once(stop.get_program())
        .chain(stop.get_args())
        .map(|part| format!("'{}'", part.to_string_lossy()))
        .collect();
    let script = format!("trap '' INT TERM HUP; read _; {}; rm -rf '{}'", stop.join(" "), folder.display());
    Command::new("sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started")
}

fn run(command: &mut Command) {
    // To files rather than pipes: the server would hold a pipe open.
    let status = command.stdout(Stdio::null()).stdin(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?} failed: {status:?}");
}
