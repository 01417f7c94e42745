//! What happens to a command before and after it is executed.
//!
//! The order of the checks is the servers': known, enough arguments, authenticated, right node, queued by `MULTI`.

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::builder::Endpoint;
use super::commands::{self, Call, Queued, Reply, Request, Run, Spec, full_name, reply};
use super::faults::Answer;
use super::state::{Blocked, State};
use crate::command::Slot;
use crate::resp::Version;
use crate::value::{ServerError, Value};

/// What a command comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Answer, Version),
    /// To be sent, and then the connection is to be closed.
    LastAnswer(Value, Version),
    /// The reply comes when a key does.
    Wait {
        reply: oneshot::Receiver<Value>,
        deadline: Option<Instant>,
    },
    /// The connection has been killed.
    Gone,
}

impl State {
    /// Takes note that `client` has all its replies: what it sends from now on is another batch.
    pub(super) fn end_batch(&mut self, node: usize, client: u64) {
        if let Some(client) = self.nodes[node].clients.get_mut(&client) {
            client.batch.clear();
        }
    }

    /// Executes a command that `client` has sent to `node`. `args` has the name at least.
    pub(super) fn execute(&mut self, node: usize, client: u64, args: Vec<Bytes>) -> Outcome {
        let name = full_name(&args);
        let this = &mut self.nodes[node];
        let Some(sender) = this.clients.get_mut(&client) else {
            return Outcome::Gone;
        };
        this.counts.record(&name);
        if !sender.batch.contains(&name) {
            this.counts.record_batch(&name);
            sender.batch.insert(name.clone());
        }
        sender.last_command.clear();
        sender.last_command.push_str(&name);
        let asking = std::mem::take(&mut sender.is_asking);
        let version = sender.version;
        if let Some(answer) = this.faults.take_answer(&name) {
            if let Answer::Value(Value::Error(_)) = answer {
                sender.spoil_transaction();
            }
            return Outcome::Answer(answer, version);
        }
        sender.is_asking = asking;
        let outcome = self.checked(node, client, &name, args);
        // One command only, whatever became of it, or one transaction; and `ASKING` itself has just set it.
        if name != "ASKING"
            && let Some(sender) = self.nodes[node].clients.get_mut(&client)
            && sender.transaction.is_none()
        {
            sender.is_asking = false;
        }
        outcome
    }

    fn checked(&mut self, node: usize, client: u64, name: &str, args: Vec<Bytes>) -> Outcome {
        let spec = commands::lookup(name, &args, self.config.is_resp2_only);
        let allowed = spec.and_then(|spec| {
            self.authorize(node, client, spec)?;
            let command = Queued { spec, args };
            if let Some(refusal) = &self.nodes[node].faults.refusal
                && command.keys().next().is_some()
            {
                return Err(refusal.clone());
            }
            // EXEC goes where the commands of its transaction go.
            if !matches!(spec.run, Run::Exec) {
                self.route(node, client, std::slice::from_ref(&command))?;
            }
            Ok(command)
        });
        let sender = self.nodes[node].clients.get_mut(&client);
        let Some(sender) = sender else {
            return Outcome::Gone;
        };
        let version = sender.version;
        let command = match allowed {
            Ok(command) => command,
            Err(error) => {
                sender.spoil_transaction();
                return Outcome::Answer(Answer::Value(Value::Error(error)), version);
            }
        };
        if let Some(transaction) = &mut sender.transaction
            && !command.spec.is_for_transactions()
        {
            transaction.commands.push(command);
            let queued = Answer::Value(reply::simple("QUEUED"));
            return Outcome::Answer(queued, version);
        }
        self.run(node, client, command)
    }

    fn run(&mut self, node: usize, client: u64, command: Queued) -> Outcome {
        let reply = match command.spec.run {
            Run::Wait(_) => return self.run_or_wait(node, client, command),
            Run::Exec => self.exec(node, client),
            Run::Quit => Ok(reply::ok()),
            _ => self.run_one(node, client, &command),
        };
        let value = reply::flatten(reply);
        // After the command: HELLO answers in the version it has switched to.
        let Some(sender) = self.nodes[node].clients.get(&client) else {
            // It has killed itself.
            return Outcome::LastAnswer(value, Version::Resp2);
        };
        match command.spec.run {
            Run::Quit => Outcome::LastAnswer(value, sender.version),
            _ => Outcome::Answer(Answer::Value(value), sender.version),
        }
    }

    /// Executes a command that cannot wait, or may not.
    pub(super) fn run_one(&mut self, node: usize, client: u64, command: &Queued) -> Reply {
        match command.spec.run {
            Run::Data(run) => {
                let reply = run(&mut self.request(node, client, &command.args));
                self.serve_blocked(node, command.spec);
                reply
            }
            Run::Wait(run) => {
                let reply = run(&mut self.request(node, client, &command.args));
                self.serve_blocked(node, command.spec);
                Ok(reply?.unwrap_or(Value::Nil))
            }
            Run::Node(run) => run(&mut Call {
                state: self,
                node,
                client,
                args: &command.args,
            }),
            Run::Exec | Run::Quit => Ok(reply::ok()),
        }
    }

    fn run_or_wait(&mut self, node: usize, client: u64, command: Queued) -> Outcome {
        let version = self.version(node, client);
        let answer = |reply| Outcome::Answer(Answer::Value(reply::flatten(reply)), version);
        let timeout = match commands::block_time(&command.args) {
            Ok(timeout) => timeout,
            Err(error) => return answer(Err(error)),
        };
        let Run::Wait(run) = command.spec.run else {
            return Outcome::Gone;
        };
        match run(&mut self.request(node, client, &command.args)).transpose() {
            Some(reply) => {
                self.serve_blocked(node, command.spec);
                answer(reply)
            }
            None => {
                let (sender, receiver) = oneshot::channel();
                let shard = self.topology.member(node).shard;
                self.shards[shard].blocked.push(Blocked {
                    node,
                    client,
                    command,
                    reply: sender,
                });
                Outcome::Wait {
                    reply: receiver,
                    deadline: timeout.map(|timeout| Instant::now() + timeout),
                }
            }
        }
    }

    /// Gives blocked clients what a command has left for them, first come, first served.
    fn serve_blocked(&mut self, node: usize, spec: &Spec) {
        let shard = self.topology.member(node).shard;
        if !spec.is_write() {
            return;
        }
        // What one is served (BLMOVE) may serve another that waits longer: begin again then.
        let mut next = 0;
        while next < self.shards[shard].blocked.len() {
            let blocked = &self.shards[shard].blocked[next];
            let (node, client) = (blocked.node, blocked.client);
            let (Run::Wait(run), false) = (blocked.command.spec.run, blocked.reply.is_closed())
            else {
                next += 1;
                continue;
            };
            let args = blocked.command.args.clone();
            match run(&mut self.request(node, client, &args)) {
                Ok(Some(value)) => {
                    let blocked = self.shards[shard].blocked.remove(next);
                    let _ = blocked.reply.send(value);
                    next = 0;
                }
                // A key of another type does not end the wait.
                Ok(None) | Err(_) => next += 1,
            }
        }
    }

    fn exec(&mut self, node: usize, client: u64) -> Reply {
        let Some(sender) = self.nodes[node].clients.get_mut(&client) else {
            return Ok(Value::Nil);
        };
        let watched = std::mem::take(&mut sender.watched);
        let Some(transaction) = sender.transaction.take() else {
            return Err(reply::error("ERR EXEC without MULTI"));
        };
        if transaction.is_dirty {
            return Err(reply::error(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        // cluster spec: slots may have moved since the commands were queued.
        self.route(node, client, &transaction.commands)?;
        let store = self.request(node, client, &[]).store;
        if watched
            .iter()
            .any(|(key, version)| store.version(key) != *version)
        {
            return Ok(Value::Nil);
        }
        let commands = transaction.commands.iter();
        let replies = commands.map(|command| reply::flatten(self.run_one(node, client, command)));
        Ok(Value::Array(replies.collect()))
    }

    /// What a command on keys works with, with what has expired gone.
    pub(super) fn request<'a>(
        &'a mut self,
        node: usize,
        client: u64,
        args: &'a [Bytes],
    ) -> Request<'a> {
        let version = self.version(node, client);
        let now_ms = self.clock.now_ms();
        let shard = self.topology.member(node).shard;
        let database = self.nodes[node].clients.get(&client);
        let database = database.map_or(0, |client| client.database);
        let store = &mut self.shards[shard].stores[database];
        store.expire(now_ms);
        Request {
            store,
            args,
            version,
            now_ms,
        }
    }

    fn version(&self, node: usize, client: u64) -> Version {
        let client = self.nodes[node].clients.get(&client);
        client.map_or(Version::Resp2, |client| client.version)
    }

    fn authorize(&self, node: usize, client: u64, spec: &Spec) -> Result<(), ServerError> {
        let client = self.nodes[node].clients.get(&client);
        if client.is_none_or(|client| client.user.is_none()) && !spec.needs_no_auth() {
            return Err(reply::error("NOAUTH Authentication required."));
        }
        Ok(())
    }

    /// Whether a command, or a transaction as a whole, is for this node; if not, the error that says where to go.
    // cluster spec: MOVED redirection, ASK redirection, multiple keys operations
    pub(super) fn route(
        &mut self,
        node: usize,
        client: u64,
        commands: &[Queued],
    ) -> Result<(), ServerError> {
        let keys = commands.iter().flat_map(Queued::keys);
        let keys: Vec<&Bytes> = keys.collect();
        let is_write = commands.iter().any(|command| command.spec.is_write());
        let member = self.topology.member(node).clone();
        let Some(first) = keys.first() else {
            if is_write && !member.is_primary {
                return Err(reply::error(
                    "READONLY You can't write against a read only replica.",
                ));
            }
            return Ok(());
        };
        let slot = Slot::of(first);
        if keys.iter().any(|key| Slot::of(key) != slot) {
            return Err(reply::error(
                "CROSSSLOT Keys in request don't hash to the same slot",
            ));
        }
        let Some(owner) = self.topology.owner(slot) else {
            return Err(reply::error("CLUSTERDOWN Hash slot not served"));
        };
        let (is_asking, is_readonly) = self.nodes[node]
            .clients
            .get(&client)
            .map_or((false, false), |client| {
                (client.is_asking, client.is_readonly)
            });
        let serves_reads = member.is_primary || (is_readonly && !is_write);
        let present = |this: &mut Self| {
            let store = this.request(node, client, &[]).store;
            keys.iter().filter(|key| store.contains(key)).count()
        };
        let try_again = || reply::error("TRYAGAIN Multiple keys request during rehashing of slot");
        match self.topology.migration(slot) {
            // Its replicas too, as those of the newest servers; older ones answer nil for what is gone.
            Some(target) if owner == member.shard && serves_reads => {
                return match present(self) {
                    all if all == keys.len() => Ok(()),
                    0 => Err(self.redirect("ASK", slot, target)),
                    _ => Err(try_again()),
                };
            }
            Some(target) if target == member.shard && member.is_primary && is_asking => {
                if keys.len() > 1 && present(self) < keys.len() {
                    return Err(try_again());
                }
                return Ok(());
            }
            _ => {}
        }
        if owner == member.shard && serves_reads {
            return Ok(());
        }
        Err(self.redirect("MOVED", slot, owner))
    }

    fn redirect(&self, kind: &str, slot: Slot, shard: usize) -> ServerError {
        let Some(primary) = self.topology.primary_of(shard) else {
            return reply::error("CLUSTERDOWN Hash slot not served");
        };
        let addr = &self.topology.member(primary).addr;
        let host = match &self.config.endpoint {
            Endpoint::Ip => addr.host(),
            Endpoint::Hostname(host) => host,
            Endpoint::Unknown => "",
        };
        reply::error(format!("{kind} {slot} {host}:{}", addr.port()))
    }
}
