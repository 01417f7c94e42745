//! Scripts and functions.

use bytes::Bytes;

use super::typed::commands;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};

commands! {
    /// # Scripts and functions
    ///
    /// To run a script, prefer [`script`](Cluster::script), which sends the source only to nodes that do not have it.
    ///
    /// Keys decide where a script or function runs, and must be in one slot; without keys, which is `()`, it runs on any
    /// primary.
    /// Libraries and scripts are kept by each primary for itself, so what changes them is sent to all of them. A
    /// primary that is added later has none of them until they are loaded again.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// let library = "#!lua name=app\n\
    ///     redis.register_function('touch', function(keys, args) return redis.call('SET', keys[1], args[1]) end)";
    /// let name = cluster.function_load_replace(library).await?;
    /// assert_eq!(name, "app");
    /// let () = cluster.fcall("touch", "user:1", "now").await?;
    /// # Ok(())
    /// # }
    /// ```
    group "Scripts and functions";

    /// Runs a script, given its source.
    ///
    /// `EVAL`, O(1) and what the script does, since 2.6.
    fn eval<T>(source: impl AsRef<[u8]>, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::EVAL).arg(source.as_ref());
        command.counted(keys).arg(args)
    }

    /// Runs a script that only reads, given its source.
    ///
    /// `EVAL_RO`, O(1) and what the script does, since 7.0.
    fn eval_ro<T>(source: impl AsRef<[u8]>, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::EVAL_RO).arg(source.as_ref());
        command.counted(keys).arg(args)
    }

    /// Runs a script that the node has, given the SHA-1 digest of its source in hexadecimal.
    ///
    /// `EVALSHA`, O(1) and what the script does, since 2.6.
    ///
    /// # Errors
    ///
    /// `NOSCRIPT` if the node does not have the script.
    fn evalsha<T>(sha1: impl ToArgs, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::EVALSHA).one(sha1)?;
        command.counted(keys).arg(args)
    }

    /// Runs a script that only reads and that the node has, given the SHA-1 digest of its source in hexadecimal.
    ///
    /// `EVALSHA_RO`, O(1) and what the script does, since 7.0.
    ///
    /// # Errors
    ///
    /// `NOSCRIPT` if the node does not have the script.
    fn evalsha_ro<T>(sha1: impl ToArgs, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::EVALSHA_RO).one(sha1)?;
        command.counted(keys).arg(args)
    }

    /// Gives a script to all primaries; gives the SHA-1 digest of its source in hexadecimal.
    ///
    /// `SCRIPT LOAD`, O(N) by the length of the source, since 2.6.
    fn script_load(source: impl AsRef<[u8]>) -> String {
        let command = Command::known(&table::SCRIPT).arg("LOAD");
        command.arg(source.as_ref())
    }

    /// Which of these scripts all primaries have, given the SHA-1 digests of their sources in hexadecimal.
    ///
    /// `SCRIPT EXISTS`, O(N) by the scripts asked for, since 2.6.
    fn script_exists(sha1s: impl ToArgs) -> Vec<bool> {
        Command::known(&table::SCRIPT).arg("EXISTS").arg(sha1s)
    }

    /// The source of a script, from a primary chosen at random; give it to [all](Cluster::script_load) before.
    ///
    /// `SCRIPT SHOW`, O(1), since Valkey 8.0.
    fn script_show(sha1: impl ToArgs) -> Bytes {
        Command::known(&table::SCRIPT).arg("SHOW").one(sha1)?
    }

    /// Makes all primaries forget all scripts.
    ///
    /// `SCRIPT FLUSH`, O(N) by the scripts, since 2.6.
    fn script_flush() -> () {
        Command::known(&table::SCRIPT).arg("FLUSH")
    }

    /// Ends the script that runs for too long, if it has written nothing, on every primary where there is one.
    ///
    /// `SCRIPT KILL`, O(1), since 2.6.
    ///
    /// # Errors
    ///
    /// `NOTBUSY` if there is none anywhere, and `UNKILLABLE` if it has written.
    fn script_kill() -> () {
        Command::known(&table::SCRIPT).arg("KILL")
    }

    /// Runs a function.
    ///
    /// `FCALL`, O(1) and what the function does, since 7.0.
    fn fcall<T>(function: impl ToArgs, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::FCALL).one(function)?;
        command.counted(keys).arg(args)
    }

    /// Runs a function that only reads, and says so of itself with the flag `no-writes`.
    ///
    /// `FCALL_RO`, O(1) and what the function does, since 7.0.
    fn fcall_ro<T>(function: impl ToArgs, keys: impl ToArgs, args: impl ToArgs) -> T {
        let command = Command::known(&table::FCALL_RO).one(function)?;
        command.counted(keys).arg(args)
    }

    /// Gives a library that is new to all primaries; gives its name.
    ///
    /// `FUNCTION LOAD`, O(1) and what the library does when it is loaded, since 7.0.
    fn function_load(library: impl AsRef<[u8]>) -> String {
        let command = Command::known(&table::FUNCTION).arg("LOAD");
        command.arg(library.as_ref())
    }

    /// Gives a library to all primaries, in place of that of the same name; gives its name.
    ///
    /// `FUNCTION LOAD REPLACE`, O(1) and what the library does when it is loaded, since 7.0.
    fn function_load_replace(library: impl AsRef<[u8]>) -> String {
        let command = Command::known(&table::FUNCTION).arg(("LOAD", "REPLACE"));
        command.arg(library.as_ref())
    }

    /// Deletes a library from all primaries.
    ///
    /// `FUNCTION DELETE`, O(1), since 7.0.
    fn function_delete(library: impl ToArgs) -> () {
        Command::known(&table::FUNCTION).arg("DELETE").one(library)?
    }

    /// Deletes all libraries from all primaries.
    ///
    /// `FUNCTION FLUSH`, O(N) by the functions, since 7.0.
    fn function_flush() -> () {
        Command::known(&table::FUNCTION).arg("FLUSH")
    }

    /// The libraries of one primary whose names match this pattern, with their functions; `*` for all.
    ///
    /// `FUNCTION LIST`, O(N) by the functions, since 7.0.
    fn function_list<T>(pattern: impl ToArgs) -> T {
        let command = Command::known(&table::FUNCTION).arg(("LIST", "LIBRARYNAME"));
        command.one(pattern)?
    }

    /// The libraries of one primary whose names match this pattern, with their functions and source; `*` for all.
    ///
    /// `FUNCTION LIST .. WITHCODE`, O(N) by the functions, since 7.0.
    fn function_list_withcode<T>(pattern: impl ToArgs) -> T {
        let command = Command::known(&table::FUNCTION).arg(("LIST", "LIBRARYNAME"));
        command.one(pattern)?.arg("WITHCODE")
    }

    /// All libraries of one primary, in a form for [`function_restore`](Cluster::function_restore).
    ///
    /// `FUNCTION DUMP`, O(N) by the functions, since 7.0.
    fn function_dump() -> Bytes {
        Command::known(&table::FUNCTION).arg("DUMP")
    }

    /// Gives all primaries the libraries of a [`function_dump`](Cluster::function_dump).
    ///
    /// `FUNCTION RESTORE`, O(N) by the functions, since 7.0.
    fn function_restore(dump: impl ToArgs, existing: Existing) -> () {
        let command = Command::known(&table::FUNCTION).arg("RESTORE").one(dump)?;
        command.arg(existing)
    }

    /// Ends the function that runs for too long, if it has written nothing, on every primary where there is one.
    ///
    /// `FUNCTION KILL`, O(1), since 7.0.
    ///
    /// # Errors
    ///
    /// `NOTBUSY` if there is none anywhere, and `UNKILLABLE` if it has written.
    fn function_kill() -> () {
        Command::known(&table::FUNCTION).arg("KILL")
    }
}

/// What becomes of the libraries there are, when others are [restored](crate::Cluster::function_restore).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Existing {
    /// They stay; one of the same name is an error.
    #[default]
    Kept,
    /// They stay, except those of the same name.
    Replaced,
    /// They are deleted first.
    Deleted,
}

impl ToArgs for Existing {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Kept => "APPEND",
            Self::Replaced => "REPLACE",
            Self::Deleted => "FLUSH",
        });
    }
}
