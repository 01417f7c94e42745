//! Adds a delay to the round trip to each node, in a process of its own so that its CPU is not the client's.
//!
//! What arrives is passed on after half the delay, each way, in order, and without waiting for what is still on its way:
//! so there is no limit on bandwidth but the machine's. It has threads rather than tasks, since they wake within some 60
//! microseconds of the due time, where tokio's timers are of whole milliseconds.

mod line;

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::peer::Failure;

/// The delay of one way, in microseconds.
#[derive(Clone, Default)]
struct Delay(Arc<AtomicU64>);

/// The main function of the process. Says the ports where it listens, one for each node, and then reads lines: each is a
/// round trip in milliseconds, for connections from then on. It ends with its input.
pub(crate) fn main(nodes: &[SocketAddr]) -> Result<(), Failure> {
    let delay = Delay::default();
    let mut ports = Vec::new();
    for node in nodes {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        ports.push(listener.local_addr()?.port().to_string());
        let (node, delay) = (*node, delay.clone());
        thread::spawn(move || accept(&listener, node, &delay));
    }
    let mut out = io::stdout();
    writeln!(out, "{}", ports.join(","))?;
    for line in io::stdin().lock().lines() {
        let millis: u64 = line?.parse()?;
        delay.0.store(millis * 500, Ordering::Relaxed);
        writeln!(out, "{millis}")?;
    }
    Ok(())
}

fn accept(listener: &TcpListener, node: SocketAddr, delay: &Delay) {
    for client in listener.incoming() {
        let micros = delay.0.load(Ordering::Relaxed);
        // What cannot be connected is closed, which its client sees.
        if let Ok(client) = client {
            let _ = connect(client, node, micros);
        }
    }
}

fn connect(client: TcpStream, node: SocketAddr, micros: u64) -> io::Result<()> {
    let server = TcpStream::connect(node)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    line::start(client.try_clone()?, server.try_clone()?, micros);
    line::start(server, client, micros);
    Ok(())
}
