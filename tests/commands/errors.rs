//! What is refused before it is sent, and what an answer cannot mean.

use std::time::{Duration, SystemTime};

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{
    BitField, BitInteger, GeoCentre, GeoSearch, GeoUnit, GetEx, RestoreOptions, SetOptions, Side,
    VSimOptions, VectorQuery, XReadOptions, ZAddOptions,
};
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
        getex("k", Duration::ZERO) => "a time of zero; the least is a millisecond (command GETEX, not sent)";
        getex("k", Duration::MAX) => "a time of more than 146 million years (command GETEX, not sent)";
        getex("k", GetEx::At(SystemTime::UNIX_EPOCH))
            => "a time before the year 1970 (command GETEX, not sent)";
        getset_with("k", "v", SetOptions::new().expires_in(Duration::ZERO))
            => "a time of zero; the least is a millisecond (command SET, not sent)";
        hgetex("k", Duration::ZERO, "f") => "a time of zero; the least is a millisecond (command HGETEX, not sent)";
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
async fn what_is_no_number_is_not_sent() {
    let (cluster, sent) = answering(bulk("1"));
    let nan = f64::NAN;
    let error = cluster.incrbyfloat("k", nan).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "argument 2 is not a number (command INCRBYFLOAT, not sent)"
    );
    assert!(cluster.hincrbyfloat("k", "f", nan).await.is_err());
    assert!(cluster.zincrby("k", nan, "m").await.is_err());
    let options = ZAddOptions::new();
    assert!(cluster.zadd_incr("k", nan, "m", options).await.is_err());
    for places in [(nan, 1.0, "m"), (1.0, nan, "m")] {
        let error = cluster.geoadd("g", places).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "a coordinate is not a number (command GEOADD, not sent)"
        );
    }
    let unit = GeoUnit::Metres;
    for search in [
        GeoSearch::radius((nan, 1.0), 1.0, unit),
        GeoSearch::radius((1.0, 1.0), nan, unit),
        GeoSearch::rectangle(GeoCentre::member("m"), 1.0, nan, unit),
        GeoSearch::polygon([(1.0, nan)]),
    ] {
        let error = cluster.geosearch::<Value>("g", search).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCommand);
    }
    let options = VSimOptions::new().max_distance(nan);
    let query = VectorQuery::vector([1.0]);
    assert!(cluster.vsim::<Value>("v", query, options).await.is_err());
    assert!(sent.is_empty());
}

#[tokio::test]
async fn a_vector_without_length_or_end_is_not_sent() {
    let (cluster, sent) = answering(Integer(1));
    for (vector, message) in [
        (
            vec![],
            "the vector has no dimensions (command VADD, not sent)",
        ),
        (
            vec![1.0, f32::NAN],
            "dimension 1 of the vector is not finite (command VADD, not sent)",
        ),
        (
            vec![f32::INFINITY],
            "dimension 0 of the vector is not finite (command VADD, not sent)",
        ),
    ] {
        let error = cluster.vadd("v", vector, "e").await.unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert!(sent.is_empty());
}

#[tokio::test]
async fn what_does_not_match_is_not_sent() {
    let (cluster, sent) = answering(Nil);
    // The server would take it for two keys and two ids.
    let error = cluster
        .xread::<Value>(["a", "b", "c"], "0")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 streams and 1 ids: give one for each (command XREAD, not sent)"
    );
    let nothing: [&str; 0] = [];
    assert!(cluster.xread::<Value>(nothing, nothing).await.is_err());
    assert!(
        cluster
            .xreadgroup::<Value>("g", "c", "s", nothing)
            .await
            .is_err()
    );
    let block = XReadOptions::new().block(Duration::ZERO);
    assert!(cluster.xread_with::<Value>("s", "0", block).await.is_err());
    assert!(cluster.wait(1, Duration::ZERO).await.is_err());

    let error = cluster.xadd("s", ["f", "v", "g"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 values are no pairs (command XADD, not sent)"
    );
    let error = cluster.xadd("s", nothing).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are no fields (command XADD, not sent)"
    );
    let error = cluster.geoadd("g", (1.0, "m")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 values are not longitude, latitude and member of each (command GEOADD, not sent)"
    );

    for integer in [
        BitInteger::unsigned(0),
        BitInteger::unsigned(64),
        BitInteger::signed(65),
    ] {
        let get = BitField::new().get(integer, 0);
        assert!(cluster.bitfield("b", get).await.is_err());
    }
    let set = BitField::new().set(BitInteger::unsigned(8), 0, 1);
    let error = cluster.bitfield_ro("b", set).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "it would write: only get is allowed (command BITFIELD_RO, not sent)"
    );
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
