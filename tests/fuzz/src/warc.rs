//! What is written is read again; what is read once is found again at its place; and nothing else happens,
//! whatever the file is.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tierfall_http::WarcError;
use tierfall_http::testing::{Scanner, Writer, open_at};

pub fn promise(data: &[u8]) {
    let plain = scanned(data);
    if !data.starts_with(&[0x1f, 0x8b]) {
        let packed = scanned(&gzipped(data));
        assert_eq!(plain, packed, "it matters whether it is packed");
    }
    written(data, false);
    written(data, true);
}

/// Name, and block of a record.
type Record = (Option<String>, Vec<u8>);

/// The records up to the end or to the first error, each of them read twice.
fn scanned(bytes: &[u8]) -> Vec<Record> {
    let file = file(bytes);
    let mut records = Vec::new();
    let mut step = |scanner: &mut Scanner| -> Result<bool, WarcError> {
        let Some((head, place)) = scanner.next_record()? else { return Ok(false) };
        let block = scanner.block(u64::MAX)?;
        // Where the file ends within a block, both readings end there.
        let (again, mut rest) = open_at(file.path(), place).expect("a record is where it was");
        let mut block_again = Vec::new();
        rest.read_to_end(&mut block_again).expect("what was read can be read again");
        assert_eq!((again, &block_again), (head.clone(), &block));
        assert!(block.len() as u64 <= head.length);
        records.push((head.field("x-name").map(str::to_owned), block));
        Ok(true)
    };
    if let Ok(mut scanner) = Scanner::open(file.path()) {
        while step(&mut scanner).is_ok_and(|more| more) {}
    }
    assert!(records.len() <= bytes.len().max(1) * 2048);
    records
}

/// The data as blocks and names, divided at its zeros.
fn written(data: &[u8], packed: bool) {
    let mut records: Vec<Record> = Vec::new();
    let mut pieces = data.split(|byte| *byte == 0);
    while let Some(block) = pieces.next() {
        let name = String::from_utf8_lossy(pieces.next().unwrap_or_default()).replace(char::is_control, "");
        records.push((Some(name.trim().to_owned()), block.to_vec()));
    }
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, packed);
    for (name, block) in &records {
        let fields = [("WARC-Type", "resource"), ("X-Name", name.as_deref().unwrap_or_default())];
        writer.write(&fields, block.len() as u64, &mut block.as_slice()).expect("memory can be written");
    }
    assert_eq!(scanned(&bytes), records, "what is written is read again");
    let file = file(&bytes);
    assert_ends_well(file.path());
}

fn assert_ends_well(path: &Path) {
    let mut scanner = Scanner::open(path).expect("it is there");
    while scanner.next_record().expect("no error is in what we wrote").is_some() {}
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(bytes).expect("a file can be written");
    file
}
