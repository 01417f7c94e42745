//! [`ScriptCall`]: a script with its keys and arguments.

use std::fmt;
use std::time::Duration;

use super::Script;
use crate::command::{Command, Target, ToArgs, generated as table};

/// A call of a [`Script`]: its keys and arguments, and how it is sent.
///
/// ```
/// use tower_redis_cluster::Script;
///
/// let script = Script::new("return redis.call('SET', KEYS[1], ARGV[1])");
/// let call = script.key("user:1").arg("Ann").idempotent();
/// # let _ = call;
/// ```
#[must_use = "a call does nothing until it is sent"]
#[derive(Clone)]
pub struct ScriptCall {
    script: Script,
    /// The keys, behind a name that counts for nothing: their number, which goes ahead of them, is not known yet.
    keys: Command,
    /// The arguments, in the same way; and what else is said of how to send the call.
    args: Command,
}

impl ScriptCall {
    fn new(script: Script) -> Self {
        let apart = Command::known(&table::ECHO);
        Self {
            script,
            keys: apart.clone(),
            args: apart,
        }
    }

    /// Adds a key, or several: the script finds them in `KEYS`.
    pub fn key(mut self, key: impl ToArgs) -> Self {
        self.keys = self.keys.arg(key);
        self
    }

    /// Adds an argument, or several: the script finds them in `ARGV`.
    pub fn arg(mut self, argument: impl ToArgs) -> Self {
        self.args = self.args.arg(argument);
        self
    }

    /// Declares that running the script twice does no harm; see [`Command::idempotent`].
    pub fn idempotent(mut self) -> Self {
        self.args = self.args.idempotent();
        self
    }

    /// How long the call may take, with or without the source; see [`Command::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.args = self.args.timeout(timeout);
        self
    }

    /// Runs the script there, whatever the keys say; see [`Command::target`].
    pub fn target(mut self, target: Target) -> Self {
        self.args = self.args.target(target);
        self
    }

    /// The script, and the command that calls it by name.
    pub(crate) fn into_parts(self) -> (Script, Command) {
        let info = if self.script.is_read_only {
            &table::EVALSHA_RO
        } else {
            &table::EVALSHA
        };
        let keys = self.keys.args().skip(1);
        let head = Command::known(info)
            .arg(self.script.sha1())
            .arg(self.keys.arg_count() - 1);
        let args = self.args.args().skip(1);
        let command = keys.chain(args).fold(head, Command::arg);
        (self.script, with_settings_of(&self.args, command))
    }
}

impl From<Script> for ScriptCall {
    fn from(script: Script) -> Self {
        Self::new(script)
    }
}

impl From<&Script> for ScriptCall {
    fn from(script: &Script) -> Self {
        Self::new(script.clone())
    }
}

impl fmt::Debug for ScriptCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptCall")
            .field("script", &self.script)
            .field("keys", &(self.keys.arg_count() - 1))
            .field("args", &(self.args.arg_count() - 1))
            .finish()
    }
}

/// A command sent in the way another is.
pub(super) fn with_settings_of(other: &Command, mut command: Command) -> Command {
    if other.is_idempotent() {
        command = command.idempotent();
    }
    if let Some(timeout) = other.own_timeout() {
        command = command.timeout(timeout);
    }
    if let Some(target) = other.explicit_target() {
        command = command.target(target.clone());
    }
    command
}
