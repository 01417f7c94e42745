use super::*;
use crate::value::ServerError;

fn node(port: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", port)
}

fn timeout() -> Error {
    Error::not_sent(ErrorKind::Timeout, "the deadline passed")
        .with_command("GET")
        .with_node(node(1))
}

#[test]
fn what_ran_out_of_time_says_why_the_attempt_before_it_failed() {
    let refused =
        Error::not_sent(ErrorKind::Connect, "could not connect: refused").with_command("GET");
    for (before, told) in [
        (refused.clone(), "could not connect: refused"),
        (
            refused.clone().with_node(node(1)),
            "could not connect: refused",
        ),
        (
            refused.with_node(node(2)),
            "could not connect: refused (node 10.0.0.1:2)",
        ),
        (
            Error::server(ServerError::new("CLUSTERDOWN The cluster is down")),
            "CLUSTERDOWN The cluster is down",
        ),
    ] {
        let error = timeout().with_source(before);
        assert_eq!(
            error.to_string(),
            format!(
                "the deadline passed (command GET, node 10.0.0.1:1, not sent); before that: {told}"
            )
        );
    }
}

#[test]
fn a_cause_that_says_the_same_is_not_repeated() {
    let of_part = timeout().with_source(timeout());
    assert!(!of_part.to_string().contains("before that"), "{of_part}");
    let refused = Error::not_sent(ErrorKind::Connect, "refused");
    let of_part = timeout().with_source(timeout().with_source(refused));
    assert!(
        of_part.to_string().ends_with("; before that: refused"),
        "{of_part}"
    );
}

#[test]
fn what_is_behind_it_of_others_is_in_its_source_alone() {
    let error = timeout().with_source(std::io::Error::other("secret"));
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn the_origin_of_an_error_reply_is_that_of_the_error() {
    let mut reply = ServerError::new("OOM command not allowed");
    assert_eq!(Error::server(reply.clone()).node(), None);
    let slot = Slot::of("k");
    reply.set_origin(&node(1), Some(slot));
    let error = Error::server(reply).with_command("SET");
    assert_eq!((error.node(), error.slot()), (Some(&node(1)), Some(slot)));
    let text = format!("OOM command not allowed (command SET, slot {slot}, node 10.0.0.1:1)");
    assert_eq!(error.to_string(), text);
}

#[test]
fn for_spans_a_server_is_not_quoted() {
    let reply = ServerError::new("TRYAGAIN secret");
    let error = timeout().with_source(Error::server(reply));
    assert!(
        error
            .to_string()
            .ends_with("; before that: TRYAGAIN secret")
    );
    let shown = error.without_names().to_string();
    assert!(shown.ends_with("; before that: TRYAGAIN"), "{shown}");
}

#[test]
fn an_outage_is_told_from_mistakes_and_overload() {
    let is_unavailable = |kind| Error::not_sent(kind, "").is_unavailable();
    for kind in [
        ErrorKind::Connect,
        ErrorKind::Connection,
        ErrorKind::Timeout,
        ErrorKind::Topology,
        ErrorKind::Unavailable,
    ] {
        assert!(is_unavailable(kind), "{kind:?}");
    }
    for kind in [
        ErrorKind::Authentication,
        ErrorKind::Overloaded,
        ErrorKind::InvalidCommand,
        ErrorKind::Config,
        ErrorKind::Conversion,
        ErrorKind::Shutdown,
    ] {
        assert!(!is_unavailable(kind), "{kind:?}");
    }
    let server = |text: &'static str| Error::server(ServerError::new(text)).is_unavailable();
    assert!(server("CLUSTERDOWN Hash slot not served"));
    assert!(!server("WRONGTYPE Operation against a key"));
}
