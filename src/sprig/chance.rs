//! `randAlphaNum`, `randInt`, `uuidv4` and their kin: chance that a seed decides, so that a lock is reproducible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::RENDER_RANDOM_BYTES_MAX;
use crate::template::{Args, Fault, Function, Host, Value};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DIGITS: &[u8] = b"0123456789";
/// U+0020 to U+007E.
const PRINTABLE: &[u8] = b" !\"#$%&'()*+,-./0123456789:;<=>?@\
ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

pub(super) const ALL: &[Function] = &[
    Function::fixed("randAlphaNum", 1, |host, args| text_of(host, args, LETTERS_AND_DIGITS)),
    Function::fixed("randAlpha", 1, |host, args| text_of(host, args, LETTERS)),
    Function::fixed("randNumeric", 1, |host, args| text_of(host, args, DIGITS)),
    Function::fixed("randAscii", 1, |host, args| text_of(host, args, PRINTABLE)),
    Function::fixed("randInt", 2, rand_int),
    Function::fixed("randBytes", 1, rand_bytes),
    Function::fixed("uuidv4", 0, |host, _| Ok(uuid(host).into())),
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
fn uuid(host: &mut dyn Host) -> String {
    let random = u128::from_le_bytes(bytes::<16>(host));
    let uuid = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let text = format!("{uuid:032x}");
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use crate::sprig::double::{Double, run, shown};
    use crate::template::{Fault, Value};

    #[test]
    fn makes_texts_of_the_asked_length_from_the_asked_letters() {
        for (name, wanted) in [
            ("randAlphaNum", char::is_ascii_alphanumeric as fn(&char) -> bool),
            ("randAlpha", char::is_ascii_alphabetic),
            ("randNumeric", char::is_ascii_digit),
            ("randAscii", |letter| matches!(letter, ' '..='~')),
        ] {
            let text = shown(name, &[Value::Int(500)]);
            assert!(text.len() == 500 && text.chars().all(|letter| wanted(&letter)), "{name}");
            assert_eq!(text, shown(name, &[Value::Int(500)]), "{name} is reproducible");
            assert_eq!(shown(name, &[Value::Int(0)]), "");
            assert_eq!(shown(name, &[Value::Int(-1)]), "");
        }
        let mut host = Double::default();
        let mut next = || format!("{:?}", host.run("randAlpha", &[Value::Int(20)]));
        assert_ne!(next(), next(), "two calls of one run differ");
    }

    #[test]
    fn keeps_numbers_in_their_range() {
        let mut host = Double::default();
        for _ in 0..100 {
            let number = host.run("randInt", &[Value::Int(5), Value::Int(8)]).expect("number");
            assert!(matches!(number, Value::Int(5..8)), "{number:?}");
        }
        assert_eq!(shown("randInt", &[Value::Int(-5), Value::Int(-4)]), "-5");
        for (from, below) in [(5, 5), (5, 4), (i64::MIN, i64::MAX)] {
            let words = shown("randInt", &[Value::Int(from), Value::Int(below)]);
            assert_eq!(words, "!invalid argument to Intn");
        }
    }

    #[test]
    fn makes_bytes_and_uuids() {
        assert_eq!(shown("randBytes", &[Value::Int(5)]).len(), 8);
        assert_eq!(shown("randBytes", &[Value::Int(0)]), "");
        let words = "!runtime error: makeslice: len out of range";
        assert_eq!(shown("randBytes", &[Value::Int(-1)]), words);
        let uuid = shown("uuidv4", &[]);
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
    }

    #[test]
    fn refuses_counts_that_would_fill_the_memory() {
        for count in [20 << 20, i64::MAX] {
            for name in ["randAlphaNum", "randAscii", "randBytes"] {
                let outcome = run(name, &[Value::Int(count)]);
                assert!(matches!(outcome, Err(Fault::Bound(_))), "{name} {count}");
            }
        }
    }
}
