//! `MULTI` and what belongs to it.

use super::{ALL, Call, NO_KEY, NO_QUEUE, Reply, Run, Spec, node, reply, spec};
use crate::testing::client::Transaction;

pub(super) const COMMANDS: &[Spec] = &[
    node("MULTI", 1, NO_QUEUE, multi),
    spec("EXEC", 1, NO_KEY, NO_QUEUE, Run::Exec),
    node("DISCARD", 1, NO_QUEUE, discard),
    spec("WATCH", -2, ALL, NO_QUEUE, Run::Node(watch)),
    node("UNWATCH", 1, 0, unwatch),
];

fn multi(call: &mut Call<'_>) -> Reply {
    if let Some(client) = call.client() {
        if client.transaction.is_some() {
            return Err(reply::error("ERR MULTI calls can not be nested"));
        }
        client.transaction = Some(Transaction::default());
    }
    Ok(reply::ok())
}

fn discard(call: &mut Call<'_>) -> Reply {
    if let Some(client) = call.client() {
        client.watched.clear();
        if client.transaction.take().is_none() {
            return Err(reply::error("ERR DISCARD without MULTI"));
        }
    }
    Ok(reply::ok())
}

fn watch(call: &mut Call<'_>) -> Reply {
    if call
        .client()
        .is_some_and(|client| client.transaction.is_some())
    {
        return Err(reply::error("ERR WATCH inside MULTI is not allowed"));
    }
    let request = call.state.request(call.node, call.client, call.args);
    let keys = request.args[1..].iter();
    let versions = keys.map(|key| (key.clone(), request.store.version(key)));
    let versions: Vec<_> = versions.collect();
    if let Some(client) = call.client() {
        client.watched.extend(versions);
    }
    Ok(reply::ok())
}

fn unwatch(call: &mut Call<'_>) -> Reply {
    if let Some(client) = call.client() {
        client.watched.clear();
    }
    Ok(reply::ok())
}
