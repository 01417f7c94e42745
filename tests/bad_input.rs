//! What cannot work is refused before anything is sent, with an error that says what and where.

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Command, Delivery, Error, ErrorKind, Target, cmd};

async fn fake() -> (FakeCluster, Cluster) {
    let fake = FakeCluster::start(3).await;
    let cluster = Cluster::connect(fake.url()).await;
    (fake, cluster.expect("the nodes run"))
}

fn is_refused(error: &Error, text: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidCommand, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
    assert!(error.is_caller());
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn bad_input_is_named_and_nothing_is_sent() {
    let (fake, cluster) = fake().await;
    let sent = || {
        let commands = |name| fake.nodes().iter().map(|it| it.commands(name)).sum::<u64>();
        [
            "",
            "GET",
            "SET",
            "MSET",
            "DEL",
            "ZADD",
            "EVAL",
            "CONFIG",
            "XREAD",
            "BLPOP",
            "INCRBYFLOAT",
        ]
        .map(commands)
    };
    let before = sent();
    let too_large = vec![0u8; 512 * 1024 * 1024 + 1];
    for (command, text) in [
        (cmd(""), "the command has no name"),
        (cmd("GET"), "takes 1 argument, the key, not 0"),
        (
            cmd("GET").arg("a").arg("b"),
            "takes 1 argument, the key, not 2",
        ),
        (
            cmd("SET").arg("k"),
            "takes at least 2 arguments, the first of them its key, not 1",
        ),
        (cmd("DEL"), "takes at least 1 argument, not 0"),
        (
            cmd("DEL").arg(Vec::<String>::new()),
            "takes at least 1 argument, not 0",
        ),
        (cmd("CONFIG"), "needs a subcommand"),
        (cmd("CONFIG").arg("GET"), "(command CONFIG GET, not sent)"),
        (
            cmd("XREAD").arg(["COUNT", "1", "s"]),
            "needs a key, and has none",
        ),
        (
            cmd("XREAD").arg(["STREAMS", "s", "t", "0"]),
            "3 arguments for keys that take 2 each",
        ),
        (
            cmd("MSET").arg(["{k}1", "1", "{k}2"]),
            "3 arguments for keys that take 2 each",
        ),
        (
            cmd("EVAL").arg("return 1").arg(2).arg("k"),
            "numkeys is 2, but only 1 argument follows",
        ),
        (
            cmd("EVAL").arg("return 1").arg("k"),
            "numkeys (argument 2) is not a count",
        ),
        (
            cmd("ZADD").arg("k").arg((f64::NAN, "m")),
            "argument 2 is NaN",
        ),
        (cmd("SET").arg("k").arg(too_large), "longer than 512 MiB"),
        (cmd("GET").target(Target::AnyPrimary), "takes 1 argument"),
    ] {
        let error = cluster.send(command).await.expect_err(text);
        is_refused(&error, text);
    }
    is_refused(
        &cluster
            .query::<f64>(cmd("INCRBYFLOAT").arg("k").arg(f64::NAN))
            .await
            .expect_err("NaN"),
        "argument 2 is NaN, where the command takes a number (command INCRBYFLOAT",
    );
    assert_eq!(sent(), before);
}

#[tokio::test]
async fn a_batch_with_one_bad_command_is_refused_as_a_whole() {
    let (fake, cluster) = fake().await;
    let commands = || {
        [
            cmd("SET").arg("k").arg("v"),
            cmd("GET"),
            cmd("GET").arg("k"),
        ]
    };
    for batch in [
        Command::pipeline(commands()),
        Command::transaction(commands()),
    ] {
        let error = cluster.send(batch).await.expect_err("one is wrong");
        is_refused(&error, "command 2 of 3: the command takes 1 argument");
        assert_eq!(error.command(), Some("GET"));
    }
    for node in fake.nodes() {
        assert_eq!((node.commands("SET"), node.commands("MULTI")), (0, 0));
    }
}

#[tokio::test]
async fn the_check_can_be_left_to_the_server() {
    let (fake, cluster) = fake().await;
    let wrong = || cmd("GET").arg("a").arg("b");
    let error = cluster
        .send(wrong().unchecked())
        .await
        .expect_err("the server checks");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");

    let lenient = Cluster::builder(fake.urls())
        .check_arguments(false)
        .connect()
        .await;
    let lenient = lenient.expect("the nodes run");
    let error = lenient.send(wrong()).await.expect_err("the server checks");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    // What concerns the way to a node is checked all the same.
    let error = lenient.send(cmd("RENAME").arg("a").arg("b")).await;
    assert_eq!(
        error.expect_err("two slots").kind(),
        ErrorKind::InvalidCommand
    );
}
