//! The order in which go-yaml writes the keys of a map: numbers inside texts count as numbers, and letters come last.

use std::rc::Rc;

use crate::sprig::yaml_scalar::Dialect;
use crate::template::Value;

/// Sorts entries that are in the order of their keys' bytes, as most of them will stay.
pub(super) fn sort_keys(entries: &mut Vec<(&Rc<str>, &Value)>, dialect: Dialect) {
    let in_order = entries.windows(2).all(|pair| !is_less(pair[1].0, pair[0].0, dialect));
    if in_order {
        return;
    }
    // A merge sort of our own: go-yaml's order is not always transitive, which the standard library may answer with a panic.
    let mut width = 1;
    while width < entries.len() {
        let mut merged = Vec::with_capacity(entries.len());
        for pair in entries.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                if is_less(b.0, a.0, dialect) {
                    merged.push(*b);
                    right = &right[1..];
                } else {
                    merged.push(*a);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        *entries = merged;
        width *= 2;
    }
}

fn is_less(a: &str, b: &str, dialect: Dialect) -> bool {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let same = (0..=same).rev().find(|at| a.is_char_boundary(*at)).unwrap_or(0);
    let (Some((before, rest_a)), Some((_, rest_b))) =
        (a.split_at_checked(same), b.split_at_checked(same))
    else {
        return a < b;
    };
    let (Some(first_a), Some(first_b)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return rest_a.len() < rest_b.len();
    };
    match (first_a.is_alphabetic(), first_b.is_alphabetic()) {
        (true, true) => return first_a < first_b,
        (false, false) => {}
        (a_is_letter, b_is_letter) => {
            let after_digit = before.ends_with(|char: char| char.is_ascii_digit());
            let a_first = dialect == Dialect::V3 && after_digit;
            return if a_first { a_is_letter } else { b_is_letter };
        }
    }
    // A zero counts when a number has begun before it.
    let begun = (first_a == '0' || first_b == '0')
        && before.bytes().rev().take_while(u8::is_ascii_digit).any(|digit| digit != b'0');
    let (number_a, length_a) = number(rest_a, begun);
    let (number_b, length_b) = number(rest_b, begun);
    (number_a, length_a, first_a) < (number_b, length_b, first_b)
}

/// The number that a text starts with, wrapping as Go does, and how many digits it has.
fn number(text: &str, begun: bool) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((i64::from(begun), 0), |(number, length), digit| {
        (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
    })
}
