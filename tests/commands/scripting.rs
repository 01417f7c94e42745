//! Scripts and functions.

use tower_redis_cluster::Value::{self, Integer, Nil};
use tower_redis_cluster::cluster::commands::Existing;

use crate::mock::{bulk, ints, ok, rows, text};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let none: [&str; 0] = [];
    rows! {
        eval("return 1", "k", 5) => "EVAL return 1 1 k 5", Integer(1) => 1;
        eval("return 1", ["{k}a", "{k}b"], none) => "EVAL return 1 2 {k}a {k}b", Nil => None::<i64>;
        eval_ro("return 1", "k", ("a", 2)) => "EVAL_RO return 1 1 k a 2", Integer(1) => 1;
        evalsha("e0e1", "k", none) => "EVALSHA e0e1 1 k", Integer(1) => 1;
        evalsha_ro("e0e1", "k", [1, 2]) => "EVALSHA_RO e0e1 1 k 1 2", Integer(1) => 1;
        fcall("f", "k", "a") => "FCALL f 1 k a", bulk("x") => text("x");
        fcall_ro("f", "k", "a") => "FCALL_RO f 1 k a", bulk("x") => text("x");
        script_load("return 1") => "SCRIPT LOAD return 1", bulk("e0e1") => "e0e1".to_owned();
        script_exists(["e0e1", "e0e2"]) => "SCRIPT EXISTS e0e1 e0e2", ints([1, 0]) => vec![true, false];
        script_show("e0e1") => "SCRIPT SHOW e0e1", bulk("return 1") => "return 1".into();
        script_flush() => "SCRIPT FLUSH", ok() => ();
        script_kill() => "SCRIPT KILL", ok() => ();
        function_load("#!lua") => "FUNCTION LOAD #!lua", bulk("app") => "app".to_owned();
        function_load_replace("#!lua") => "FUNCTION LOAD REPLACE #!lua", bulk("app") => "app".to_owned();
        function_delete("app") => "FUNCTION DELETE app", ok() => ();
        function_flush() => "FUNCTION FLUSH", ok() => ();
        function_list("*") => "FUNCTION LIST LIBRARYNAME *", Value::Array(vec![]) => Vec::<Value>::new();
        function_list_withcode("app") => "FUNCTION LIST LIBRARYNAME app WITHCODE",
            Value::Array(vec![]) => Vec::<Value>::new();
        function_dump() => "FUNCTION DUMP", bulk("dump") => "dump".into();
        function_restore("dump", Existing::Kept) => "FUNCTION RESTORE dump APPEND", ok() => ();
        function_restore("dump", Existing::Replaced) => "FUNCTION RESTORE dump REPLACE", ok() => ();
        function_restore("dump", Existing::Deleted) => "FUNCTION RESTORE dump FLUSH", ok() => ();
        function_kill() => "FUNCTION KILL", ok() => ();
    }
}
