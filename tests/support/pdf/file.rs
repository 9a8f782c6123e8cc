//! The body of a PDF and the ways to write it down (ISO 32000-1, 7.5).

use super::crypt::{Lock, md5};

/// One indirect object.
pub struct Object {
    parts: Vec<Part>,
    stream: Option<Vec<u8>>,
}

enum Part {
    Raw(String),
    /// A string value: the only thing besides streams that encryption touches.
    Text(Vec<u8>),
}

/// The objects of a document, numbered from 1.
pub struct File {
    objects: Vec<Object>,
    root: u32,
    info: u32,
    first_page: u32,
}

const HEADER: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";

impl Object {
    /// An object without strings or stream.
    pub fn plain(text: &str) -> Self {
        Self { parts: vec![Part::Raw(text.to_owned())], stream: None }
    }

    /// An uncompressed stream; `entries` are further entries of its dictionary.
    pub fn stream(entries: &str, data: Vec<u8>) -> Self {
        let dictionary = format!("<< {entries} /Length {} >>", data.len());
        Self { parts: vec![Part::Raw(dictionary)], stream: Some(data) }
    }

    /// A document information dictionary.
    pub fn info(entries: &[(&str, &str)]) -> Self {
        let mut parts = vec![Part::Raw("<<".to_owned())];
        for (key, value) in entries {
            parts.push(Part::Raw(format!(" /{key} ")));
            parts.push(Part::Text(text_string(value)));
        }
        parts.push(Part::Raw(" >>".to_owned()));
        Self { parts, stream: None }
    }

    /// As it stands between `obj` and `endobj`.
    fn written(&self, seal: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Raw(text) => bytes.extend(text.as_bytes()),
                Part::Text(text) => {
                    let hex: String = seal(text).iter().map(|byte| format!("{byte:02X}")).collect();
                    bytes.extend(format!("<{hex}>").into_bytes());
                }
            }
        }
        if let Some(stream) = &self.stream {
            bytes.extend(b"\nstream\n");
            bytes.extend(seal(stream));
            bytes.extend(b"\nendstream");
        }
        bytes
    }
}

impl File {
    pub fn new() -> Self {
        Self { objects: Vec::new(), root: 0, info: 0, first_page: 0 }
    }

    pub fn add(&mut self, object: Object) -> u32 {
        self.objects.push(object);
        u32::try_from(self.objects.len()).expect("a test document is small")
    }

    /// A number whose object is `set` later.
    pub fn reserve(&mut self) -> u32 {
        self.add(Object::plain("null"))
    }

    pub fn set(&mut self, id: u32, object: Object) {
        self.objects[id as usize - 1] = object;
    }

    pub fn finish(&mut self, root: u32, info: u32, first_page: u32) {
        (self.root, self.info, self.first_page) = (root, info, first_page);
    }

    /// A cross-reference table at the end.
    pub fn classic(&self) -> Vec<u8> {
        self.with_table(&[], |_, data| data.to_vec())
    }

    /// RC4 with a user password; an empty one means that anyone may read.
    pub fn encrypted(&mut self, user_password: &[u8]) -> Vec<u8> {
        let lock = Lock::new(user_password, &self.id());
        let dictionary = self.add(Object::plain(&lock.dictionary()));
        let entry = format!("/Encrypt {dictionary} 0 R");
        self.with_table(&[&entry], |id, data| lock.seal(id, data))
    }

    /// Objects in an object stream, and a cross-reference stream in the place of the table; both are
    /// zlib streams of stored blocks, so that a reader must inflate them.
    pub fn with_object_streams(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let mut entries: Vec<[u32; 3]> = vec![[0, 0, 65535]];
        let container = self.objects.len() as u32 + 1;
        let (mut index, mut contents, mut packed) = (String::new(), Vec::new(), 0);
        for (object, id) in self.objects.iter().zip(1..) {
            if object.stream.is_some() {
                entries.push([1, bytes.len() as u32, 0]);
                bytes.extend(indirect(id, &object.written(<[u8]>::to_vec)));
            } else {
                entries.push([2, container, packed]);
                packed += 1;
                index.push_str(&format!("{id} {} ", contents.len()));
                contents.extend(object.written(<[u8]>::to_vec));
                contents.push(b'\n');
            }
        }
        let first = index.len();
        let stored = zlib_stored(&[index.into_bytes(), contents].concat());
        entries.push([1, bytes.len() as u32, 0]);
        let entry = format!("/Type /ObjStm /N {packed} /First {first} /Filter /FlateDecode");
        bytes.extend(indirect(container, &Object::stream(&entry, stored).written(<[u8]>::to_vec)));

        let start = bytes.len();
        entries.push([1, start as u32, 0]);
        // Fields of one, four and two bytes, big-endian.
        let rows: Vec<u8> = entries
            .iter()
            .flat_map(|[kind, place, extra]| {
                [&kind.to_be_bytes()[3..], &place.to_be_bytes(), &extra.to_be_bytes()[2..]].concat()
            })
            .collect();
        let entry = format!(
            "/Type /XRef /Size {} /W [1 4 2] /Root {} 0 R /Info {} 0 R /ID {} /Filter /FlateDecode",
            entries.len(),
            self.root,
            self.info,
            self.id_entry()
        );
        bytes.extend(indirect(
            container + 1,
            &Object::stream(&entry, zlib_stored(&rows)).written(<[u8]>::to_vec),
        ));
        bytes.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
        bytes
    }

    /// A linearisation dictionary first, then the table that leads to the rest, which has its own table
    /// further on (annex F). The hint stream is left out, as readers for whole files ignore it.
    pub fn linearised(&self) -> Vec<u8> {
        let count = self.objects.len() as u32 + 1;
        // Lengths and places have fixed widths, so that a first pass can find them.
        let assemble = |length: usize, rest: usize, places: &[usize]| {
            let mut bytes = HEADER.to_vec();
            let mut found = Vec::new();
            let parameters = format!(
                "<< /Linearized 1 /L {length:010} /H [0 0] /O {} /E {length:010} /N 1 /T {rest:010} >>",
                self.first_page
            );
            let parameters_at = bytes.len();
            bytes.extend(indirect(count, parameters.as_bytes()));
            let first_table = bytes.len();
            bytes.extend(format!("xref\n{count} 1\n{parameters_at:010} 00000 n \n").into_bytes());
            bytes.extend(self.trailer(count + 1, &[&format!("/Prev {rest:010}")]).into_bytes());
            bytes.extend(b"startxref\n0\n%%EOF\n");
            for (object, id) in self.objects.iter().zip(1..) {
                found.push(bytes.len());
                bytes.extend(indirect(id, &object.written(<[u8]>::to_vec)));
            }
            let second_table = bytes.len();
            bytes.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").into_bytes());
            for place in places {
                bytes.extend(format!("{place:010} 00000 n \n").into_bytes());
            }
            bytes.extend(self.trailer(count, &[]).into_bytes());
            bytes.extend(format!("startxref\n{first_table}\n%%EOF\n").into_bytes());
            (bytes, second_table, found)
        };
        let (draft, rest, places) = assemble(0, 0, &vec![0; self.objects.len()]);
        assemble(draft.len(), rest, &places).0
    }

    fn with_table(&self, trailer: &[&str], seal: impl Fn(u32, &[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let mut table = "0000000000 65535 f \n".to_owned();
        for (object, id) in self.objects.iter().zip(1..) {
            table.push_str(&format!("{:010} 00000 n \n", bytes.len()));
            bytes.extend(indirect(id, &object.written(|data| seal(id, data))));
        }
        let size = self.objects.len() + 1;
        let start = bytes.len();
        bytes.extend(format!("xref\n0 {size}\n{table}").into_bytes());
        bytes.extend(self.trailer(size as u32, trailer).into_bytes());
        bytes.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
        bytes
    }

    fn trailer(&self, size: u32, entries: &[&str]) -> String {
        format!(
            "trailer\n<< /Size {size} /Root {} 0 R /Info {} 0 R /ID {} {} >>\n",
            self.root,
            self.info,
            self.id_entry(),
            entries.join(" ")
        )
    }

    /// From the content, so that it is the same each time.
    fn id(&self) -> [u8; 16] {
        let content: Vec<u8> =
            self.objects.iter().filter_map(|object| object.stream.as_deref()).flatten().copied().collect();
        md5(&content)
    }

    fn id_entry(&self) -> String {
        let hex: String = self.id().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("[<{hex}> <{hex}>]")
    }
}

fn indirect(id: u32, body: &[u8]) -> Vec<u8> {
    [format!("{id} 0 obj\n").as_bytes(), body, b"\nendobj\n"].concat()
}

/// ISO 32000-1, 7.9.2.2: ASCII as it is, anything else as UTF-16 with a byte order mark.
fn text_string(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
}

/// RFC 1950 around stored blocks of RFC 1951, 3.2.4.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(65535).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        bytes.push(u8::from(number + 1 == blocks.len()));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(*block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    bytes.extend((b << 16 | a).to_be_bytes());
    bytes
}
