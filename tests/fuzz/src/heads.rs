//! The head of a recorded answer is read or refused; written and read again, it is the same.

use tierfall_http::testing::{read_response, response_head};

pub fn promise(data: &[u8]) {
    let mut rest = data;
    let Ok((status, mut headers)) = read_response(&mut rest) else { return };
    assert!(data.ends_with(rest), "what follows the head is the body");
    let written = [response_head(status, &headers), b"the body".to_vec()].concat();
    let mut rest = written.as_slice();
    let again = read_response(&mut rest).expect("what was written can be read");
    headers.remove("transfer-encoding");
    assert_eq!(again, (status, headers));
    assert_eq!(rest, b"the body");
}
