//! One node, as its operator sees it.

use std::net::SocketAddr;

use tokio::io::{AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::reply::Reply;
use super::view::View;
use crate::peer::Failure;

/// A node, and the only connection to it that is no client's. It is made before anything is counted.
pub(crate) struct Node {
    addr: SocketAddr,
    id: String,
    connection: Mutex<Connection>,
}

struct Connection {
    stream: BufStream<TcpStream>,
    asked: u64,
}

/// What the node answered.
pub(super) struct Answer {
    pub(super) reply: Reply,
    /// How many commands it had been asked before.
    pub(super) asked_before: u64,
}

impl Node {
    pub(super) async fn connect(addr: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let connection = Connection {
            stream: BufStream::new(stream),
            asked: 0,
        };
        let mut node = Self {
            addr,
            id: String::new(),
            connection: Mutex::new(connection),
        };
        node.id = node.ask(&["CLUSTER", "MYID"]).await?.text()?;
        Ok(node)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Asks, and waits for the reply as long as it takes. What is dropped on the way leaves the connection of no use.
    pub(crate) async fn ask(&self, words: &[&str]) -> Result<Reply, Failure> {
        Ok(self.answer(words).await?.reply)
    }

    pub(super) async fn answer(&self, words: &[&str]) -> Result<Answer, Failure> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        let mut connection = self.connection.lock().await;
        let asked_before = connection.asked;
        connection.asked += 1;
        connection.stream.write_all(request.as_bytes()).await?;
        connection.stream.flush().await?;
        let reply = Reply::read(&mut connection.stream).await?;
        Ok(Answer {
            reply,
            asked_before,
        })
    }

    /// How the cluster looks from here.
    pub(crate) async fn view(&self) -> Result<View, Failure> {
        let nodes = self.ask(&["CLUSTER", "NODES"]).await?;
        Ok(View::parse(&nodes.text()?))
    }

    /// Closes all connections of others.
    pub(crate) async fn disconnect_clients(&self) -> Result<(), Failure> {
        // Not its own, by default; nor those of replicas, and no bus is among them.
        self.ask(&["CLIENT", "KILL", "TYPE", "normal"])
            .await
            .map(drop)
    }
}
