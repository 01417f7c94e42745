//! Replies of a server, read by a few lines that owe nothing to any of the clients.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::peer::Failure;

/// A reply in RESP2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A simple or a bulk string, or nothing.
    Text(String),
    Number(i64),
    List(Vec<Reply>),
}

impl Reply {
    /// Reads one. An error reply is an error.
    pub(super) async fn read(
        from: &mut (impl AsyncBufRead + Unpin + Send),
    ) -> Result<Self, Failure> {
        let mut line = String::new();
        if from.read_line(&mut line).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).ok_or("an empty line")?;
        match kind {
            "+" => Ok(Self::Text(rest.to_owned())),
            "-" => Err(rest.to_owned().into()),
            ":" => Ok(Self::Number(rest.parse()?)),
            "$" => match rest.parse::<i64>()?.try_into() {
                Ok(length) => Self::bulk(from, length).await,
                // There is none.
                Err(_) => Ok(Self::Text(String::new())),
            },
            "*" => {
                let mut list = Vec::new();
                for _ in 0..rest.parse::<i64>()? {
                    list.push(Box::pin(Self::read(from)).await?);
                }
                Ok(Self::List(list))
            }
            _ => Err(format!("a reply of an unknown kind: {line}").into()),
        }
    }

    async fn bulk(
        from: &mut (impl AsyncBufRead + Unpin + Send),
        length: usize,
    ) -> Result<Self, Failure> {
        let mut bytes = vec![0; length + 2];
        from.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        Ok(Self::Text(String::from_utf8(bytes)?))
    }

    pub(crate) fn text(self) -> Result<String, Failure> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(format!("a text was due, not {other:?}").into()),
        }
    }

    pub(crate) fn texts(self) -> Result<Vec<String>, Failure> {
        match self {
            Self::List(list) => list.into_iter().map(Self::text).collect(),
            other => Err(format!("a list was due, not {other:?}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    async fn read(mut bytes: &[u8]) -> Option<Reply> {
        Reply::read(&mut bytes).await.ok()
    }

    #[tokio::test]
    async fn replies_of_all_kinds_are_read() {
        let text = |text: &str| Some(Reply::Text(text.to_owned()));
        assert_eq!(read(b"+OK\r\n").await, text("OK"));
        assert_eq!(read(b"$4\r\na\r\nb\r\n").await, text("a\r\nb"));
        assert_eq!(read(b"$-1\r\n").await, text(""));
        assert_eq!(read(b":-3\r\n").await, Some(Reply::Number(-3)));
        let list = read(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n").await;
        assert_eq!(
            list.and_then(|list| list.texts().ok()),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(read(b"-ERR no\r\n").await, None);
        assert_eq!(read(b"").await, None);
    }
}
