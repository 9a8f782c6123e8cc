//! An identifier, printed and read again, is the same one; and reading takes little time, whatever it is.

use std::time::{Duration, Instant};

use tierfall_ids::{IdKind, InvalidId, WorkId};
use tierfall_work::Work;

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let begun = Instant::now();
    let read = text.parse::<WorkId>();
    assert_eq!(format!(" \t{text}\r\n").parse(), read, "blanks around it count");
    check(&read);
    for kind in IdKind::ALL {
        check(&WorkId::parse_as(kind, &text));
    }
    // A thousand times what it takes, so that a busy machine fails nothing.
    let most = Duration::from_secs(2) + Duration::from_millis(data.len() as u64 / 10);
    assert!(begun.elapsed() < most, "it took {:?}", begun.elapsed());
}

fn check(read: &Result<WorkId, InvalidId>) {
    let id = match read {
        Ok(id) => id,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control) && message.len() < 2000, "{message:?}");
            return;
        }
    };
    assert!(!id.value().is_empty() && !id.value().contains(char::is_control), "{id:?}");
    assert_eq!(id.to_string().parse().as_ref(), Ok(id), "printed and read again");
    assert_eq!(WorkId::parse_as(id.kind(), id.value()).as_ref(), Ok(id), "as a column of its kind has it");
    let again: Result<WorkId, _> = id.key().parse();
    assert_eq!(again.map(|again| again.key()), Ok(id.key()), "its key, read again");
    assert_eq!(Work::new(id.clone()).key(), id.key());
}
