//! Servers that answer every `GET` by its key, and behave badly otherwise: one thread per connection, nothing stored.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tower_redis_cluster::Slot;

/// What a value is made of before its key.
const PREFIX: &[u8] = b"value of ";

/// What large values have behind it.
const PADDING: &[u8] = &[b'x'; 8 * 1024];

/// True if the value is the one of this key.
pub(crate) fn is_value_of(key: &[u8], value: &[u8]) -> bool {
    let rest = value
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix(key));
    rest.is_some_and(|rest| rest == padding_of(key))
}

/// One in a hundred is large.
fn padding_of(key: &[u8]) -> &'static [u8] {
    if key.ends_with(b"77") { PADDING } else { b"" }
}

/// Some servers, which accept no more connections when this is dropped.
pub(crate) struct Servers {
    ports: Arc<[u16]>,
    is_over: Arc<AtomicBool>,
}

impl Servers {
    pub(crate) fn start(count: usize, seed: u64) -> Self {
        let bind = |_| TcpListener::bind("127.0.0.1:0").expect("a port");
        let listeners: Vec<_> = (0..count).map(bind).collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let ports: Arc<[u16]> = listeners.iter().map(port).collect();
        let is_over = Arc::new(AtomicBool::new(false));
        for (index, listener) in listeners.into_iter().enumerate() {
            let (ports, is_over) = (Arc::clone(&ports), Arc::clone(&is_over));
            let mut rng = Rng::with_seed(seed.wrapping_add(index as u64));
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let session = Session::new(Arc::clone(&ports), index, rng.fork());
                    // It ends when the client hangs up, or by itself.
                    thread::spawn(move || session.serve(stream));
                }
            });
        }
        Self { ports, is_over }
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        self.ports
            .iter()
            .map(|port| format!("redis://127.0.0.1:{port}"))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for port in &*self.ports {
            // Wakes the thread that accepts.
            let _ = TcpStream::connect(("127.0.0.1", *port));
        }
    }
}

struct Session {
    ports: Arc<[u16]>,
    index: usize,
    rng: Rng,
    output: Vec<u8>,
    /// How many commands `output` has the replies to.
    commands: usize,
    /// How many commands were queued since `MULTI`, and their replies.
    queued: Option<(usize, Vec<u8>)>,
    is_asking: bool,
}

impl Session {
    fn new(ports: Arc<[u16]>, index: usize, rng: Rng) -> Self {
        Self {
            ports,
            index,
            rng,
            output: Vec::new(),
            commands: 0,
            queued: None,
            is_asking: false,
        }
    }

    fn serve(mut self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut input = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            input.extend_from_slice(&buffer[..read]);
            let mut taken = 0;
            while let Some((args, length)) = parse(&input[taken..]) {
                self.answer(&args);
                taken += length;
            }
            input.drain(..taken);
            self.write(&mut stream)?;
        }
    }

    /// Writes the replies, late, in pieces, or not to the end: so often per command, however many come at a time.
    fn write(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let commands = std::mem::take(&mut self.commands);
        let happens = |rng: &mut Rng, one_in: u32| (0..commands).any(|_| rng.u32(..one_in) == 0);
        let output = std::mem::take(&mut self.output);
        let part = self.rng.usize(..=output.len());
        if happens(&mut self.rng, 20_000) {
            stream.write_all(&output[..part])?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if happens(&mut self.rng, 4_000) {
            self.pause(8_000);
        }
        if happens(&mut self.rng, 1_000) {
            stream.write_all(&output[..part])?;
            self.pause(1_000);
            stream.write_all(&output[part..])?;
        } else {
            stream.write_all(&output)?;
        }
        self.output = output;
        self.output.clear();
        Ok(())
    }

    /// For so many microseconds at most.
    fn pause(&mut self, most: u64) {
        thread::sleep(Duration::from_micros(self.rng.u64(..most)));
    }

    fn answer(&mut self, args: &[&[u8]]) {
        self.commands += 1;
        let is_asking = std::mem::take(&mut self.is_asking);
        match args {
            [b"GET", key] => self.get(key, is_asking),
            [b"MGET", keys @ ..] => {
                let _ = write!(self.output, "*{}\r\n", keys.len());
                for key in keys {
                    push_value(&mut self.output, key);
                }
            }
            [b"MULTI"] => {
                self.queued = Some((0, Vec::new()));
                self.ok();
            }
            [b"EXEC"] => {
                let (count, replies) = self.queued.take().unwrap_or_default();
                let _ = write!(self.output, "*{count}\r\n");
                self.output.extend_from_slice(&replies);
            }
            [b"ASKING"] => {
                self.is_asking = true;
                self.ok();
            }
            [b"HELLO", ..] => self
                .output
                .extend_from_slice(b"%1\r\n$5\r\nproto\r\n:3\r\n"),
            [b"CLIENT", ..] => self.ok(),
            [b"PING"] => self.output.extend_from_slice(b"+PONG\r\n"),
            [b"CLUSTER", b"SLOTS"] => self.slots(),
            _ => self.output.extend_from_slice(b"-ERR unknown command\r\n"),
        }
    }

    fn get(&mut self, key: &[u8], is_asking: bool) {
        if let Some((count, replies)) = &mut self.queued {
            *count += 1;
            push_value(replies, key);
            self.output.extend_from_slice(b"+QUEUED\r\n");
            return;
        }
        let refusal = match self.rng.u16(..8192) {
            0 if !is_asking => "ASK",
            1 if !is_asking => "MOVED",
            2 => {
                let refusal = b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
                return self.output.extend_from_slice(refusal);
            }
            3..7 => {
                // What nobody asked for is no reply.
                let push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n";
                self.output.extend_from_slice(push);
                return push_value(&mut self.output, key);
            }
            _ => return push_value(&mut self.output, key),
        };
        let other = self.ports[(self.index + 1) % self.ports.len()];
        let slot = Slot::of(key).number();
        let _ = write!(self.output, "-{refusal} {slot} 127.0.0.1:{other}\r\n");
    }

    fn slots(&mut self) {
        let count = self.ports.len();
        let _ = write!(self.output, "*{count}\r\n");
        for (index, port) in self.ports.iter().enumerate() {
            let (first, next) = (16384 * index / count, 16384 * (index + 1) / count);
            let last = next - 1;
            let _ = write!(
                self.output,
                "*3\r\n:{first}\r\n:{last}\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$40\r\n{index:040}\r\n"
            );
        }
    }

    fn ok(&mut self) {
        self.output.extend_from_slice(b"+OK\r\n");
    }
}

fn push_value(output: &mut Vec<u8>, key: &[u8]) {
    let padding = padding_of(key);
    let length = PREFIX.len() + key.len() + padding.len();
    let _ = write!(output, "${length}\r\n");
    for part in [PREFIX, key, padding, b"\r\n"] {
        output.extend_from_slice(part);
    }
}

/// The first command in `input`, if it is there as a whole, and how many bytes it has. Clients send nothing but arrays of
/// bulk strings.
fn parse(input: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let (count, mut at) = number(input, b'*', 0)?;
    let mut args = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, start) = number(input, b'$', at)?;
        args.push(input.get(start..start + length)?);
        at = start + length + 2;
    }
    (at <= input.len()).then_some((args, at))
}

/// The number in the line that begins here, and where the next one does.
fn number(input: &[u8], mark: u8, at: usize) -> Option<(usize, usize)> {
    let line = input.get(at..)?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    assert_eq!(line[0], mark, "the client sends what is no command");
    let digits = std::str::from_utf8(&line[1..end - 1]).expect("digits");
    Some((digits.parse().expect("digits"), at + end + 1))
}
