//! Go's layouts for times: an example of the time itself, `2006-01-02T15:04:05Z07:00`.

use crate::sprig::moment::Moment;

/// A part of a layout that stands for a part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `January`.
    LongMonth,
    /// `Jan`.
    Month,
    /// `1`, or `01` with a zero.
    NumMonth(bool),
    /// `Monday`.
    LongWeekday,
    /// `Mon`.
    Weekday,
    /// `2`, `_2` or `02`.
    Day(Pad),
    /// `__2` or `002`.
    YearDay(Pad),
    /// `15`.
    Hour,
    /// `3`, or `03` with a zero.
    Hour12(bool),
    /// `4`, or `04` with a zero.
    Minute(bool),
    /// `5`, or `05` with a zero.
    Second(bool),
    /// `2006`.
    LongYear,
    /// `06`.
    Year,
    /// `PM`, or `pm`.
    Half(&'static str),
    /// `MST`.
    ZoneName,
    /// `-0700` and its sisters.
    Offset(Offset),
    /// `.000` or `,999`.
    Fraction {
        /// Whether zeros at the end are written.
        zeros: bool,
        /// How many digits.
        digits: usize,
        /// What stands before them.
        separator: u8,
    },
}

/// What fills a short number up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    /// Nothing.
    No,
    /// Spaces.
    Space,
    /// Zeros.
    Zero,
}

/// How an offset from UTC is written: four questions that are independent of each other.
#[expect(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// Whether `Z` stands for none.
    pub(super) zulu: bool,
    /// Whether minutes follow.
    pub(super) minutes: bool,
    /// Whether seconds follow.
    pub(super) seconds: bool,
    /// Whether colons stand between.
    pub(super) colon: bool,
}

#[expect(clippy::fn_params_excessive_bools)] // for the table below
const fn offset(zulu: bool, minutes: bool, seconds: bool, colon: bool) -> Part {
    Part::Offset(Offset { zulu, minutes, seconds, colon })
}

/// All parts of fixed spelling; of two that start alike the longer one is first.
const PARTS: &[(&str, Part)] = &[
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::ZoneName),
    ("01", Part::NumMonth(true)),
    ("02", Part::Day(Pad::Zero)),
    ("03", Part::Hour12(true)),
    ("04", Part::Minute(true)),
    ("05", Part::Second(true)),
    ("06", Part::Year),
    ("002", Part::YearDay(Pad::Zero)),
    ("15", Part::Hour),
    ("1", Part::NumMonth(false)),
    ("2006", Part::LongYear),
    ("2", Part::Day(Pad::No)),
    ("_2", Part::Day(Pad::Space)),
    ("__2", Part::YearDay(Pad::Space)),
    ("3", Part::Hour12(false)),
    ("4", Part::Minute(false)),
    ("5", Part::Second(false)),
    ("PM", Part::Half("PM")),
    ("pm", Part::Half("pm")),
    ("-070000", offset(false, true, true, false)),
    ("-07:00:00", offset(false, true, true, true)),
    ("-0700", offset(false, true, false, false)),
    ("-07:00", offset(false, true, false, true)),
    ("-07", offset(false, false, false, false)),
    ("Z070000", offset(true, true, true, false)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z0700", offset(true, true, false, false)),
    ("Z07:00", offset(true, true, false, true)),
    ("Z07", offset(true, false, false, false)),
];

/// Names of months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of days.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The name of a month, from 1.
pub(super) fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at).copied()).unwrap_or_default()
}

/// The name of a day, from Sunday, which is 0.
pub(super) fn weekday_name(day: i64) -> &'static str {
    usize::try_from(day).ok().and_then(|at| WEEKDAYS.get(at).copied()).unwrap_or_default()
}

/// The first part of a layout: what stands before it, the part and its spelling, and what follows.
pub(super) fn next_part(layout: &[u8]) -> (&[u8], Option<(Part, &[u8])>, &[u8]) {
    for at in 0..layout.len() {
        let (before, rest) = layout.split_at(at);
        if let Some((part, length)) = part_at(rest) {
            let (spelling, after) = rest.split_at(length);
            return (before, Some((part, spelling)), after);
        }
    }
    (layout, None, &[])
}

fn part_at(rest: &[u8]) -> Option<(Part, usize)> {
    if let [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] = rest {
        let digits = rest.iter().skip(1).take_while(|byte| *byte == digit).count();
        // Nothing but a fraction is all digits.
        if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let zeros = *digit == b'0';
        return Some((Part::Fraction { zeros, digits, separator: *separator }, 1 + digits));
    }
    // An underscore before the year is one.
    if rest.starts_with(b"_2006") {
        return None;
    }
    let (spelling, part) =
        PARTS.iter().find(|(spelling, _)| rest.starts_with(spelling.as_bytes()))?;
    // `Month` starts with no part.
    let short = matches!(part, Part::Month | Part::Weekday);
    if short && rest.get(3).is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    Some((*part, spelling.len()))
}

/// A time written after a layout (`Time.Format`).
pub(super) fn format(moment: &Moment, layout: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(layout.len() + 10);
    let mut rest = layout;
    loop {
        let (before, part, after) = next_part(rest);
        out.extend_from_slice(before);
        let Some((part, _)) = part else { return out };
        out.extend(written(moment, part).into_bytes());
        rest = after;
    }
}

fn written(moment: &Moment, part: Part) -> String {
    let date = moment.date();
    let (hour, minute, second) = moment.clock();
    let month = month_name(date.month);
    let weekday = weekday_name(date.weekday);
    let two = |number: i64, zero: bool| padded(number, if zero { 2 } else { 0 });
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    match part {
        Part::LongMonth => month.into(),
        Part::Month => month.get(..3).unwrap_or_default().into(),
        Part::NumMonth(zero) => two(date.month, zero),
        Part::LongWeekday => weekday.into(),
        Part::Weekday => weekday.get(..3).unwrap_or_default().into(),
        Part::Day(Pad::Space) => format!("{:>2}", date.day),
        Part::Day(pad) => two(date.day, pad == Pad::Zero),
        Part::YearDay(Pad::Space) => format!("{:>3}", date.year_day),
        Part::YearDay(_) => padded(date.year_day, 3),
        Part::Hour => padded(hour, 2),
        Part::Hour12(zero) => two(hour12, zero),
        Part::Minute(zero) => two(minute, zero),
        Part::Second(zero) => two(second, zero),
        Part::LongYear => padded(date.year, 4),
        Part::Year => padded(date.year.abs() % 100, 2),
        Part::Half(half) => match (half, hour >= 12) {
            ("PM", true) => "PM",
            ("PM", false) => "AM",
            (_, true) => "pm",
            (_, false) => "am",
        }
        .into(),
        Part::ZoneName if !moment.zone.name.is_empty() => moment.zone.name.to_string(),
        Part::ZoneName => offset_written(
            moment.zone.offset,
            Offset { zulu: false, minutes: true, seconds: false, colon: false },
        ),
        Part::Offset(style) => offset_written(moment.zone.offset, style),
        Part::Fraction { zeros, digits, separator } => {
            fraction_written(moment.nanos, zeros, digits, separator)
        }
    }
}

/// A number with zeros up to a width, which its sign does not count for.
fn padded(number: i64, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

fn offset_written(seconds: i64, style: Offset) -> String {
    if style.zulu && seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let colon = if style.colon { ":" } else { "" };
    let mut out = format!("{sign}{:02}", size / 3600);
    if style.minutes {
        out.push_str(&format!("{colon}{:02}", size / 60 % 60));
    }
    if style.seconds {
        out.push_str(&format!("{colon}{:02}", size % 60));
    }
    out
}

fn fraction_written(nanos: u32, zeros: bool, digits: usize, separator: u8) -> String {
    let whole = format!("{nanos:09}");
    let shown = whole.get(..digits.min(9)).unwrap_or_default();
    let shown = if zeros { shown } else { shown.trim_end_matches('0') };
    if shown.is_empty() { String::new() } else { format!("{}{shown}", char::from(separator)) }
}
