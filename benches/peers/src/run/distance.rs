//! The process that stands between clients and servers where a round trip is added.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::peer::Failure;

/// How many round trips are measured.
const PINGS: usize = 21;

/// How long one may take at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// A proxy in front of each node. Its process ends with this. It answers at once, so that to block on it does no harm.
pub(super) struct Distance {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    ports: Vec<u16>,
}

impl Distance {
    pub(super) fn start(nodes: &[SocketAddr]) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("proxy")
            .args(nodes.iter().map(SocketAddr::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("the proxy has no input")?;
        let output = process.stdout.take().ok_or("the proxy has no output")?;
        let mut distance = Self {
            process,
            input,
            output: BufReader::new(output),
            ports: Vec::new(),
        };
        let ports = distance.line()?;
        distance.ports = ports.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(distance)
    }

    /// The ports of the proxies, in the order of the nodes.
    pub(super) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Sets what is added to the round trip, in milliseconds, of connections made from then on.
    pub(super) fn set(&mut self, millis: u64) -> Result<(), Failure> {
        writeln!(self.input, "{millis}")?;
        self.line().map(drop)
    }

    /// The round trip as it is, by PINGs one after another over a connection of their own: the median.
    pub(super) fn round_trip(&self) -> Result<Duration, Failure> {
        let port = *self.ports.first().ok_or("no node")?;
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut times = Vec::new();
        for _ in 0..PINGS {
            let start = Instant::now();
            connection.write_all(b"PING\r\n")?;
            connection.read_exact(&mut [0; "+PONG\r\n".len()])?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(times[PINGS / 2])
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err("the proxy ended".into()),
            _ => Ok(line.trim().to_owned()),
        }
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        // If it has ended already, so much the better.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
