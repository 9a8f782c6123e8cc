//! A run as it stands, in the lines that a person reads: a few on a terminal, one in a log.

use std::time::Duration;

use console::{measure_text_width, truncate_str};
use tierfall::tiers::WaitedFor;
use tierfall_http::HostQueue;

use crate::output::counted;
use crate::wash;

/// A run as it stands.
#[derive(Debug, Default)]
pub struct View {
    /// Works that ended.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
    pub stored: u64,
    /// Ended without a file.
    pub missing: u64,
    /// Works a second.
    pub rate: Option<f64>,
    /// The works in hand, the oldest first: their names, and what is done for them.
    pub in_hand: Vec<(String, String)>,
    /// Who waits for whom, the longest wait first.
    pub queues: Vec<HostQueue>,
    /// Works that were given back until their turns come, and the time until the last of them is taken up again.
    pub parked: Option<(u64, Duration)>,
    /// The sources that works wait for, the longest wait first.
    pub outages: Vec<WaitedFor>,
}

/// Lines of the block on a terminal; it is read at a glance.
const MOST_LINES: usize = 10;
/// Hosts that are named.
const MOST_HOSTS: usize = 3;
/// A shorter wait is no wait.
const NOTICEABLE: Duration = Duration::from_secs(2);
/// For a longer one somebody may not want to stay.
const LONG: Duration = Duration::from_secs(60);
/// Columns of the bar.
const BAR: std::ops::RangeInclusive<usize> = 8..=30;
/// Columns of a work's name.
const NAME: usize = 38;

impl View {
    /// For a terminal of this size. No line is as wide as it is, so that none wraps.
    pub fn lines(&self, columns: usize, rows: usize) -> Vec<String> {
        let width = columns.saturating_sub(1).max(1);
        // What the run prints above stays in sight.
        let most = rows.saturating_sub(2).clamp(1, MOST_LINES);
        let mut lines = vec![self.head(width)];
        let waits = self.waits();
        let hosts = waits.len().min(MOST_HOSTS).min(most.saturating_sub(2));
        let room = most.saturating_sub(1 + hosts);
        let shown = if self.in_hand.len() > room { room.saturating_sub(1) } else { self.in_hand.len() };
        for (name, doing) in self.in_hand.iter().take(shown) {
            lines.push(format!("  {}  {doing}", padded(name, NAME.min(width / 2))));
        }
        if shown < self.in_hand.len() && room > 0 {
            let more = (self.in_hand.len() - shown) as u64;
            lines.push(match shown {
                0 => format!("  {} in hand", counted(more, "work", "works")),
                _ => format!("  and {more} more in hand"),
            });
        }
        lines.extend(waits.into_iter().take(hosts).map(|wait| format!("waiting for {wait}")));
        lines.into_iter().map(|line| truncate_str(&line, width, "…").into_owned()).collect()
    }

    /// For a log.
    pub fn line(&self) -> String {
        let mut line = self.facts().join(", ");
        let waits = self.waits();
        if !waits.is_empty() {
            let named: Vec<_> = waits.iter().take(MOST_HOSTS).map(String::as_str).collect();
            line.push_str("; waiting for ");
            line.push_str(&named.join("; "));
            if waits.len() > MOST_HOSTS {
                line.push_str(&format!("; and for {} more hosts", waits.len() - MOST_HOSTS));
            }
        }
        line
    }

    /// The bar, and what fits beside it.
    fn head(&self, width: usize) -> String {
        let mut facts = self.facts();
        while facts.len() > 1 && measure_text_width(&facts.join(", ")) > width {
            facts.pop();
        }
        let facts = facts.join(", ");
        let room = width.saturating_sub(measure_text_width(&facts) + 3).min(*BAR.end());
        match self.total {
            Some(total) if room >= *BAR.start() => format!("[{}] {facts}", bar(self.done, total, room)),
            _ => facts,
        }
    }

    /// The most important first.
    fn facts(&self) -> Vec<String> {
        let mut facts = vec![match self.total {
            Some(total) => format!("{} of {}", self.done, counted(total, "work", "works")),
            None => counted(self.done, "work", "works"),
        }];
        facts.push(format!("{} stored", self.stored));
        if self.missing > 0 {
            facts.push(format!("{} not", self.missing));
        }
        if let Some(rate) = self.rate {
            facts.push(pace(rate));
            let left = self.total.map_or(0, |total| total.saturating_sub(self.done));
            if left > 0 && rate > 0.0 {
                facts.push(format!("{} left", about(left as f64 / rate)));
            }
        }
        facts
    }

    fn waits(&self) -> Vec<String> {
        let queues = self
            .queues
            .iter()
            .filter(|queue| queue.wait >= NOTICEABLE || queue.held.is_some_and(|held| held >= NOTICEABLE));
        let queues = queues.map(|HostQueue { host, waiting, wait, held }| {
            let requests = counted(*waiting as u64, "request", "requests");
            let wait = about(wait.as_secs_f64());
            match held {
                Some(held) => {
                    let held = about(held.as_secs_f64());
                    format!("{host}: {requests}; it asked to be left alone for {held}")
                }
                None => format!("{host}: {requests}, {wait}"),
            }
        });
        let parked = self.parked.map(|(works, wait)| {
            format!("later turns: {}, {}", counted(works, "work", "works"), about(wait.as_secs_f64()))
        });
        let mut queues: Vec<String> = parked.into_iter().chain(queues).collect();
        // The longest is the first.
        if self.only_queues_are_left()
            && let Some(first) = queues.first_mut()
        {
            first.push_str(", the rest of the run: Ctrl-C keeps it for later");
        }
        self.outage().into_iter().chain(queues).collect()
    }

    /// Whether all that is left stands in queues, and somebody may not want to stay for so long.
    fn only_queues_are_left(&self) -> bool {
        let left = self.total.map_or(0, |total| total.saturating_sub(self.done));
        let (parked, longest) = self.parked.unwrap_or_default();
        let waiting = parked + self.queues.iter().map(|queue| queue.waiting as u64).sum::<u64>();
        let is_long = longest >= LONG || self.queues.iter().any(|queue| queue.wait >= LONG);
        left > 0 && waiting >= left && is_long
    }

    /// All sources that answer nobody, in one line: they may have one cause.
    fn outage(&self) -> Option<String> {
        let (first, more) = self.outages.split_first()?;
        let why = wash::line(&first.why);
        let since = about(first.since.as_secs_f64());
        let others = match more.len() {
            0 => String::new(),
            count => format!(" and {}", counted(count as u64, "more source", "more sources")),
        };
        let works = self.outages.iter().map(|source| source.works).max().unwrap_or_default();
        let works = counted(works as u64, "work", "works");
        Some(format!("{} ({why} for {since}){others}, {works}", wash::line(&first.source)))
    }
}

fn bar(done: u64, total: u64, width: usize) -> String {
    let part = if total == 0 { 1.0 } else { done as f64 / total as f64 };
    let full = ((width as f64 * part) as usize).min(width);
    let head = if full < width { ">" } else { "" };
    format!("{:<width$}", format!("{}{head}", "=".repeat(full)))
}

/// In the unit in which it is more than one.
fn pace(a_second: f64) -> String {
    match a_second {
        rate if rate >= 9.95 => format!("{rate:.0}/s"),
        rate if rate >= 0.95 => format!("{rate:.1}/s"),
        rate if rate * 60.0 >= 0.95 => format!("{:.0}/min", rate * 60.0),
        rate => format!("{:.0}/h", (rate * 3600.0).max(1.0)),
    }
}

/// As exactly as such a guess is worth.
fn about(seconds: f64) -> String {
    let seconds = seconds.min(1e9).ceil() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min", seconds.div_ceil(60)),
        6000..172_800 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// Exactly so many columns.
fn padded(text: &str, columns: usize) -> String {
    let cut = truncate_str(text, columns, "…");
    let missing = columns.saturating_sub(measure_text_width(&cut));
    format!("{cut}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(host: &str, waiting: usize, seconds: u64, held: Option<u64>) -> HostQueue {
        HostQueue {
            host: host.into(),
            waiting,
            wait: Duration::from_secs(seconds),
            held: held.map(Duration::from_secs),
        }
    }

    fn view(in_hand: usize) -> View {
        View {
            done: 123,
            total: Some(400),
            stored: 98,
            missing: 25,
            rate: Some(2.1),
            in_hand: (0..in_hand)
                .map(|n| (format!("doi:10.5555/journal.of.long.names.{n}"), "asking crossref".into()))
                .collect(),
            queues: vec![
                queue("web.archive.org", 3, 180, Some(120)),
                queue("export.arxiv.org", 12, 36, None),
                queue("api.crossref.org", 2, 1, None),
            ],
            parked: None,
            outages: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_read_at_a_glance_in_eighty_columns() {
        insta::assert_snapshot!(view(3).lines(80, 24).join("\n"), @r"
        [======>               ] 123 of 400 works, 98 stored, 25 not, 2.1/s, 3 min left
          doi:10.5555/journal.of.long.names.0     asking crossref
          doi:10.5555/journal.of.long.names.1     asking crossref
          doi:10.5555/journal.of.long.names.2     asking crossref
        waiting for web.archive.org: 3 requests; it asked to be left alone for 2 min
        waiting for export.arxiv.org: 12 requests, 36 s
        ");
        insta::assert_snapshot!(view(0).line(), @"123 of 400 works, 98 stored, 25 not, 2.1/s, 3 min left; waiting for web.archive.org: 3 requests; it asked to be left alone for 2 min; export.arxiv.org: 12 requests, 36 s");
    }

    #[test]
    fn sources_that_answer_nobody_are_one_line() {
        let down = |source: &str, seconds, works| WaitedFor {
            source: source.into(),
            why: "503".into(),
            since: Duration::from_secs(seconds),
            works,
        };
        let mut view =
            View { done: 1, stored: 1, outages: vec![down("openalex", 720, 40)], ..View::default() };
        assert_eq!(view.line(), "1 work, 1 stored; waiting for openalex (503 for 12 min), 40 works");
        view.outages.extend([down("crossref", 700, 41), down("doaj", 600, 3)]);
        let line = "waiting for openalex (503 for 12 min) and 2 more sources, 41 works";
        assert_eq!(view.lines(80, 24), ["1 work, 1 stored", line]);
    }

    #[test]
    fn the_end_of_a_run_may_be_a_queue_that_is_kept_for_later() {
        let view = View {
            done: 88,
            total: Some(400),
            stored: 88,
            queues: vec![queue("web.archive.org", 312, 780, None)],
            ..View::default()
        };
        let line = "88 of 400 works, 88 stored; waiting for web.archive.org: 312 requests, 13 min, the rest of the run: \
                    Ctrl-C keeps it for later";
        assert_eq!(view.line(), line);
        assert!(!View { done: 87, ..view }.line().contains("the rest"), "one work goes on");

        let view = View {
            done: 88,
            total: Some(400),
            stored: 88,
            queues: vec![queue("web.archive.org", 12, 30, None)],
            parked: Some((300, Duration::from_secs(3000))),
            ..View::default()
        };
        let line = "88 of 400 works, 88 stored; waiting for later turns: 300 works, 50 min, the rest of the run: Ctrl-C \
                    keeps it for later; web.archive.org: 12 requests, 30 s";
        assert_eq!(view.line(), line);
    }

    #[test]
    fn no_terminal_is_too_small_and_no_line_wraps() {
        for columns in [1, 5, 20, 40, 80, 200] {
            for rows in [1, 2, 3, 6, 12, 50] {
                for in_hand in [0, 1, 7, 5000] {
                    let lines = view(in_hand).lines(columns, rows);
                    assert!(
                        lines.len() <= rows.saturating_sub(2).clamp(1, 10),
                        "{columns}x{rows}: {lines:?}"
                    );
                    assert!(lines.iter().all(|line| measure_text_width(line) < columns.max(2)), "{lines:?}");
                }
            }
        }
        let twelve = view(5000).lines(80, 12);
        assert_eq!(twelve.len(), 10);
        assert!(twelve.iter().any(|line| line.contains("and 4994 more in hand")), "{twelve:#?}");
        assert!(twelve.iter().any(|line| line.contains("export.arxiv.org")), "{twelve:#?}");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let view = View { done: 1, stored: 1, ..View::default() };
        assert_eq!(view.lines(80, 24), ["1 work, 1 stored"]);
        assert_eq!(view.line(), "1 work, 1 stored");
        let wide = View { in_hand: vec![("漢".repeat(100), "x".into())], ..View::default() };
        assert!(wide.lines(80, 24).iter().all(|line| measure_text_width(line) < 80));
    }

    #[test]
    fn times_and_rates_are_as_exact_as_they_are_sure() {
        for (seconds, text) in [
            (0.2, "1 s"),
            (59.0, "59 s"),
            (119.0, "2 min"),
            (5000.0, "84 min"),
            (7500.0, "2 h 05 min"),
            (1e300, "11575 days"),
        ] {
            assert_eq!(about(seconds), text);
        }
        for (rate, text) in [(120.4, "120/s"), (2.06, "2.1/s"), (0.5, "30/min"), (0.01, "36/h"), (0.0, "1/h")]
        {
            assert_eq!(pace(rate), text);
        }
        assert_eq!(bar(400, 400, 10), "==========");
        assert_eq!(bar(0, 0, 4), "====");
        assert_eq!(bar(0, 4, 4), ">   ");
    }
}
