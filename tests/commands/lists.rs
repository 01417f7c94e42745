//! Lists.

use std::time::Duration;

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::{Insert, LPosOptions, Side};

use crate::mock::{bulk, bulks, ints, ok, rows, strings, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let time = Duration::from_millis(2500);
    let options = LPosOptions::new;
    let popped = || Value::Array(vec![bulk("{l}b"), bulks(["x", "y"])]);
    let pair = || Some(("{l}b".to_owned(), "x".to_owned()));
    rows! {
        lindex("l", -1) => "LINDEX l -1", bulk("x") => text("x");
        linsert("l", Insert::Before("x"), "y") => "LINSERT l BEFORE x y", Integer(2) => Some(2);
        linsert("l", Insert::After("x"), "y") => "LINSERT l AFTER x y", Integer(-1) => None;
        linsert("l", Insert::After("x"), "y") => "LINSERT l AFTER x y", Integer(0) => None;
        llen("l") => "LLEN l", Integer(2) => 2;
        lmove("{l}a", "{l}b", Side::Left, Side::Right)
            => "LMOVE {l}a {l}b LEFT RIGHT", bulk("x") => text("x");
        lmpop(["{l}a", "{l}b"], Side::Left, 2)
            => "LMPOP 2 {l}a {l}b LEFT COUNT 2", popped()
            => Some(("{l}b".to_owned(), strings(["x", "y"])));
        lpop("l") => "LPOP l", bulk("x") => text("x");
        lpop_count("l", 2) => "LPOP l 2", Nil => None::<Vec<String>>;
        lpos("l", "x") => "LPOS l x", Integer(3) => Some(3);
        lpos_with("l", "x", options().rank(-1).max_len(9))
            => "LPOS l x RANK -1 MAXLEN 9", Nil => None;
        lpos_count("l", "x", 0, options().rank(2))
            => "LPOS l x RANK 2 COUNT 0", ints([3, 5]) => vec![3, 5];
        lpush("l", ["x", "y"]) => "LPUSH l x y", Integer(2) => 2;
        lpushx("l", "x") => "LPUSHX l x", Integer(0) => 0;
        lrange("l", ..) => "LRANGE l 0 -1", bulks(["x"]) => strings(["x"]);
        lrange("l", (0, -2)) => "LRANGE l 0 -2", bulks(["x"]) => strings(["x"]);
        lrem("l", -2, "x") => "LREM l -2 x", Integer(1) => 1;
        lset("l", 0, "x") => "LSET l 0 x", ok() => ();
        ltrim("l", ..10) => "LTRIM l 0 9", ok() => ();
        rpop("l") => "RPOP l", Nil => None::<String>;
        rpop_count("l", 2) => "RPOP l 2", bulks(["x", "y"]) => strings(["x", "y"]);
        rpush("l", ("x", 1)) => "RPUSH l x 1", Integer(2) => 2;
        rpushx("l", "x") => "RPUSHX l x", Integer(3) => 3;
        blmove("{l}a", "{l}b", Side::Right, Side::Left, time)
            => "BLMOVE {l}a {l}b RIGHT LEFT 2.500", Nil => None::<String>;
        blmpop("l", Side::Right, 2, None)
            => "BLMPOP 0 1 l RIGHT COUNT 2", popped()
            => Some(("{l}b".to_owned(), strings(["x", "y"])));
        blpop(["{l}a", "{l}b"], time) => "BLPOP {l}a {l}b 2.500", bulks(["{l}b", "x"]) => pair();
        blpop("l", Duration::from_nanos(1)) => "BLPOP l 0.001", bulks(["{l}b", "x"]) => pair();
        brpop("l", Some(time)) => "BRPOP l 2.500", Nil => None::<(String, String)>;
    }
}
