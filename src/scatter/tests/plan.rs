use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::command::{Outcome, Slot, cmd};
use crate::error::Delivery;
use crate::topology::Topology;
use crate::value::ServerError;

fn text(text: &str) -> Value {
    Value::BulkString(text.to_owned().into())
}

fn node(number: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", number)
}

/// Two shards of a primary and a replica each: 1 and 3, 2 and 4.
fn members(last_slot: i64) -> Members {
    let addr = |port| Value::Array(vec![text("10.0.0.1"), Value::Integer(port)]);
    let range = |from, to, primary, replica| {
        let ends = [Value::Integer(from), Value::Integer(to)];
        Value::Array(
            ends.into_iter()
                .chain([addr(primary), addr(replica)])
                .collect(),
        )
    };
    let reply = Value::Array(vec![range(0, 8191, 1, 3), range(8192, last_slot, 2, 4)]);
    Members::of(&Topology::from_slots(&reply, &node(1)).expect("a topology"))
}

fn plan(request: Command) -> (Plan, Vec<Command>) {
    let spreads = Spread::of_request(&request).expect("it can be sent");
    let spreads = spreads.expect("it does not go as it is");
    let (plan, sent) = Plan::new(request, spreads, Some(&members(16383))).expect("all is known");
    let parts = sent.batch().expect("a pipeline").commands().to_vec();
    (plan, parts)
}

fn refused(request: &Command) -> Error {
    Spread::of_request(request).expect_err("it cannot be sent")
}

fn targets(parts: &[Command]) -> Vec<NodeAddr> {
    let target = |part: &Command| match part.explicit_target() {
        Some(Target::Node(addr)) => addr.clone(),
        other => panic!("{other:?} is no node"),
    };
    parts.iter().map(target).collect()
}

#[test]
fn what_concerns_one_node_goes_as_it_is() {
    for request in [
        cmd("GET").arg("a"),
        cmd("MGET").arg(("{a}1", "{a}2")),
        cmd("PING"),
        cmd("RENAME").arg(("a", "b")),
        cmd("INFO").target(Target::AnyPrimary),
        cmd("DBSIZE").target(Target::Node(node(1))),
        cmd("MODULE.COMMAND").key("a").key("b"),
        Command::pipeline([cmd("GET").arg("a"), cmd("GET").arg("b")]),
        Command::pipeline([]),
        Command::transaction([cmd("DBSIZE"), cmd("GET").arg("a")]),
    ] {
        let spreads = Spread::of_request(&request).expect("it can be sent");
        assert!(spreads.is_none(), "{request:?}");
    }
}

#[test]
fn fan_out_goes_to_primaries_or_to_all() {
    let (_, parts) = plan(cmd("DBSIZE"));
    assert_eq!(targets(&parts), [node(1), node(2)]);
    let (_, parts) = plan(cmd("SCRIPT").arg(("LOAD", "return 1")));
    assert_eq!(targets(&parts), [node(1), node(3), node(2), node(4)]);
    let (_, parts) = plan(cmd("TIME").target(Target::AllPrimaries));
    assert_eq!(targets(&parts), [node(1), node(2)]);
}

#[test]
fn what_nobody_can_answer_for_the_cluster_is_refused() {
    for request in [
        cmd("INFO"),
        cmd("INFO").target(Target::AllNodes),
        cmd("SCAN").arg(0),
        cmd("FLUSHALL").target(Target::AllNodes),
        Command::pipeline([cmd("GET").arg("a"), cmd("SCAN").arg(0)]),
        Command::pipeline([cmd("TIME")]).target(Target::AllNodes),
        Command::transaction([cmd("TIME")]).target(Target::AllPrimaries),
    ] {
        let error = refused(&request);
        assert_eq!(error.kind(), ErrorKind::InvalidCommand, "{request:?}");
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
}

#[test]
fn while_slots_are_not_served_nothing_claims_to_be_of_all() {
    let request = cmd("DBSIZE");
    let spreads = Spread::of_request(&request)
        .expect("valid")
        .expect("fan-out");
    let error = Plan::new(request, spreads, Some(&members(16000))).expect_err("slots are missing");
    assert_eq!(error.kind(), ErrorKind::Topology);
    assert!(error.to_string().contains("383 slots"), "{error}");
}

#[test]
fn a_pipeline_is_expanded_in_place_and_answered_in_order() {
    let (plan, parts) = plan(Command::pipeline([
        cmd("SET").arg(("a", 1)),
        cmd("MGET").arg(("a", "b", "c")),
        cmd("DBSIZE"),
        cmd("GET").arg("a"),
    ]));
    let names: Vec<_> = parts.iter().map(Command::name).collect();
    assert_eq!(
        names,
        ["SET", "MGET", "MGET", "MGET", "DBSIZE", "DBSIZE", "GET"]
    );
    let wrong = Value::Error(ServerError::new("WRONGTYPE no string"));
    let list = |word: &str| Value::Array(vec![text(word)]);
    let replies = [
        text("OK"),
        list("a"),
        list("b"),
        list("c"),
        Value::Integer(3),
        Value::Integer(4),
        wrong.clone(),
    ];
    let reply = plan.conclude(replies.into_iter().map(Ok).collect());
    let values = Value::Array(vec![text("a"), text("b"), text("c")]);
    assert_eq!(
        reply.expect("all succeeded, or an error reply of one command"),
        Value::Array(vec![text("OK"), values, Value::Integer(7), wrong])
    );
}

#[test]
fn a_command_of_a_pipeline_that_fails_in_part_leaves_the_others_their_replies() {
    let request = Command::pipeline([cmd("GET").arg("x"), cmd("DEL").arg(("a", "b"))]);
    let (plan, _) = plan(request.clone());
    let closed = Error::not_sent(ErrorKind::Connection, "closed").with_delivery(Delivery::Unknown);
    let results = vec![Ok(text("x")), Ok(Value::Integer(1)), Err(closed)];
    let error = plan.conclude(results).expect_err("a part failed");
    assert!(error.partial().is_some());
    let outcomes = request.batch().expect("a pipeline").outcomes();
    assert!(matches!(&outcomes[0], Outcome::Final(Ok(value)) if *value == text("x")));
    assert!(matches!(&outcomes[1], Outcome::Final(Err(error)) if error.partial().is_some()));
}

#[test]
fn a_failure_tells_of_each_key_in_the_order_given() {
    let (plan, parts) = plan(cmd("MSET").arg([("a", 1), ("b", 2), ("c", 3), ("b", 4)]));
    assert_eq!(parts.len(), 3);
    let down = Value::Error(ServerError::new("CLUSTERDOWN The cluster is down"));
    let closed = Error::not_sent(ErrorKind::Connection, "closed").with_delivery(Delivery::Unknown);
    let error = plan.conclude(vec![Ok(text("OK")), Ok(down), Err(closed)]);
    let error = error.expect_err("two parts failed");
    assert_eq!(error.kind(), ErrorKind::Server, "the first cause");
    assert_eq!(error.delivery(), Delivery::Unknown, "a part is done");
    let partial = error.partial().expect("it failed in part");
    let key = |key: &'static str| Portion::Key(key.into());
    assert!(partial.done().eq([&key("a")]));
    let not_done = partial.not_done().map(|(key, _)| key);
    assert!(not_done.eq([&key("b"), &key("b")]));
    assert!(partial.unknown().map(|(key, _)| key).eq([&key("c")]));
    let shown = error.to_string();
    assert!(
        shown.contains("of 4 keys 1 are done, 2 not done and 1 unknown"),
        "{shown}"
    );
    assert!(shown.contains("CLUSTERDOWN"), "{shown}");
    let span = error.without_names().to_string();
    assert!(
        span.contains("of 4 keys") && !span.contains("\"b\""),
        "{span}"
    );
}

#[test]
fn one_success_is_enough_where_the_table_says_so() {
    let idle = || {
        Ok(Value::Error(ServerError::new(
            "NOTBUSY No scripts in execution",
        )))
    };
    let kill = || cmd("SCRIPT").arg("KILL");
    let reply = plan(kill()).0.conclude(vec![idle(), Ok(text("OK"))]);
    assert_eq!(reply.expect("one was killed"), text("OK"));
    let stuck = Ok(Value::Error(ServerError::new("UNKILLABLE it wrote")));
    let error = plan(kill()).0.conclude(vec![idle(), stuck]);
    let error = error.expect_err("none was killed");
    let code = error.server_error().map(ServerError::code);
    assert_eq!(code, Some("UNKILLABLE"), "the real cause");
    let partial = error.partial().expect("it failed in part");
    assert!(partial.unknown().next().is_some());
}

// ===== split and gathered, or at once: no difference =====

#[derive(Clone, Debug)]
enum Multi {
    Set(Vec<(u8, u8)>),
    Get(Vec<u8>),
    Del(Vec<u8>),
    Exists(Vec<u8>),
}

fn multi() -> impl Strategy<Value = Multi> {
    let keys = || prop::collection::vec(0..12_u8, 1..20);
    let pairs = prop::collection::vec((0..12_u8, any::<u8>()), 1..20);
    prop_oneof![
        pairs.prop_map(Multi::Set),
        keys().prop_map(Multi::Get),
        keys().prop_map(Multi::Del),
        keys().prop_map(Multi::Exists),
    ]
}

fn command(multi: &Multi) -> Command {
    let key = |key: &u8| format!("k{key}");
    let keys = |keys: &[u8]| keys.iter().map(key).collect::<Vec<_>>();
    match multi {
        Multi::Set(pairs) => {
            let pairs = pairs.iter().map(|(k, value)| (key(k), *value));
            cmd("MSET").arg(pairs.collect::<Vec<_>>())
        }
        Multi::Get(names) => cmd("MGET").arg(keys(names)),
        Multi::Del(names) => cmd("DEL").arg(keys(names)),
        Multi::Exists(names) => cmd("EXISTS").arg(keys(names)),
    }
}

/// What a server that serves all slots answers.
fn apply(store: &mut HashMap<Vec<u8>, Vec<u8>>, command: &Command) -> Value {
    let args: Vec<_> = command.args().skip(1).map(<[u8]>::to_vec).collect();
    match &*command.name() {
        "MSET" => {
            for pair in args.chunks(2) {
                store.insert(pair[0].clone(), pair[1].clone());
            }
            Value::SimpleString("OK".into())
        }
        "MGET" => {
            let value = |key| match store.get(key) {
                Some(value) => Value::BulkString(value.clone().into()),
                None => Value::Nil,
            };
            Value::Array(args.iter().map(value).collect())
        }
        "DEL" => {
            let removed = args.iter().filter(|key| store.remove(*key).is_some());
            Value::Integer(removed.count() as i64)
        }
        _ => {
            let found = args.iter().filter(|key| store.contains_key(*key));
            Value::Integer(found.count() as i64)
        }
    }
}

proptest! {
    #[test]
    fn split_and_gathered_is_as_sent_at_once(requests in prop::collection::vec(multi(), 1..20)) {
        let (mut one, mut many) = (HashMap::new(), HashMap::new());
        for request in &requests {
            let request = command(request);
            let expected = apply(&mut one, &request);
            let reply = match Spread::of_request(&request).expect("valid") {
                None => apply(&mut many, &request),
                Some(spreads) => {
                    let (plan, sent) = Plan::new(request, spreads, None).expect("no nodes needed");
                    let parts = sent.batch().expect("a pipeline").commands();
                    for part in parts {
                        prop_assert!(part.slot().expect("one slot").is_some());
                    }
                    // Slots are served in any order.
                    let mut replies = vec![None; parts.len()];
                    for index in (0..parts.len()).rev() {
                        replies[index] = Some(apply(&mut many, &parts[index]));
                    }
                    let replies = replies.into_iter().flatten().map(Ok).collect();
                    plan.conclude(replies).expect("all parts succeeded")
                }
            };
            prop_assert_eq!(reply, expected);
        }
        prop_assert_eq!(one, many);
    }

    #[test]
    fn each_slot_is_one_part(names in prop::collection::vec("[a-z]{1,3}", 2..60)) {
        let request = cmd("MGET").arg(&names);
        let mut slots: Vec<_> = names.iter().map(Slot::of).collect();
        slots.sort();
        slots.dedup();
        let parts = match Spread::of_request(&request).expect("valid") {
            Some(spreads) => {
                let (_, sent) = Plan::new(request, spreads, None).expect("no nodes needed");
                sent.batch().expect("a pipeline").commands().len()
            }
            None => 1,
        };
        prop_assert_eq!(parts, slots.len());
    }
}
