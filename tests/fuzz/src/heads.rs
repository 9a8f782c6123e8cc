//! The head of a recorded answer is read or refused; written and read again, it is the same.

use tierfall_http::{read_response, response_head};

pub fn promise(data: &[u8]) {
    let mut rest = data;
    let Ok((status, headers)) = read_response(&mut rest) else { return };
    assert!(data.ends_with(rest), "what follows the head is the body");
    for (name, value) in &headers {
        assert!(!name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_uppercase()), "{name:?}");
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
    let written = [response_head(status, &headers), b"the body".to_vec()].concat();
    let mut rest = written.as_slice();
    let again = read_response(&mut rest).expect("what was written can be read");
    let kept: Vec<_> = headers.into_iter().filter(|(name, _)| name != "transfer-encoding").collect();
    assert_eq!(again, (status, kept));
    assert_eq!(rest, b"the body");
}
