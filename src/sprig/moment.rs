//! Go's `time.Time` and its small relatives, as objects that templates can ask.

use std::any::Any;
use std::rc::Rc;

use crate::sprig::duration::{self, SECOND};
use crate::sprig::layout;
use crate::template::{Args, Fault, Host, Kind, Object, Value};

/// A point in time, seen from a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Seconds since 1970.
    pub(super) seconds: i64,
    /// Nanoseconds after that.
    pub(super) nanos: u32,
    /// The zone.
    pub(super) zone: Zone,
}

/// A zone without rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    /// Its abbreviation; empty when only the offset is known.
    pub(super) name: Rc<str>,
    /// Seconds east of UTC.
    pub(super) offset: i64,
}

/// A day of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    /// The year; negative before the year 0.
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    /// 1 to 366.
    pub(super) year_day: i64,
    /// 0 for Sunday.
    pub(super) weekday: i64,
}

const DAY: i64 = 86_400;

impl Zone {
    /// UTC, which is what Go calls local here too: a lock does not depend on where it is made.
    pub(super) fn utc() -> Self {
        Self { name: "UTC".into(), offset: 0 }
    }
}

impl Moment {
    /// So many seconds after 1970 began, in UTC.
    pub(super) fn unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0, zone: Zone::utc() }
    }

    /// Go's zero time, the start of the year 1.
    pub(super) fn zero() -> Self {
        Self::unix(-62_135_596_800)
    }

    /// The same point in time, later by some nanoseconds.
    pub(super) fn later(&self, nanos: i64) -> Self {
        let total = i64::from(self.nanos) + nanos.rem_euclid(SECOND);
        Self {
            seconds: self
                .seconds
                .saturating_add(nanos.div_euclid(SECOND))
                .saturating_add(total / SECOND),
            nanos: u32::try_from(total % SECOND).unwrap_or(0),
            zone: self.zone.clone(),
        }
    }

    /// Nanoseconds since another point in time, as many as 64 bits can hold.
    pub(super) fn since(&self, other: &Self) -> i64 {
        let nanos = (i128::from(self.seconds) - i128::from(other.seconds)) * i128::from(SECOND)
            + i128::from(self.nanos)
            - i128::from(other.nanos);
        clamped(nanos)
    }

    /// The day, in its zone.
    pub(super) fn date(&self) -> Date {
        let days = self.local().div_euclid(DAY);
        // Days since 0000-03-01, in eras of 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date {
            year,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            year_day: days - days_before(year, 1, 1) + 1,
            weekday: (days + 4).rem_euclid(7),
        }
    }

    /// Hour, minute and second, in its zone.
    pub(super) fn clock(&self) -> (i64, i64, i64) {
        let second = self.local().rem_euclid(DAY);
        (second / 3600, second / 60 % 60, second % 60)
    }

    fn local(&self) -> i64 {
        self.seconds.saturating_add(self.zone.offset)
    }

    fn text(&self) -> Vec<u8> {
        layout::format(self, b"2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// What all times answer without asking anything.
    fn answer(&self, method: &str) -> Option<Value> {
        let (date, (hour, minute, second)) = (self.date(), self.clock());
        let nanos = |unit: i128| {
            let nanos = i128::from(self.seconds) * i128::from(SECOND) + i128::from(self.nanos);
            Value::Int64(nanos.div_euclid(unit) as i64)
        };
        Some(match method {
            "Unix" => Value::Int64(self.seconds),
            "UnixMilli" => nanos(1_000_000),
            "UnixMicro" => nanos(1_000),
            "UnixNano" => nanos(1),
            "Year" => Value::Int(date.year),
            "Month" => Named::month(date.month).value(),
            "Day" => Value::Int(date.day),
            "YearDay" => Value::Int(date.year_day),
            "Weekday" => Named::weekday(date.weekday).value(),
            "Hour" => Value::Int(hour),
            "Minute" => Value::Int(minute),
            "Second" => Value::Int(second),
            "Nanosecond" => Value::Int(i64::from(self.nanos)),
            "UTC" | "Local" => Self { zone: Zone::utc(), ..self.clone() }.value(),
            "IsZero" => (self.seconds == Self::zero().seconds && self.nanos == 0).into(),
            "String" => Value::from_bytes(self.text()),
            _ => return None,
        })
    }

    /// What times answer when they are given something.
    fn compute(&self, method: &str, args: Args<'_>) -> Option<Result<Value, Fault>> {
        Some(match method {
            "Format" => args.bytes(0).map(|layout| Value::from_bytes(layout::format(self, layout))),
            "Add" => nanoseconds(args).map(|nanos| self.later(nanos).value()),
            "AddDate" => self.add_date(args),
            "Sub" => moment(args, 0).map(|other| Named::duration(self.since(other)).value()),
            "Before" => moment(args, 0).map(|other| self.point().lt(&other.point()).into()),
            "After" => moment(args, 0).map(|other| self.point().gt(&other.point()).into()),
            "Equal" => moment(args, 0).map(|other| self.point().eq(&other.point()).into()),
            "Compare" => {
                moment(args, 0).map(|other| Value::Int(self.point().cmp(&other.point()) as i64))
            }
            _ => return None,
        })
    }

    fn point(&self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }

    fn add_date(&self, args: Args<'_>) -> Result<Value, Fault> {
        let date = self.date();
        let (years, months, days) = (args.int(0)?, args.int(1)?, args.int(2)?);
        let add = |one: i64, other: i64| {
            let bound = 1_000_000_000_000;
            one.checked_add(other)
                .filter(|sum| (-bound..=bound).contains(sum))
                .ok_or_else(|| Fault::said("date out of range"))
        };
        let (year, month, day) =
            (add(date.year, years)?, add(date.month, months)?, add(date.day, days)?);
        let days = days_before(year, month, 1) + day - 1;
        let seconds = i128::from(days) * i128::from(DAY) + i128::from(self.local().rem_euclid(DAY))
            - i128::from(self.zone.offset);
        Ok(Self { seconds: clamped(seconds), ..self.clone() }.value())
    }

    /// As a value.
    pub(super) fn value(self) -> Value {
        Value::Object(Rc::new(self))
    }
}

/// The time in an argument of type `time.Time`.
pub(super) fn moment(args: Args<'_>, at: usize) -> Result<&Moment, Fault> {
    let value = args.any(at);
    value.as_object::<Moment>().ok_or_else(|| match value {
        Value::Nil => Fault::said("invalid value; expected time.Time"),
        other => Fault::said(format!(
            "wrong type for value; expected time.Time; got {}",
            other.type_name()
        )),
    })
}

fn nanoseconds(args: Args<'_>) -> Result<i64, Fault> {
    match args.any(0).as_object::<Named>() {
        Some(named) => Ok(named.number),
        None => args.int(0),
    }
}

fn clamped(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Days from 1970 to a day. Months beyond 12 lead into other years.
pub(super) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(
        &self,
        host: &mut dyn Host,
        method: &str,
        args: &[Value],
    ) -> Option<Result<Value, Fault>> {
        let taken = match method {
            "AddDate" => 3,
            "Format" | "Add" | "Sub" | "Before" | "After" | "Equal" | "Compare" => 1,
            _ => 0,
        };
        let answer = match taken {
            0 => self.answer(method).map(Ok),
            _ if args.len() == taken => self.compute(method, Args(args)),
            _ => Some(Err(Fault::Said(String::new()))),
        };
        if answer.is_some() && args.len() != taken {
            return Some(Err(Fault::count(method, taken, args.len())));
        }
        let asked = args.iter().filter_map(Value::as_bytes).map(<[u8]>::len).sum::<usize>();
        host.spend(asked as u64 + 1).map_or_else(|fault| Some(Err(fault)), |()| answer)
    }

    fn print(&self) -> String {
        String::from_utf8_lossy(&self.text()).into_owned()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A number of a type that has names: `time.Month`, `time.Weekday`, `time.Duration`.
#[derive(Clone, Debug)]
pub(super) struct Named {
    of: &'static str,
    number: i64,
    text: String,
}

impl Named {
    fn month(number: i64) -> Self {
        let name = layout::month_name(number);
        Self { of: "time.Month", number, text: name.into() }
    }

    fn weekday(number: i64) -> Self {
        let name = layout::weekday_name(number);
        Self { of: "time.Weekday", number, text: name.into() }
    }

    fn duration(number: i64) -> Self {
        Self { of: "time.Duration", number, text: duration::print(number) }
    }

    /// The number that spf13/cast makes of it, which knows months and days alone.
    pub(super) fn number(&self) -> Option<i64> {
        (self.of != "time.Duration").then_some(self.number)
    }

    fn value(self) -> Value {
        Value::Object(Rc::new(self))
    }

    #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
    fn answer(&self, method: &str) -> Option<Value> {
        let in_units = |unit: i64| {
            Value::Float((self.number / unit) as f64 + (self.number % unit) as f64 / unit as f64)
        };
        Some(match (self.of, method) {
            (_, "String") => self.text.as_str().into(),
            ("time.Duration", "Hours") => in_units(3600 * SECOND),
            ("time.Duration", "Minutes") => in_units(60 * SECOND),
            ("time.Duration", "Seconds") => in_units(SECOND),
            ("time.Duration", "Milliseconds") => Value::Int64(self.number / 1_000_000),
            ("time.Duration", "Microseconds") => Value::Int64(self.number / 1_000),
            ("time.Duration", "Nanoseconds") => Value::Int64(self.number),
            _ => return None,
        })
    }
}

impl Object for Named {
    fn type_name(&self) -> &'static str {
        self.of
    }

    fn kind(&self) -> Kind {
        if self.of == "time.Duration" { Kind::Int64 } else { Kind::Int }
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, _: &mut dyn Host, method: &str, _: &[Value]) -> Option<Result<Value, Fault>> {
        self.answer(method).map(Ok)
    }

    fn print(&self) -> String {
        self.text.clone()
    }

    fn truth(&self) -> bool {
        self.number != 0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
