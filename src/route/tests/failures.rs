use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::script::{Act, Cluster, Make, Script, addr, error, ok, part, slot, slots, to};
use crate::command::{Command, Target, cmd};
use crate::error::{Delivery, Error, ErrorKind};
use crate::route::RouteLayer;
use crate::value::Value;

const ALL: [(u16, u16, u16); 1] = [(0, 16383, 1)];

/// What the timeout layer does: it polls once more when the time is up.
async fn with_deadline(cluster: &Cluster, mut command: Command) -> Result<Value, Error> {
    let deadline = Instant::now() + Duration::from_millis(100);
    command.set_deadline(deadline);
    tokio::time::timeout_at(deadline, cluster.send(command))
        .await
        .expect("it honours the deadline")
}

/// The time for a triggered refresh.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn finished_service_is_made_anew_at_once() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let made = script.made(1);
    script.with(1, |peer| peer.finished = 2);
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
    assert_eq!((script.made(1) - made, script.calls(1)), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn finished_services_of_one_node_do_not_count_for_the_next() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.finished = 2);
    script.reply(1, error("MOVED 5 10.0.0.1:2"));
    script.with(2, |peer| peer.finished = 2);
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
}

#[tokio::test(start_paused = true)]
async fn service_that_is_always_finished_is_an_error() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let made = script.made(1);
    script.with(1, |peer| peer.finished = usize::MAX);
    let error = cluster.send(to(5)).await.expect_err("finished");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!((script.made(1) - made, script.calls(1)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn command_that_was_not_sent_is_sent_on_a_new_service() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let closed = Error::not_sent(ErrorKind::Connection, "closed").with_delivery(Delivery::NotSent);
    script.with(1, |peer| peer.acts.push_back(Act::Fail(closed)));
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
    assert_eq!(script.calls(1), 2);
}

#[tokio::test(start_paused = true)]
async fn command_that_may_have_been_applied_is_not_sent_again() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let lost = Error::not_sent(ErrorKind::Connection, "lost").with_delivery(Delivery::Unknown);
    script.with(1, |peer| peer.acts.push_back(Act::Fail(lost)));
    let error = cluster.send(to(5)).await.expect_err("lost");
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(
        (error.node(), error.slot()),
        (Some(&addr(1)), Some(slot(5)))
    );
    assert_eq!(error.command(), Some("TEST"));
    assert_eq!(script.calls(1), 1);
}

#[tokio::test(start_paused = true)]
async fn node_that_cannot_be_reached_is_an_error_and_reason_for_a_refresh() {
    let script = Script::agreeing(&[1], &[(0, 7999, 1), (8000, 16383, 2)]);
    let cluster = script.discovered().await;
    script.with(2, |peer| peer.make = Make::Refuse);
    let error = cluster.send(to(8000)).await.expect_err("refused");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(
        (error.node(), error.slot()),
        (Some(&addr(2)), Some(slot(8000)))
    );

    script.with(1, |peer| peer.view = Some(slots(&ALL)));
    settle().await;
    assert_eq!(cluster.send(to(8000)).await.expect("failed over"), ok());
}

#[tokio::test(start_paused = true)]
async fn replies_that_tell_of_a_stale_map_are_passed_on_and_refresh_it() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    for (refreshes, line) in [
        (2, "READONLY You can't write against a read only replica."),
        (3, "CLUSTERDOWN The cluster is down"),
        (4, "MASTERDOWN Link with MASTER is down"),
    ] {
        script.reply(1, error(line));
        assert_eq!(cluster.send(to(5)).await.expect("a reply"), error(line));
        settle().await;
        assert_eq!(cluster.metrics().refreshes_succeeded, refreshes, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_error_replies_are_passed_on_alone() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    for line in ["TRYAGAIN later", "LOADING it", "WRONGTYPE of value"] {
        script.reply(1, error(line));
        assert_eq!(cluster.send(to(5)).await.expect("a reply"), error(line));
    }
    settle().await;
    assert_eq!(
        cluster.metrics().refreshes_succeeded,
        1,
        "the first discovery"
    );
}

#[tokio::test(start_paused = true)]
async fn overloaded_node_is_no_reason_for_a_refresh() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let overloaded = Error::not_sent(ErrorKind::Overloaded, "too much");
    script.with(1, |peer| peer.acts.push_back(Act::Fail(overloaded)));
    assert!(cluster.send(to(5)).await.expect_err("shed").is_overloaded());
    settle().await;
    assert_eq!(
        cluster.metrics().refreshes_succeeded,
        1,
        "the first discovery"
    );
}

#[tokio::test(start_paused = true)]
async fn deadline_error_says_how_far_the_command_got() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.make = Make::Hang);
    let connecting = with_deadline(&cluster, to(5)).await.expect_err("hangs");
    script.with(1, |peer| {
        peer.make = Make::Connect;
        peer.never_ready = true;
    });
    let readying = with_deadline(&cluster, to(5)).await.expect_err("hangs");
    script.with(1, |peer| {
        peer.never_ready = false;
        peer.acts.push_back(Act::Hang);
    });
    let calling = with_deadline(&cluster, to(5)).await.expect_err("hangs");

    for (error, delivery, words) in [
        (
            connecting,
            Delivery::NotSent,
            "before there was a connection",
        ),
        (readying, Delivery::NotSent, "before the node was ready"),
        (calling, Delivery::Unknown, "before the reply"),
    ] {
        assert!(
            error.is_timeout() && error.to_string().contains(words),
            "{error}"
        );
        assert_eq!(error.delivery(), delivery, "{error}");
        assert_eq!(
            (error.node(), error.slot()),
            (Some(&addr(1)), Some(slot(5)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_bounds_the_wait_for_a_topology() {
    let script = Script::default();
    let cluster = script.route();
    let error = with_deadline(&cluster, to(5))
        .await
        .expect_err("nobody answers");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    let text = "while the topology was being discovered from 10.0.0.1:1 (";
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_error_reply_says_which_node_gave_it() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.reply(1, error("OOM command not allowed"));
    let reply = cluster.send(to(5)).await.expect("a reply");
    let reply = reply.as_error().expect("an error");
    assert_eq!(
        (reply.node(), reply.slot()),
        (Some(&addr(1)), Some(slot(5)))
    );

    script.reply_to(1, "b", error("OOM command not allowed"));
    let pipeline = Command::pipeline([part(5, "a"), part(6, "b")]);
    let replies = cluster.send(pipeline).await.expect("replies");
    let reply = replies.as_array().and_then(|replies| replies[1].as_error());
    let reply = reply.expect("an error");
    assert_eq!(
        (reply.node(), reply.slot()),
        (Some(&addr(1)), Some(slot(6)))
    );
}

#[tokio::test(start_paused = true)]
async fn deadline_after_a_redirect_is_not_applied() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.reply(1, error("MOVED 5 10.0.0.1:2"));
    script.with(2, |peer| peer.make = Make::Hang);
    let error = with_deadline(&cluster, to(5)).await.expect_err("hangs");
    assert_eq!(error.delivery(), Delivery::NotApplied);
    assert_eq!(error.node(), Some(&addr(2)));
}

#[tokio::test(start_paused = true)]
async fn three_timeouts_are_reason_for_a_refresh_one_is_not() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    for (timeouts, is_refreshed) in [(1, false), (2, true)] {
        for _ in 0..timeouts {
            script.with(1, |peer| peer.acts.push_back(Act::Hang));
            with_deadline(&cluster, to(5)).await.expect_err("hangs");
        }
        settle().await;
        let refreshes = cluster.metrics().refreshes_succeeded;
        assert_eq!(refreshes > 1, is_refreshed, "{refreshes}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_in_different_slots_are_refused() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let command = cmd("TEST").key("a").key("b");
    let error = cluster.send(command).await.expect_err("two slots");
    assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    assert_eq!(script.calls(1), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_table_finds_wrong_is_not_sent_unless_told_to() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    let wrong = || cmd("GET").arg("k").arg("l");
    for command in [
        wrong(),
        wrong().target(Target::Node(addr(1))),
        cmd("XREAD").arg(["COUNT", "1", "k"]),
        Command::pipeline([cmd("GET").arg("k"), wrong()]),
        Command::transaction([wrong()]),
    ] {
        let error = cluster.send(command).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    assert_eq!(script.calls(1), 0);

    cluster.send(wrong().unchecked()).await.expect("sent");
    assert_eq!(script.calls(1), 1);
    let layer = RouteLayer::from_addrs([addr(1)]).check_arguments(false);
    script.layer(layer).send(wrong()).await.expect("sent");
    assert_eq!(script.calls(1), 2);
}

#[tokio::test(start_paused = true)]
async fn malformed_seed_fails_every_call_and_the_wait_for_discovery() {
    let script = Script::default();
    for layer in [
        RouteLayer::new(["redis://host:x"]),
        RouteLayer::new([""; 0]),
    ] {
        let cluster = script.layer(layer);
        for _ in 0..2 {
            let error = cluster.send(to(5)).await.expect_err("no seed");
            assert_eq!(error.kind(), ErrorKind::Config);
        }
        let error = cluster.route.discovered().await.expect_err("no seed");
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    RouteLayer::try_new(["redis://host:x"]).expect_err("at once");
}

#[tokio::test(start_paused = true)]
async fn dropped_future_leaves_the_route_usable() {
    let script = Script::agreeing(&[1], &ALL);
    let cluster = script.discovered().await;
    script.with(1, |peer| peer.acts.push_back(Act::Hang));
    timeout(Duration::from_millis(1), cluster.send(to(5)))
        .await
        .expect_err("hangs");
    assert_eq!(cluster.send(to(5)).await.expect("a reply"), ok());
}
