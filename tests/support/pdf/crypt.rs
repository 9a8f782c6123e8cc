//! The standard security handler, revision 2: RC4 with 40 bits (ISO 32000-1, 7.6).
//!
//! MD5 (RFC 1321) and RC4 are written out here because this file must not need a crate; they protect
//! nothing.

/// ISO 32000-1, algorithm 2: what a password is filled up with to 32 bytes.
const PADDING: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08, 0x2E,
    0x2E, 0x00, 0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];

/// Everything but printing is allowed.
const PERMISSIONS: i32 = -8;

/// One document's encryption.
pub struct Lock {
    key: [u8; 5],
    owner: Vec<u8>,
    user: Vec<u8>,
}

impl Lock {
    /// Opened by `user_password`; the owner's password is a fixed one.
    pub fn new(user_password: &[u8], document_id: &[u8; 16]) -> Self {
        let owner = rc4(first5(&md5(&padded(b"owner"))), &padded(user_password));
        let mut seed = padded(user_password).to_vec();
        seed.extend(&owner);
        seed.extend(PERMISSIONS.to_le_bytes());
        seed.extend(document_id);
        let key = *first5(&md5(&seed));
        let user = rc4(&key, &PADDING);
        Self { key, owner, user }
    }

    /// The encryption dictionary.
    pub fn dictionary(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        format!(
            "<< /Filter /Standard /V 1 /R 2 /O <{}> /U <{}> /P {PERMISSIONS} >>",
            hex(&self.owner),
            hex(&self.user)
        )
    }

    /// Algorithm 1: a string or stream of object `id`, generation 0.
    pub fn seal(&self, id: u32, plain: &[u8]) -> Vec<u8> {
        let mut seed = self.key.to_vec();
        seed.extend(id.to_le_bytes().iter().take(3));
        seed.extend([0, 0]);
        let digest = md5(&seed);
        rc4(digest.split_at(10).0, plain)
    }
}

fn padded(password: &[u8]) -> [u8; 32] {
    let mut filled = [0; 32];
    for (slot, byte) in filled.iter_mut().zip(password.iter().chain(&PADDING)) {
        *slot = *byte;
    }
    filled
}

fn first5(digest: &[u8; 16]) -> &[u8; 5] {
    digest.first_chunk().expect("a digest has sixteen bytes")
}

fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|i| i as u8);
    let mut j = 0u8;
    for i in 0..=255u8 {
        j = j.wrapping_add(state[usize::from(i)]).wrapping_add(key[usize::from(i) % key.len()]);
        state.swap(usize::from(i), usize::from(j));
    }
    let (mut i, mut j) = (0u8, 0u8);
    data.iter()
        .map(|byte| {
            i = i.wrapping_add(1);
            j = j.wrapping_add(state[usize::from(i)]);
            state.swap(usize::from(i), usize::from(j));
            byte ^ state[usize::from(state[usize::from(i)].wrapping_add(state[usize::from(j)]))]
        })
        .collect()
}

pub fn md5(data: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut message = data.to_vec();
    message.push(0x80);
    message.resize(message.len().next_multiple_of(64), 0);
    if message.len() - data.len() < 9 {
        message.resize(message.len() + 64, 0);
    }
    let end = message.len() - 8;
    message[end..].copy_from_slice(&(data.len() as u64 * 8).to_le_bytes());

    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in message.chunks_exact(64) {
        let words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| word.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
            .collect();
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64usize {
            let (mix, word) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            // The table of RFC 1321, 3.4: the integer part of 2^32 times |sin(i + 1)|.
            let sine = ((i as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mix).wrapping_add(sine).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (value, part) in state.iter_mut().zip([a, b, c, d]) {
            *value = value.wrapping_add(part);
        }
    }
    let mut digest = [0; 16];
    for (bytes, value) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    digest
}
