//! What Sprig makes of dates, taken from Sprig itself.

use crate::sprig::dates::ALL;
use crate::sprig::moment::Moment;
use crate::sprig::testing::{Bench, call, shown};
use crate::template::print_value;
use crate::template::{Object, Value};

#[test]
fn writes_times_as_go_does() {
    for (seconds, layout, expected) in WRITTEN {
        let args = [(*layout).into(), Value::Int(*seconds)];
        let outcome = call(ALL, "date", &args).unwrap();
        assert_eq!(outcome.as_text(), Some(*expected), "{seconds} {layout}");
    }
}

/// Seconds, layout, and what `date` makes of them.
const WRITTEN: &[(i64, &str, &str)] = &[
    (0, "2006-01-02 15:04:05", "1970-01-01 00:00:00"),
    (1_700_000_000, "2006-01-02 15:04:05", "2023-11-14 22:13:20"),
    (-1, "2006-01-02 15:04:05", "1969-12-31 23:59:59"),
    (951_782_400, "2006-01-02 15:04:05", "2000-02-29 00:00:00"),
    (4_102_444_799, "2006-01-02 15:04:05", "2099-12-31 23:59:59"),
    (-62_135_596_800, "2006-01-02 15:04:05", "0001-01-01 00:00:00"),
    (-99_999_999_999, "2006-01-02 15:04:05", "-1199-02-15 14:13:21"),
    (253_402_300_800, "2006-01-02 15:04:05", "10000-01-01 00:00:00"),
    (1_709_210_096, "2006-01-02 15:04:05", "2024-02-29 12:34:56"),
    (1_700_000_000, "Mon Jan _2 15:04:05 2006", "Tue Nov 14 22:13:20 2023"),
    (951_868_799, "Mon Jan _2 15:04:05 2006", "Tue Feb 29 23:59:59 2000"),
    (-62_167_219_201, "Mon Jan _2 15:04:05 2006", "Fri Dec 31 23:59:59 -0001"),
    (1_700_000_000, "Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 14-Nov-23 22:13:20 UTC"),
    (951_868_799, "Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 29-Feb-00 23:59:59 UTC"),
    (-62_167_219_201, "Monday, 02-Jan-06 15:04:05 MST", "Friday, 31-Dec-01 23:59:59 UTC"),
    (1_700_000_000, "2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20Z"),
    (951_868_799, "2006-01-02T15:04:05Z07:00", "2000-02-29T23:59:59Z"),
    (-62_167_219_201, "2006-01-02T15:04:05Z07:00", "-0001-12-31T23:59:59Z"),
    (1_700_000_000, "3:04PM pm", "10:13PM pm"),
    (951_868_799, "3:04PM pm", "11:59PM pm"),
    (-62_167_219_201, "3:04PM pm", "11:59PM pm"),
    (1_700_000_000, "January 1 2 002 __2", "November 11 14 318 318"),
    (951_868_799, "January 1 2 002 __2", "February 2 29 060  60"),
    (-62_167_219_201, "January 1 2 002 __2", "December 12 31 365 365"),
    (1_700_000_000, "_2006 _2x", "_2023 14x"),
    (951_868_799, "_2006 _2x", "_2000 29x"),
    (-62_167_219_201, "_2006 _2x", "_-0001 31x"),
    (1_700_000_000, "Month Janet Mon Jan.", "Month Janet Tue Nov."),
    (951_868_799, "Month Janet Mon Jan.", "Month Janet Tue Feb."),
    (-62_167_219_201, "Month Janet Mon Jan.", "Month Janet Fri Dec."),
    (1_700_000_000, "03 3 4 5 06", "10 10 13 20 23"),
    (951_868_799, "03 3 4 5 06", "11 11 59 59 00"),
    (-62_167_219_201, "03 3 4 5 06", "11 11 59 59 01"),
    (1_700_000_000, "-0700 -07:00 -07 -070000 -07:00:00", "+0000 +00:00 +00 +000000 +00:00:00"),
    (951_868_799, "-0700 -07:00 -07 -070000 -07:00:00", "+0000 +00:00 +00 +000000 +00:00:00"),
    (-62_167_219_201, "-0700 -07:00 -07 -070000 -07:00:00", "+0000 +00:00 +00 +000000 +00:00:00"),
    (1_700_000_000, "Z0700 Z07 Z070000 Z07:00:00", "Z Z Z Z"),
    (951_868_799, "Z0700 Z07 Z070000 Z07:00:00", "Z Z Z Z"),
    (-62_167_219_201, "Z0700 Z07 Z070000 Z07:00:00", "Z Z Z Z"),
    (1_700_000_000, ".000 ,999 .0001 .9", ".000  .0011 "),
    (951_868_799, ".000 ,999 .0001 .9", ".000  .0002 "),
    (-62_167_219_201, ".000 ,999 .0001 .9", ".000  .0012 "),
    (1_700_000_000, "20060102150405", "20231114221320"),
    (951_868_799, "20060102150405", "20000229235959"),
    (-62_167_219_201, "20060102150405", "-00011231235959"),
    (1_700_000_000, "é2006é", "é2023é"),
    (951_868_799, "é2006é", "é2000é"),
    (-62_167_219_201, "é2006é", "é-0001é"),
    (1_700_000_000, "", ""),
    (951_868_799, "", ""),
    (-62_167_219_201, "", ""),
    (1_700_000_000, "2006.05.04", "2023.20.13"),
    (951_868_799, "2006.05.04", "2000.59.59"),
    (-62_167_219_201, "2006.05.04", "-0001.59.59"),
    (1_700_000_000, "05.000", "20.000"),
    (951_868_799, "05.000", "59.000"),
    (-62_167_219_201, "05.000", "59.000"),
    (1_700_000_000, "15h04m05s", "22h13m20s"),
    (951_868_799, "15h04m05s", "23h59m59s"),
    (-62_167_219_201, "15h04m05s", "23h59m59s"),
    (1_700_000_000, "MSTMST", "UTCUTC"),
    (951_868_799, "MSTMST", "UTCUTC"),
    (-62_167_219_201, "MSTMST", "UTCUTC"),
    (1_700_000_000, "Mondays Monkey", "Tuesdays Monkey"),
    (951_868_799, "Mondays Monkey", "Tuesdays Monkey"),
    (-62_167_219_201, "Mondays Monkey", "Fridays Monkey"),
];

#[test]
fn reads_times_as_go_does() {
    for (layout, text, expected) in READ {
        let outcome = match call(ALL, "mustToDate", &[(*layout).into(), (*text).into()]) {
            Ok(time) => print_value(&time),
            Err(fault) => format!("error: {fault}"),
        };
        assert_eq!(outcome, *expected, "{layout} {text}");
    }
    let zero = call(ALL, "toDate", &["2006".into(), "x".into()]).unwrap();
    assert_eq!(print_value(&zero), "0001-01-01 00:00:00 +0000 UTC");
}

/// Layout, text, and what `mustToDate` prints.
const READ: &[(&str, &str, &str)] = &[
    ("2006-01-02", "2023-11-14", "2023-11-14 00:00:00 +0000 UTC"),
    ("2006-01-02", "2023-02-29", "error: parsing time \"2023-02-29\": day out of range"),
    ("2006-01-02", "2024-02-29", "2024-02-29 00:00:00 +0000 UTC"),
    ("2006-01-02", "2023-13-01", "error: parsing time \"2023-13-01\": month out of range"),
    ("2006-01-02", "2023-00-01", "error: parsing time \"2023-00-01\": month out of range"),
    (
        "2006-01-02",
        "2023-1-01",
        "error: parsing time \"2023-1-01\" as \"2006-01-02\": cannot parse \"1-01\" as \"01\"",
    ),
    (
        "2006-01-02",
        "x",
        "error: parsing time \"x\" as \"2006-01-02\": cannot parse \"x\" as \"2006\"",
    ),
    ("2006-01-02", "2023-11-14x", "error: parsing time \"2023-11-14x\": extra text: \"x\""),
    ("2006-01-02", "", "error: parsing time \"\" as \"2006-01-02\": cannot parse \"\" as \"2006\""),
    ("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20 +0000 UTC"),
    (
        "2006-01-02T15:04:05Z07:00",
        "2023-11-14T22:13:20.123456789123+05:30",
        "2023-11-14 22:13:20.123456789 +0530 +0530",
    ),
    ("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20,5-00:00", "2023-11-14 22:13:20.5 +0000 UTC"),
    (
        "2006-01-02T15:04:05Z07:00",
        "2023-11-14T24:13:20Z",
        "error: parsing time \"2023-11-14T24:13:20Z\": hour out of range",
    ),
    (
        "2006-01-02T15:04:05Z07:00",
        "2023-11-14T22:13:60Z",
        "error: parsing time \"2023-11-14T22:13:60Z\": second out of range",
    ),
    (
        "2006-01-02T15:04:05Z07:00",
        "2023-11-14T22:13:20+25:00",
        "error: parsing time \"2023-11-14T22:13:20+25:00\": time zone offset hour out of range",
    ),
    (
        "2006-01-02T15:04:05Z07:00",
        "2023-11-14T22:13:20+05x30",
        "error: parsing time \"2023-11-14T22:13:20+05x30\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"+05x30\" as \"Z07:00\"",
    ),
    ("Mon Jan _2 15:04:05 2006", "tue NOV  4 22:13:20 2023", "2023-11-04 22:13:20 +0000 UTC"),
    (
        "Monday, 02-Jan-06 15:04:05 MST",
        "Tuesday, 14-Nov-23 22:13:20 UTC",
        "2023-11-14 22:13:20 +0000 UTC",
    ),
    (
        "Monday, 02-Jan-06 15:04:05 MST",
        "Tuesday, 14-Nov-68 22:13:20 CEST",
        "2068-11-14 22:13:20 +0000 CEST",
    ),
    (
        "Monday, 02-Jan-06 15:04:05 MST",
        "Tuesday, 14-Nov-69 22:13:20 GMT+3",
        "1969-11-15 01:13:20 +0300 GMT+3",
    ),
    ("MST", "ChST", "0000-01-01 00:00:00 +0000 ChST"),
    ("MST", "WITA", "0000-01-01 00:00:00 +0000 WITA"),
    ("MST", "ABCD", "error: parsing time \"ABCD\" as \"MST\": cannot parse \"ABCD\" as \"MST\""),
    ("MST", "ABCDE", "error: parsing time \"ABCDE\" as \"MST\": cannot parse \"ABCDE\" as \"MST\""),
    ("MST", "ABCDT", "0000-01-01 00:00:00 +0000 ABCDT"),
    ("MST", "+05", "0000-01-01 00:00:00 +0000 +05"),
    ("MST", "-24", "error: parsing time \"-24\" as \"MST\": cannot parse \"-24\" as \"MST\""),
    ("MST", "ab", "error: parsing time \"ab\" as \"MST\": cannot parse \"ab\" as \"MST\""),
    ("3:04PM", "12:30AM", "0000-01-01 00:30:00 +0000 UTC"),
    ("3:04PM", "12:30PM", "0000-01-01 12:30:00 +0000 UTC"),
    ("3:04PM", "1:30PM", "0000-01-01 13:30:00 +0000 UTC"),
    ("3:04PM", "13:30PM", "error: parsing time \"13:30PM\": hour out of range"),
    (
        "3:04PM",
        "1:30pm",
        "error: parsing time \"1:30pm\" as \"3:04PM\": cannot parse \"pm\" as \"PM\"",
    ),
    ("3:04pm", "1:30pm", "0000-01-01 13:30:00 +0000 UTC"),
    ("3:04pm", "1:30", "error: parsing time \"1:30\" as \"3:04pm\": cannot parse \"\" as \"pm\""),
    ("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"),
    ("2006 002", "2024 366", "2024-12-31 00:00:00 +0000 UTC"),
    ("2006 002", "2023 366", "error: parsing time \"2023 366\": day-of-year out of range"),
    ("2006 __2", "2023   5", "2023-01-05 00:00:00 +0000 UTC"),
    (
        "2006-01 002",
        "2024-02 061",
        "error: parsing time \"2024-02 061\": day-of-year does not match month",
    ),
    (
        "2006-01-02 002",
        "2024-03-02 061",
        "error: parsing time \"2024-03-02 061\": day-of-year does not match day",
    ),
    ("2006 002", "2023 000", "error: parsing time \"2023 000\": day-of-year out of range"),
    ("05.000", "07.123", "0000-01-01 00:00:07.123 +0000 UTC"),
    (
        "05.000",
        "07.12",
        "error: parsing time \"07.12\" as \"05.000\": cannot parse \".12\" as \".000\"",
    ),
    ("05.999", "07.1234567891", "0000-01-01 00:00:07.123456789 +0000 UTC"),
    ("05.999", "07", "0000-01-01 00:00:07 +0000 UTC"),
    ("05", "07.25", "0000-01-01 00:00:07.25 +0000 UTC"),
    ("05", "75", "error: parsing time \"75\": second out of range"),
    (".000", "x000", "error: parsing time \"x000\" as \".000\": cannot parse \"x000\" as \".000\""),
    ("January 2, 2006", "november 4, 2023", "2023-11-04 00:00:00 +0000 UTC"),
    (
        "January 2, 2006",
        "Novem 4, 2023",
        "error: parsing time \"Novem 4, 2023\" as \"January 2, 2006\": cannot parse \"Novem 4, 2023\" as \"January\"",
    ),
    ("Jan  2", "Nov     4", "0000-11-04 00:00:00 +0000 UTC"),
    ("06", "+5", "2005-01-01 00:00:00 +0000 UTC"),
    ("06", "x5", "error: parsing time \"x5\" as \"06\": cannot parse \"x5\" as \"06\""),
    ("2006", "+202", "error: parsing time \"+202\" as \"2006\": cannot parse \"+202\" as \"2006\""),
    ("2006", "2x06", "error: parsing time \"2x06\" as \"2006\": cannot parse \"2x06\" as \"2006\""),
    ("-0700", "+0130", "0000-01-01 00:00:00 +0130 +0130"),
    ("-070000", "-013015", "0000-01-01 00:00:00 -0130 -0130"),
    ("-07:00:00", "+01:30:15", "0000-01-01 00:00:00 +0130 +0130"),
    ("-07", "+0a", "error: parsing time \"+0a\" as \"-07\": cannot parse \"+0a\" as \"-07\""),
    ("-07", "*07", "error: parsing time \"*07\" as \"-07\": cannot parse \"*07\" as \"-07\""),
    ("Z07", "Z", "0000-01-01 00:00:00 +0000 UTC"),
    (
        "-07:00",
        "+0130",
        "error: parsing time \"+0130\" as \"-07:00\": cannot parse \"+0130\" as \"-07:00\"",
    ),
    ("é2006", "é2023", "2023-01-01 00:00:00 +0000 UTC"),
    (
        "\"2006\\\"",
        "x",
        "error: parsing time \"x\" as \"\\\"2006\\\\\\\"\": cannot parse \"x\" as \"\\\"\"",
    ),
    ("2006 MST", "2023 UTC", "2023-01-01 00:00:00 +0000 UTC"),
    ("-0700 MST", "+0200 CEST", "0000-01-01 00:00:00 +0200 CEST"),
    ("-0700 MST", "+0000 UTC", "0000-01-01 00:00:00 +0000 UTC"),
    ("-0700", "+0000", "0000-01-01 00:00:00 +0000 UTC"),
    (
        "2006-01-02",
        "999999-01-02",
        "error: parsing time \"999999-01-02\" as \"2006-01-02\": cannot parse \"99-01-02\" as \"-\"",
    ),
    ("15", "9", "0000-01-01 09:00:00 +0000 UTC"),
    ("4", "7", "0000-01-01 00:07:00 +0000 UTC"),
    ("04", "7", "error: parsing time \"7\" as \"04\": cannot parse \"7\" as \"04\""),
    ("_2", "15", "0000-01-15 00:00:00 +0000 UTC"),
    ("2", "32", "error: parsing time \"32\": day out of range"),
    ("", "", "0000-01-01 00:00:00 +0000 UTC"),
    ("", "x", "error: parsing time \"x\": extra text: \"x\""),
    (" x", "   x", "0000-01-01 00:00:00 +0000 UTC"),
    ("Mon", "Foo", "error: parsing time \"Foo\" as \"Mon\": cannot parse \"Foo\" as \"Mon\""),
    ("GMT-7 MST", "GMT-7 GMT-7", "-0001-12-31 17:00:00 -0700 GMT-7"),
];

#[test]
fn takes_anything_for_a_date() {
    let now = call(ALL, "now", &[]).unwrap();
    let week = call(ALL, "dateModify", &["-168h".into(), now.clone()]).unwrap();
    let year = call(ALL, "mustDateModify", &["-9000h".into(), now.clone()]).unwrap();
    for (name, args, expected) in [
        ("htmlDate", vec![now.clone()], r#""2023-11-14""#),
        ("htmlDate", vec!["x".into()], r#""2023-11-14""#),
        ("htmlDate", vec![Value::Float(0.0)], r#""2023-11-14""#),
        ("htmlDate", vec![Value::Int64(0)], r#""1970-01-01""#),
        ("htmlDateInZone", vec![Value::Int(0), "HST".into()], r#""1969-12-31""#),
        ("date_in_zone", vec!["15 MST".into(), Value::Int(0), "Etc/GMT+5".into()], r#""19 -05""#),
        ("dateInZone", vec!["15 MST".into(), Value::Int(0), "nowhere".into()], r#""00 UTC""#),
        (
            "dateInZone",
            vec!["15".into(), Value::Int(0), "Europe/Berlin".into()],
            "error: time zone Europe/Berlin: haversack knows UTC and zones with a fixed offset only",
        ),
        ("ago", vec![week.clone()], r#""168h0m0s""#),
        ("ago", vec!["x".into()], r#""0s""#),
        ("ago", vec![Value::Int(1_700_000_090)], r#""-1m30s""#),
        ("durationRound", vec![week.clone()], r#""7d""#),
        ("durationRound", vec![year], r#""1y""#),
        ("durationRound", vec!["2400h10m5s".into()], r#""3mo""#),
        ("durationRound", vec!["1h".into()], r#""60m""#),
        ("durationRound", vec![Value::Int64(-90_000_000_000)], r#""1m""#),
        ("durationRound", vec![Value::Int(90)], r#""0s""#),
        ("duration", vec!["95".into()], r#""1m35s""#),
        ("duration", vec![Value::Int64(-86_400)], r#""-24h0m0s""#),
        ("duration", vec![Value::Int(95)], r#""0s""#),
        ("unixEpoch", vec![week], r#""1699395200""#),
        (
            "unixEpoch",
            vec!["x".into()],
            "error: wrong type for value; expected time.Time; got string",
        ),
        ("dateModify", vec!["1h".into(), Value::Nil], "error: invalid value; expected time.Time"),
        ("mustDateModify", vec!["x".into(), now], "error: time: invalid duration \"x\""),
    ] {
        assert_eq!(shown(ALL, name, &args), expected, "{name} {args:?}");
    }
}

#[test]
fn times_answer() {
    let time = Moment::unix(1_700_000_000);
    let other = Moment::unix(1_600_000_000).value();
    let ask = |method: &str, args: &[Value]| {
        let answer = time.call(&mut Bench::default(), method, args)?;
        Some(match answer {
            Ok(value) => print_value(&value),
            Err(fault) => format!("error: {fault}"),
        })
    };
    for (method, args, expected) in [
        ("Unix", vec![], "1700000000"),
        ("UnixMilli", vec![], "1700000000000"),
        ("Year", vec![], "2023"),
        ("Month", vec![], "November"),
        ("Day", vec![], "14"),
        ("YearDay", vec![], "318"),
        ("Weekday", vec![], "Tuesday"),
        ("Hour", vec![], "22"),
        ("Minute", vec![], "13"),
        ("Second", vec![], "20"),
        ("Format", vec!["2006-01-02T15:04:05Z07:00".into()], "2023-11-14T22:13:20Z"),
        ("UTC", vec![], "2023-11-14 22:13:20 +0000 UTC"),
        ("Add", vec![Value::Int(3_600_000_000_000)], "2023-11-14 23:13:20 +0000 UTC"),
        ("AddDate", [1, 3, 20].map(Value::Int).into(), "2025-03-06 22:13:20 +0000 UTC"),
        ("AddDate", [i64::MAX, 0, 0].map(Value::Int).into(), "error: date out of range"),
        ("Sub", vec![other.clone()], "27777h46m40s"),
        ("After", vec![other.clone()], "true"),
        ("Before", vec![other], "false"),
        ("IsZero", vec![], "false"),
        ("Unix", vec![Value::Int(1)], "error: wrong number of args for Unix: want 0 got 1"),
    ] {
        assert_eq!(ask(method, &args).as_deref(), Some(expected), "{method} {args:?}");
    }
    assert_eq!(ask("Nothing", &[]), None);
}

#[test]
fn survives_times_that_no_calendar_has() {
    for seconds in [i64::MIN, i64::MAX] {
        let args = ["2006-01-02 15:04:05 Monday __2".into(), Value::Int(seconds)];
        assert!(call(ALL, "date", &args).is_ok());
        let far = Moment::unix(seconds).value();
        assert!(call(ALL, "dateModify", &["2562047h".into(), far.clone()]).is_ok());
        assert!(call(ALL, "ago", std::slice::from_ref(&far)).is_ok());
        let args = [1_000_000, -9_999_999, 77].map(Value::Int);
        let far = Moment::unix(seconds);
        assert!(far.call(&mut Bench::default(), "AddDate", &args).is_some());
    }
}
