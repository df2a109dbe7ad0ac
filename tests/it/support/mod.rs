//! What the tests stand on: small worlds, scripted faults, and ways to look at what came out.
//!
//! For: every test in `tests/it`, and the demo. Must never: hold an opinion of its own about a
//! format that the tests are to prove (digests and media types are written out here again, not
//! borrowed from the library). Nothing here is used by `src/`.
//!
//! | file | what it gives |
//! | --- | --- |
//! | `job` | a child process with a time limit |
//! | `scenario` | one command line in a closed room, with exact answers |
//! | `world` | `haversack serve` on a free port, with fixtures in it |
//! | `connected` | an inventory, a key, `lock` and `build` in one room |
//! | `http`, `registry` | a plain HTTP client, and an OCI client made of it |
//! | `fixture` | images, charts, repositories and Argo CD trees, the same bytes every time |
//! | `fault` | a proxy that fails by script and keeps a log |
//! | `kill` | kills a command again and again until it is done |
//! | `carried` | a bundle of the fixtures, and the isolated side that it is carried to |
//! | `tree` | snapshots of folders, and the search for planted secrets |
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a toolbox: not every test uses every tool, and a tool that fails ends the test"
)]

pub(crate) mod carried;
pub(crate) mod connected;
pub(crate) mod fault;
pub(crate) mod fixture;
pub(crate) mod http;
pub(crate) mod job;
pub(crate) mod kill;
pub(crate) mod registry;
pub(crate) mod scenario;
pub(crate) mod tree;
pub(crate) mod wire;
pub(crate) mod world;

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

/// The program under test: Cargo's, or `$HAVERSACK` where Cargo names none (the demo).
pub(crate) fn binary() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_haversack") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HAVERSACK").expect("$HAVERSACK is not set")),
    }
}

/// Lower-case hexadecimal SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A small generator (xorshift64*): the same seed gives the same numbers everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts at `seed`; zero is replaced, because xorshift never leaves it.
    pub(crate) fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9e37_79b9_7f4a_7c15 } else { seed })
    }

    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// `len` bytes that no compressor makes smaller.
    pub(crate) fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

#[test]
fn sha256_is_the_published_one() {
    assert_eq!(
        sha256_hex(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn the_same_seed_rolls_the_same_noise() {
    assert_eq!(Dice::new(7).noise(33), Dice::new(7).noise(33));
    assert_ne!(Dice::new(7).noise(33), Dice::new(8).noise(33));
}
