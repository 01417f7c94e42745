use std::time::Duration;

use tokio::time::Instant;

use super::script::{Act, Script, addr, error, ok, part, slots, to};
use crate::command::{Command, Outcome, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::route::RouteLayer;
use crate::value::Value;

/// Port 1 serves the lower half, port 2 the upper one.
const HALVES: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16383, 2)];
const LOW: u16 = 5;
const HIGH: u16 = 9000;

fn labels(labels: &[(u16, &str)]) -> Command {
    Command::pipeline(labels.iter().map(|(slot, label)| part(*slot, label)))
}

fn text(text: &'static str) -> Value {
    Value::BulkString(text.into())
}

#[tokio::test(start_paused = true)]
async fn commands_of_one_node_make_one_unit_and_replies_keep_their_order() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    for (port, label) in [(1, "a"), (2, "b"), (1, "c"), (2, "d")] {
        script.reply_to(port, label, text(label));
    }
    let command = labels(&[(LOW, "a"), (HIGH, "b"), (LOW, "c"), (HIGH, "d")]);
    let reply = cluster.send(command).await.expect("replies");
    assert_eq!(reply, Value::Array(["a", "b", "c", "d"].map(text).into()));
    assert_eq!(script.units(1), ["a c"]);
    assert_eq!(script.units(2), ["b d"]);
}

#[tokio::test(start_paused = true)]
async fn nodes_are_asked_side_by_side() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let second = Duration::from_secs(1);
    for port in [1, 2] {
        let act = Act::ReplyAfter(second, Value::Array(vec![ok(), ok()]));
        script.with(port, |peer| peer.acts.push_back(act));
    }
    let began = Instant::now();
    let command = labels(&[(LOW, "a"), (LOW, "b"), (HIGH, "c"), (HIGH, "d")]);
    cluster.send(command).await.expect("replies");
    assert_eq!(began.elapsed(), second);
}

#[tokio::test(start_paused = true)]
async fn empty_pipeline_has_an_empty_reply() {
    let script = Script::agreeing(&[1], &[(0, 16383, 1)]);
    let cluster = script.discovered().await;
    let reply = cluster.send(labels(&[])).await.expect("no replies");
    assert_eq!(reply, Value::Array(Vec::new()));
    assert_eq!(script.calls(1), 0);
}

#[tokio::test(start_paused = true)]
async fn one_command_that_is_alone_on_its_node_goes_as_it_is_on_behalf_of_the_pipeline() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    // An array of its own is not taken for that of a unit.
    let array = Value::Array(vec![ok()]);
    script.reply_to(1, "a", array.clone());
    let reply = cluster.send(labels(&[(LOW, "a")])).await.expect("a reply");
    assert_eq!(reply, Value::Array(vec![array]));
}

#[tokio::test(start_paused = true)]
async fn keyless_commands_of_a_pipeline_go_to_one_primary() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    for _ in 0..20 {
        let before = script.calls(1) + script.calls(2);
        let command = Command::pipeline((0..9).map(|_| cmd("PING")));
        cluster.send(command).await.expect("replies");
        assert_eq!(script.calls(1) + script.calls(2), before + 1);
    }
    assert!(script.calls(1) > 0 && script.calls(2) > 0);
}

#[tokio::test(start_paused = true)]
async fn target_of_a_command_goes_before_that_of_the_pipeline() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let chosen = |label: &str, port| cmd("TEST").arg(label).target(Target::Node(addr(port)));
    let command = Command::pipeline([chosen("a", 7), part(LOW, "b"), cmd("TEST").arg("c")])
        .target(Target::Node(addr(8)));
    cluster.send(command).await.expect("replies");
    assert_eq!(script.units(7), ["a"]);
    assert_eq!(script.units(1), ["b"]);
    assert_eq!(script.units(8), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn moved_commands_are_sent_again_alone_and_as_one_unit_per_new_node() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply_to(1, "a", error("MOVED 5 10.0.0.1:3"));
    script.reply_to(1, "c", error("MOVED 5 10.0.0.1:3"));
    script.reply_to(1, "d", error("MOVED 6 10.0.0.1:2"));
    let command = labels(&[(LOW, "a"), (7, "b"), (LOW, "c"), (6, "d"), (HIGH, "e")]);
    let reply = cluster.send(command).await.expect("followed");
    assert_eq!(reply, Value::Array(vec![ok(); 5]));
    assert_eq!(script.units(1), ["a b c d"]);
    assert_eq!(script.units(2), ["e", "d"]);
    assert_eq!(script.units(3), ["a c"]);
    assert_eq!((cluster.primary(5), cluster.primary(6)), (Some(3), Some(2)));
    assert_eq!(cluster.metrics().redirects_moved, 3);
}

#[tokio::test(start_paused = true)]
async fn asked_commands_go_behind_asking_and_the_map_stays() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply_to(1, "a", error("ASK 5 10.0.0.1:2"));
    script.reply_to(1, "c", error("ASK 5 10.0.0.1:2"));
    script.reply_to(1, "d", error("MOVED 6 10.0.0.1:2"));
    let command = labels(&[(LOW, "a"), (LOW, "b"), (LOW, "c"), (6, "d")]);
    let reply = cluster.send(command).await.expect("followed");
    assert_eq!(reply, Value::Array(vec![ok(); 4]));
    assert_eq!(script.units(2), ["ASKING a ASKING c d"]);
    assert_eq!(cluster.primary(LOW), Some(1));
    assert_eq!(cluster.metrics().redirects_ask, 2);
}

#[tokio::test(start_paused = true)]
async fn redirects_of_one_slot_that_disagree_go_where_the_last_points_in_order() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply_to(1, "a", error("ASK 5 10.0.0.1:2"));
    script.reply_to(1, "b", error("MOVED 5 10.0.0.1:3"));
    let command = labels(&[(LOW, "a"), (LOW, "b")]);
    cluster.send(command).await.expect("followed");
    assert_eq!(script.calls(2), 0);
    assert_eq!(script.units(3), ["a b"]);
}

#[tokio::test(start_paused = true)]
async fn redirects_are_bounded_for_each_command() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.layer(RouteLayer::from_addrs([addr(1)]).max_redirects(1));
    script.reply_to(1, "a", error("MOVED 5 10.0.0.1:2"));
    script.reply_to(2, "a", error("MOVED 5 10.0.0.1:1"));
    let command = labels(&[(LOW, "a"), (LOW, "b")]);
    let failure = cluster.send(command.clone()).await.expect_err("a loop");
    assert_eq!(failure.kind(), ErrorKind::TooManyRedirects);
    assert_eq!(failure.delivery(), Delivery::Unknown, "of the whole");
    let outcomes = command.batch().expect("a pipeline").outcomes();
    assert!(matches!(&outcomes[0], Outcome::Final(Err(e)) if e.delivery() == Delivery::NotApplied));
    assert!(matches!(&outcomes[1], Outcome::Final(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn moved_to_the_node_it_comes_from_waits_for_a_refresh_others_do_not() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.reply_to(1, "a", error("MOVED 5 10.0.0.1:1"));
    for port in [1, 2] {
        script.with(port, |peer| peer.view = Some(slots(&[(0, 16383, 2)])));
    }
    let command = labels(&[(LOW, "a"), (LOW, "b")]);
    let reply = cluster.send(command).await.expect("followed");
    assert_eq!(reply, Value::Array(vec![ok(); 2]));
    assert_eq!(
        (script.units(1), script.units(2)),
        (vec!["a b".into()], vec!["a".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn other_error_replies_are_replies_and_those_of_a_stale_map_refresh_it() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let readonly = error("READONLY You can't write against a read only replica.");
    script.reply_to(1, "a", readonly.clone());
    script.reply_to(1, "b", error("TRYAGAIN later"));
    let reply = cluster.send(labels(&[(LOW, "a"), (LOW, "b")])).await;
    assert_eq!(
        reply.expect("replies"),
        Value::Array(vec![readonly, error("TRYAGAIN later")])
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.metrics().refreshes_succeeded, 2);
}

#[tokio::test(start_paused = true)]
async fn pipeline_waits_for_the_first_discovery() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.route();
    let command = labels(&[(LOW, "a"), (HIGH, "b"), (LOW, "c")]);
    let reply = cluster.send(command).await.expect("replies");
    assert_eq!(reply, Value::Array(vec![ok(); 3]));
    assert_eq!(script.units(1), ["a c"]);
}

#[tokio::test(start_paused = true)]
async fn settled_commands_are_not_sent_again() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let command = labels(&[(LOW, "a"), (LOW, "b"), (HIGH, "c")]);
    let refused = Error::not_sent(ErrorKind::Server, "refused").with_delivery(Delivery::NotApplied);
    command.batch().expect("a pipeline").record(vec![
        Outcome::Final(Ok(text("before"))),
        Outcome::Again(refused),
        Outcome::Final(Ok(text("too"))),
    ]);
    let reply = cluster.send(command).await.expect("replies");
    assert_eq!(reply, Value::Array(vec![text("before"), ok(), text("too")]));
    assert_eq!(script.units(1), ["b"]);
    assert_eq!(script.calls(2), 0);
}

#[tokio::test(start_paused = true)]
async fn transaction_is_redirected_as_one_command() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let command = Command::transaction([cmd("SET").arg("{t}a").arg("1"), cmd("GET").arg("{t}b")]);
    // Slot 15891.
    script.reply(2, error("ASK 15891 10.0.0.1:1"));
    let replies = Value::Array(vec![ok(), Value::Nil]);
    script.reply(1, replies.clone());
    assert_eq!(cluster.send(command).await.expect("followed"), replies);
    script.with(1, |peer| assert_eq!(peer.called, [true]));
    let crossed = Command::transaction([cmd("GET").arg("a"), cmd("GET").arg("b")]);
    let failure = cluster.send(crossed).await.expect_err("two slots");
    assert_eq!(failure.kind(), ErrorKind::InvalidCommand);
}

#[tokio::test(start_paused = true)]
async fn unit_carries_deadline_declarations_and_attachments_of_the_pipeline() {
    let mut whole = Command::pipeline([]).idempotent();
    let deadline = Instant::now() + Duration::from_secs(1);
    whole.set_deadline(deadline);
    whole.extensions_mut().insert("tenant");
    whole.extensions_mut().insert(1u32);
    let mut own = to(LOW);
    own.extensions_mut().insert(2u32);
    let own = own.on_behalf_of(&whole);
    assert_eq!(own.deadline(), Some(deadline));
    assert!(own.is_idempotent());
    let extensions = own.extensions().expect("attached");
    assert_eq!(extensions.get::<&str>(), Some(&"tenant"));
    assert_eq!(extensions.get::<u32>(), Some(&2));
}
