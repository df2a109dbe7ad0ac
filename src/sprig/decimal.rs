//! Decimals of any size, as much as Sprig's float functions need of shopspring/decimal.

use crate::template::format_float;

/// A number as decimal digits, the most significant first, times a power of ten.
///
/// Digits one by one are slow and simple; the numbers come from floats, so they are short.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

/// Digits after the point that a division gives (`decimal.DivisionPrecision`).
const DIVISION_PLACES: i64 = 16;

impl Decimal {
    /// The shortest decimal that reads back as a float; what is no number has none, and Go's words for that.
    pub(super) fn of(value: f64) -> Result<Self, String> {
        if !value.is_finite() {
            let name = match value {
                f64::INFINITY => "+Inf",
                f64::NEG_INFINITY => "-Inf",
                _ => "NaN",
            };
            return Err(format!("Cannot create a Decimal from {name}"));
        }
        let shown = format_float(value.abs(), 'e', -1);
        let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
        let digits: Vec<u8> =
            mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        let exponent: i64 = exponent.parse().unwrap_or(0);
        let exponent = exponent + 1 - i64::try_from(digits.len()).unwrap_or(0);
        Ok(Self { negative: value < 0.0, digits, exponent })
    }

    /// How many digits it has.
    pub(super) fn digits_len(&self) -> usize {
        self.digits.len()
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        let mut text = String::with_capacity(self.digits.len() + 24);
        if self.negative && self.digits.iter().any(|digit| *digit != 0) {
            text.push('-');
        }
        text.extend(self.digits.iter().map(|digit| char::from(digit + b'0')));
        text.push_str(&format!("e{}", self.exponent));
        text.parse().unwrap_or(0.0)
    }

    /// The number on the other side of zero.
    pub(super) fn negated(&self) -> Self {
        Self { negative: !self.negative, ..self.clone() }
    }

    /// The sum.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (mut one, mut two) = (self.digits_at(exponent), other.digits_at(exponent));
        let length = one.len().max(two.len());
        one.splice(0..0, vec![0; length - one.len()]);
        two.splice(0..0, vec![0; length - two.len()]);
        if self.negative == other.negative {
            return Self { negative: self.negative, digits: added(&one, &two), exponent };
        }
        let (large, small, negative) =
            if one >= two { (one, two, self.negative) } else { (two, one, other.negative) };
        Self { negative, digits: subtracted(&large, &small), exponent }
    }

    /// The product with a decimal of at most 18 digits, which is what a float has.
    pub(super) fn times(&self, other: &Self) -> Self {
        let factor = other.small();
        let mut carry = 0_u128;
        let mut digits: Vec<u8> = Vec::with_capacity(self.digits.len() + 20);
        for digit in self.digits.iter().rev() {
            carry += u128::from(*digit) * factor;
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
        digits.reverse();
        let exponent = self.exponent.saturating_add(other.exponent);
        Self { negative: self.negative != other.negative, digits, exponent }
    }

    /// The quotient to 16 places, half rounded away from zero, by a decimal of at most 18 digits; `None` for zero.
    pub(super) fn divided_by(&self, other: &Self) -> Option<Self> {
        let divisor = other.small();
        if divisor == 0 {
            return None;
        }
        // 1. Scale the dividend so that the quotient is an integer count of 10^-16.
        let shift = self.exponent.saturating_sub(other.exponent).saturating_add(DIVISION_PLACES);
        let mut whole = self.digits.clone();
        let mut cut = Vec::new();
        if let Ok(zeros) = usize::try_from(shift) {
            whole.resize(whole.len() + zeros, 0);
        } else {
            let places = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
            let kept = whole.len().saturating_sub(places);
            if places > whole.len() {
                // Less than a tenth of the last place: nothing is left to round.
                cut.push(0);
            }
            cut.extend(whole.drain(kept..));
        }
        // 2. Divide digit by digit.
        let mut rest = 0_u128;
        let mut digits: Vec<u8> = Vec::with_capacity(whole.len() + 1);
        for digit in whole {
            rest = rest * 10 + u128::from(digit);
            digits.push((rest / divisor) as u8);
            rest %= divisor;
        }
        // 3. Round up when twice the remainder, with what was cut off, reaches the divisor.
        let half_cut = cut.first().is_some_and(|first| *first >= 5);
        if rest * 2 >= divisor || rest * 2 + 1 == divisor && half_cut {
            digits = added(&[&[0], &digits[..]].concat(), &one_at_end(digits.len() + 1));
        }
        let negative = self.negative != other.negative;
        Some(Self { negative, digits, exponent: -DIVISION_PLACES })
    }

    /// All digits as one number. Floats have 17 digits at most.
    fn small(&self) -> u128 {
        self.digits.iter().fold(0, |value, digit| value * 10 + u128::from(*digit))
    }

    /// The digits with zeros, for a smaller exponent.
    fn digits_at(&self, exponent: i64) -> Vec<u8> {
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or(0);
        let mut digits = self.digits.clone();
        digits.resize(digits.len() + zeros, 0);
        digits
    }
}

/// The sum of two numbers of as many digits.
fn added(one: &[u8], two: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = Vec::with_capacity(one.len() + 1);
    for (one, two) in one.iter().zip(two).rev() {
        let sum = one + two + carry;
        digits.push(sum % 10);
        carry = sum / 10;
    }
    digits.push(carry);
    digits.reverse();
    digits
}

/// The difference of two numbers of as many digits, of which the first is not less.
fn subtracted(large: &[u8], small: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = Vec::with_capacity(large.len());
    for (large, small) in large.iter().zip(small).rev() {
        let difference = 10 + large - small - borrow;
        digits.push(difference % 10);
        borrow = u8::from(difference < 10);
    }
    digits.reverse();
    digits
}

fn one_at_end(length: usize) -> Vec<u8> {
    let mut digits = vec![0; length];
    if let Some(last) = digits.last_mut() {
        *last = 1;
    }
    digits
}
