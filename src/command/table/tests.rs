use super::generated as commands;
use super::*;

#[test]
fn every_command_is_found_by_its_name_in_any_case() {
    for info in generated::ALL {
        for name in [info.name.to_owned(), info.name.to_lowercase()] {
            let found = lookup(name.as_bytes()).expect("the table has it");
            assert!(std::ptr::eq(found, info), "{name} finds {found:?}");
        }
    }
}

#[test]
fn what_is_no_command_is_not_found() {
    for name in [
        "",
        "G",
        "GETT",
        "GE\0",
        "g\x45\x14",
        "CLUSTER SLOTS",
        "\u{130}",
    ] {
        assert!(lookup(name.as_bytes()).is_none(), "{name:?}");
    }
    assert!(lookup(&[0xff; 100_000]).is_none());
}

#[test]
fn most_names_are_in_the_first_bucket_looked_at() {
    let in_first = |info: &&&CommandInfo| {
        let bucket = bucket_of(info.name.as_bytes());
        generated::ALL[usize::from(INDEX[bucket])].name == info.name
    };
    let first = generated::ALL.iter().filter(in_first).count();
    assert!(first * 5 > generated::ALL.len() * 4, "only {first}");
}

#[test]
fn subcommands_are_found_in_any_case_and_only_in_their_container() {
    let cluster = lookup(b"cluster").expect("the table has it");
    let slots = cluster.subcommand(b"slots").expect("the table has it");
    assert!(std::ptr::eq(slots, &commands::CLUSTER_SLOTS));
    assert!(cluster.subcommand(b"LUSTER SLOTS").is_none());
    assert!(cluster.subcommand(b"").is_none());
    assert!(commands::GET.subcommand(b"SLOTS").is_none());
}

#[test]
fn a_single_key_is_one_key_at_a_fixed_place_and_nothing_else() {
    for (info, position) in [
        (&commands::GET, Some(1)),
        (&commands::OBJECT_ENCODING, Some(2)),
        (&commands::SPUBLISH, Some(1)),
        (&commands::PING, None),
        (&commands::MGET, None),
        (&commands::COPY, None),
        (&commands::EVAL, None),
        (&commands::SORT, None),
        (&commands::MIGRATE, None),
        (&commands::LCS, None),
    ] {
        assert_eq!(info.single_key(), position, "{info:?}");
    }
}

#[test]
fn no_command_both_reads_only_and_writes() {
    for info in all() {
        assert!(!(info.is_read_only() && info.is_write()), "{info:?}");
    }
}

#[test]
fn key_specs_step_forward() {
    // A step of 0 would be an endless loop in whoever follows it.
    for spec in all().flat_map(CommandInfo::key_specs) {
        match spec.find {
            FindKeys::Range { step, .. } | FindKeys::KeyNum { step, .. } => assert!(step > 0),
            FindKeys::Unknown => {}
        }
    }
}

#[test]
fn facts_that_routing_rests_on() {
    let flushall = &commands::FLUSHALL;
    assert_eq!(flushall.request_policy(), RequestPolicy::AllShards);
    assert_eq!(flushall.response_policy(), ResponsePolicy::AllSucceeded);
    assert_eq!(commands::DEL.request_policy(), RequestPolicy::MultiShard);
    assert_eq!(commands::DEL.response_policy(), ResponsePolicy::AggSum);
    assert_eq!(commands::GET.request_policy(), RequestPolicy::Default);
    assert!(commands::GET.is_read_only() && !commands::EVAL.is_read_only());
    assert!(commands::BLPOP.is_blocking() && commands::XREAD.is_blocking());
    assert!(commands::XREADGROUP.is_write());
}
