//! Packets that get lost: a network namespace of its own, in which rules may be made as one likes.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::peer::Failure;

/// Says that this process is in a namespace of its own already.
const INSIDE: &str = "PEERS_IN_NETWORK_NAMESPACE";

/// The table with the rules, and nothing else.
const TABLE: &str = "inet outages";

/// An established connection, in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// Goes on in a network namespace of its own, by starting anew there.
///
/// # Errors
///
/// If there can be none here, or no rules in it: what is needed is `unshare`, `ip` and `nft`, and Linux's leave.
pub(super) fn isolate() -> Result<(), Failure> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let probe = unshare().args(["nft", "list", "tables"]).output()?;
    if !probe.status.success() {
        let said = String::from_utf8_lossy(&probe.stderr);
        return Err(format!("no network namespace with rules: {}", said.trim()).into());
    }
    let mut again = unshare();
    again.arg(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(INSIDE, "1");
    Err(again.exec().into())
}

/// Runs the arguments in a new namespace.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args([
        "--net",
        "sh",
        "-c",
        "ip link set lo up && exec \"$@\"",
        "sh",
    ]);
    command
}

/// Swallows all packets of some connections. They pass again with the end of this.
pub(super) struct Hole(());

impl Hole {
    /// Swallows those of the connections that this process has to this node now.
    pub(super) fn open(process: u32, node: SocketAddr) -> Result<Self, Failure> {
        let ports = local_ports(process, node)?;
        if ports.is_empty() {
            return Err(format!("the client has no connection to {node}").into());
        }
        let (port, others) = (node.port(), ports.join(", "));
        // Where packets come in: to drop them where they go out would be told to the sender.
        rule(&format!(
            "table {TABLE} {{\nchain input {{\ntype filter hook input priority 0\n\
             tcp sport {port} tcp dport {{ {others} }} drop\n\
             tcp dport {port} tcp sport {{ {others} }} drop\n\
             }}\n}}\n"
        ))?;
        Ok(Self(()))
    }
}

impl Drop for Hole {
    fn drop(&mut self) {
        // The namespace ends with the process in any case.
        let _ = rule(&format!("delete table {TABLE}\n"));
    }
}

fn rule(text: &str) -> Result<(), Failure> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut input = nft.stdin.take().ok_or("nft has no input")?;
    input.write_all(text.as_bytes())?;
    drop(input);
    match nft.wait()?.success() {
        true => Ok(()),
        false => Err("nft refused the rules".into()),
    }
}

/// The ports of its own from which a process is connected to this node.
fn local_ports(process: u32, node: SocketAddr) -> Result<Vec<String>, Failure> {
    let mut sockets = HashSet::new();
    for file in fs::read_dir(format!("/proc/{process}/fd"))? {
        // A file may be closed meanwhile.
        if let Ok(target) = fs::read_link(file?.path()) {
            let target = target.to_string_lossy().into_owned();
            let inode = target.strip_prefix("socket:[");
            sockets.extend(inode.and_then(|rest| Some(rest.strip_suffix(']')?.to_owned())));
        }
    }
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp"))?;
    let connections = table.lines().skip(1).filter_map(Connection::parse);
    Ok(connections
        .filter(|connection| connection.remote == node.port())
        .filter(|connection| sockets.contains(connection.inode))
        .map(|connection| connection.local.to_string())
        .collect())
}

/// An established connection by its ports.
struct Connection<'a> {
    local: u16,
    remote: u16,
    inode: &'a str,
}

impl<'a> Connection<'a> {
    /// A line such as ` 0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 12345 1 ...`.
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let port = |field: &str| u16::from_str_radix(field.split_once(':')?.1, 16).ok();
        let connection = Self {
            local: port(fields.get(1)?)?,
            remote: port(fields.get(2)?)?,
            inode: fields.get(9)?,
        };
        (fields[3] == ESTABLISHED).then_some(connection)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::local_ports;

    #[test]
    fn ports_are_those_of_the_process_to_the_node() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let node = listener.local_addr().expect("bound");
        let stream = TcpStream::connect(node).expect("it listens");
        let _other = TcpStream::connect(other.local_addr().expect("bound")).expect("it listens");
        let port = stream.local_addr().expect("connected").port();
        let found = local_ports(std::process::id(), node).expect("Linux tells");
        assert_eq!(found, [port.to_string()]);
    }
}
