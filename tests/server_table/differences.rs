//! Where we differ from a server on purpose.

use tower_redis_cluster::command::CommandInfo;

/// Why we find other keys in this line than the server; `None` if we should not.
pub(crate) fn reason(info: &CommandInfo, line: &[String]) -> Option<&'static str> {
    let count = |words: &[&str]| {
        let is_one = |argument: &&String| words.iter().any(|it| argument.eq_ignore_ascii_case(it));
        line.iter().filter(is_one).count()
    };
    if info.key_specs().iter().any(|spec| spec.not_key) {
        return Some("shard channels and cursors are no keys, but decide the slot all the same");
    }
    match info.name() {
        "PFMERGE" if line.len() == 2 => {
            Some("the server's rule wants a source, which the command itself does without")
        }
        "GEORADIUS" | "GEORADIUSBYMEMBER" if count(&["STORE", "STOREDIST"]) > 1 => {
            Some("servers disagree on which counts when several places to store in are named")
        }
        "MIGRATE" if count(&["KEYS"]) > 0 && !line[3].is_empty() => {
            Some("the server refuses a key beside KEYS, wherever we send it")
        }
        _ => None,
    }
}
