//! The in-process cluster against a real server: the same commands, the same replies, in RESP2 and RESP3.
//!
//! The server is `redis-server`, or what the environment variable `REDIS_SERVER` names; it runs as a cluster of one
//! node. Without one, the tests say so and pass.
//!
//! The scripts in `scripts/` have a command on each line. Before the command may stand:
//!
//! - `~`: the order of the reply's elements is the server's own;
//! - `!`: the reply differs by its nature (a time, a random pick), only its type is compared;
//! - `#`: as `!`, and the types of what is in the reply are compared as well;
//! - `*`: the newest servers word the error differently from each other, only its code is compared;
//! - `=`: numbers are compared as such, for the fake writes `1e20` in RESP2 where servers write `1e+20`;
//! - `@7.2`: older servers answer differently, and the fake answers as this version and later ones do.

#[allow(unreachable_pub, reason = "shared by several test files")]
mod wire;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{NodeAddr, Value};

use self::wire::{Wire, show};

/// A server process, killed when dropped.
struct RealServer {
    child: Child,
    dir: PathBuf,
    addr: NodeAddr,
    version: (u32, u32),
}

impl Drop for RealServer {
    fn drop(&mut self) {
        // It may have died by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl RealServer {
    /// `None` if there is no server binary.
    async fn start(name: &str) -> Option<Self> {
        let binary = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let port = free_port();
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{port}"));
        std::fs::create_dir_all(&dir).expect("a folder for the server");
        let spawned = Command::new(&binary)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--cluster-enabled", "yes", "--port", &port.to_string()])
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                eprintln!("skipped: {binary} does not start ({error})");
                let _ = std::fs::remove_dir_all(&dir);
                return None;
            }
        };
        let mut server = Self {
            child,
            dir,
            addr: NodeAddr::new("127.0.0.1", port),
            version: (0, 0),
        };
        let mut conn = server.connected().await;
        // CLUSTER ADDSLOTSRANGE is not known to 6.2.
        let slots: Vec<String> = (0..16384).map(|slot| slot.to_string()).collect();
        let added = conn
            .call(&format!("CLUSTER ADDSLOTS {}", slots.join(" ")))
            .await;
        assert_eq!(added, "+OK");
        while !conn.call("CLUSTER INFO").await.contains("cluster_state:ok") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let info = conn.call("INFO server").await;
        let version = info.split("redis_version:").nth(1).expect("a version");
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        server.version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Some(server)
    }

    async fn connected(&self) -> Wire<tokio::net::TcpStream> {
        for _ in 0..500 {
            if let Ok(conn) = Wire::connect(&self.addr).await {
                return conn;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server does not accept connections");
    }
}

/// A port that is free now, with that of the cluster bus, 10000 above.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        if let Some(bus) = port.checked_add(10_000)
            && TcpListener::bind(("127.0.0.1", bus)).is_ok()
        {
            return port;
        }
    }
}

/// A line of a script, without what stands before the command.
struct Line<'a> {
    command: &'a str,
    is_unordered: bool,
    is_vague: bool,
    is_shape: bool,
    has_many_words: bool,
    has_numbers: bool,
    since: (u32, u32),
}

fn parse(line: &str) -> Line<'_> {
    let mut parsed = Line {
        command: line,
        is_unordered: false,
        is_vague: false,
        is_shape: false,
        has_many_words: false,
        has_numbers: false,
        since: (0, 0),
    };
    while let Some((mark, rest)) = parsed.command.split_once(' ') {
        match mark {
            "~" => parsed.is_unordered = true,
            "!" => parsed.is_vague = true,
            "#" => parsed.is_shape = true,
            "*" => parsed.has_many_words = true,
            "=" => parsed.has_numbers = true,
            mark => match mark
                .strip_prefix('@')
                .and_then(|version| version.split_once('.'))
            {
                Some((major, minor)) => {
                    let number = |text: &str| text.parse().expect("a version");
                    parsed.since = (number(major), number(minor));
                }
                None => break,
            },
        }
        parsed.command = rest;
    }
    parsed
}

fn normal(value: &Value, line: &Line<'_>) -> String {
    if line.is_vague && !matches!(value, Value::Error(_)) {
        return match value {
            Value::Array(_) => "array".to_owned(),
            Value::Set(_) => "set".to_owned(),
            Value::Map(_) => "map".to_owned(),
            Value::Integer(_) => "integer".to_owned(),
            Value::VerbatimString { .. } => "text".to_owned(),
            Value::BulkString(_) => "string".to_owned(),
            other => show(other),
        };
    }
    match value {
        Value::Error(error) if line.has_many_words => return format!("-{}", error.code()),
        Value::Array(values) if line.has_numbers => {
            let words = values
                .iter()
                .map(show)
                .map(|word| match word.parse::<f64>() {
                    Ok(number) => number.to_string(),
                    Err(_) => word,
                });
            return words.collect::<Vec<_>>().join(" ");
        }
        _ if line.is_shape => return shape(value),
        _ if line.is_unordered => return show(&sorted(value)),
        _ => {}
    }
    show(value)
}

/// The types of a reply and of all that is in it.
fn shape(value: &Value) -> String {
    let all = |values: &[Value]| values.iter().map(shape).collect::<Vec<_>>().join(" ");
    match value {
        Value::Integer(_) => "integer".to_owned(),
        Value::BulkString(_) => "string".to_owned(),
        Value::Array(values) => format!("[{}]", all(values)),
        Value::Map(pairs) => {
            let pairs = pairs.iter();
            let pairs: Vec<String> = pairs
                .map(|(k, v)| format!("{}:{}", show(k), shape(v)))
                .collect();
            format!("%{{{}}}", pairs.join(" "))
        }
        other => show(other),
    }
}

fn sorted(value: &Value) -> Value {
    let by_text = |values: &[Value]| {
        let mut values: Vec<Value> = values.iter().map(sorted).collect();
        values.sort_by_key(show);
        values
    };
    match value {
        Value::Array(values) => Value::Array(by_text(values)),
        Value::Set(values) => Value::Set(by_text(values)),
        Value::Map(pairs) => {
            let mut pairs = pairs.clone();
            pairs.sort_by_key(|(key, _)| show(key));
            Value::Map(pairs)
        }
        other => other.clone(),
    }
}

/// Runs a script on both, in both versions of the protocol.
async fn compare(name: &str, script: &str) {
    let Some(real) = RealServer::start(name).await else {
        return;
    };
    let fake = FakeCluster::start(1).await;
    let mut differences = Vec::new();
    for hello in ["", "HELLO 3"] {
        let mut to_real = real.connected().await;
        let mut to_fake = Wire::connect(&fake.addrs()[0]).await.expect("it accepts");
        for conn in [&mut to_real, &mut to_fake] {
            assert_eq!(conn.call("FLUSHALL").await, "+OK");
            if !hello.is_empty() {
                conn.call(hello).await;
            }
        }
        let lines = script.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        for line in lines.map(parse) {
            let on_real = to_real.try_call(line.command).await.expect("a reply");
            let on_fake = to_fake.try_call(line.command).await.expect("a reply");
            let (on_real, on_fake) = (normal(&on_real, &line), normal(&on_fake, &line));
            if on_real != on_fake && real.version >= line.since {
                differences.push(format!(
                    "{hello} {}\n  real {on_real}\n  fake {on_fake}",
                    line.command
                ));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} replies differ from those of {:?}:\n{}",
        differences.len(),
        real.version,
        differences.join("\n")
    );
}

macro_rules! scripts {
    ($($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            compare(stringify!($name), include_str!(concat!("scripts/", stringify!($name), ".txt"))).await;
        }
    )*};
}

scripts! { strings numbers keys expiry hashes lists sets sorted_sets connection transactions scripting }
