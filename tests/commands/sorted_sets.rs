//! Sorted sets.

use std::ops::Bound::{Excluded, Included, Unbounded};
use std::time::Duration;

use tower_redis_cluster::Value::{self, Double, Integer, Nil};
use tower_redis_cluster::cluster::commands::{
    Aggregate, Combine, Extreme, ScanOptions, ScanPage, ZAddOptions, ZRange,
};

use crate::mock::{bulk, bulks, ints, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let scored = || Value::Array(vec![bulk("a"), bulk("1.5"), bulk("b"), bulk("2")]);
    let nested = || Value::Array(vec![pair("a", 1.5), pair("b", 2.0)]);
    let pairs = || vec![("a".to_owned(), 1.5), ("b".to_owned(), 2.0)];
    let members = || bulks(["a", "b"]);
    let names = || strings(["a", "b"]);
    let keys = ["{z}a", "{z}b"];
    let add = ZAddOptions::new;
    let time = Duration::from_secs(5);

    let mut sent = rows! {
        zadd("z", (1.5, "a")) => "ZADD z 1.5 a", Integer(1) => 1;
        zadd("z", [(1, "a"), (2, "b")]) => "ZADD z 1 a 2 b", Integer(2) => 2;
        zadd_with("z", (1, "a"), add().only_if_present().only_if_less().counts_changed())
            => "ZADD z XX LT CH 1 a", Integer(1) => 1;
        zadd_with("z", (1, "a"), add().only_if_absent()) => "ZADD z NX 1 a", Integer(0) => 0;
        zadd_incr("z", 1.5, "a", add().only_if_greater()) => "ZADD z GT INCR 1.5 a", Nil => None;
        zcard("z") => "ZCARD z", Integer(2) => 2;
        zcount("z", ..) => "ZCOUNT z -inf +inf", Integer(2) => 2;
        zcount("z", 1.0..=2.5) => "ZCOUNT z 1.0 2.5", Integer(2) => 2;
        zcount("z", (Excluded(1.0), Included(f64::INFINITY)))
            => "ZCOUNT z (1.0 inf", Integer(1) => 1;
        zincrby("z", -1.5, "a") => "ZINCRBY z -1.5 a", Double(0.5) => 0.5;
        zlexcount("z", "a".."c") => "ZLEXCOUNT z [a (c", Integer(2) => 2;
        zlexcount("z", ..) => "ZLEXCOUNT z - +", Integer(2) => 2;
        zmscore("z", ["a", "x"])
            => "ZMSCORE z a x", Value::Array(vec![bulk("1.5"), Nil]) => vec![Some(1.5), None];
        zrandmember("z") => "ZRANDMEMBER z", bulk("a") => text("a");
        zrandmember_count("z", 2) => "ZRANDMEMBER z 2", members() => names();
        zrandmember_withscores("z", 2) => "ZRANDMEMBER z 2 WITHSCORES", nested() => pairs();
        zrange("z", ..) => "ZRANGE z 0 -1", members() => names();
        zrange("z", (1, -2)) => "ZRANGE z 1 -2", members() => names();
        zrange("z", -3..) => "ZRANGE z -3 -1", members() => names();
        zrange("z", ZRange::ranks(..3).reversed()) => "ZRANGE z 0 2 REV", members() => names();
        zrange("z", ZRange::scores(1.0..2.5)) => "ZRANGE z 1.0 (2.5 BYSCORE", members() => names();
        zrange("z", ZRange::scores(1.0..2.5).reversed().limit(3, 4))
            => "ZRANGE z (2.5 1.0 BYSCORE REV LIMIT 3 4", members() => names();
        zrange("z", ZRange::members((Excluded("a"), Unbounded)))
            => "ZRANGE z (a + BYLEX", members() => names();
        zrange("z", ZRange::members(.."c").reversed())
            => "ZRANGE z (c - BYLEX REV", members() => names();
        zrange_withscores("z", 0..=1) => "ZRANGE z 0 1 WITHSCORES", scored() => pairs();
        zrange_withscores("z", ZRange::scores(..).limit(0, 2))
            => "ZRANGE z -inf +inf BYSCORE LIMIT 0 2 WITHSCORES", nested() => pairs();
        zrangestore("{z}c", "{z}a", ZRange::scores(..=5.0))
            => "ZRANGESTORE {z}c {z}a -inf 5.0 BYSCORE", Integer(2) => 2;
        zrank("z", "a") => "ZRANK z a", Integer(0) => Some(0);
        zrank_withscore("z", "a")
            => "ZRANK z a WITHSCORE", Value::Array(vec![Integer(0), bulk("1.5")])
            => Some((0, 1.5));
        zrem("z", ["a", "b"]) => "ZREM z a b", Integer(2) => 2;
        zremrangebylex("z", "a"..="b") => "ZREMRANGEBYLEX z [a [b", Integer(2) => 2;
        zremrangebyrank("z", ..-10) => "ZREMRANGEBYRANK z 0 -11", Integer(0) => 0;
        zremrangebyscore("z", ..2.0) => "ZREMRANGEBYSCORE z -inf (2.0", Integer(1) => 1;
        zrevrank("z", "a") => "ZREVRANK z a", Nil => None;
        zrevrank_withscore("z", "a") => "ZREVRANK z a WITHSCORE", Nil => None;
        zscan("z", 0, ScanOptions::new())
            => "ZSCAN z 0", Value::Array(vec![bulk("0"), scored()])
            => ScanPage { cursor: 0, items: pairs() };
        zscan_noscores("z", 5, ScanOptions::new().count(9))
            => "ZSCAN z 5 COUNT 9 NOSCORES", Value::Array(vec![bulk("0"), members()])
            => ScanPage { cursor: 0, items: names() };
        zscore("z", "a") => "ZSCORE z a", bulk("1.5") => Some(1.5);
    };
    sent.extend(rows! {
        zdiff(keys) => "ZDIFF 2 {z}a {z}b", members() => names();
        zdiff_withscores(keys) => "ZDIFF 2 {z}a {z}b WITHSCORES", scored() => pairs();
        zdiffstore("{z}c", keys) => "ZDIFFSTORE {z}c 2 {z}a {z}b", Integer(2) => 2;
        zinter(keys, Combine::sum()) => "ZINTER 2 {z}a {z}b", members() => names();
        zinter_withscores(keys, Combine::with(Aggregate::Min))
            => "ZINTER 2 {z}a {z}b AGGREGATE MIN WITHSCORES", scored() => pairs();
        zinterstore("{z}c", keys, Combine::sum().weights([1.0, 0.5]))
            => "ZINTERSTORE {z}c 2 {z}a {z}b WEIGHTS 1.0 0.5", Integer(2) => 2;
        zintercard(keys) => "ZINTERCARD 2 {z}a {z}b", Integer(2) => 2;
        zintercard_limit(keys, 9) => "ZINTERCARD 2 {z}a {z}b LIMIT 9", Integer(2) => 2;
        zunion("z", Combine::sum()) => "ZUNION 1 z", members() => names();
        zunion_withscores(keys, Combine::with(Aggregate::Max).weights([2.0, 3.0]))
            => "ZUNION 2 {z}a {z}b WEIGHTS 2.0 3.0 AGGREGATE MAX WITHSCORES", nested() => pairs();
        zunionstore("{z}c", keys, Combine::sum())
            => "ZUNIONSTORE {z}c 2 {z}a {z}b", Integer(2) => 2;
        zpopmin("z") => "ZPOPMIN z", scored_one() => Some(("a".to_owned(), 1.5));
        zpopmin("z") => "ZPOPMIN z", bulks([]) => None::<(String, f64)>;
        zpopmin_count("z", 2) => "ZPOPMIN z 2", scored() => pairs();
        zpopmax("z") => "ZPOPMAX z", scored_one() => Some(("a".to_owned(), 1.5));
        zpopmax_count("z", 2) => "ZPOPMAX z 2", nested() => pairs();
        zmpop(keys, Extreme::Min, 2)
            => "ZMPOP 2 {z}a {z}b MIN COUNT 2", Value::Array(vec![bulk("{z}b"), nested()])
            => Some(("{z}b".to_owned(), pairs()));
        bzmpop(keys, Extreme::Max, 2, time)
            => "BZMPOP 5.000 2 {z}a {z}b MAX COUNT 2", Nil => None::<(String, Vec<(String, f64)>)>;
        bzpopmin(keys, None)
            => "BZPOPMIN {z}a {z}b 0", Value::Array(vec![bulk("{z}b"), bulk("a"), bulk("1.5")])
            => Some(("{z}b".to_owned(), "a".to_owned(), 1.5));
        bzpopmax("z", time) => "BZPOPMAX z 5.000", Nil => None::<(String, String, f64)>;
        zmscore("z", "a") => "ZMSCORE z a", ints([1]) => vec![Some(1.0)];
    });
    sent
}

fn pair(member: &str, score: f64) -> Value {
    Value::Array(vec![bulk(member), Double(score)])
}

/// What `ZPOPMIN` without a count answers.
fn scored_one() -> Value {
    Value::Array(vec![bulk("a"), Double(1.5)])
}
