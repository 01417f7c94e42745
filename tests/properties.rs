//! Properties of what is read from servers and from people: whatever it is, it is an error or consistent, and never a
//! panic. The fuzz targets look further, when they are run; these run with every test.

use proptest::prelude::*;
use tower_redis_cluster::connect::ConnectUrl;
use tower_redis_cluster::topology::{Redirect, Topology};
use tower_redis_cluster::{Delivery, ErrorKind, NodeAddr, ServerError, Slot, Value, cmd};

fn seed() -> NodeAddr {
    NodeAddr::new("seed", 7000)
}

fn can_be_dialled(addr: &NodeAddr) -> bool {
    addr.port() != 0 && !addr.host().is_empty() && addr.host() != "?"
}

// ===== topologies =====

fn text() -> impl Strategy<Value = Value> {
    let known = prop::sample::select(vec![
        "",
        "?",
        "10.0.0.1",
        "10.0.0.2",
        "::1",
        "node",
        "a b",
        "id",
        "role",
        "master",
        "replica",
        "health",
        "fail",
        "loading",
        "endpoint",
        "port",
        "tls-port",
        "slots",
        "nodes",
        "availability-zone",
    ]);
    prop_oneof![
        8 => known.prop_map(|text| Value::BulkString(text.into())),
        1 => ".{0,20}".prop_map(|text| Value::BulkString(text.into())),
    ]
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => 0_i64..16_400,
        1 => prop::sample::select(vec![0, -1, 16_383, 16_384, 65_535, 65_536, i64::MAX, i64::MIN]),
    ]
    .prop_map(Value::Integer)
}

/// An endpoint, a port, and what may follow.
fn node() -> impl Strategy<Value = Value> {
    (text(), number(), prop::collection::vec(text(), 0..3))
        .prop_map(|(host, port, rest)| Value::Array([host, port].into_iter().chain(rest).collect()))
}

/// Much like an entry of `CLUSTER SLOTS`.
fn range() -> impl Strategy<Value = Value> {
    (
        0_i64..16_390,
        0_i64..200,
        prop::collection::vec(node(), 0..4),
    )
        .prop_map(|(from, len, nodes)| {
            let slots = [Value::Integer(from), Value::Integer(from + len)];
            Value::Array(slots.into_iter().chain(nodes).collect())
        })
}

/// Much like an entry of `CLUSTER SHARDS`.
fn shard() -> impl Strategy<Value = Value> {
    let name = |name: &'static str| Value::BulkString(name.into());
    let role = prop::sample::select(vec!["master", "replica", "primary", "other"]);
    let health = prop::sample::select(vec!["online", "fail", "loading"]);
    let node = (text(), number(), role, health).prop_map(move |(host, port, role, health)| {
        Value::Map(vec![
            (name("endpoint"), host),
            (name("port"), port.clone()),
            (name("tls-port"), port),
            (name("role"), name(role)),
            (name("health"), name(health)),
        ])
    });
    let slots = prop::collection::vec(number(), 0..4);
    (slots, prop::collection::vec(node, 0..4)).prop_map(move |(slots, nodes)| {
        Value::Map(vec![
            (name("slots"), Value::Array(slots)),
            (name("nodes"), Value::Array(nodes)),
        ])
    })
}

/// Anything at all.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        text(),
        number(),
        Just(Value::Nil),
        Just(Value::Boolean(true))
    ];
    scalar.prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

fn view() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(range(), 0..6).prop_map(Value::Array),
        prop::collection::vec(shard(), 0..6).prop_map(Value::Array),
        prop::collection::vec(prop_oneof![range(), shard(), value()], 0..4).prop_map(Value::Array),
        value(),
    ]
}

// ===== addresses =====

/// What addresses, redirects and URLs are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "MOVED",
        "ASK",
        " ",
        "3999",
        "16384",
        "-1",
        ":",
        "::1",
        "[",
        "]",
        "?",
        "10.0.0.1",
        "6379",
        "0",
        "65536",
        "node",
        "@",
        "/",
        "redis://",
        "valkeys://",
        "unix:",
        "user",
        "%41",
        "%zz",
        "%",
        "#",
        "db=1",
        "protocol=2",
        "&",
        "é",
        "\r\n",
        "a%20b",
    ]);
    prop_oneof![
        4 => prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat()),
        1 => ".{0,40}",
    ]
}

proptest! {
    #[test]
    fn a_topology_is_consistent_or_an_error(reply in view()) {
        for topology in [
            Topology::from_slots(&reply, &seed()),
            Topology::from_shards(&reply, &seed(), false),
            Topology::from_shards(&reply, &seed(), true),
        ] {
            let Ok(topology) = topology else { continue };
            let slots = (0..Slot::COUNT).filter_map(Slot::new);
            let covered = slots.filter(|slot| topology.primary(*slot).is_some()).count();
            prop_assert_eq!(covered, usize::from(topology.covered()));
            prop_assert!(topology.nodes().all(|node| can_be_dialled(node.addr())));
            let patched = topology.patched(Slot::of("k"), seed());
            prop_assert_eq!(patched.primary(Slot::of("k")), Some(&seed()));
        }
    }

    #[test]
    fn a_redirect_leads_somewhere_or_is_an_error(begin in 0_usize..5, rest in pieces()) {
        let begin = ["", "MOVED ", "ASK ", "MOVED 3999 ", "ASK 3999 node:"][begin];
        let error = ServerError::new(format!("{begin}{rest}"));
        match Redirect::parse(&error, &seed()) {
            None => prop_assert!(!matches!(error.code(), "MOVED" | "ASK")),
            Some(Err(error)) => prop_assert_eq!(error.delivery(), Delivery::NotApplied),
            Some(Ok(redirect)) => {
                prop_assert!(can_be_dialled(redirect.addr()));
                let slot = redirect.slot().number();
                let again = format!("{} {slot} {}", redirect.kind(), redirect.addr());
                let again = Redirect::parse(&ServerError::new(again), &seed());
                prop_assert_eq!(again.expect("one").expect("valid"), redirect);
            }
        }
    }

    #[test]
    fn a_url_is_an_address_or_an_error(text in pieces(), scheme in 0_usize..4) {
        let text = format!("{}{text}", ["", "redis://", "rediss://app:", "unix://"][scheme]);
        match text.parse::<ConnectUrl>() {
            Ok(url) => prop_assert!(url.addr().unix_path().is_some() || can_be_dialled(url.addr())),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Config),
        }
        if let Ok(addr) = text.parse::<NodeAddr>() {
            prop_assert_eq!(addr.to_string().parse::<NodeAddr>().ok(), Some(addr));
        }
    }

    #[test]
    fn no_refusal_of_a_url_shows_a_password(before in "[^@/?#]{0,10}", after in pieces()) {
        const SECRET: &str = "zQ9-kX7";
        let text = format!("redis://app:{before}{SECRET}@{after}");
        let shown = match text.parse::<ConnectUrl>() {
            Ok(url) => format!("{url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(SECRET), "{}", shown);
    }

    #[test]
    fn any_command_is_checked_without_a_panic(
        name in "[A-Za-z.]{0,12}|XREAD|EVAL|ZUNION|SORT|MSET|CLIENT|LMPOP|XREADGROUP|MIGRATE|BITFIELD",
        words in prop::collection::vec(prop_oneof!["[0-9]{1,3}", "STREAMS|KEYS|BY|GET|-1|NaN", ".{0,5}"], 0..8),
    ) {
        let command = words.iter().fold(cmd(&name), |command, word| command.arg(word));
        let _ = (command.check(), command.slot(), command.is_idempotent(), format!("{command:?}"));
    }
}
