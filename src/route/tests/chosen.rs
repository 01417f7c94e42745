use super::script::{Script, addr, ok, slot};
use crate::command::{Slot, Target, cmd};
use crate::error::ErrorKind;

/// Nothing serves the slots from 5 on.
const FIRST_FIVE: [(u16, u16, u16); 1] = [(0, 4, 2)];

#[tokio::test(start_paused = true)]
async fn a_target_goes_before_the_keys() {
    let script = Script::agreeing(&[1, 2], &FIRST_FIVE);
    let cluster = script.discovered().await;
    let get = || cmd("GET").arg("user:1");
    assert!(Slot::of("user:1") > slot(4));
    for target in [
        Target::Slot(slot(4)),
        Target::AnyPrimary,
        Target::Node(addr(2)),
    ] {
        let reply = cluster.send(get().target(target)).await;
        assert_eq!(reply.expect("a reply"), ok());
    }
    assert_eq!((script.calls(1), script.calls(2)), (0, 3));
    let error = cluster.send(get()).await.expect_err("nobody serves it");
    assert_eq!(error.kind(), ErrorKind::Topology);
}

#[tokio::test(start_paused = true)]
async fn the_slot_of_a_key_is_where_its_hash_tag_says() {
    let script = Script::agreeing(&[1, 2], &[(0, 8191, 1), (8192, 16383, 2)]);
    let cluster = script.discovered().await;
    let mut expected = (0, 0);
    for key in ["a", "{a}:x", "b", "c", "d", "foo{bar}{zap}"] {
        let command = cmd("EVAL").arg("return 1").arg(0);
        let target = Target::key(key);
        match Slot::of(key).number() {
            ..8192 => expected.0 += 1,
            8192.. => expected.1 += 1,
        }
        cluster.send(command.target(target)).await.expect("a reply");
        assert_eq!((script.calls(1), script.calls(2)), expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_for_several_nodes_is_sent_to_none() {
    let script = Script::agreeing(&[1], &[(0, 16383, 1)]);
    let cluster = script.discovered().await;
    for target in [Target::AllPrimaries, Target::AllNodes] {
        let command = cmd("CONFIG").arg("RESETSTAT").target(target);
        let error = cluster.send(command).await.expect_err("one at a time");
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        assert!(error.to_string().contains("ScatterGatherLayer"), "{error}");
    }
    assert_eq!(script.calls(1), 0);
}
