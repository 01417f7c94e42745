use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::script::{Act, Cluster, Make, Script, addr, error, ok, part, slot};
use crate::command::{Command, Outcome, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// Port 1 serves the lower half, port 2 the upper one.
const HALVES: [(u16, u16, u16); 2] = [(0, 7999, 1), (8000, 16383, 2)];
const LOW: u16 = 5;
const HIGH: u16 = 9000;

/// What is known of a command in the end.
#[derive(Debug, PartialEq)]
enum Known {
    Reply(Value),
    Failed(ErrorKind, Delivery),
    Nothing,
}

use Known::{Failed, Reply};

fn known(command: &Command) -> Vec<Known> {
    let outcomes = command.batch().expect("a pipeline").outcomes();
    let known = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Final(Ok(reply)) => Reply(reply),
        Outcome::Final(Err(error)) => Failed(error.kind(), error.delivery()),
        Outcome::Unsent | Outcome::Again(_) => Known::Nothing,
    });
    known.collect()
}

fn pipeline() -> Command {
    Command::pipeline([
        part(LOW, "a"),
        part(HIGH, "b"),
        part(LOW, "c"),
        part(HIGH, "d"),
    ])
}

/// What the timeout layer does: it polls once more when the time is up.
async fn with_deadline(cluster: &Cluster, mut command: Command) -> Result<Value, Error> {
    let deadline = Instant::now() + Duration::from_millis(100);
    command.set_deadline(deadline);
    tokio::time::timeout_at(deadline, cluster.send(command))
        .await
        .expect("it honours the deadline")
}

#[tokio::test(start_paused = true)]
async fn node_that_cannot_be_reached_fails_only_its_commands() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.with(2, |peer| peer.make = Make::Refuse);
    let command = pipeline();
    let failure = cluster.send(command.clone()).await.expect_err("refused");
    assert_eq!(failure.delivery(), Delivery::Unknown, "two were applied");
    assert_eq!(
        (failure.node(), failure.slot()),
        (Some(&addr(2)), Some(slot(HIGH)))
    );
    assert_eq!(failure.command(), Some("TEST"));
    let refused = || Failed(failure.kind(), Delivery::NotSent);
    assert_eq!(
        known(&command),
        [Reply(ok()), refused(), Reply(ok()), refused()]
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let refreshes = cluster.metrics().refreshes_succeeded;
    assert!(refreshes > 1, "no reason for a refresh");
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_connection_knows_of_each_command_is_kept() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let lost = |delivery| Error::not_sent(ErrorKind::Connection, "lost").with_delivery(delivery);
    let outcomes = vec![
        Outcome::Final(Ok(Value::Integer(1))),
        Outcome::Final(Err(lost(Delivery::Unknown))),
    ];
    let act = Act::FailInPart(outcomes, lost(Delivery::Unknown));
    script.with(1, |peer| peer.acts.push_back(act));
    let command = pipeline();
    cluster.send(command.clone()).await.expect_err("lost");
    let lost = Failed(ErrorKind::Connection, Delivery::Unknown);
    assert_eq!(
        known(&command),
        [Reply(Value::Integer(1)), Reply(ok()), lost, Reply(ok())]
    );
    assert_eq!(script.calls(1), 1);
}

#[tokio::test(start_paused = true)]
async fn redirect_read_before_the_connection_was_lost_is_followed() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let lost = Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown);
    let outcomes = vec![
        Outcome::Final(Ok(error("MOVED 5 10.0.0.1:2"))),
        Outcome::Final(Err(lost.clone())),
    ];
    script.with(1, |peer| {
        peer.acts.push_back(Act::FailInPart(outcomes, lost))
    });
    let command = pipeline();
    cluster.send(command.clone()).await.expect_err("lost");
    assert_eq!(known(&command)[0], Reply(ok()));
    assert_eq!(script.units(2), ["b d", "a"]);
}

#[tokio::test(start_paused = true)]
async fn unit_of_which_nothing_was_sent_is_sent_on_a_new_service_and_no_other() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let closed = Error::not_sent(ErrorKind::Connection, "closed").with_delivery(Delivery::NotSent);
    let unsent = || Outcome::Final(Err(closed.clone()));
    let fail = |outcomes| {
        let act = Act::FailInPart(outcomes, closed.clone());
        script.with(1, |peer| peer.acts.push_back(act));
    };
    fail(vec![unsent(), unsent()]);
    cluster.send(pipeline()).await.expect("sent anew");
    assert_eq!(script.calls(1), 2);

    fail(vec![Outcome::Final(Ok(ok())), unsent()]);
    let command = pipeline();
    cluster.send(command.clone()).await.expect_err("in part");
    assert_eq!(script.calls(1), 3);
    assert_eq!(
        known(&command)[2],
        Failed(ErrorKind::Connection, Delivery::NotSent)
    );
}

#[tokio::test(start_paused = true)]
async fn unit_that_is_not_answered_by_as_many_replies_is_an_error() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    for reply in [Value::Array(vec![ok()]), ok()] {
        script.reply(1, reply);
        let command = pipeline();
        let failure = cluster.send(command.clone()).await.expect_err("too few");
        assert_eq!(failure.kind(), ErrorKind::Protocol);
        assert_eq!(
            known(&command)[0],
            Failed(ErrorKind::Protocol, Delivery::Unknown)
        );
        assert_eq!(known(&command)[1], Reply(ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn command_that_cannot_be_routed_fails_alone() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let command = Command::pipeline([
        cmd("TEST").key("a").key("b"),
        cmd("PING").target(Target::AllPrimaries),
        Command::pipeline([]),
        part(LOW, "d"),
    ]);
    let failure = cluster.send(command.clone()).await.expect_err("two slots");
    assert_eq!(failure.kind(), ErrorKind::InvalidCommand);
    let invalid = || Failed(ErrorKind::InvalidCommand, Delivery::NotSent);
    assert_eq!(
        known(&command),
        [invalid(), invalid(), invalid(), Reply(ok())]
    );
}

#[tokio::test(start_paused = true)]
async fn command_that_no_unit_takes_fails_alone() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let select = cmd("SELECT").arg(1).target(Target::Slot(slot(LOW)));
    let command = Command::pipeline([part(LOW, "a"), select, part(LOW, "c"), part(HIGH, "d")]);
    let failure = cluster.send(command.clone()).await.expect_err("SELECT");
    assert_eq!(failure.command(), Some("SELECT"));
    let invalid = Failed(ErrorKind::InvalidCommand, Delivery::NotSent);
    assert_eq!(
        known(&command),
        [Reply(ok()), invalid, Reply(ok()), Reply(ok())]
    );
    assert_eq!(script.units(1), ["a c"]);
}

#[tokio::test(start_paused = true)]
async fn uncovered_slot_waits_for_one_refresh_and_fails_alone() {
    let script = Script::agreeing(&[1], &[(0, 99, 1)]);
    let cluster = script.discovered().await;
    let command = Command::pipeline([part(100, "a"), part(LOW, "b"), part(101, "c")]);
    let failure = cluster.send(command.clone()).await.expect_err("uncovered");
    assert_eq!(failure.slot(), Some(slot(100)));
    let uncovered = || Failed(ErrorKind::Topology, Delivery::NotSent);
    assert_eq!(known(&command), [uncovered(), Reply(ok()), uncovered()]);
    assert_eq!(cluster.metrics().refreshes_succeeded, 2);
}

#[tokio::test(start_paused = true)]
async fn failed_discovery_fails_every_command_that_needs_it() {
    let script = Script::default();
    script.with(1, |peer| peer.make = Make::Refuse);
    let cluster = script.route();
    let chosen = cmd("TEST").target(Target::Node(addr(7)));
    let command = Command::pipeline([part(LOW, "a"), chosen]);
    let failure = cluster.send(command.clone()).await.expect_err("no view");
    assert_eq!(failure.kind(), ErrorKind::Topology);
    assert_eq!(known(&command)[1], Reply(ok()));
}

#[tokio::test(start_paused = true)]
async fn deadline_says_of_each_command_how_far_it_got() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.acts.push_back(Act::Hang));
    script.reply_to(2, "d", error("MOVED 9000 10.0.0.1:3"));
    script.with(3, |peer| peer.make = Make::Hang);
    let elsewhere = cmd("TEST").target(Target::Node(addr(4)));
    script.with(4, |peer| peer.make = Make::Hang);
    let command = Command::pipeline([
        part(LOW, "a"),
        part(HIGH, "b"),
        part(LOW, "c"),
        part(HIGH, "d"),
        elsewhere,
    ]);
    let failure = with_deadline(&cluster, command.clone())
        .await
        .expect_err("hangs");
    assert!(failure.is_timeout(), "{failure}");
    assert_eq!(failure.delivery(), Delivery::Unknown);
    let timeout = |delivery| Failed(ErrorKind::Timeout, delivery);
    assert_eq!(
        known(&command),
        [
            timeout(Delivery::Unknown),
            Reply(ok()),
            timeout(Delivery::Unknown),
            timeout(Delivery::NotApplied),
            timeout(Delivery::NotSent),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn connection_that_knows_better_is_heard_at_the_deadline() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let queued =
        Error::not_sent(ErrorKind::Timeout, "still queued").with_delivery(Delivery::NotSent);
    let act = Act::FailPolledAgain(queued);
    script.with(1, |peer| peer.acts.push_back(act));
    script.with(2, |peer| peer.acts.push_back(Act::Hang));
    let command = pipeline();
    with_deadline(&cluster, command.clone())
        .await
        .expect_err("both hang");
    let timeout = |delivery| Failed(ErrorKind::Timeout, delivery);
    assert_eq!(known(&command)[0], timeout(Delivery::NotSent));
    assert_eq!(known(&command)[1], timeout(Delivery::Unknown));
}

#[tokio::test(start_paused = true)]
async fn deadline_bounds_the_wait_for_a_topology() {
    let script = Script::default();
    let cluster = script.route();
    let command = pipeline();
    let failure = with_deadline(&cluster, command.clone())
        .await
        .expect_err("hangs");
    assert!(
        failure.to_string().contains("being discovered"),
        "{failure}"
    );
    assert_eq!(failure.delivery(), Delivery::NotSent);
}

#[tokio::test(start_paused = true)]
async fn node_that_failed_is_told_of_rather_than_one_that_is_late() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.acts.push_back(Act::Hang));
    script.with(2, |peer| peer.make = Make::Refuse);
    let failure = with_deadline(&cluster, pipeline()).await.expect_err("both");
    assert_eq!(failure.node(), Some(&addr(2)));
    assert!(!failure.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn dropped_pipeline_leaves_the_truth_behind() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    script.with(2, |peer| peer.acts.push_back(Act::Hang));
    script.reply_to(1, "c", error("MOVED 5 10.0.0.1:3"));
    script.with(3, |peer| peer.make = Make::Hang);
    let command = pipeline();
    timeout(Duration::from_millis(1), cluster.send(command.clone()))
        .await
        .expect_err("hangs");
    let gone = |delivery| Failed(ErrorKind::Timeout, delivery);
    assert_eq!(
        known(&command),
        [
            Reply(ok()),
            gone(Delivery::Unknown),
            gone(Delivery::NotApplied),
            gone(Delivery::Unknown),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn second_attempt_that_is_dropped_does_not_claim_what_the_first_did() {
    let script = Script::agreeing(&[1, 2], &HALVES);
    let cluster = script.discovered().await;
    let again = |delivery| {
        Outcome::Again(Error::not_sent(ErrorKind::Connection, "lost").with_delivery(delivery))
    };
    let command = pipeline();
    let batch = command.batch().expect("a pipeline");
    batch.record_for_next(vec![
        again(Delivery::NotApplied),
        again(Delivery::NotApplied),
        Outcome::Final(Ok(ok())),
        again(Delivery::Unknown),
    ]);
    script.with(1, |peer| peer.acts.push_back(Act::Hang));
    script.with(2, |peer| peer.make = Make::Hang);
    let mut attempt = tokio_test::task::spawn(cluster.send(command.clone()));
    assert!(attempt.poll().is_pending());
    // Whoever looks now must not be told of the first attempt.
    assert_eq!(known(&command)[0], Known::Nothing);
    drop(attempt);
    let whole = Error::not_sent(ErrorKind::Timeout, "dropped").with_delivery(Delivery::NotSent);
    let told = batch.settle(Err(whole)).into_iter();
    let told = told.map(|result| result.map_err(|error| error.delivery()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            Err(Delivery::Unknown),
            Err(Delivery::NotApplied),
            Ok(ok()),
            Err(Delivery::Unknown),
        ]
    );
}
