//! `randAlphaNum`, `randInt`, `uuidv4` and their kin: chance that a seed decides, so that a lock is reproducible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::RENDER_RANDOM_BYTES_MAX;
use crate::template::{Args, Fault, Function, Host, Value};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &[u8] = b"0123456789";
/// U+0020 to U+007E.
const PRINTABLE: &[u8] = b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

pub(super) const ALL: &[Function] = &[
    Function::fixed("randAlphaNum", 1, |host, args| text_of(host, args, LETTERS_AND_DIGITS)),
    Function::fixed("randAlpha", 1, |host, args| text_of(host, args, LETTERS)),
    Function::fixed("randNumeric", 1, |host, args| text_of(host, args, DIGITS)),
    Function::fixed("randAscii", 1, |host, args| text_of(host, args, PRINTABLE)),
    Function::fixed("randInt", 2, rand_int),
    Function::fixed("randBytes", 1, rand_bytes),
    Function::fixed("uuidv4", 0, uuid),
];

/// Random bytes.
pub(super) fn bytes<const N: usize>(host: &mut dyn Host) -> [u8; N] {
    let mut bytes = [0; N];
    fill(host, &mut bytes);
    bytes
}

/// Fills with random bytes.
pub(super) fn fill(host: &mut dyn Host, bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(8) {
        let random = host.random().to_le_bytes();
        piece.copy_from_slice(&random[..piece.len()]);
    }
}

/// So many letters of an alphabet; none when the count is negative, as in Go.
fn text_of(host: &mut dyn Host, args: Args<'_>, alphabet: &[u8]) -> Result<Value, Fault> {
    let count = u64::try_from(args.int(0)?).unwrap_or(0);
    spend(host, count)?;
    let letter = |random: u64| char::from(alphabet[(random % alphabet.len() as u64) as usize]);
    Ok(Value::from((0..count).map(|_| letter(host.random())).collect::<String>()))
}

/// Counts so many bytes, and refuses a count that would fill the memory.
fn spend(host: &mut dyn Host, count: u64) -> Result<(), Fault> {
    host.spend(count)?;
    if count > RENDER_RANDOM_BYTES_MAX {
        Err(Fault::Bound("random bytes at a time"))
    } else {
        Ok(())
    }
}

/// A number from the first to below the second.
fn rand_int(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (from, below) = (args.int(0)?, args.int(1)?);
    match below.wrapping_sub(from) {
        span @ 1.. => {
            let random = (host.random() % span.unsigned_abs()).cast_signed();
            Ok(Value::Int(from.wrapping_add(random)))
        }
        _ => Err(Fault::said("invalid argument to Intn")),
    }
}

fn rand_bytes(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let Ok(count) = usize::try_from(args.int(0)?) else {
        return Err(Fault::said("runtime error: makeslice: len out of range"));
    };
    spend(host, count as u64)?;
    let mut bytes = vec![0; count];
    fill(host, &mut bytes);
    Ok(STANDARD.encode(bytes).into())
}

/// A UUID of version 4 (RFC 9562, section 5.4).
fn uuid(host: &mut dyn Host, _: Args<'_>) -> Result<Value, Fault> {
    let random = u128::from_le_bytes(bytes::<16>(host));
    let uuid = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let text = format!("{uuid:032x}");
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    Ok(parts.join("-").into())
}
