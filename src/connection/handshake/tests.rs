//! A scripted peer for every path of the handshake.

use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::error::Delivery;

const PLAIN: Introduction<'static> = Introduction {
    protocol: Protocol::Resp3,
    credentials: None,
    database: 0,
    client_name: None,
};
const HELLO_REPLY: &str = "%4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$7\r\ncluster\r\n$7\r\nmodules\r\n*0\r\n";
const SETINFO: &str = concat!(
    "CLIENT SETINFO LIB-NAME tower-redis-cluster\n",
    "CLIENT SETINFO LIB-VER ",
    env!("CARGO_PKG_VERSION")
);

/// Plays a server that expects these requests, each with nothing behind it, and gives these answers. It leaves
/// after an empty one.
async fn meet(
    introduction: Introduction<'_>,
    script: &[(&str, &str)],
) -> Result<Established, Error> {
    let (mut client, mut server) = tokio::io::duplex(64 * 1024);
    let config = Config::default();
    let client = async { run(&mut client, &introduction, &config).await };
    let server = async {
        for (requests, reply) in script {
            let mut expected = BytesMut::new();
            for request in requests.lines() {
                let arguments = request.split(' ');
                let arguments = arguments.map(|it| Value::BulkString(it.to_owned().into()));
                encode(
                    &Value::Array(arguments.collect()),
                    Version::Resp2,
                    &mut expected,
                );
            }
            let mut request = vec![0; expected.len()];
            server.read_exact(&mut request).await.expect("a request");
            assert_eq!(
                request.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
            let more = server.read(&mut [0]).now_or_never();
            assert!(
                more.is_none(),
                "nothing may follow {requests} before its reply"
            );
            if reply.is_empty() {
                return None;
            }
            server
                .write_all(reply.as_bytes())
                .await
                .expect("the client listens");
        }
        Some(server)
    };
    let both = async { tokio::join!(client, server) };
    let (established, _server) = tokio::time::timeout(Duration::from_secs(1), both)
        .await
        .expect("neither waits for the other in vain");
    established
}

async fn fail(introduction: Introduction<'_>, script: &[(&str, &str)]) -> (ErrorKind, String) {
    let error = meet(introduction, script)
        .await
        .expect_err("the server refuses");
    assert_eq!(error.delivery(), Delivery::NotSent);
    (error.kind(), error.to_string())
}

#[tokio::test(start_paused = true)]
async fn hello_gives_resp3() {
    let script = [("HELLO 3", HELLO_REPLY), (SETINFO, "+OK\r\n+OK\r\n")];
    let established = meet(PLAIN, &script).await.expect("welcome");
    assert_eq!(established.version, Version::Resp3);
    assert!(established.unread.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_name_is_set_and_no_refusal_of_names_matters() {
    let introduction = Introduction {
        client_name: Some("me"),
        ..PLAIN
    };
    let all = format!("CLIENT SETNAME me\n{SETINFO}");
    let refusals = "-ERR no such name\r\n-ERR unknown subcommand\r\n-NOPERM no\r\n";
    let script = [("HELLO 3", HELLO_REPLY), (all.as_str(), refusals)];
    meet(introduction, &script)
        .await
        .expect("welcome all the same");
}

#[tokio::test(start_paused = true)]
async fn the_database_is_selected_behind_hello_and_auth_in_both_protocols() {
    let credentials = Credentials::password_only("secret");
    let introduction = |protocol| Introduction {
        protocol,
        credentials: Some(&credentials),
        database: 3,
        client_name: Some("me"),
    };
    let all = format!("SELECT 3\nCLIENT SETNAME me\n{SETINFO}");
    let rest = (all.as_str(), "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    let hello = ("HELLO 3 AUTH default secret", HELLO_REPLY);
    meet(introduction(Protocol::Resp3), &[hello, rest])
        .await
        .expect("resp3");
    let auth = ("AUTH secret", "+OK\r\n");
    meet(introduction(Protocol::Resp2), &[auth, rest])
        .await
        .expect("resp2");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_refused_ends_the_handshake_with_advice() {
    let select = format!("SELECT 3\n{SETINFO}");
    for (refusal, kind, advice) in [
        (
            "-ERR SELECT is not allowed in cluster mode\r\n",
            ErrorKind::Config,
            "cluster-databases",
        ),
        (
            "-ERR DB index is out of range\r\n",
            ErrorKind::Config,
            "cluster-databases",
        ),
        (
            "-NOPERM User u has no permissions to run the 'select' command\r\n",
            ErrorKind::Authentication,
            "ACL",
        ),
        ("-BUSY a script runs\r\n", ErrorKind::Connect, "try again"),
        (":1\r\n", ErrorKind::Protocol, "SELECT makes no sense"),
        ("", ErrorKind::Connect, "instead of answering SELECT"),
    ] {
        let introduction = Introduction {
            database: 3,
            ..PLAIN
        };
        let script = [("HELLO 3", HELLO_REPLY), (select.as_str(), refusal)];
        let (told, text) = fail(introduction, &script).await;
        assert_eq!(told, kind, "{text}");
        assert!(text.contains(advice), "{text}");
        if refusal.starts_with('-') {
            assert!(text.contains("database 3"), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_hello_there_is_resp2() {
    for refusal in [
        "-NOPROTO unsupported protocol version\r\n",
        "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n",
        "-ERR Unknown command 'HELLO'\r\n",
    ] {
        let script = [
            ("HELLO 3", refusal),
            ("PING", "+PONG\r\n"),
            (SETINFO, "+OK\r\n+OK\r\n"),
        ];
        let established = meet(PLAIN, &script).await.expect(refusal);
        assert_eq!(established.version, Version::Resp2, "{refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_go_with_hello_or_by_themselves() {
    let with_user = Credentials::new("app", "secret");
    let without = Credentials::password_only("secret");
    for (credentials, hello, auth) in [
        (&with_user, "HELLO 3 AUTH app secret", "AUTH app secret"),
        (&without, "HELLO 3 AUTH default secret", "AUTH secret"),
    ] {
        let introduction = || Introduction {
            credentials: Some(credentials),
            ..PLAIN
        };
        let end = (SETINFO, "+OK\r\n+OK\r\n");
        meet(introduction(), &[(hello, HELLO_REPLY), end])
            .await
            .expect("resp3");
        let no_proto = (hello, "-NOPROTO no\r\n");
        meet(introduction(), &[no_proto, (auth, "+OK\r\n"), end])
            .await
            .expect("fallback");
        let introduction = Introduction {
            protocol: Protocol::Resp2,
            ..introduction()
        };
        let established = meet(introduction, &[(auth, "+OK\r\n"), end])
            .await
            .expect("resp2");
        assert_eq!(established.version, Version::Resp2);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_said_to_be_that() {
    let credentials = Credentials::new("app", "secret");
    let introduction = || Introduction {
        credentials: Some(&credentials),
        ..PLAIN
    };
    let hello = "HELLO 3 AUTH app secret";
    let no_hello = (
        hello,
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `app`, `secret`\r\n",
    );
    for script in [
        &[(
            hello,
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        )][..],
        &[no_hello, ("AUTH app secret", "-WRONGPASS invalid\r\n")],
        &[no_hello, ("AUTH app secret", "-ERR invalid password\r\n")],
        &[
            no_hello,
            (
                "AUTH app secret",
                "-ERR wrong number of arguments near secret\r\n",
            ),
        ],
    ] {
        let (kind, text) = fail(introduction(), script).await;
        assert_eq!(kind, ErrorKind::Authentication, "{text}");
        assert!(text.contains("refused the user or the password"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_asked_for() {
    let resp2 = || Introduction {
        protocol: Protocol::Resp2,
        ..PLAIN
    };
    let no_auth = "-NOAUTH HELLO must be called with the client already authenticated\r\n";
    for (kind, text) in [
        fail(PLAIN, &[("HELLO 3", no_auth)]).await,
        fail(resp2(), &[("PING", "-NOAUTH Authentication required.\r\n")]).await,
    ] {
        assert_eq!(kind, ErrorKind::Authentication);
        assert!(text.contains("asks for a password"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_server_is_no_matter_of_credentials() {
    let credentials = Credentials::password_only("max");
    let full = "-ERR max number of clients reached\r\n";
    let introduction = || Introduction {
        credentials: Some(&credentials),
        ..PLAIN
    };
    let resp2 = || Introduction {
        protocol: Protocol::Resp2,
        ..introduction()
    };
    for (kind, text) in [
        fail(introduction(), &[("HELLO 3 AUTH default max", full)]).await,
        fail(resp2(), &[("AUTH max", full)]).await,
        fail(
            Introduction {
                credentials: None,
                ..resp2()
            },
            &[("PING", full)],
        )
        .await,
    ] {
        assert_eq!(kind, ErrorKind::Connect);
        assert!(text.contains("max number of clients"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_given_before_closing_is_told_although_nothing_could_be_written() {
    let mut closed = tokio_test::io::Builder::new()
        .write_error(io::ErrorKind::BrokenPipe.into())
        .read(b"-ERR max number of clients reached\r\n")
        .build();
    let error = run(&mut closed, &PLAIN, &Config::default())
        .await
        .expect_err("closed");
    assert!(
        error.to_string().contains("max number of clients"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_is_told_with_the_step() {
    for (script, step) in [
        (&[("HELLO 3", "")][..], "HELLO"),
        (&[("HELLO 3", HELLO_REPLY), (SETINFO, "")], "CLIENT"),
    ] {
        let (kind, text) = fail(PLAIN, script).await;
        assert_eq!(kind, ErrorKind::Connect);
        assert!(text.contains("closed") && text.contains(step), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_a_protocol_error() {
    let more_than_asked = format!("{HELLO_REPLY}+OK\r\n");
    let resp2_map = "*2\r\n$5\r\nproto\r\n:3\r\n";
    let endless = format!("*1000000\r\n{}", "+OK\r\n".repeat(20_000));
    for script in [
        &[("HELLO 3", "HTTP/1.1 400 Bad Request\r\n")][..],
        &[("HELLO 3", "+OK\r\n")],
        &[("HELLO 3", resp2_map)],
        &[("HELLO 3", "%1\r\n$5\r\nproto\r\n:2\r\n")],
        &[("HELLO 3", more_than_asked.as_str())],
        &[("HELLO 3", endless.as_str())],
        &[("HELLO 3", HELLO_REPLY), (SETINFO, ":1\r\n+OK\r\n")],
        &[("HELLO 3", HELLO_REPLY), (SETINFO, "+OK\r\n+OK\r\n+OK\r\n")],
    ] {
        let (kind, text) = fail(PLAIN, script).await;
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tls_alert_is_recognised() {
    let (_, text) = fail(PLAIN, &[("HELLO 3", "\x15\x03\x03\0\x02\x02\x50")]).await;
    assert!(text.contains("rediss://"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn pushes_are_no_answers() {
    let push = ">2\r\n$4\r\nnews\r\n$1\r\nx\r\n";
    let replies = format!("{push}+OK\r\n+OK\r\n{push}");
    let established = meet(PLAIN, &[("HELLO 3", HELLO_REPLY), (SETINFO, &replies)]).await;
    assert_eq!(established.expect("welcome").unread, push);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_loads_is_connected_to() {
    let introduction = Introduction {
        protocol: Protocol::Resp2,
        ..PLAIN
    };
    let loading = "-LOADING Redis is loading the dataset in memory\r\n";
    let script = [("PING", loading), (SETINFO, "+OK\r\n+OK\r\n")];
    meet(introduction, &script).await.expect("it can wait");
}
