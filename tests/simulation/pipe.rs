//! A connection in memory: two pipes that take their time, stop, and break.
//!
//! Bytes written before the writer closes arrive all the same, however late, as they do from a socket's send buffer.
//! So a command whose caller has long given up may still be applied, which is what the history has to allow for.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes under way in one direction, as much as a socket's buffers hold.
const CAPACITY: usize = 64 * 1024;

/// The way to the server, and the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    There,
    Back,
}

/// What both ends share, and the network with them.
pub struct Link {
    pipes: Mutex<[Pipe; 2]>,
}

struct Pipe {
    /// What is under way, with the time of its arrival; `None` is the end.
    queue: VecDeque<(Instant, Option<Bytes>)>,
    len: usize,
    arrival: Instant,
    /// How long each write is under way, by the millisecond of it.
    delay: Box<dyn Fn(Instant) -> Duration + Send>,
    is_frozen: bool,
    /// Bytes until the whole link breaks.
    left: Option<usize>,
    is_broken: bool,
    /// The reader has gone.
    is_unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Link {
    /// A connection: the client's end, and the server's.
    pub fn open<D>(delay: D) -> (Arc<Self>, End, End)
    where
        D: Fn(Instant, Way) -> Duration + Clone + Send + 'static,
    {
        let pipe = |way| {
            let delay = delay.clone();
            Pipe {
                queue: VecDeque::new(),
                len: 0,
                arrival: Instant::now(),
                delay: Box::new(move |now| delay(now, way)),
                is_frozen: false,
                left: None,
                is_broken: false,
                is_unread: false,
                reader: None,
                writer: None,
            }
        };
        let link = Arc::new(Self {
            pipes: Mutex::new([pipe(Way::There), pipe(Way::Back)]),
        });
        let client = End::new(&link, Way::There);
        let server = End::new(&link, Way::Back);
        (link, client, server)
    }

    /// Nothing arrives this way until it is thawed; what is written meanwhile is late, not lost.
    pub fn freeze(&self, way: Way, is_frozen: bool) {
        let mut pipes = self.lock();
        let pipe = &mut pipes[way as usize];
        pipe.is_frozen = is_frozen;
        pipe.wake();
    }

    /// Breaks the connection after so many more bytes this way; with `None`, no more.
    pub fn cut_after(&self, way: Way, bytes: Option<usize>) {
        self.lock()[way as usize].left = bytes.map(|bytes| bytes.max(1));
    }

    /// Breaks the connection: what is under way is lost.
    pub fn reset(&self) {
        break_off(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, [Pipe; 2]> {
        self.pipes.lock().expect("nobody panics in here")
    }
}

fn break_off(pipes: &mut [Pipe; 2]) {
    for pipe in pipes {
        pipe.is_broken = true;
        pipe.queue.clear();
        pipe.wake();
    }
}

impl Pipe {
    fn push(&mut self, bytes: Option<Bytes>) {
        let now = Instant::now();
        // What is written later does not overtake.
        self.arrival = self.arrival.max(now + (self.delay)(now));
        self.len += bytes.as_ref().map_or(0, Bytes::len);
        self.queue.push_back((self.arrival, bytes));
        self.wake();
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()] {
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// One end of a connection.
pub struct End {
    link: Arc<Link>,
    /// The way of what is written here.
    way: Way,
    sleep: Pin<Box<Sleep>>,
}

impl End {
    fn new(link: &Arc<Link>, way: Way) -> Self {
        Self {
            link: Arc::clone(link),
            way,
            sleep: Box::pin(sleep_until(Instant::now())),
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let mut pipes = this.link.lock();
            let pipe = &mut pipes[1 - this.way as usize];
            if pipe.is_broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let Some((arrival, bytes)) = pipe.queue.front_mut().filter(|_| !pipe.is_frozen) else {
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            if *arrival > Instant::now() {
                // It is woken to look again when the way is frozen or breaks meanwhile.
                let arrival = *arrival;
                pipe.reader = Some(cx.waker().clone());
                drop(pipes);
                this.sleep.as_mut().reset(arrival);
                ready!(this.sleep.as_mut().poll(cx));
                continue;
            }
            let Some(bytes) = bytes else {
                return Poll::Ready(Ok(()));
            };
            let len = bytes.len().min(buf.remaining());
            let len = pipe.left.map_or(len, |left| len.min(left));
            buf.put_slice(&bytes[..len]);
            bytes.advance(len);
            if bytes.is_empty() {
                pipe.queue.pop_front();
            }
            pipe.len -= len;
            pipe.writer.take().into_iter().for_each(Waker::wake);
            if let Some(left) = &mut pipe.left {
                *left -= len;
                if *left == 0 {
                    break_off(&mut pipes);
                }
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipes = self.link.lock();
        let pipe = &mut pipes[self.way as usize];
        if pipe.is_broken || pipe.is_unread {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if pipe.len >= CAPACITY {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = bytes.len().min(CAPACITY - pipe.len);
        pipe.push(Some(Bytes::copy_from_slice(&bytes[..len])));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.lock()[self.way as usize].push(None);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut pipes = self.link.lock();
        pipes[self.way as usize].push(None);
        let other = &mut pipes[1 - self.way as usize];
        other.is_unread = true;
        other.queue.clear();
        other.wake();
    }
}
