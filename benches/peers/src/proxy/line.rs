//! One direction of a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 << 10;

/// How many chunks may be on their way: far more than any load here has.
const CHUNKS: usize = 16 << 10;

/// What arrived, and when it is to be passed on.
type Chunk = (Instant, Vec<u8>);

/// Passes on all that comes from one end, so many microseconds later.
pub(super) fn start(from: TcpStream, to: TcpStream, micros: u64) {
    let (sender, receiver) = sync_channel(CHUNKS);
    thread::spawn(move || read(from, &sender, Duration::from_micros(micros)));
    thread::spawn(move || write(to, &receiver));
}

fn read(mut from: TcpStream, chunks: &SyncSender<Chunk>, delay: Duration) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                let chunk = (Instant::now() + delay, buffer[..length].to_vec());
                if chunks.send(chunk).is_err() {
                    return;
                }
            }
        }
    }
}

fn write(mut to: TcpStream, chunks: &Receiver<Chunk>) {
    while let Ok((due, bytes)) = chunks.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // The other direction may be gone already.
    let _ = to.shutdown(Shutdown::Both);
}
