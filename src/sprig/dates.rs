//! Sprig's functions for dates. Now is the time of the run, and local means UTC: a lock must not depend on the host.

#![allow(clippy::unnecessary_wraps)] // one signature for all functions

use crate::sprig::moment::{Moment, Zone, moment};
use crate::sprig::{clock_reader, duration, layout};
use crate::template::{Args, Fault, Function, Host, Value};

/// The functions of this file.
pub(super) const ALL: &[Function] = &[
    Function::fixed("now", 0, |host, _| Ok(Moment::unix(host.now()).value())),
    Function::fixed("date", 2, |host, args| in_zone(host, args.bytes(0)?, args.any(1), b"")),
    Function::fixed("dateInZone", 3, date_in_zone),
    Function::fixed("date_in_zone", 3, date_in_zone),
    Function::fixed("htmlDate", 1, |host, args| in_zone(host, HTML, args.any(0), b"")),
    Function::fixed("htmlDateInZone", 2, |host, args| {
        in_zone(host, HTML, args.any(0), args.bytes(1)?)
    }),
    Function::fixed("dateModify", 2, date_modify),
    Function::fixed("date_modify", 2, date_modify),
    Function::fixed("mustDateModify", 2, must_date_modify),
    Function::fixed("must_date_modify", 2, must_date_modify),
    Function::fixed("toDate", 2, |host, args| {
        Ok(read(host, args)?.unwrap_or_else(|_| Moment::zero()).value())
    }),
    Function::fixed("mustToDate", 2, |host, args| {
        read(host, args)?.map(Moment::value).map_err(Fault::Said)
    }),
    Function::fixed("ago", 1, ago),
    Function::fixed("duration", 1, duration_of_seconds),
    Function::fixed("durationRound", 1, duration_round),
    Function::fixed("unixEpoch", 1, |_, args| Ok(moment(args, 0)?.seconds.to_string().into())),
];

const HTML: &[u8] = b"2006-01-02";

/// Whatever Sprig takes for a date: a time, or seconds since 1970; anything else is now.
fn date_of(host: &dyn Host, value: &Value) -> Moment {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Moment::unix(*seconds),
        other => other.as_object::<Moment>().cloned().unwrap_or_else(|| Moment::unix(host.now())),
    }
}

fn date_in_zone(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    in_zone(host, args.bytes(0)?, args.any(1), args.bytes(2)?)
}

fn in_zone(host: &mut dyn Host, layout: &[u8], date: &Value, zone: &[u8]) -> Result<Value, Fault> {
    // A part of one letter may become the name of a month.
    host.spend((layout.len() as u64).saturating_mul(9))?;
    let date = Moment { zone: zone_of(zone)?, ..date_of(host, date) };
    Ok(Value::from_bytes(layout::format(&date, layout)))
}

/// Areas of the time zone database.
const AREAS: &[&[u8]] = &[
    b"Africa",
    b"America",
    b"Antarctica",
    b"Arctic",
    b"Asia",
    b"Atlantic",
    b"Australia",
    b"Brazil",
    b"Canada",
    b"Chile",
    b"Europe",
    b"Indian",
    b"Mexico",
    b"Pacific",
    b"US",
];

/// Zones of the database that have rules and no area.
const RULED: &[&[u8]] = &[
    b"CET",
    b"CST6CDT",
    b"Cuba",
    b"EET",
    b"EST5EDT",
    b"Egypt",
    b"Eire",
    b"GB",
    b"GB-Eire",
    b"Hongkong",
    b"Iceland",
    b"Iran",
    b"Israel",
    b"Jamaica",
    b"Japan",
    b"Kwajalein",
    b"Libya",
    b"MET",
    b"MST7MDT",
    b"NZ",
    b"NZ-CHAT",
    b"Navajo",
    b"PRC",
    b"PST8PDT",
    b"Poland",
    b"Portugal",
    b"ROC",
    b"ROK",
    b"Singapore",
    b"Turkey",
    b"W-SU",
    b"WET",
];

/// The zone of a name. Zones that have rules are refused: their rules change, and a lock must not. What is no zone is UTC, as in
/// Sprig.
fn zone_of(name: &[u8]) -> Result<Zone, Fault> {
    let fixed = |name: &str, hours: i64| Ok(Zone { name: name.into(), offset: hours * 3600 });
    let etc = name.strip_prefix(b"Etc/").unwrap_or(name);
    match etc {
        b"GMT" | b"GMT0" | b"GMT+0" | b"GMT-0" | b"Greenwich" => return fixed("GMT", 0),
        b"EST" => return fixed("EST", -5),
        b"MST" => return fixed("MST", -7),
        b"HST" => return fixed("HST", -10),
        _ => {}
    }
    // In these names east is minus.
    let west = etc.strip_prefix(b"GMT").filter(|_| name.len() > etc.len());
    if let Some([sign @ (b'+' | b'-'), digits @ ..]) = west
        && let Some(hours) = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok())
        && digits.first() != Some(&b'0')
    {
        let hours: i64 = if *sign == b'-' { hours } else { -hours };
        if (-12..=14).contains(&hours) {
            return fixed(&format!("{hours:+03}"), hours);
        }
    }
    let area = name.split(|byte| *byte == b'/').next().unwrap_or_default();
    if RULED.contains(&name) || area.len() < name.len() && AREAS.contains(&area) {
        let name = String::from_utf8_lossy(name);
        return Err(Fault::said(format!(
            "time zone {name}: haversack knows UTC and zones with a fixed offset only"
        )));
    }
    Ok(Zone::utc())
}

fn date_modify(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (by, date) = (args.bytes(0)?, moment(args, 1)?);
    Ok(duration::parse(by).map_or_else(|_| args.any(1).clone(), |by| date.later(by).value()))
}

fn must_date_modify(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let (by, date) = (args.bytes(0)?, moment(args, 1)?);
    Ok(date.later(duration::parse(by).map_err(Fault::Said)?).value())
}

fn read(host: &mut dyn Host, args: Args<'_>) -> Result<Result<Moment, String>, Fault> {
    let (layout, value) = (args.bytes(0)?, args.bytes(1)?);
    host.spend((layout.len() as u64).saturating_add(value.len() as u64))?;
    Ok(clock_reader::read(layout, value))
}

fn ago(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let since = Moment::unix(host.now()).since(&date_of(host, args.any(0)));
    Ok(duration::print(to_seconds(since)).into())
}

/// Half a second and more is one, away from zero.
fn to_seconds(nanos: i64) -> i64 {
    let rest = nanos % duration::SECOND;
    let whole = nanos - rest;
    if rest.abs() < duration::SECOND / 2 {
        return whole;
    }
    whole.saturating_add(rest.signum() * duration::SECOND)
}

fn duration_of_seconds(_: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let seconds = match args.any(0) {
        Value::Int64(seconds) => *seconds,
        Value::Text(text) => seconds_of_text(text),
        _ => 0,
    };
    Ok(duration::print(seconds.wrapping_mul(duration::SECOND)).into())
}

/// `strconv.ParseInt`, whose outcome Sprig takes even when it does not fit: the nearest number.
fn seconds_of_text(text: &str) -> i64 {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().unwrap_or_else(|error: std::num::ParseIntError| match error.kind() {
        PosOverflow => i64::MAX,
        NegOverflow => i64::MIN,
        _ => 0,
    })
}

/// A duration in its largest unit, rounded down.
fn duration_round(host: &mut dyn Host, args: Args<'_>) -> Result<Value, Fault> {
    let nanos = match args.any(0) {
        Value::Int64(nanos) => *nanos,
        text @ (Value::Text(_) | Value::Bytes(_)) => {
            duration::parse(text.as_bytes().unwrap_or_default()).unwrap_or(0)
        }
        other => other.as_object::<Moment>().map_or(0, |date| Moment::unix(host.now()).since(date)),
    };
    let size = nanos.unsigned_abs();
    const HOUR: u64 = 3600;
    const UNITS: [(u64, &str); 6] = [
        (365 * 24 * HOUR, "y"),
        (30 * 24 * HOUR, "mo"),
        (24 * HOUR, "d"),
        (HOUR, "h"),
        (60, "m"),
        (1, "s"),
    ];
    // A duration of exactly one unit is counted in the next smaller one.
    let unit = |(seconds, _): &&(u64, &str)| size > seconds * duration::SECOND.unsigned_abs();
    Ok(UNITS.iter().find(unit).map_or_else(
        || "0s".into(),
        |(seconds, name)| {
            format!("{}{name}", size / (seconds * duration::SECOND.unsigned_abs())).into()
        },
    ))
}
