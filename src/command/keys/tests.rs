use proptest::prelude::*;

use super::*;
use crate::command::table::{all, lookup};

/// The entry for a command line and its arguments, split at spaces; `''` is an empty argument.
fn parse_line(line: &str) -> (&'static CommandInfo, Vec<&[u8]>) {
    let args: Vec<&[u8]> = line
        .split(' ')
        .map(|arg| if arg == "''" { "" } else { arg })
        .map(str::as_bytes)
        .collect();
    let info = lookup(args[0]).expect("the table has it");
    let sub = args.get(1).and_then(|name| info.subcommand(name));
    (sub.unwrap_or(info), args)
}

fn find(line: &str) -> Result<Vec<usize>, KeysError> {
    let (info, args) = parse_line(line);
    let found = info.find_keys(args.len(), args.into_iter())?;
    let hint = found.len();
    let positions: Vec<usize> = found.collect();
    assert_eq!(hint, positions.len(), "{line}");
    Ok(positions)
}

#[test]
fn keys_are_found_where_the_servers_find_them() {
    for (line, positions) in [
        // no keys
        ("PING", &[][..]),
        ("CLUSTER KEYSLOT k", &[]),
        ("PUBLISH c m", &[]),
        // one place
        ("get k", &[1]),
        ("SET k v EX 10", &[1]),
        ("OBJECT ENCODING k", &[2]),
        ("xinfo stream k FULL", &[2]),
        ("SPUBLISH c m", &[1]),
        // ranges
        ("MGET a b c", &[1, 2, 3]),
        ("MSET a 1 b 2", &[1, 3]),
        ("BLPOP a b 0", &[1, 2]),
        ("LCS a b LEN", &[1, 2]),
        ("BITOP AND d a b", &[2, 3, 4]),
        ("RENAME a b", &[1, 2]),
        ("COPY a b DB 1", &[1, 2]),
        ("SSUBSCRIBE a b", &[1, 2]),
        // counted
        ("EVAL s 0 x", &[]),
        ("EVAL s 2 a b x", &[3, 4]),
        ("FCALL_RO f 1 a", &[3]),
        ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", &[1, 3, 4]),
        ("BZMPOP 0 2 a b MIN", &[3, 4]),
        ("MSETEX 2 a 1 b 2 EX 10", &[2, 4]),
        // after a word
        ("XREAD COUNT 1 streams a b 0 0", &[4, 5]),
        ("XREADGROUP GROUP g STREAMS STREAMS a >", &[5]),
        ("GEORADIUS k 1 2 3 km", &[1]),
        ("GEORADIUS k 1 2 3 km STORE d", &[1, 7]),
        ("GEORADIUS k 1 2 3 km STOREDIST e STORE d", &[1, 7, 9]),
        ("GEORADIUSBYMEMBER k m 3 km storedist d", &[1, 6]),
        // code of their own
        ("SORT k", &[1]),
        ("SORT_RO k BY STORE GET x", &[1]),
        ("SORT k BY STORE GET x", &[1]),
        ("SORT k LIMIT STORE 1 STORE d", &[1, 6]),
        ("SORT k STORE a store b", &[1, 5]),
        ("SORT k STORE a STORE", &[1, 3]),
        ("MIGRATE h 1 k 0 9", &[3]),
        ("MIGRATE h 1 k 0 9 KEYS a", &[3]),
        ("MIGRATE h 1 '' 0 9 COPY KEYS a b", &[8, 9]),
        ("MIGRATE h 1 '' 0 9 AUTH KEYS keys a", &[9]),
        ("MIGRATE h 1 '' 0 9 AUTH2 u KEYS KEYS a", &[10]),
    ] {
        assert_eq!(find(line).as_deref(), Ok(positions), "{line}");
    }
}

#[test]
fn missing_arguments_are_left_to_the_server() {
    for line in [
        "GET",
        "MGET",
        "MSET",
        "BLPOP",
        "BLPOP k",
        "EVAL",
        "EVAL s",
        "XREAD",
        "XREAD STREAMS",
        "XREAD STREAMS a",
        "OBJECT ENCODING",
        "SORT",
        "MIGRATE",
        "MIGRATE h 1",
    ] {
        assert_eq!(find(line).as_deref(), Ok(&[][..]), "{line}");
    }
    assert_eq!(find("LCS a").as_deref(), Ok(&[1][..]));
    assert_eq!(find("SORT k STORE").as_deref(), Ok(&[1][..]));
}

#[test]
fn a_wrong_numkeys_is_named() {
    for (line, message) in [
        (
            "EVAL s 3 a b",
            "EVAL: numkeys is 3, but only 2 arguments follow",
        ),
        (
            "MSETEX 2 a 1",
            "MSETEX: numkeys is 2, but only 2 arguments follow",
        ),
        ("EVAL s secret", "EVAL: numkeys (argument 2) is not a count"),
        ("ZUNION -1 a", "ZUNION: numkeys (argument 1) is not a count"),
        (
            "LMPOP 99999999999999999999 a",
            "LMPOP: numkeys (argument 1) is not a count",
        ),
        (
            "LMPOP 18446744073709551615 a",
            "LMPOP: numkeys is 18446744073709551615, but only 1 argument follows",
        ),
    ] {
        let error = find(line).expect_err(line);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_backward_search_finds_the_last_word_before_its_start() {
    let args: [&[u8]; 6] = [b"C", b"W", b"x", b"w", b"y", b"W"];
    let search = |start_from| {
        let search = BeginSearch::Keyword {
            word: "W",
            start_from,
        };
        begin(search, args.len(), args.into_iter())
    };
    assert_eq!(search(-1), Some(4), "the last argument is no keyword");
    assert_eq!(search(-3), Some(4));
    assert_eq!(search(-4), Some(2));
    assert_eq!(search(-6), None);
    assert_eq!(search(-7), None);
}

#[test]
fn every_command_that_no_rule_describes_has_code_of_its_own() {
    let args: [&[u8]; 6] = [b"", b"a", b"b", b"c", b"d", b"e"];
    for info in all() {
        let unspecified = |spec: &crate::command::KeySpec| {
            spec.incomplete || spec.find == FindKeys::Unknown || spec.begin == BeginSearch::Unknown
        };
        if info.key_specs().iter().any(unspecified) {
            let found = info.find_keys(args.len(), args.into_iter());
            assert!(found.expect("no count is involved").len() > 0, "{info:?}");
        }
    }
}

#[test]
fn no_command_has_more_key_specs_than_there_is_room_for() {
    for info in all() {
        assert!(info.key_specs().len() <= 3, "{info:?}");
    }
}

proptest! {
    #[test]
    fn positions_ascend_and_stay_within_the_arguments(
        info in proptest::sample::select(all().collect::<Vec<_>>()),
        args in proptest::collection::vec(
            proptest::sample::select(vec![
                "", "0", "1", "2", "9", "-1", "x", "STORE", "STOREDIST", "STREAMS", "KEYS", "LIMIT", "BY",
            ]),
            0..12,
        ),
    ) {
        let args = std::iter::once(info.name()).chain(args.iter().copied()).map(str::as_bytes);
        let count = args.clone().count();
        if let Ok(found) = info.find_keys(count, args) {
            let positions: Vec<usize> = found.collect();
            prop_assert!(positions.is_sorted_by(|a, b| a < b), "{info:?} {positions:?}");
            prop_assert!(positions.iter().all(|&position| 0 < position && position < count));
        }
    }
}
