//! What Go 1.26.8 makes of each format: taken from `fmt.Sprintf` itself.

use std::rc::Rc;

use crate::limits::{PRINT_BYTES_MAX, PRINT_DEPTH_MAX};
use crate::template::{Map, MapKind, Value, print_value, sprint, sprintf, sprintln};

fn nested() -> Value {
    let list = Value::list(vec![Value::Nil, Value::Int(1), "x".into()]);
    Value::map([("b", list), ("a", Value::Float(1e6)), ("c", Value::texts(["p", "q"]))])
}

#[test]
#[rustfmt::skip]
#[allow(clippy::excessive_precision, clippy::unreadable_literal, clippy::too_many_lines, clippy::approx_constant)]
fn one_operand_is_printed_as_go_prints_it() {
    let facts: Vec<(&str, Value, &str)> = vec![
        ("|%# E|", Value::Bool(true), "|%!E(bool=true)|"),
        ("|%#08.20E|", Value::Float(-0.003323305779637946), "|-3.32330577963794613836E-03|"),
        ("|%# .0E|", Value::Float(-1.0), "|-1.E+00|"),
        ("|%#0-12.3E|", Value::Float(0.0001), "|1.000E-04   |"),
        ("|%#008.0E|", Value::Int(1114111), "|%!E(int= 1114111)|"),
        ("|%#+8.0E|", Value::Nil, "|%!E(<nil>)|"),
        ("|%-12.0E|", "a".into(), "|%!E(string=            )|"),
        ("|%#-12.0F|", Value::Bool(true), "|%!F(bool=true        )|"),
        ("|%# 8.0F|", Value::Float(999999.5), "| 1000000.|"),
        ("|%#-12.0F|", Value::Float(1e+23), "|99999999999999991611392.|"),
        ("|%#-08.20F|", Value::Float(7.079341446670149e-10), "|0.00000000070793414467|"),
        ("|%-8F|", Value::Int(1), "|%!F(int=1       )|"),
        ("|%# -12.0F|", Value::Nil, "|%!F(<nil>)|"),
        ("|%8.3F|", "hello".into(), "|%!F(string=     hel)|"),
        ("|%0-12.20G|", Value::Bool(false), "|%!G(bool=false       )|"),
        ("|%#8G|", Value::Float(1.7976931348623157e+308), "|1.7976931348623157E+308|"),
        ("|% G|", Value::Float(548112192.9798954), "| 5.481121929798954E+08|"),
        ("|%-8.0G|", Value::Float(0.3333333333333333), "|0.3     |"),
        ("|%#+8.3G|", Value::Int(7), "|%!G(int=    +007)|"),
        ("|%#008.0G|", Value::Nil, "|%!G(<nil>)|"),
        ("|% -12.0G|", "'".into(), "|%!G(string=            )|"),
        ("|%8.20O|", Value::Bool(false), "|%!O(bool=   false)|"),
        ("|%-8.0O|", Value::Float(93597117.67001581), "|%!O(float64=9e+07   )|"),
        ("|%#-.0O|", Value::Int(160), "|0o0240|"),
        ("|%- 8.0O|", Value::Int(128512), "| 0o373000|"),
        ("|%-.0O|", Value::Int(39), "|0o47|"),
        ("|%#008O|", Value::Nil, "|%!O(<nil>)|"),
        ("|%# .20O|", "hello".into(), "|%!O(string=hello)|"),
        ("|%#T|", Value::Bool(false), "|bool|"),
        ("|%- -12.0T|", Value::Bool(false), "|            |"),
        ("|%08.0T|", Value::Bool(false), "|00000000|"),
        ("|% T|", Value::Float(2.4603395701054676e-13), "|float64|"),
        ("|%0.3T|", Value::Float(0.00012345), "|flo|"),
        ("|%+0.0T|", Value::Float(1.5), "||"),
        ("|%+0T|", Value::Int(96), "|int|"),
        ("|%0-12T|", Value::Int(1099511627776), "|int         |"),
        ("|%#--12.3T|", Value::Int(173), "|int         |"),
        ("|%# T|", Value::Nil, "|<nil>|"),
        ("|%--12T|", Value::Nil, "|<nil>       |"),
        ("|%--12.0T|", Value::Nil, "|<nil>       |"),
        ("|%#+.0T|", "%d".into(), "||"),
        ("|% -12T|", "%d".into(), "|string      |"),
        ("|%# -12.0T|", "a".into(), "|            |"),
        ("|%+-12.20U|", Value::Bool(false), "|%!U(bool=false       )|"),
        ("|%# .0U|", Value::Float(99.9995), "|%!U(float64= 1.e+02)|"),
        ("|%08U|", Value::Int(96), "|  U+0060|"),
        ("|% 8.3U|", Value::Int(255), "|  U+00FF|"),
        ("|%# .3U|", Value::Int(1), "|U+0001|"),
        ("|%# 8U|", Value::Nil, "|%!U(<nil>)|"),
        ("|% 08U|", "".into(), "|%!U(string=00000000)|"),
        ("|%- .0X|", Value::Bool(true), "|%!X(bool=true)|"),
        ("|%+08X|", Value::Float(6611233942475241.0), "|+0X1.77CE1DAAB11E9P+52|"),
        ("|%0-12.20X|", Value::Float(0.375), "|0X1.80000000000000000000P-02|"),
        ("|%X|", Value::Float(-0.0), "|-0X0P+00|"),
        ("|%+.20X|", Value::Int(1), "|+00000000000000000001|"),
        ("|%#-08.20X|", Value::Int(55296), "|0X0000000000000000D800|"),
        ("|%--12X|", Value::Int(96), "|60          |"),
        ("|% 8.3X|", Value::Nil, "|%!X(<nil>)|"),
        ("|%# 08.3X|", "a".into(), "|00000X61|"),
        ("|%+08.0X|", "a`b".into(), "|00000000|"),
        ("|%8X|", "a".into(), "|      61|"),
        ("|%# -12b|", Value::Bool(false), "|%!b(bool=false       )|"),
        ("|%- -12.0b|", Value::Float(80771388.56418353), "| 5420476130244948p-26|"),
        ("|%-b|", Value::Float(0.3333333333333333), "|6004799503160661p-54|"),
        ("|%-8b|", Value::Float(0.0001), "|7378697629483821p-66|"),
        ("|%+008.3b|", Value::Int(5), "|    +101|"),
        ("|%#-12b|", Value::Int(-255), "|-0b11111111 |"),
        ("|% 8.3b|", Value::Int(1114112), "| 100010000000000000000|"),
        ("|%#+08.20b|", Value::Nil, "|%!b(<nil>)|"),
        ("|%# 8.3b|", "a`b".into(), "|%!b(string=     a`b)|"),
        ("|% .3c|", Value::Bool(true), "|%!c(bool=true)|"),
        ("|%-08.0c|", Value::Float(-4330.128402066213), "|%!c(float64=-4e+03  )|"),
        ("|%-12.3c|", Value::Int(160), "|            |"),
        ("|%-08c|", Value::Int(173), "|\u{ad}       |"),
        ("|%#-8.3c|", Value::Int(1114111), "|􏿿       |"),
        ("|%- .20c|", Value::Nil, "|%!c(<nil>)|"),
        ("|%#+-12.0c|", "héllo".into(), "|%!c(string=            )|"),
        ("|%-12.3d|", Value::Bool(true), "|%!d(bool=true        )|"),
        ("|%# 8.3d|", Value::Float(0.00012345), "|%!d(float64= 0.000123)|"),
        ("|%+008.20d|", Value::Int(1), "|+00000000000000000001|"),
        ("|%+.20d|", Value::Int(1099511627776), "|+00000001099511627776|"),
        ("|%#-.20d|", Value::Int(5), "|00000000000000000005|"),
        ("|%- .20d|", Value::Nil, "|%!d(<nil>)|"),
        ("|%-08.20d|", "héllo".into(), "|%!d(string=héllo   )|"),
        ("|%08.0e|", Value::Bool(false), "|%!e(bool=000false)|"),
        ("|%+.0e|", Value::Float(-5520.204381761995), "|-6e+03|"),
        ("|%#0-12.3e|", Value::Float(0.18881889350683623), "|1.888e-01   |"),
        ("|%#+08e|", Value::Float(6.178248701195422e-11), "|+6.178249e-11|"),
        ("|%--12.20e|", Value::Int(255), "|%!e(int=00000000000000000255)|"),
        ("|%+008.3e|", Value::Nil, "|%!e(<nil>)|"),
        ("|%+0-12.3e|", "hello".into(), "|%!e(string=hel         )|"),
        ("|% 8.0f|", Value::Bool(true), "|%!f(bool=    true)|"),
        ("|%#+08f|", Value::Float(-0.0007667733240182), "|-0.000767|"),
        ("|%+0.0f|", Value::Float(2047915639.7555597), "|+2047915640|"),
        ("|%-8.0f|", Value::Float(-9.881448922892178), "|-10     |"),
        ("|%#-12.3f|", Value::Int(39), "|%!f(int=039         )|"),
        ("|%-08.3f|", Value::Nil, "|%!f(<nil>)|"),
        ("|%+8.3f|", "hello".into(), "|%!f(string=     hel)|"),
        ("|%#+.3g|", Value::Bool(false), "|%!g(bool=false)|"),
        ("|% 08.20g|", Value::Float(1e+100), "| 1.0000000000000000159e+100|"),
        ("|%#-.3g|", Value::Float(-0.0007879278765524307), "|-0.000788|"),
        ("|%.3g|", Value::Float(2.2250738585072014e-308), "|2.23e-308|"),
        ("|%-12g|", Value::Int(7), "|%!g(int=7           )|"),
        ("|%#08.20g|", Value::Nil, "|%!g(<nil>)|"),
        ("|%#.3g|", "'".into(), "|%!g(string=')|"),
        ("|%#8.0o|", Value::Bool(true), "|%!o(bool=    true)|"),
        ("|%#008.3o|", Value::Float(6554225436.509859), "|%!o(float64=6.55e+09)|"),
        ("|%--12.3o|", Value::Int(1099511627776), "|20000000000000|"),
        ("|% -12o|", Value::Int(39), "| 47         |"),
        ("|%-.0o|", Value::Int(128512), "|373000|"),
        ("|%#--12.20o|", Value::Nil, "|%!o(<nil>)|"),
        ("|%#--12.0o|", "a".into(), "|%!o(string=            )|"),
        ("|%+.20q|", Value::Bool(false), "|%!q(bool=false)|"),
        ("|%.0q|", Value::Float(1e+100), "|%!q(float64=1e+100)|"),
        ("|%-q|", Value::Int(128512), "|'😀'|"),
        ("|%+-12q|", Value::Int(34), r#"|'"'         |"#),
        ("|%008.3q|", Value::Int(128512), "|00000'😀'|"),
        ("|%#-12.0q|", Value::Nil, "|%!q(<nil>)|"),
        ("|%#-08.3q|", "a`b".into(), r#"|"a`b"   |"#),
        ("|%#0-12q|", "a`b".into(), r#"|"a`b"       |"#),
        ("|%-08.0q|", "%d".into(), r#"|""      |"#),
        ("|% -12.3s|", Value::Bool(false), "|%!s(bool=false       )|"),
        ("|%8.20s|", Value::Float(4503599627370496.0), "|%!s(float64=4503599627370496)|"),
        ("|% 08.20s|", Value::Int(256), "|%!s(int= 00000000000000000256)|"),
        ("|%#0.3s|", Value::Nil, "|%!s(<nil>)|"),
        ("|%#-8.20s|", "héllo".into(), "|héllo   |"),
        ("|%- 8.0s|", "héllo".into(), "|        |"),
        ("|% -12.0s|", "a".into(), "|            |"),
        ("|%+t|", Value::Bool(true), "|true|"),
        ("|%#+08t|", Value::Bool(true), "|0000true|"),
        ("|%#t|", Value::Bool(true), "|true|"),
        ("|%#-8t|", Value::Float(100000.0), "|%!t(float64=100000. )|"),
        ("|%#+08.0t|", Value::Int(39), "|%!t(int=     +39)|"),
        ("|%+-12.0t|", Value::Nil, "|%!t(<nil>)|"),
        ("|%# .0t|", "a`b".into(), "|%!t(string=)|"),
        ("|%+0.0v|", Value::Bool(false), "|false|"),
        ("|%08.0v|", Value::Bool(false), "|000false|"),
        ("|%#--12.20v|", Value::Bool(true), "|true        |"),
        ("|%- 8.3v|", Value::Float(99.9995), "| 100    |"),
        ("|%- 08.0v|", Value::Float(-121144429.62059213), "|-1e+08  |"),
        ("|%0-12v|", Value::Float(1e+22), "|1e+22       |"),
        ("|%0-12v|", Value::Int(173), "|173         |"),
        ("|%- 8v|", Value::Int(1114112), "| 1114112|"),
        ("|%#+08.3v|", Value::Int(1114112), "| 1114112|"),
        ("|%+-12.0v|", Value::Nil, "|<nil>       |"),
        ("|%08.20v|", Value::Nil, "|000<nil>|"),
        ("|%#08.0v|", Value::Nil, "|000<nil>|"),
        ("|%- 8.0v|", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".into(), "|        |"),
        ("|%0-12v|", "héllo".into(), "|héllo       |"),
        ("|%--12.20v|", "'".into(), "|'           |"),
        ("|%#+w|", Value::Bool(false), "|%!w(bool=false)|"),
        ("|%#--12.3w|", Value::Float(-8.678628981204526e-10), "|%!w(float64=-8.68e-10   )|"),
        ("|%# .3w|", Value::Int(173), "|%!w(int= 173)|"),
        ("|%#08.3w|", Value::Nil, "|%!w(<nil>)|"),
        ("|%--12w|", "'".into(), "|%!w(string='           )|"),
        ("|%#8.3x|", Value::Bool(false), "|%!x(bool=   false)|"),
        ("|%-8.3x|", Value::Float(100000.0), "|0x1.86ap+16|"),
        ("|%-8.20x|", Value::Float(1e-05), "|0x1.4f8b588e368f10000000p-17|"),
        ("|%+0-12x|", Value::Float(5e-324), "|+0x1p-1074  |"),
        ("|% .0x|", Value::Int(173), "| ad|"),
        ("|%- .20x|", Value::Int(1114111), "| 0000000000000010ffff|"),
        ("|%08.3x|", Value::Int(1099511627776), "|10000000000|"),
        ("|%#+8.20x|", Value::Nil, "|%!x(<nil>)|"),
        ("|% 08x|", "a`b".into(), "|61 60 62|"),
        ("|%#+08x|", "a".into(), "|00000x61|"),
        ("|% 8x|", "a".into(), "|      61|"),
    ];
    for (format, value, expected) in facts {
        assert_eq!(sprintf(format, std::slice::from_ref(&value)), expected, "{format} {value:?}");
    }
}

#[test]
fn complaints_are_those_of_go() {
    let int = Value::Int;
    let facts: Vec<(&str, Vec<Value>, &str)> = vec![
        ("%", vec![], "%!(NOVERB)"),
        ("%!", vec![], "%!!(MISSING)"),
        ("100%%", vec![], "100%"),
        ("%d %d", vec![int(1)], "1 %!d(MISSING)"),
        ("%d", vec![int(1), "x".into(), Value::Nil], "1%!(EXTRA string=x, <nil>)"),
        ("%[2]d %[1]d", vec![int(1), int(2)], "2 1"),
        ("%[3]d", vec![int(1)], "%!d(BADINDEX)"),
        ("%[]d", vec![int(1)], "%!d(BADINDEX)"),
        ("%*d|%-*d|", vec![int(4), int(1), int(4), int(2)], "   1|2   |"),
        ("%*d", vec!["x".into(), int(1)], "%!(BADWIDTH)1"),
        ("%.*f", vec![int(-1), Value::Float(1.5)], "%!(BADPREC)1.500000"),
        ("%z", vec![int(1)], "%!z(int=1)"),
    ];
    for (format, args, expected) in facts {
        assert_eq!(sprintf(format, &args), expected, "{format}");
    }
}

#[test]
fn lists_and_maps_are_printed_as_go_prints_them() {
    let value = nested();
    assert_eq!(print_value(&value), "map[a:1e+06 b:[<nil> 1 x] c:[p q]]");
    assert_eq!(
        sprintf("%#v", std::slice::from_ref(&value)),
        r#"map[string]interface {}{"a":1e+06, "b":[]interface {}{interface {}(nil), 1, "x"}, "c":[]string{"p", "q"}}"#
    );
    assert_eq!(sprintf("%T", &[value]), "map[string]interface {}");
}

#[test]
fn print_parts_what_is_no_text() {
    assert_eq!(print_value(&Value::Nil), "<no value>");
    assert_eq!(sprint(&[Value::Int(1), Value::Int(2), "a".into(), Value::Int(3)]), "1 2a3");
    assert_eq!(sprint(&[Value::Nil, Value::Nil]), "<nil> <nil>");
    assert_eq!(sprintln(&["a".into(), Value::Int(1)]), "a 1\n");
}

#[test]
fn a_map_in_itself_and_a_wide_format_have_an_end() {
    let map = Rc::new(Map::of(MapKind::Any, []));
    map.set("self", Value::Map(Rc::clone(&map)));
    let text = print_value(&Value::Map(Rc::clone(&map)));
    assert_eq!(text.matches("map[").count(), PRINT_DEPTH_MAX + 1);
    assert!(text.contains("%!(TOODEEP)"));
    map.unset("self");
    let wide = "%9999999d".repeat(20);
    assert_eq!(sprintf(&wide, &vec![Value::Int(1); 20]).len(), PRINT_BYTES_MAX);
}
