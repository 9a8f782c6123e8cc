//! Asking an API about several works in one request, and telling whose record is whose.

use std::collections::{HashMap, HashSet};

use crate::{BatchContext, Context, Finding, Question, SourceError, Value, Work};

/// One way in which an API is asked about several works at once: by their DOIs, for example.
pub struct Lookup<'a> {
    /// The terms that ask for a work, in the form in which [`keys`](Self::keys) gives a record's; none for a work
    /// that cannot be asked for in this way.
    pub terms: &'a dyn Fn(&Work) -> Vec<String>,
    /// The most terms of one request.
    pub most: usize,
    /// The most bytes of all terms of one request.
    pub length: usize,
    /// Makes one request.
    pub ask: &'a dyn Fn(&[&str]) -> Result<Records, SourceError>,
    /// The terms by which a record may have been asked for.
    pub keys: &'a dyn Fn(&Value) -> Vec<String>,
}

/// What an API answered.
pub struct Records {
    /// The records.
    pub records: Vec<Value>,
    /// Whether these are all: what is not among them is unknown there, otherwise it may only be missing.
    pub whole: bool,
}

impl Records {
    /// The items at a path of an answer that counts its hits in `total`.
    ///
    /// # Errors
    /// `bad-answer` where there is no list.
    pub fn of(mut answer: Value, list: &str, total: &str) -> Result<Self, SourceError> {
        use crate::Lenient;
        let total = answer.number(total);
        let at = format!("/{}", list.replace('.', "/"));
        let Some(Value::Array(records)) = answer.pointer_mut(&at).map(Value::take) else {
            return Err(SourceError::BadAnswer(format!("it answered no list `{list}`")));
        };
        let whole = total.is_none_or(|total| total <= records.len() as u64);
        Ok(Self { records, whole })
    }

    /// Only where these are all, and no more than one question may have. What is searched for by words is known by no number
    /// that tells its record from the others, so that of an answer that is cut nothing can be taken.
    ///
    /// # Errors
    /// `bad-answer`: it is to be asked for again in halves.
    pub fn if_whole(self) -> Result<Self, SourceError> {
        match self.whole && self.records.len() <= MOST_MATCHES {
            true => Ok(self),
            false => Err(SourceError::BadAnswer("there are more records than can be told apart".to_owned())),
        }
    }
}

/// The host takes no more records of one answer to a title.
const MOST_MATCHES: usize = 50;

/// Makes a work's answer of its records.
pub type ReadOwn<'a> = dyn Fn(&[&Value], &Question) -> Result<Finding, SourceError> + 'a;

/// Takes a question's records, or the error, by its place.
type Tell<'a> = dyn FnMut(usize, Result<&[&Value], SourceError>) + 'a;

/// The answers to several questions, one each and in order, by the lookups in turn: what one does not know may be
/// known by the next. `read` makes a work's answer of its records, of which there is at least one; `alone` asks about
/// one work as if there were no other, and is for what no lookup can ask for.
///
/// An answer that cannot be read, or is not whole, is asked for again in halves, so that one work's trouble is not
/// its neighbours'; the host ends that by its budget of fetches. Where lists are not there at all (404, 410), as on
/// mirrors and older installations, each work is asked about alone.
pub fn find_many(
    questions: &[Question],
    lookups: &[Lookup<'_>],
    read: &ReadOwn<'_>,
    alone: &dyn Fn(&Question) -> Result<Finding, SourceError>,
) -> Vec<Result<Finding, SourceError>> {
    if let [only] = questions {
        return vec![alone(only)];
    }
    let mut answers: Vec<Option<Result<Finding, SourceError>>> = questions.iter().map(|_| None).collect();
    for lookup in lookups {
        let open = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| matches!(answer, None | Some(Err(SourceError::NotFound))));
        let asked = open.filter_map(|(at, _)| {
            let terms = (lookup.terms)(&questions.get(at)?.work);
            (!terms.is_empty()).then_some(Terms { at, terms })
        });
        let asked: Vec<Terms> = asked.collect();
        let takes_lists = lookup.answer(&asked, &mut |at, records| {
            let (Some(answer), Some(question)) = (answers.get_mut(at), questions.get(at)) else { return };
            *answer = Some(records.and_then(|records| read(records, question)));
        });
        if !takes_lists {
            break;
        }
    }
    let each = answers.into_iter().zip(questions);
    each.map(|(answer, question)| answer.unwrap_or_else(|| alone(question))).collect()
}

/// The answers to several questions, asked one after another: for a source whose API has no lists.
pub fn one_by_one(
    questions: &[Question],
    ctx: &BatchContext,
    find: impl Fn(&Work, &Context) -> Result<Finding, SourceError>,
) -> Vec<Result<Finding, SourceError>> {
    questions.iter().map(|question| find(&question.work, &ctx.of(question))).collect()
}

/// A question, by its place, and the terms that ask it.
struct Terms {
    at: usize,
    terms: Vec<String>,
}

impl Lookup<'_> {
    /// Asks all of it; each question is told its records, or the error, unless it is better asked alone. Whether
    /// lists are taken at all.
    fn answer(&self, asked: &[Terms], tell: &mut Tell<'_>) -> bool {
        let mut waiting: Vec<Vec<&Terms>> = self.requests(asked);
        waiting.reverse();
        while let Some(part) = waiting.pop() {
            let answer = match (self.ask)(&terms(&part)) {
                Ok(answer) => answer,
                Err(SourceError::NotFound) => return false,
                Err(SourceError::BadAnswer(_)) => {
                    if part.len() > 1 {
                        waiting.extend(halves(&part));
                    }
                    continue;
                }
                Err(error) => {
                    part.iter().for_each(|asked| tell(asked.at, Err(error.clone())));
                    continue;
                }
            };
            let (found, unclaimed) = self.by_question(&part, &answer.records);
            // What is not there may be missing only here, or may be what does not say whose it is.
            let unsure = !answer.whole || !unclaimed.is_empty();
            let mut again = Vec::new();
            for (asked, records) in part.iter().zip(&found) {
                match records.as_slice() {
                    [] if unsure && part.len() > 1 => again.push(*asked),
                    [] if unclaimed.is_empty() => tell(asked.at, Err(SourceError::NotFound)),
                    [] => tell(asked.at, Ok(&unclaimed)),
                    records => tell(asked.at, Ok(records)),
                }
            }
            waiting.extend(halves(&again));
        }
        true
    }

    /// The questions of each request.
    fn requests<'t>(&self, asked: &'t [Terms]) -> Vec<Vec<&'t Terms>> {
        let mut requests: Vec<Vec<&Terms>> = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        for one in asked {
            let length: usize = one.terms.iter().map(String::len).sum();
            match requests.last_mut() {
                Some(last) if count + one.terms.len() <= self.most && bytes + length <= self.length => {
                    last.push(one);
                }
                _ => {
                    (count, bytes) = (0, 0);
                    requests.push(vec![one]);
                }
            }
            count += one.terms.len();
            bytes += length;
        }
        requests
    }

    /// The records of each question, and those that say nothing of whose they are.
    fn by_question<'r>(
        &self,
        part: &[&Terms],
        records: &'r [Value],
    ) -> (Vec<Vec<&'r Value>>, Vec<&'r Value>) {
        let mut whose: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, asked) in part.iter().enumerate() {
            for term in &asked.terms {
                whose.entry(term).or_default().push(place);
            }
        }
        let mut found: Vec<Vec<&Value>> = part.iter().map(|_| Vec::new()).collect();
        let mut unclaimed = Vec::new();
        for record in records {
            let keys = (self.keys)(record);
            if keys.is_empty() {
                unclaimed.push(record);
            }
            for place in keys.iter().filter_map(|key| whose.get(key.as_str())).flatten() {
                if let Some(own) = found.get_mut(*place)
                    && !own.last().is_some_and(|last| std::ptr::eq(*last, record))
                {
                    own.push(record);
                }
            }
        }
        (found, unclaimed)
    }
}

/// The terms of some questions, each once.
fn terms<'t>(part: &[&'t Terms]) -> Vec<&'t str> {
    let mut seen = HashSet::new();
    let all = part.iter().flat_map(|asked| asked.terms.iter().map(String::as_str));
    all.filter(|term| seen.insert(*term)).collect()
}

/// The second half first, as of what is taken from its end.
fn halves<'t>(part: &[&'t Terms]) -> Vec<Vec<&'t Terms>> {
    let (first, second) = part.split_at(part.len().div_ceil(2));
    [second, first].into_iter().filter(|half| !half.is_empty()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;
    use crate::{Lenient, WorkId};

    fn questions(dois: &[&str]) -> Vec<Question> {
        let works = dois.iter().map(|doi| Work::new(vec![WorkId::Doi((*doi).into())]));
        works.map(|work| Question { work, trail: Vec::new() }).collect()
    }

    fn titled(title: &str) -> Finding {
        let mut finding = Finding::none();
        finding.facts.title = Some(title.into());
        finding
    }

    /// Asks with an API that knows these records, and answers so many at most; the terms of each request.
    fn ask(
        dois: &[&str],
        known: &[Value],
        most_hits: usize,
        refused: Option<&str>,
    ) -> (Vec<Result<String, SourceError>>, Vec<Vec<String>>) {
        let asked = RefCell::new(Vec::new());
        let answered = |terms: &[&str]| {
            asked.borrow_mut().push(terms.iter().map(|term| (*term).to_owned()).collect());
            if refused.is_some_and(|refused| terms.contains(&refused)) {
                return Err(SourceError::BadAnswer("unreadable".into()));
            }
            let hits = known
                .iter()
                .filter(|record| record.text("doi").is_none_or(|doi| terms.iter().any(|term| *term == doi)));
            let hits: Vec<Value> = hits.cloned().collect();
            let answer =
                json!({"total": hits.len(), "hits": hits.iter().take(most_hits).collect::<Vec<_>>()});
            Records::of(answer, "hits", "total")
        };
        let lookup = Lookup {
            terms: &|work| work.doi().filter(|doi| *doi != "none").map(str::to_owned).into_iter().collect(),
            most: 4,
            length: 1000,
            ask: &answered,
            keys: &|record| record.text("doi").into_iter().collect(),
        };
        let read = |records: &[&Value], _: &Question| Ok(titled(&records[0].text("title").unwrap()));
        let alone = |_: &Question| Ok(titled("alone"));
        let answers = find_many(&questions(dois), &[lookup], &read, &alone);
        let titles = answers.into_iter().map(|answer| answer.map(|found| found.facts.title.unwrap()));
        (titles.collect(), asked.into_inner())
    }

    fn record(doi: &str) -> Value {
        json!({"doi": doi, "title": doi.to_uppercase()})
    }

    #[test]
    fn each_question_gets_its_own_record_and_what_the_answer_lacks_is_not_found() {
        let (answers, asked) = ask(&["b", "x", "a"], &[record("a"), record("b")], 9, None);
        assert_eq!(answers, [Ok("B".into()), Err(SourceError::NotFound), Ok("A".into())]);
        assert_eq!(asked, [["b", "x", "a"]]);
    }

    #[test]
    fn one_question_and_what_no_lookup_can_ask_for_are_asked_alone() {
        let (answers, asked) = ask(&["a"], &[record("a")], 9, None);
        assert_eq!((answers, asked.len()), (vec![Ok("alone".into())], 0));
        let (answers, _) = ask(&["none", "a"], &[record("a")], 9, None);
        assert_eq!(answers, [Ok("alone".into()), Ok("A".into())]);
    }

    #[test]
    fn a_request_has_no_more_than_the_api_takes() {
        let known: Vec<_> = ["a", "b", "c", "d", "e"].map(record).into();
        let (answers, asked) = ask(&["a", "b", "c", "d", "e"], &known, 9, None);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked, [vec!["a", "b", "c", "d"], vec!["e"]]);
    }

    #[test]
    fn an_answer_that_is_cut_says_nothing_of_what_it_lacks() {
        let known: Vec<_> = ["a", "b", "c", "d"].map(record).into();
        let (answers, asked) = ask(&["a", "b", "c", "d"], &known, 2, None);
        assert_eq!(answers, ["A", "B", "C", "D"].map(|title| Ok(title.into())));
        assert_eq!(asked.len(), 3);
    }

    #[test]
    fn one_work_that_spoils_the_answer_spoils_its_own_alone() {
        let known: Vec<_> = ["a", "b", "c", "d"].map(record).into();
        let (answers, _) = ask(&["a", "b", "c", "d"], &known, 9, Some("c"));
        assert_eq!(answers, ["A", "B", "alone", "D"].map(|title| Ok(title.into())));
    }

    #[test]
    fn where_there_are_no_lists_each_work_is_asked_about_alone() {
        let asked = RefCell::new(0);
        let none = |_: &[&str]| {
            *asked.borrow_mut() += 1;
            Err(SourceError::NotFound)
        };
        let lookup = || Lookup {
            terms: &|work| work.doi().map(str::to_owned).into_iter().collect(),
            most: 2,
            length: 1000,
            ask: &none,
            keys: &|_| Vec::new(),
        };
        let read = |_: &[&Value], _: &Question| Err(SourceError::NotFound);
        let alone = |question: &Question| Ok(titled(question.work.doi().unwrap_or_default()));
        let answers = find_many(&questions(&["a", "b", "c"]), &[lookup(), lookup()], &read, &alone);
        let titles: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().facts.title.unwrap()).collect();
        assert_eq!(titles, ["a", "b", "c"]);
        assert_eq!(*asked.borrow(), 1, "and lists are not asked for again");
    }

    #[test]
    fn two_works_of_one_term_are_both_answered_and_it_is_asked_once() {
        let (answers, asked) = ask(&["a", "a", "b"], &[record("a"), record("b")], 9, None);
        assert_eq!(answers, ["A", "A", "B"].map(|title| Ok(title.into())));
        assert_eq!(asked, [["a", "b"]]);
    }

    #[test]
    fn a_record_that_does_not_say_whose_it_is_counts_only_where_one_work_is_asked_for() {
        let known = [record("a"), json!({"title": "ANYBODY'S"})];
        let (answers, asked) = ask(&["a", "b", "c"], &known, 9, None);
        assert_eq!(answers[0], Ok("A".into()));
        assert_eq!(answers[1], Ok("ANYBODY'S".into()));
        assert_eq!(asked, [vec!["a", "b", "c"], vec!["b"], vec!["c"]]);
    }
}
