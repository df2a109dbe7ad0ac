//! Which functions there are.

use crate::sprig::functions;

/// The functions of Sprig 3.3 that deal with texts, numbers, lists, dates and URLs, by every name that they have.
const NAMES: &str = "
    abbrev abbrevboth add add1 add1f addf ago all any append atoi b32dec b32enc b64dec b64enc
    biggest camelcase cat ceil chunk coalesce compact concat contains date dateInZone dateModify
    date_in_zone date_modify deepEqual default div divf duration durationRound empty first float64
    floor has hasPrefix hasSuffix htmlDate htmlDateInZone indent initial initials int int64 join
    kebabcase kindIs kindOf last list lower max maxf min minf mod mul mulf mustAppend mustChunk
    mustCompact mustDateModify mustFirst mustHas mustInitial mustLast mustPrepend mustPush
    mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral
    mustRegexSplit mustRest mustReverse mustSlice mustToDate mustUniq mustWithout must_date_modify
    nindent nospace now plural prepend push quote regexFind regexFindAll regexMatch regexQuoteMeta
    regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round seq
    shuffle slice snakecase sortAlpha split splitList splitn squote sub subf substr swapcase
    ternary title toDate toDecimal toString toStrings trim trimAll trimPrefix trimSuffix trimall
    trunc tuple typeIs typeIsLike typeOf uniq unixEpoch until untilStep untitle upper urlJoin
    urlParse without wrap wrapWith";

#[test]
fn every_name_is_known() {
    let known = functions();
    let missing: Vec<_> =
        NAMES.split_whitespace().filter(|name| known.get(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
