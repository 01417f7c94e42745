//! What is refused before it is sent, and what an answer cannot mean.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{GetEx, RestoreOptions, SetOptions, Side};
use tower_redis_cluster::{Delivery, ErrorKind, ServerError};

use crate::mock::{answering, bulk, ok};

/// Checks that calls are refused, and sent nowhere.
macro_rules! refused {
    ($($method:ident($($arg:expr),*) => $message:literal;)*) => {$({
        let (cluster, sent) = answering(Nil);
        let error = cluster.$method($($arg),*).await.map(|result: Option<bool>| result).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert_eq!(error.to_string(), $message);
        assert!(sent.is_empty());
    })*};
}

#[tokio::test]
async fn a_time_that_makes_no_sense_is_not_sent() {
    refused! {
        getex("k", Duration::ZERO) => "a time of zero (command GETEX, not sent)";
        getex("k", Duration::MAX) => "a time of more than 146 million years (command GETEX, not sent)";
        getex("k", GetEx::At(SystemTime::UNIX_EPOCH))
            => "a time before the year 1970 (command GETEX, not sent)";
        getset_with("k", "v", SetOptions::new().expires_in(Duration::ZERO))
            => "a time of zero (command SET, not sent)";
        hgetex("k", Duration::ZERO, "f") => "a time of zero (command HGETEX, not sent)";
        blpop("k", Duration::ZERO)
            => "a timeout of zero would wait forever: say None for that (command BLPOP, not sent)";
        blmpop("k", Side::Left, 1, Duration::MAX)
            => "a time of more than 146 million years (command BLMPOP, not sent)";
    }
    let (cluster, sent) = answering(Integer(1));
    let zero = Duration::ZERO;
    assert!(cluster.expire("k", zero).await.is_err());
    assert!(cluster.hexpire("k", zero, "f").await.is_err());
    let options = RestoreOptions::new().expires_in(zero);
    assert!(cluster.restore("k", "x", options).await.is_err());
    let options = SetOptions::new().expires_in(zero);
    assert!(cluster.set_with("k", "v", options.clone()).await.is_err());
    assert!(cluster.msetex(("k", "v"), options).await.is_err());
    assert!(sent.is_empty());
}

#[tokio::test]
async fn nothing_takes_the_place_of_a_missing_value() {
    refused! {
        getset("k", None::<&str>) => "argument 2 must be one value, not 0 (command SET, not sent)";
        get(["a", "b"]) => "argument 1 must be one value, not 2 (command GET, not sent)";
    }
    let (cluster, sent) = answering(ok());
    let new = SetOptions::new().only_if_absent();
    assert!(
        cluster
            .set_with("k", None::<&str>, new.clone())
            .await
            .is_err()
    );
    assert!(cluster.msetex(["k", "v", "l"], new).await.is_err());
    assert!(sent.is_empty());
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_a_conversion_error() {
    let (cluster, _) = answering(Integer(-3));
    for error in [
        cluster.ttl("k").await.unwrap_err(),
        cluster.expire_time("k").await.unwrap_err(),
        cluster.strlen("k").await.unwrap_err(),
        cluster
            .expire("k", Duration::from_secs(1))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Conversion, "{error}");
    }
    let (cluster, _) = answering(Value::Array(vec![bulk("0")]));
    assert!(
        cluster
            .sscan::<Vec<String>>("k", 0, Default::default())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_error_reply_is_an_error() {
    let (cluster, _) = answering(Value::Error(ServerError::new("WRONGTYPE no string")));
    let error = cluster.set("k", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.command(), Some("SET"));
}

#[tokio::test]
async fn keys_of_several_slots_are_found_before_they_are_sent() {
    let (cluster, sent) = answering(ok());
    cluster.mset([("a", 1), ("b", 2)]).await.unwrap();
    let error = sent.last().slot().unwrap_err();
    assert!(error.to_string().contains("hash tag"), "{error}");
}

#[tokio::test]
async fn methods_can_be_spawned() {
    let (cluster, _) = answering(bulk("v"));
    let task = tokio::spawn(async move { cluster.get::<String>("k").await });
    assert_eq!(task.await.unwrap().unwrap(), "v");
}
