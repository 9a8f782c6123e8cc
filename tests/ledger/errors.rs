//! A ledger that fails: the downloads go on, and the warning says what is no longer guaranteed; or, if that is what
//! was asked for, nothing goes on without it.

use std::path::Path;

use crate::support::article::Article;
use crate::support::program::{Call, Ended, Home};
use crate::support::web::{Answer, Barrier, Web};

use super::{Place, count, look, on_both_engines, remembering};

on_both_engines! {
    a_ledger_that_takes_no_writes_costs_no_download
    a_ledger_that_disappears_in_mid_run_costs_no_download
    a_plan_that_fails_costs_no_download
    a_mark_that_fails_costs_no_download
    a_history_that_cannot_be_kept_costs_nothing_at_all
}

/// What `ledger.on_failure = "abort"` ends with.
const ABORTED: i32 = 5;
const ABORT: [&str; 2] = ["--set", "ledger.on_failure=abort"];

const NOTHING_RECORDED: &str = "nothing of this run is recorded";
const NOT_PLANNED: &str = "works are fetched without being recorded";
const NOT_MARKED: &str = "a crash from here on may repeat what was done but not recorded";

/// Two works that are there, and a run over them, one after the other.
struct Scene {
    home: Home,
    web: Web,
    articles: [Article; 2],
}

impl Scene {
    fn new() -> Self {
        let (home, web) = (Home::new(), Web::start());
        let articles = [Article::on(&web, "first"), Article::on(&web, "second")];
        Self { home, web, articles }
    }

    fn run(&self, place: &Place) -> Call {
        let pages = self.articles.each_ref().map(|article| article.page.as_str());
        remembering(&self.home, &self.web, place, &pages).args(["--workers", "1"])
    }

    /// An empty ledger, as an earlier run leaves it.
    fn ledger(&self, place: &Place) {
        let home = Home::new();
        let none = home.write("none.txt", "# no works\n");
        let call = remembering::<&str>(&self.home, &self.web, place, &[]);
        call.args([Path::new("--input"), &none]).run().expect(0);
    }

    /// Both works are stored, and this was said.
    #[track_caller]
    fn went_on(&self, ended: Ended, warning: &str) {
        let ended = ended.expect(0);
        assert!(ended.err.contains("WARN") && ended.err.contains(warning), "{warning}:\n{}", ended.err);
        let manifest = self.home.manifest("papers");
        assert_eq!(manifest.len(), 2);
        assert!(manifest.iter().all(|line| line["status"] == "stored"), "{manifest:#?}");
        assert_eq!(self.home.files("papers/files").len(), 2);
        assert!(self.home.files("papers/partial").is_empty());
    }

    /// It ended, and nothing was fetched.
    #[track_caller]
    fn aborted(&self, ended: Ended) {
        let ended = ended.expect(ABORTED);
        assert!(ended.err.contains("ledger"), "{}", ended.err);
        assert!(self.articles.iter().all(|article| self.web.requests_for(&article.file).is_empty()));
        assert!(self.home.files("papers/files").is_empty());
    }
}

#[test]
fn a_ledger_that_cannot_be_opened_costs_no_download() {
    let scene = Scene::new();
    // A folder is none, nor is a file in a folder that is not there, nor a text.
    let text = scene.home.write("notes.txt", "these are notes ".repeat(20));
    std::fs::create_dir(scene.home.path("folder")).expect("a folder can be made");
    for place in [scene.home.path("folder"), scene.home.path("none/ledger.sqlite"), text] {
        let here = ["--ledger".as_ref(), place.as_os_str()];
        scene.aborted(scene.run(&Place::File).args(here).args(ABORT).run());
        let scene = Scene::new();
        scene.went_on(scene.run(&Place::File).args(here).run(), NOTHING_RECORDED);
    }
    let nobody = ["--ledger", "postgres://me:hidden@127.0.0.1:9/tierfall"];
    let ended = scene.run(&Place::File).args(nobody).args(["-vv"]).run();
    assert!(!ended.err.contains("hidden") && ended.err.contains("127.0.0.1"), "{}", ended.err);
    scene.went_on(ended, NOTHING_RECORDED);
}

fn a_ledger_that_takes_no_writes_costs_no_download(place: &Place) {
    let scene = Scene::new();
    scene.ledger(place);
    let run = || match place {
        Place::Server(_) => scene.run(place),
        // Nobody but an administrator may write where permissions say no: these calls are made without that right.
        Place::File => {
            let call = scene.run(place).args(["--ledger", "kept/ledger.sqlite"]);
            if is_administrator() { call.under("setpriv", &["--bounding-set=-dac_override"]) } else { call }
        }
    };
    match place {
        Place::Server(database) => database.set_read_only(),
        Place::File => {
            let kept = scene.home.path("kept");
            std::fs::create_dir(&kept).expect("a folder can be made");
            let file = kept.join("ledger.sqlite");
            std::fs::rename(scene.home.path("papers/ledger.sqlite"), &file).expect("a file can be moved");
            for path in [&file, &kept] {
                let mut permissions = std::fs::metadata(path).expect("it is there").permissions();
                permissions.set_readonly(true);
                std::fs::set_permissions(path, permissions).expect("permissions can be set");
            }
        }
    }
    scene.aborted(run().args(ABORT).run());
    scene.went_on(run().run(), NOTHING_RECORDED);
}

fn a_ledger_that_disappears_in_mid_run_costs_no_download(place: &Place) {
    for abort in [false, true] {
        let (scene, gate) = (Scene::new(), Barrier::default());
        let Some(place) = place.another() else { return };
        let first = &scene.articles[0];
        scene.web.get(&first.file, [Answer::pdf(first.bytes.clone()).behind(&gate)]);
        let running = scene.run(&place).args(if abort { &ABORT[..] } else { &[] }).start();
        scene.web.wait_for(&first.file, 1);
        match &place {
            Place::Server(database) => database.close(),
            Place::File => {
                for file in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
                    std::fs::remove_file(scene.home.path("papers").join(file)).expect("it is there");
                }
            }
        }
        gate.open();
        let ended = running.wait();
        if abort {
            ended.expect(ABORTED);
            assert!(scene.web.requests_for(&scene.articles[1].page).is_empty(), "nothing new was begun");
        } else {
            scene.went_on(ended, NOT_MARKED);
        }
    }
}

/// A statement that makes every INSERT or UPDATE that `when` describes fail.
fn refusing(place: &Place, when: &str, table: &str) -> String {
    match place {
        Place::File => format!(
            "CREATE TRIGGER refusing BEFORE {when} ON {table} BEGIN SELECT RAISE(ABORT, 'not today'); END"
        ),
        Place::Server(_) => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'not today'; END $$; \
             CREATE TRIGGER refusing BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    }
}

fn a_plan_that_fails_costs_no_download(place: &Place) {
    let scene = Scene::new();
    scene.ledger(place);
    place.sql(&scene.home, &refusing(place, "INSERT", "jobs"));
    scene.aborted(scene.run(place).args(ABORT).run());
    scene.went_on(scene.run(place).run(), NOT_PLANNED);
}

fn a_mark_that_fails_costs_no_download(place: &Place) {
    let scene = Scene::new();
    scene.ledger(place);
    place.sql(&scene.home, &refusing(place, "INSERT", "ops"));
    scene.aborted(scene.run(place).args(ABORT).run());
    let Some(place) = place.another() else { return };
    let scene = Scene::new();
    scene.ledger(&place);
    place.sql(&scene.home, &refusing(&place, "INSERT", "ops"));
    scene.went_on(scene.run(&place).run(), NOT_MARKED);
}

fn a_history_that_cannot_be_kept_costs_nothing_at_all(place: &Place) {
    let scene = Scene::new();
    scene.ledger(place);
    place.sql(&scene.home, &refusing(place, "INSERT", "events"));
    // Not even for those who want the ledger or nothing.
    let ended = scene.run(place).args(ABORT).run();
    scene.went_on(ended, "its history has gaps, its jobs do not");
    assert_eq!(count(&scene.home, place, "INDEXED"), 2);
}

/// What is not written down is not done: the jobs are given back, not left to their leases.
#[cfg(unix)]
#[test]
fn a_manifest_that_cannot_be_written_gives_the_jobs_back() {
    let scene = Scene::new();
    // Larger already than any file may become.
    let line = "{\"work_id\":\"doi:10.5555/earlier\"}\n";
    scene.home.write("papers/manifest.jsonl", line.repeat((2 << 20) / line.len()));
    let limit = "trap '' XFSZ && ulimit -f 2048 && exec \"$@\"";
    let ended = scene.run(&Place::File).under("sh", &["-c", limit, "sh"]).run();
    assert!(ended.code != Some(0) && ended.err.contains("manifest.jsonl"), "{:?}: {}", ended.code, ended.err);
    let jobs = super::told_at(&scene.home, &Place::File, &["list"]);
    assert!(!jobs.is_empty(), "the ledger was written to");
    assert!(jobs.iter().all(|job| job["owner"].is_null() && job["state"] != "INDEXED"), "{jobs:#?}");
}

/// A ledger on a disk of its own, which fills up.
#[cfg(target_os = "linux")]
#[test]
fn a_ledger_whose_disk_is_full_costs_no_download() {
    for abort in [false, true] {
        let scene = Scene::new();
        let disk = scene.home.path("disk");
        std::fs::create_dir(&disk).expect("a folder can be made");
        // Room for the tables, and for a few rows.
        let mount = format!("mount -t tmpfs -o size=320k none '{}' && exec \"$@\"", disk.display());
        let own_disk = |call: Call| {
            let words: &[&str] = if is_administrator() { &["-m"] } else { &["-rm"] };
            call.under("unshare", &[words, &["sh", "-c", &mount, "sh"]].concat())
        };
        if own_disk(scene.home.tierfall(["--version"])).run().code != Some(0) {
            eprintln!("not tested: nobody lets this test mount a small disk");
            return;
        }
        // Enough works that the last of them find no room.
        let articles: Vec<Article> =
            (0..24).map(|number| Article::on(&scene.web, &format!("many{number}"))).collect();
        let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
        let call = remembering(&scene.home, &scene.web, &Place::File, &pages);
        let call = own_disk(call.args(["--ledger", "disk/ledger.sqlite", "-vv"]));
        let ended = call.args(if abort { &ABORT[..] } else { &[] }).run();
        assert!(ended.err.contains("disk is full"), "{}", ended.err);
        if abort {
            ended.expect(ABORTED);
        } else {
            let ended = ended.expect(0);
            assert!(ended.err.contains("WARN"), "{}", ended.err);
            assert_eq!(scene.home.manifest("papers").len(), articles.len());
            assert_eq!(scene.home.files("papers/files").len(), articles.len());
        }
    }
}

/// After a failure that passed, the ledger knows what was done meanwhile, and nothing is done twice.
#[test]
fn a_server_that_was_away_for_a_while_is_told_what_it_missed() {
    let Some(place) = Place::server() else { return };
    let Place::Server(database) = &place else { return };
    let (scene, gate) = (Scene::new(), Barrier::default());
    let first = &scene.articles[0];
    scene.web.get(&first.file, [Answer::pdf(first.bytes.clone()).behind(&gate)]);
    let running = scene.run(&place).start();
    scene.web.wait_for(&first.file, 1);
    database.close();
    gate.open();
    scene.web.wait_for(&scene.articles[1].file, 1);
    database.open();
    scene.went_on(running.wait(), "the ledger failed");
    let state = super::told_once_at(&scene.home, &place, &["show", &first.page])["state"].clone();
    assert_eq!(state, "INDEXED");
    assert!(look(&scene.home, &["status"]).args(place.flags()).run().code == Some(0));
}

fn is_administrator() -> bool {
    let id = std::process::Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}
