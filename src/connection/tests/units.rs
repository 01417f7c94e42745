//! Batches: one unit to their caller and on the wire.

use std::sync::Arc;

use super::*;
use crate::command::{Batch, Outcome};
use crate::value::ServerError;

const ASKING: &str = "*1\r\n$6\r\nASKING\r\n";
const MULTI: &str = "*1\r\n$5\r\nMULTI\r\n";
const EXEC: &str = "*1\r\n$4\r\nEXEC\r\n";

fn gets(keys: &[&str]) -> Vec<Command> {
    keys.iter().map(|key| get(key).0).collect()
}

fn wire(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| get(key).1).collect()
}

fn status(text: &'static str) -> Value {
    Value::SimpleString(text.into())
}

fn error(text: &'static str) -> Value {
    Value::Error(ServerError::new(text))
}

fn batch(command: &Command) -> Arc<Batch> {
    Arc::clone(command.batch().expect("a batch"))
}

/// What was recorded of each command: its reply, or how far it got.
fn known(batch: &Batch) -> Vec<Option<Result<Value, Delivery>>> {
    let outcomes = batch.outcomes().into_iter();
    outcomes
        .map(|outcome| match outcome {
            Outcome::Final(result) => Some(result.map_err(|error| error.delivery())),
            Outcome::Unsent | Outcome::Again(_) => None,
        })
        .collect()
}

async fn send(peer: &mut DuplexStream, replies: &str) {
    peer.write_all(replies.as_bytes()).await.expect("open");
}

// ===== the answer =====

#[tokio::test(start_paused = true)]
async fn a_pipeline_has_one_answer_with_all_replies_in_order() {
    let (mut connection, mut peer) = connect();
    let before = connection.call(get("x").0);
    let unit = connection.call(Command::pipeline(gets(&["a", "b", "c"])));
    let after = connection.call(get("y").0);
    expect(&mut peer, &wire(&["x", "a", "b", "c", "y"]).concat()).await;
    send(&mut peer, "$1\r\nx\r\n$1\r\na\r\n-ERR b\r\n>1\r\n+push\r\n").await;
    assert_eq!(before.await.expect("a reply"), bulk("x"));
    let mut unit = task::spawn(unit);
    assert_pending!(unit.poll());
    send(&mut peer, "_\r\n$1\r\ny\r\n").await;
    settle().await;
    assert!(unit.is_woken());
    assert_eq!(
        assert_ready_ok!(unit.poll()),
        Value::Array(vec![bulk("a"), error("ERR b"), Value::Nil])
    );
    assert_eq!(after.await.expect("a reply"), bulk("y"));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_answered_with_the_reply_to_exec() {
    for (reply, answer) in [
        (
            "*2\r\n:1\r\n-ERR b\r\n",
            Value::Array(vec![Value::Integer(1), error("ERR b")]),
        ),
        ("*-1\r\n", Value::Nil),
        ("-EXECABORT for reasons\r\n", error("EXECABORT for reasons")),
    ] {
        let (mut connection, mut peer) = connect();
        let unit = connection.call(Command::transaction(gets(&["a", "b"])));
        let after = connection.call(get("y").0);
        let commands = wire(&["a", "b"]).concat();
        expect(&mut peer, &format!("{MULTI}{commands}{EXEC}{}", get("y").1)).await;
        send(&mut peer, "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
        send(&mut peer, &format!("{reply}$1\r\ny\r\n")).await;
        assert_eq!(unit.await.expect("a reply"), answer);
        assert_eq!(after.await.expect("a reply"), bulk("y"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_refused_at_queueing_is_answered_with_the_first_refusal() {
    let (mut connection, mut peer) = connect();
    let unit = connection.call(Command::transaction(gets(&["a", "b", "c"])));
    let after = connection.call(get("y").0);
    settle().await;
    send(
        &mut peer,
        "+OK\r\n+QUEUED\r\n-MOVED 1 h:1\r\n-ERR c\r\n-EXECABORT x\r\n$1\r\ny\r\n",
    )
    .await;
    assert_eq!(unit.await.expect("a reply"), error("MOVED 1 h:1"));
    assert_eq!(after.await.expect("a reply"), bulk("y"));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_multi_was_refused_may_have_been_applied_in_part() {
    let (mut connection, mut peer) = connect();
    let unit = connection.call(Command::transaction(gets(&["a"])));
    settle().await;
    send(
        &mut peer,
        "-NOPERM no\r\n$1\r\na\r\n-ERR EXEC without MULTI\r\n",
    )
    .await;
    let error = unit.await.expect_err("not a transaction");
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Server, Delivery::Unknown)
    );
    assert!(!connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_transaction_whose_replies_are_out_of_step_ends_the_connection() {
    for replies in [
        "$1\r\nx\r\n",
        "+OK\r\n$1\r\nx\r\n",
        "+OK\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n",
    ] {
        let (mut connection, mut peer) = connect();
        let unit = connection.call(Command::transaction(gets(&["a"])));
        settle().await;
        send(&mut peer, replies).await;
        let error = unit.await.expect_err("out of step");
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Protocol, Delivery::Unknown),
            "{replies:?}"
        );
        assert!(connection.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_pipeline_is_answered_without_the_server_but_an_empty_transaction_by_it() {
    let (mut connection, mut peer) = connect();
    let mut empty = task::spawn(connection.call(Command::pipeline([])));
    assert_eq!(assert_ready_ok!(empty.poll()), Value::Array(vec![]));
    // Behind a `WATCH`, it tells of conflicts.
    let empty = connection.call(Command::transaction([]));
    expect(&mut peer, &format!("{MULTI}{EXEC}")).await;
    send(&mut peer, "+OK\r\n*-1\r\n").await;
    assert_eq!(empty.await.expect("a reply"), Value::Nil);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_of_a_batch_of_which_a_command_is_refused() {
    let (mut connection, mut peer) = connect();
    for refused in [cmd("SELECT").arg(1), cmd("BLPOP").arg("q").arg(0)] {
        let commands = [get("a").0, refused];
        for unit in [
            Command::pipeline(commands.clone()),
            Command::transaction(commands),
        ] {
            let error = connection.call(unit).await.expect_err("refused");
            assert_eq!(
                (error.kind(), error.delivery()),
                (ErrorKind::InvalidCommand, Delivery::NotSent)
            );
        }
    }
    let _next = connection.call(get("n").0);
    expect(&mut peer, &get("n").1).await;
}

// ===== ASKING =====

#[tokio::test(start_paused = true)]
async fn rule_2_each_command_of_an_asking_pipeline_has_its_own_asking() {
    let (mut connection, mut peer) = connect();
    let mut unit = Command::pipeline(gets(&["a", "b"]));
    unit.set_asking(true);
    let unit = connection.call(unit);
    let [a, b] = [get("a").1, get("b").1];
    expect(&mut peer, &format!("{ASKING}{a}{ASKING}{b}")).await;
    send(&mut peer, "+OK\r\n$1\r\na\r\n+OK\r\n$1\r\nb\r\n").await;
    assert_eq!(
        unit.await.expect("a reply"),
        Value::Array(vec![bulk("a"), bulk("b")])
    );
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_command_of_a_pipeline_may_be_asking_by_itself() {
    let (mut connection, mut peer) = connect();
    let mut commands = gets(&["a", "b"]);
    commands[1].set_asking(true);
    let unit = connection.call(Command::pipeline(commands));
    let [a, b] = [get("a").1, get("b").1];
    expect(&mut peer, &format!("{a}{ASKING}{b}")).await;
    send(&mut peer, "$1\r\na\r\n+OK\r\n$1\r\nb\r\n").await;
    assert_eq!(
        unit.await.expect("a reply"),
        Value::Array(vec![bulk("a"), bulk("b")])
    );
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_transaction_is_behind_one_asking() {
    let (mut connection, mut peer) = connect();
    let mut unit = Command::transaction(gets(&["a", "b"]));
    unit.set_asking(true);
    let unit = connection.call(unit);
    let commands = wire(&["a", "b"]).concat();
    expect(&mut peer, &format!("{ASKING}{MULTI}{commands}{EXEC}")).await;
    send(
        &mut peer,
        "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n",
    )
    .await;
    assert_eq!(
        unit.await.expect("a reply"),
        Value::Array(vec![Value::Integer(1), Value::Integer(2)])
    );
}

// ===== callers that leave =====

#[tokio::test(start_paused = true)]
async fn a_unit_whose_caller_left_early_is_never_written() {
    let (mut connection, mut peer) = connect();
    drop(connection.call(Command::pipeline(gets(&["a", "b"]))));
    drop(connection.call(Command::transaction(gets(&["a", "b"]))));
    let next = connection.call(get("n").0);
    expect(&mut peer, &get("n").1).await;
    send(&mut peer, "$1\r\nn\r\n").await;
    assert_eq!(next.await.expect("a reply"), bulk("n"));
    settle().await;
    assert_eq!(connection.handle.queue.in_flight(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_1_all_replies_to_a_unit_whose_caller_left_are_dropped() {
    for before in 0..3 {
        let (mut connection, mut peer) = connect();
        let pipeline = connection.call(Command::pipeline(gets(&["a", "b"])));
        let transaction = connection.call(Command::transaction(gets(&["c"])));
        let next = connection.call(get("n").0);
        settle().await;
        let replies = "$1\r\na\r\n$1\r\nb\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\nc\r\n";
        let (early, late) = replies.split_at([0, 7, 19][before]);
        send(&mut peer, early).await;
        settle().await;
        drop((pipeline, transaction));
        send(&mut peer, &format!("{late}$1\r\nn\r\n")).await;
        assert_eq!(next.await.expect("a reply"), bulk("n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_loses_no_reply_that_was_read() {
    let (mut connection, mut peer) = connect();
    let unit = Command::pipeline(gets(&["a", "b"]));
    let batch = batch(&unit);
    let unit = connection.call(unit);
    expect(&mut peer, &wire(&["a", "b"]).concat()).await;
    send(&mut peer, "$1\r\na\r\n").await;
    settle().await;
    drop(unit);
    assert_eq!(
        known(&batch),
        [Some(Ok(bulk("a"))), Some(Err(Delivery::Unknown))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_loses_no_reply_that_was_read() {
    let (mut connection, mut peer) = connect();
    let mut unit = Command::pipeline(gets(&["a", "b"]));
    unit.set_deadline(Instant::now() + Duration::from_millis(100));
    let batch = batch(&unit);
    let mut unit = task::spawn(connection.call(unit));
    assert_pending!(unit.poll());
    expect(&mut peer, &wire(&["a", "b"]).concat()).await;
    send(&mut peer, "$1\r\na\r\n").await;
    settle().await;
    tokio::time::advance(Duration::from_millis(100)).await;
    let error = assert_ready_err!(unit.poll());
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Timeout, Delivery::Unknown)
    );
    assert_eq!(
        known(&batch),
        [Some(Ok(bulk("a"))), Some(Err(Delivery::Unknown))]
    );
    // The driver has nothing to add.
    send(&mut peer, "$1\r\nb\r\n").await;
    drop(peer);
    settle().await;
    assert_eq!(known(&batch)[1], Some(Err(Delivery::Unknown)));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_unit_is_written_is_that_of_a_whole_not_sent() {
    let (mut connection, _peer) = connect();
    let mut unit = Command::pipeline(gets(&["a", "b"]));
    unit.set_deadline(Instant::now());
    let batch = batch(&unit);
    let mut unit = task::spawn(connection.call(unit));
    assert_pending!(unit.poll());
    let error = assert_ready_err!(unit.poll());
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(known(&batch), [None, None]);
}

// ===== the end of a connection =====

/// A connection that ends when so many bytes are written of `unit`, and so many replies read; its error.
async fn cut(unit: Command, written: usize, replies: &[&str]) -> Error {
    let (mut connection, mut peer) = connect_with(Config::default(), written);
    let unit = connection.call(unit);
    settle().await;
    tokio::join!(
        async {
            send(&mut peer, &replies.concat()).await;
            settle().await;
            drop(peer);
        },
        unit
    )
    .1
    .expect_err("the connection is gone")
}

#[tokio::test(start_paused = true)]
async fn rule_3_each_command_of_a_pipeline_learns_what_became_of_it_wherever_it_is_cut() {
    let large = "l".repeat(20_000);
    let keys = ["a", "bb", large.as_str(), "d"];
    let mut asking = gets(&keys);
    asking[1].set_asking(true);
    let mut parts = wire(&keys);
    let mut starts = Vec::new();
    let mut end = 0;
    for (index, part) in parts.iter_mut().enumerate() {
        end += if index == 1 { ASKING.len() } else { 0 };
        starts.push(end);
        end += part.len();
    }
    let replies = ["$1\r\na\r\n", "+OK\r\n$2\r\nbb\r\n", ":3\r\n", ":4\r\n"];
    let values = [bulk("a"), bulk("bb"), Value::Integer(3)];

    // At every byte but those in the middle of the large one.
    for written in (1..200).chain(20_000..=end) {
        let complete = starts[1..]
            .iter()
            .filter(|start| **start <= written)
            .count();
        for answered in 0..=complete.min(3) {
            let unit = Command::pipeline(asking.clone());
            let batch = batch(&unit);
            let error = cut(unit, written, &replies[..answered]).await;
            assert_eq!(
                (error.kind(), error.delivery()),
                (ErrorKind::Connection, Delivery::Unknown)
            );
            let truth = starts.iter().enumerate().map(|(index, start)| {
                Some(match values.get(index).filter(|_| index < answered) {
                    Some(value) => Ok(value.clone()),
                    None if *start < written => Err(Delivery::Unknown),
                    None => Err(Delivery::NotSent),
                })
            });
            let at = format!("{answered} answered, {written} bytes written");
            assert_eq!(known(&batch), truth.collect::<Vec<_>>(), "{at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_transaction_learns_what_became_of_it_wherever_it_is_cut() {
    let commands = wire(&["a", "b"]).concat();
    let exec = ASKING.len() + MULTI.len() + commands.len();
    let first = ASKING.len() + MULTI.len();
    let replies = ["+OK\r\n", "+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"];
    for written in 1..=exec + EXEC.len() {
        let complete = [ASKING.len(), first, first + commands.len() / 2, exec];
        let complete = complete.iter().filter(|end| **end <= written).count();
        for answered in 0..=complete {
            let mut unit = Command::transaction(gets(&["a", "b"]));
            unit.set_asking(true);
            let error = cut(unit, written, &replies[..answered]).await;
            let truth = if written <= ASKING.len() {
                Delivery::NotSent
            } else if written <= first || answered >= 2 && written <= exec {
                Delivery::NotApplied
            } else {
                // Not even that `MULTI` was taken is known, or `EXEC` may have been.
                Delivery::Unknown
            };
            let at = format!("{answered} answered, {written} bytes written");
            assert_eq!(error.delivery(), truth, "{at}");
            assert_eq!(error.node().map(NodeAddr::port), Some(7000));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_3_a_transaction_behind_a_refused_multi_is_not_called_discarded() {
    let written = MULTI.len() + get("a").1.len();
    let replies = ["-NOPERM no\r\n", "$1\r\na\r\n"];
    for answered in 0..=2 {
        let unit = Command::transaction(gets(&["a", "b"]));
        let error = cut(unit, written, &replies[..answered]).await;
        assert_eq!(error.delivery(), Delivery::Unknown, "{answered} answered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_of_which_nothing_is_written_is_not_sent() {
    let (mut connection, peer) = connect_with(Config::default(), 32);
    let _large = connection.call(get(&"x".repeat(100)).0);
    settle().await;
    let units = [
        Command::pipeline(gets(&["a", "b"])),
        Command::transaction(gets(&["a", "b"])),
    ];
    let batches = units.each_ref().map(batch);
    let calls = units.map(|unit| connection.call(unit));
    settle().await;
    drop(peer);
    for call in calls {
        let error = call.await.expect_err("the connection is gone");
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    // It is known of the whole.
    for batch in batches {
        assert_eq!(known(&batch), [None, None]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_before_its_command_is_not_given_to_it_in_a_unit_either() {
    let keys = ["a", "b", "c"];
    let first = get("a").1.len();
    // All of the first is written, and nothing of the second.
    let (mut connection, mut peer) = connect_with(Config::default(), first);
    let unit = Command::pipeline(gets(&keys));
    let batch = batch(&unit);
    let unit = connection.call(unit);
    settle().await;
    send(&mut peer, "+A\r\n+STRAY\r\n").await;
    let error = unit.await.expect_err("crossed");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(
        known(&batch),
        [
            Some(Ok(status("A"))),
            Some(Err(Delivery::NotSent)),
            Some(Err(Delivery::NotSent))
        ]
    );
}

// ===== writing =====

#[tokio::test(start_paused = true)]
async fn a_unit_arrives_whole_however_its_write_is_split() {
    let large = "l".repeat(17_000);
    let keys = ["a", large.as_str(), "c"];
    let pipeline = wire(&keys).concat();
    let whole = format!("{pipeline}{MULTI}{pipeline}{EXEC}");
    for pipe in (1..80).chain([16_383, 17_001, 17_050, 40_000]) {
        let (mut connection, mut peer) = connect_with(Config::default(), pipe);
        let calls = [
            connection.call(Command::pipeline(gets(&keys))),
            connection.call(Command::transaction(gets(&keys))),
        ];
        expect(&mut peer, &whole).await;
        let replies = "+a\r\n+b\r\n+c\r\n";
        send(&mut peer, replies).await;
        send(&mut peer, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n").await;
        send(&mut peer, replies).await;
        for call in calls {
            let answer = Value::Array(["a", "b", "c"].map(status).to_vec());
            assert_eq!(call.await.expect("a reply"), answer, "over {pipe} bytes");
        }
    }
}

// ===== bounds =====

#[tokio::test(start_paused = true)]
async fn rule_5_a_unit_larger_than_the_bounds_passes_and_counts_with_all_its_commands() {
    for config in [
        Config::default().max_in_flight(2),
        Config::default().max_bytes(20),
    ] {
        let (mut connection, mut peer) = connect_with(config, 1024);
        let keys = ["a", "b", "c", "d", "e"];
        let unit = connection
            .ready()
            .await
            .expect("open")
            .call(Command::pipeline(gets(&keys)));
        let in_flight = connection.handle.queue.in_flight();
        assert_eq!(in_flight, (5, 5 * get("a").1.len() - 5 * "*2\r\n".len()));
        let mut waiting = task::spawn(connection.clone());
        assert_pending!(waiting.enter(|cx, mut connection| connection.poll_ready(cx)));
        expect(&mut peer, &wire(&keys).concat()).await;
        send(&mut peer, &":1\r\n".repeat(5)).await;
        unit.await.expect("a reply");
        settle().await;
        assert!(waiting.is_woken());
        assert_eq!(connection.handle.queue.in_flight(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_who_found_the_connection_ready_is_not_refused_for_another_s_large_unit() {
    let (mut connection, _peer) = connect_with(Config::default().max_in_flight(3), 1024);
    let mut other = connection.clone();
    connection.ready().await.expect("open");
    other.ready().await.expect("open");
    let _unit = connection.call(Command::transaction(gets(&["a"; 100])));
    let mut call = task::spawn(other.call(get("k").0));
    assert_pending!(call.poll());
}

#[test]
fn a_command_by_itself_pays_for_no_batch() {
    // One is kept for each command in flight.
    assert!(driver::IN_FLIGHT <= 4 * size_of::<usize>());
}
