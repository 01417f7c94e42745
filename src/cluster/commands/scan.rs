//! Reading a large collection in pieces.

use crate::command::{ArgWriter, ToArgs};
use crate::value::{ConversionError, FromValue, Value};

/// A piece of a collection, and where the next begins.
///
/// Elements that are in the collection all the time are seen at least once, perhaps twice; a piece may be empty
/// before the last.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_redis_cluster::Error> {
/// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
/// # let cluster = fake.connect().await?;
/// use tower_redis_cluster::cluster::commands::{ScanOptions, ScanPage};
///
/// cluster.sadd("colours", ["red", "green", "blue"]).await?;
/// let mut colours = Vec::new();
/// let mut next = Some(0);
/// while let Some(cursor) = next {
///     let page: ScanPage<Vec<String>> = cluster.sscan("colours", cursor, ScanOptions::new()).await?;
///     colours.extend(page.items.iter().cloned());
///     next = page.next();
/// }
/// assert_eq!(colours.len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPage<T> {
    /// What to go on with; 0 when all has been seen.
    pub cursor: u64,
    /// The elements of this piece.
    pub items: T,
}

/// What to look for, and how large the pieces are.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::ScanOptions, cmd};
///
/// let options = ScanOptions::new().matching("a*").count(1000);
/// let command = cmd("SSCAN").arg("set").arg(0).arg(options);
/// assert!(command.args().skip(3).eq(["MATCH", "a*", "COUNT", "1000"].map(str::as_bytes)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    pattern: Option<String>,
    count: Option<u64>,
}

// ===== impl ScanPage =====

impl<T> ScanPage<T> {
    /// The cursor of the next piece; `None` when all has been seen.
    pub fn next(&self) -> Option<u64> {
        (self.cursor != 0).then_some(self.cursor)
    }
}

impl<T: FromValue> FromValue for ScanPage<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let (cursor, items) = FromValue::from_value(value)?;
        Ok(Self { cursor, items })
    }
}

// ===== impl ScanOptions =====

impl ScanOptions {
    /// All elements, in pieces of about 10.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only elements that match this glob-style pattern (`MATCH`); of hashes, fields.
    #[must_use]
    pub fn matching(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// About how many elements the server looks at for each piece (`COUNT`).
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

impl ToArgs for ScanOptions {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        let pattern = self.pattern.as_deref().map(|pattern| ("MATCH", pattern));
        pattern.write_args(out);
        self.count.map(|count| ("COUNT", count)).write_args(out);
    }
}
