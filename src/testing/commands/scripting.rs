//! Scripts, as far as they are [simple](super::super::lua).

use bytes::Bytes;

use super::{COUNTED, Call, Queued, Reply, Run, Spec, full_name, lookup, node, reply, spec};
use crate::resp::{Version, format_double};
use crate::testing::lua::{self, Expr, Statement};
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    spec("EVAL", -3, COUNTED, 0, Run::Node(eval)),
    spec("EVAL_RO", -3, COUNTED, 0, Run::Node(eval)),
    spec("EVALSHA", -3, COUNTED, 0, Run::Node(evalsha)),
    spec("EVALSHA_RO", -3, COUNTED, 0, Run::Node(evalsha)),
    node("SCRIPT LOAD", 3, 0, load),
    node("SCRIPT EXISTS", -3, 0, exists),
    node("SCRIPT FLUSH", -2, 0, flush),
];

fn load(call: &mut Call<'_>) -> Reply {
    let source = call.args[2].clone();
    parsed(&source)?;
    Ok(reply::bulk(remember(call, source)))
}

fn exists(call: &mut Call<'_>) -> Reply {
    let scripts = &call.state.nodes[call.node].scripts;
    let names = call.args[2..].iter();
    let found = names.map(|name| reply::truth(scripts.contains_key(&lower(name))));
    Ok(Value::Array(found.collect()))
}

fn flush(call: &mut Call<'_>) -> Reply {
    call.state.nodes[call.node].scripts.clear();
    Ok(reply::ok())
}

fn eval(call: &mut Call<'_>) -> Reply {
    let source = call.args[1].clone();
    let statements = parsed(&source)?;
    let sha1 = remember(call, source);
    run(call, &sha1, &statements)
}

fn evalsha(call: &mut Call<'_>) -> Reply {
    let sha1 = lower(&call.args[1]);
    let scripts = &call.state.nodes[call.node].scripts;
    let Some(source) = scripts.get(&sha1).cloned() else {
        return Err(reply::error(
            "NOSCRIPT No matching script. Please use EVAL.",
        ));
    };
    let statements = parsed(&source)?;
    run(call, &sha1, &statements)
}

fn lower(name: &Bytes) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn parsed(source: &Bytes) -> Result<Vec<Statement>, ServerError> {
    lua::parse(source)
        .ok_or_else(|| reply::error("ERR this server is a fake and runs only the simplest scripts"))
}

fn remember(call: &mut Call<'_>, source: Bytes) -> String {
    let sha1 = sha1_smol::Sha1::from(&source).digest().to_string();
    let scripts = &mut call.state.nodes[call.node].scripts;
    scripts.insert(sha1.clone(), source);
    sha1
}

fn run(call: &mut Call<'_>, sha1: &str, statements: &[Statement]) -> Reply {
    let count = super::counted(call.args, 2);
    let count = count.ok_or_else(|| reply::error("ERR value is not an integer or out of range"))?;
    let rest = &call.args[3..];
    if count > rest.len() {
        return Err(reply::error(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    let (keys, args) = rest.split_at(count);
    // Scripts speak RESP2, whatever the client speaks.
    let version = call
        .client()
        .map(|client| std::mem::replace(&mut client.version, Version::Resp2));
    let mut script = Script { call, keys, args };
    let result = script.run(statements);
    if let (Some(version), Some(client)) = (version, call.client()) {
        client.version = version;
    }
    result.map_err(|error| {
        let text = String::from_utf8_lossy(error.as_bytes());
        reply::error(format!("{text} script: {sha1}, on @user_script:1."))
    })
}

/// A script that runs.
struct Script<'a, 'b> {
    call: &'a mut Call<'b>,
    keys: &'a [Bytes],
    args: &'a [Bytes],
}

impl Script<'_, '_> {
    fn run(&mut self, statements: &[Statement]) -> Reply {
        for statement in statements {
            let value = self.value(&statement.value)?;
            if statement.is_return {
                return Ok(value);
            }
        }
        Ok(Value::Nil)
    }

    fn value(&mut self, expr: &Expr) -> Reply {
        let element = |list: &[Bytes], index: usize| {
            reply::bulk_or_nil(
                index
                    .checked_sub(1)
                    .and_then(|index| list.get(index))
                    .cloned(),
            )
        };
        Ok(match expr {
            Expr::Nil | Expr::Boolean(false) => Value::Nil,
            Expr::Boolean(true) => Value::Integer(1),
            Expr::Integer(number) => Value::Integer(*number),
            Expr::Text(text) => reply::bulk(text.clone()),
            Expr::Key(index) => element(self.keys, *index),
            Expr::Arg(index) => element(self.args, *index),
            Expr::Call(args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    values.push(argument(self.value(arg)?)?);
                }
                return self.execute(values);
            }
        })
    }

    fn execute(&mut self, args: Vec<Bytes>) -> Reply {
        let name = full_name(&args);
        let unknown = |_| reply::error("ERR Unknown Redis command called from script");
        let spec = lookup(&name, &args, false).map_err(unknown)?;
        if !matches!(spec.run, Run::Data(_) | Run::Wait(_)) {
            return Err(reply::error(
                "ERR This Redis command is not allowed from script",
            ));
        }
        let command = Queued { spec, args };
        let (node, client) = (self.call.node, self.call.client);
        self.call
            .state
            .run_one(node, client, &command)
            .map(in_resp2)
    }
}

/// A reply of RESP3 as RESP2 has it.
fn in_resp2(value: Value) -> Value {
    match value {
        Value::Map(pairs) => {
            let flat = pairs.into_iter().flat_map(<[Value; 2]>::from);
            Value::Array(flat.map(in_resp2).collect())
        }
        Value::Array(values) | Value::Set(values) => {
            Value::Array(values.into_iter().map(in_resp2).collect())
        }
        Value::Double(number) => {
            let mut buffer = ryu::Buffer::new();
            reply::bulk(format_double(number, &mut buffer).to_owned())
        }
        other => other,
    }
}

/// A value as the argument of a command.
fn argument(value: Value) -> Result<Bytes, ServerError> {
    match value {
        Value::BulkString(text) | Value::SimpleString(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string().into()),
        _ => Err(reply::error(
            "ERR Lua redis lib command arguments must be strings or integers",
        )),
    }
}
