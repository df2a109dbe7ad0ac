//! Times read by Go's layouts (`time.ParseInLocation` in UTC).

use crate::sprig::duration::{leading_int, quoted};
use crate::sprig::layout::{self, MONTHS, Offset, Pad, Part, WEEKDAYS};
use crate::sprig::moment::{Moment, Zone, days_before};

/// Why a part of a value does not do.
enum Bad {
    /// It is not what the layout says.
    Value,
    /// It is a number that is too large.
    Range(&'static str),
}

/// Reads a time; what is none gives Go's words.
pub(super) fn read(layout: &[u8], value: &[u8]) -> Result<Moment, String> {
    let mut reader = Reader::new(value);
    let mut rest = layout;
    loop {
        let (before, part, after) = layout::next_part(rest);
        let hold = reader.skip(before).map_err(|left| cannot(value, layout, left, before))?;
        let Some((part, spelling)) = part else {
            if hold.is_empty() {
                break;
            }
            return Err(said(value, &format!(": extra text: {}", quoted(hold))));
        };
        rest = after;
        reader.read(part, rest).map_err(|bad| match bad {
            Bad::Value => cannot(value, layout, hold, spelling),
            Bad::Range(what) => said(value, &format!(": {what} out of range")),
        })?;
    }
    reader.moment().map_err(|words| said(value, words))
}

fn cannot(value: &[u8], layout: &[u8], left: &[u8], spelling: &[u8]) -> String {
    let (value, layout) = (quoted(value), quoted(layout));
    let (left, spelling) = (quoted(left), quoted(spelling));
    format!("parsing time {value} as {layout}: cannot parse {left} as {spelling}")
}

fn said(value: &[u8], words: &str) -> String {
    format!("parsing time {}{words}", quoted(value))
}

/// What has been read so far.
struct Reader<'a> {
    left: &'a [u8],
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    clock: [i64; 3],
    nanos: u32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone_name: Option<&'a [u8]>,
}

impl<'a> Reader<'a> {
    fn new(value: &'a [u8]) -> Self {
        Self {
            left: value,
            year: 0,
            month: None,
            day: None,
            year_day: None,
            clock: [0; 3],
            nanos: 0,
            afternoon: None,
            utc: false,
            offset: None,
            zone_name: None,
        }
    }

    /// Steps over what the layout says word by word; any number of spaces is as good as one.
    fn skip(&mut self, mut words: &[u8]) -> Result<&'a [u8], &'a [u8]> {
        while let Some((first, after)) = words.split_first() {
            if *first == b' ' {
                if self.left.first().is_some_and(|byte| *byte != b' ') {
                    return Err(self.left);
                }
                words = without_spaces(words);
                self.left = without_spaces(self.left);
                continue;
            }
            match self.left.split_first() {
                Some((byte, left)) if byte == first => self.left = left,
                _ => return Err(self.left),
            }
            words = after;
        }
        Ok(self.left)
    }

    /// Takes so many bytes.
    fn take(&mut self, count: usize) -> Result<&'a [u8], Bad> {
        let (taken, left) = self.left.split_at_checked(count).ok_or(Bad::Value)?;
        self.left = left;
        Ok(taken)
    }

    fn digit(&self, at: usize) -> Option<i64> {
        self.left.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'))
    }

    /// Takes a number of at most so many digits, or of exactly so many.
    fn number(&mut self, digits: usize, exactly: bool) -> Result<i64, Bad> {
        let (mut number, mut count) = (0, 0);
        while count < digits
            && let Some(digit) = self.digit(count)
        {
            number = number * 10 + digit;
            count += 1;
        }
        if count == 0 || exactly && count < digits {
            return Err(Bad::Value);
        }
        self.take(count)?;
        Ok(number)
    }

    /// Takes a number within bounds.
    fn within(&mut self, exactly: bool, max: i64, what: &'static str) -> Result<i64, Bad> {
        let number = self.number(2, exactly)?;
        if number > max { Err(Bad::Range(what)) } else { Ok(number) }
    }

    /// Takes one of some names, in any case, and gives its place.
    fn name(&mut self, names: &[&str], letters: usize) -> Result<i64, Bad> {
        let place = names.iter().position(|name| {
            let name = name.get(..letters.min(name.len())).unwrap_or_default();
            let found = self.left.get(..name.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        });
        let place = place.ok_or(Bad::Value)?;
        let name = names.get(place).map_or(0, |name| name.len());
        self.take(name.min(letters))?;
        Ok(i64::try_from(place).unwrap_or(0))
    }

    fn read(&mut self, part: Part, layout: &[u8]) -> Result<(), Bad> {
        match part {
            Part::Year => {
                let year = atoi(self.take(2)?).ok_or(Bad::Value)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            Part::LongYear => {
                self.digit(0).ok_or(Bad::Value)?;
                self.year = atoi(self.take(4)?).ok_or(Bad::Value)?;
            }
            Part::LongMonth => self.month = Some(self.name(&MONTHS, 9)? + 1),
            Part::Month => self.month = Some(self.name(&MONTHS, 3)? + 1),
            Part::NumMonth(zero) => {
                let month = self.within(zero, 12, "month")?;
                if month == 0 {
                    return Err(Bad::Range("month"));
                }
                self.month = Some(month);
            }
            Part::LongWeekday => drop(self.name(&WEEKDAYS, 9)?),
            Part::Weekday => drop(self.name(&WEEKDAYS, 3)?),
            Part::Day(pad) => {
                self.skip_pads(pad, 1);
                self.day = Some(self.number(2, pad == Pad::Zero)?);
            }
            Part::YearDay(pad) => {
                self.skip_pads(pad, 2);
                self.year_day = Some(self.number(3, pad == Pad::Zero)?);
            }
            Part::Hour => self.clock[0] = self.within(false, 23, "hour")?,
            Part::Hour12(zero) => self.clock[0] = self.within(zero, 12, "hour")?,
            Part::Minute(zero) => self.clock[1] = self.within(zero, 59, "minute")?,
            Part::Second(zero) => self.second(zero, layout)?,
            Part::Half(half) => self.half(half)?,
            Part::ZoneName => self.zone()?,
            Part::Offset(style) => self.offset(style)?,
            Part::Fraction { zeros, digits, .. } => self.fraction(zeros, digits)?,
        }
        Ok(())
    }

    fn skip_pads(&mut self, pad: Pad, most: usize) {
        for _ in 0..most {
            if pad == Pad::Space {
                self.left = self.left.strip_prefix(b" ").unwrap_or(self.left);
            }
        }
    }

    /// Seconds may be followed by a fraction that the layout does not speak of.
    fn second(&mut self, zero: bool, layout: &[u8]) -> Result<(), Bad> {
        self.clock[2] = self.within(zero, 59, "second")?;
        let next = layout::next_part(layout).1;
        if self.fraction_ahead() && !matches!(next, Some((Part::Fraction { .. }, _))) {
            self.fraction(false, 0)?;
        }
        Ok(())
    }

    fn fraction_ahead(&self) -> bool {
        matches!(self.left, [b'.' | b',', b'0'..=b'9', ..])
    }

    /// Exactly so many digits when zeros count; else as many as there are, or none.
    fn fraction(&mut self, zeros: bool, digits: usize) -> Result<(), Bad> {
        let taken = if zeros {
            self.take(digits.saturating_add(1))?
        } else if self.fraction_ahead() {
            let more = self.left.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
            self.take(1 + more)?
        } else {
            return Ok(());
        };
        let [b'.' | b',', digits @ ..] = taken else {
            return Err(Bad::Value);
        };
        let digits = digits.get(..9).unwrap_or(digits);
        let value = atoi(digits).ok_or(Bad::Value)?;
        let value = u32::try_from(value).map_err(|_| Bad::Range("fractional second"))?;
        self.nanos = value * 10_u32.pow(9 - digits.len() as u32);
        Ok(())
    }

    fn half(&mut self, half: &str) -> Result<(), Bad> {
        let taken = self.take(2)?;
        let (before, after) = if half == "PM" { (b"AM", b"PM") } else { (b"am", b"pm") };
        self.afternoon = Some(match taken {
            taken if taken == after => true,
            taken if taken == before => false,
            _ => return Err(Bad::Value),
        });
        Ok(())
    }

    fn zone(&mut self) -> Result<(), Bad> {
        if let Some(left) = self.left.strip_prefix(b"UTC") {
            self.left = left;
            self.utc = true;
            return Ok(());
        }
        let length = zone_length(self.left).ok_or(Bad::Value)?;
        self.zone_name = Some(self.take(length)?);
        Ok(())
    }

    fn offset(&mut self, style: Offset) -> Result<(), Bad> {
        if style.zulu
            && let Some(left) = self.left.strip_prefix(b"Z")
        {
            self.left = left;
            self.utc = true;
            return Ok(());
        }
        let colon = usize::from(style.colon);
        let (minutes, seconds) = (usize::from(style.minutes), usize::from(style.seconds));
        let taken = self.take(3 + (2 + colon) * (minutes + seconds))?;
        let (sign, hour) = taken.split_at(1);
        let mut numbers = [0; 3];
        let mut rest = hour;
        for (at, number) in numbers.iter_mut().enumerate().take(1 + minutes + seconds) {
            if at > 0 && style.colon {
                rest = rest.strip_prefix(b":").ok_or(Bad::Value)?;
            }
            let (digits, after) = rest.split_at_checked(2).ok_or(Bad::Value)?;
            *number = Some(digits)
                .filter(|digits| digits.iter().all(u8::is_ascii_digit))
                .and_then(atoi)
                .ok_or(Bad::Value)?;
            rest = after;
        }
        let [hours, minutes, seconds] = numbers;
        for (number, max, what) in [
            (seconds, 60, "time zone offset second"),
            (minutes, 60, "time zone offset minute"),
            (hours, 24, "time zone offset hour"),
        ] {
            if number > max {
                return Err(Bad::Range(what));
            }
        }
        let offset = (hours * 60 + minutes) * 60 + seconds;
        self.offset = Some(match sign {
            b"+" => offset,
            b"-" => -offset,
            _ => return Err(Bad::Value),
        });
        Ok(())
    }

    /// The time that all parts make together.
    fn moment(&self) -> Result<Moment, &'static str> {
        let [mut hour, minute, second] = self.clock;
        match self.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let (month, day) = self.month_and_day()?;
        let days = days_before(self.year, month, day);
        let mut moment = Moment {
            nanos: self.nanos,
            ..Moment::unix(((days * 24 + hour) * 60 + minute) * 60 + second)
        };
        let name = self.zone_name.map(String::from_utf8_lossy).unwrap_or_default();
        if self.utc {
            return Ok(moment);
        }
        if let Some(offset) = self.offset {
            moment.seconds -= offset;
            if offset != 0 || !name.is_empty() {
                moment.zone = Zone { name: name.into(), offset };
            }
        } else if let Some(zone) = self.zone_name {
            // A name alone says nothing of the offset, but GMT+3 does to those who look at the clock.
            let hours = zone.strip_prefix(b"GMT").and_then(atoi).unwrap_or(0);
            moment.zone = Zone { name: name.into(), offset: hours * 3600 };
        }
        Ok(moment)
    }

    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let Some(year_day) = self.year_day else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            let first = days_before(self.year, month, 1);
            let length = days_before(self.year, month + 1, 1) - first;
            return if (1..=length).contains(&day) {
                Ok((month, day))
            } else {
                Err(": day out of range")
            };
        };
        if year_day < 1 || year_day > 365 + i64::from(leap) {
            return Err(": day-of-year out of range");
        }
        let days = days_before(self.year, 1, 1) + year_day - 1;
        let month =
            (1..=12).rev().find(|month| days_before(self.year, *month, 1) <= days).unwrap_or(1);
        let day = days - days_before(self.year, month, 1) + 1;
        if self.month.is_some_and(|said| said != month) {
            return Err(": day-of-year does not match month");
        }
        if self.day.is_some_and(|said| said != day) {
            return Err(": day-of-year does not match day");
        }
        Ok((month, day))
    }
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

/// A number with or without a sign; nothing at all is 0.
fn atoi(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix(b"+").unwrap_or(text)),
    };
    let (number, rest) = leading_int(digits)?;
    rest.is_empty().then(|| sign * i64::try_from(number).unwrap_or(i64::MAX))
}

/// How long the abbreviation of a zone at the start of a text is.
fn zone_length(text: &[u8]) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(after) = text.strip_prefix(b"GMT") {
        return Some(3 + signed_offset(after).unwrap_or(0));
    }
    if matches!(text.first(), Some(b'+' | b'-')) {
        return signed_offset(text);
    }
    let capitals = text.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
    let sound = match capitals {
        3 => true,
        4 => text.get(3) == Some(&b'T') || text.starts_with(b"WITA"),
        5 => text.get(4) == Some(&b'T'),
        _ => false,
    };
    sound.then_some(capitals)
}

/// How long a signed number of hours is.
fn signed_offset(text: &[u8]) -> Option<usize> {
    let (b'+' | b'-', digits) = text.split_first()? else {
        return None;
    };
    let (hours, rest) = leading_int(digits)?;
    (rest.len() < digits.len() && hours <= 23).then(|| text.len() - rest.len())
}
