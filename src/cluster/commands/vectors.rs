//! Vector sets.

use super::typed::commands;
use super::{LexRange, VAddOptions, VSimOptions, VectorMatch, VectorQuery, VectorSetInfo};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Vector sets
    ///
    /// Elements with a vector each, found by how similar their vectors are. Of Redis alone. See the
    /// [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// Vectors are of `f32`, and sent as such. One that is empty, or has a dimension that is not finite, is refused as
    /// [`InvalidCommand`](crate::ErrorKind::InvalidCommand) before it is sent.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use tower_redis_cluster::cluster::commands::{VSimOptions, VectorQuery};
    ///
    /// cluster.vadd("colours", [1.0, 0.0, 0.0], "red").await?;
    /// cluster.vadd("colours", [1.0, 0.5, 0.0], "orange").await?;
    /// cluster.vadd("colours", [0.0, 0.0, 1.0], "blue").await?;
    ///
    /// let options = VSimOptions::new().count(2);
    /// let like_red: Vec<(String, f64)> = cluster
    ///     .vsim_withscores("colours", VectorQuery::element("red"), options)
    ///     .await?;
    /// assert_eq!(like_red[1].0, "orange");
    /// # Ok(())
    /// # }
    /// ```
    group "Vector sets";

    /// Adds an element, or gives it another vector; true if it is new. All vectors of a key have as many dimensions.
    ///
    /// `VADD`, O(log(N)), since Redis 8.0.
    fn vadd(key: impl ToArgs, vector: impl AsRef<[f32]>, element: impl ToArgs) -> bool {
        let command = Command::known(&table::VADD).one(key)?;
        command.vector(vector.as_ref())?.one(element)?
    }

    /// Adds an element with options, or gives it another vector; true if it is new.
    ///
    /// `VADD`, O(log(N)), since Redis 8.0.
    fn vadd_with(
        key: impl ToArgs,
        vector: impl AsRef<[f32]>,
        element: impl ToArgs,
        options: VAddOptions,
    ) -> bool {
        let command = Command::known(&table::VADD).one(key)?;
        // The only option that comes ahead of the vector.
        let command = command.arg(options.reduce.map(|dimensions| ("REDUCE", dimensions)));
        command.vector(vector.as_ref())?.one(element)?.arg(options)
    }

    /// How many elements there are; 0 if there is no such key.
    ///
    /// `VCARD`, O(1), since Redis 8.0.
    fn vcard(key: impl ToArgs) -> u64 {
        Command::known(&table::VCARD).one(key)?
    }

    /// How many dimensions the vectors have.
    ///
    /// `VDIM`, O(1), since Redis 8.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such key.
    fn vdim(key: impl ToArgs) -> u64 {
        Command::known(&table::VDIM).one(key)?
    }

    /// The vector of an element, about as it was given: it is kept with less precision unless [said
    /// otherwise](VAddOptions::quantization).
    ///
    /// `VEMB`, O(1), since Redis 8.0.
    fn vemb(key: impl ToArgs, element: impl ToArgs) -> Option<Vec<f32>> {
        Command::known(&table::VEMB).one(key)?.one(element)?
    }

    /// The vector of an element as it is kept: the name of its form, the bytes, its length before it was normalized,
    /// and what else belongs to the form. Ask for an `Option<Vec<Value>>`.
    ///
    /// `VEMB .. RAW`, O(1), since Redis 8.0.
    fn vemb_raw<T>(key: impl ToArgs, element: impl ToArgs) -> T {
        let command = Command::known(&table::VEMB).one(key)?;
        command.one(element)?.arg("RAW")
    }

    /// The JSON attributes of an element.
    ///
    /// `VGETATTR`, O(1), since Redis 8.0.
    fn vgetattr<T>(key: impl ToArgs, element: impl ToArgs) -> T {
        Command::known(&table::VGETATTR).one(key)?.one(element)?
    }

    /// What the server knows of a vector set; `None` if there is no such key.
    ///
    /// `VINFO`, O(1), since Redis 8.0.
    fn vinfo(key: impl ToArgs) -> Option<VectorSetInfo> {
        Command::known(&table::VINFO).one(key)?
    }

    /// True if there is such an element.
    ///
    /// `VISMEMBER`, O(1), since Redis 8.2.
    fn vismember(key: impl ToArgs, element: impl ToArgs) -> bool {
        Command::known(&table::VISMEMBER).one(key)?.one(element)?
    }

    /// The neighbours of an element on each level of the graph, the highest first: ask for an
    /// `Option<Vec<Vec<String>>>`.
    ///
    /// `VLINKS`, O(1), since Redis 8.0.
    fn vlinks<T>(key: impl ToArgs, element: impl ToArgs) -> T {
        Command::known(&table::VLINKS).one(key)?.one(element)?
    }

    /// As [`vlinks`](Self::vlinks), with how similar each is: ask for an `Option<Vec<Vec<(String, f64)>>>`.
    ///
    /// `VLINKS .. WITHSCORES`, O(1), since Redis 8.0.
    fn vlinks_withscores<T>(key: impl ToArgs, element: impl ToArgs) -> T {
        let command = Command::known(&table::VLINKS).one(key)?;
        command.one(element)?.arg("WITHSCORES")
    }

    /// An element chosen at random.
    ///
    /// `VRANDMEMBER`, O(1), since Redis 8.0.
    fn vrandmember<T>(key: impl ToArgs) -> T {
        Command::known(&table::VRANDMEMBER).one(key)?
    }

    /// Up to so many different elements chosen at random; of a negative count as many as it says, some of them perhaps
    /// several times.
    ///
    /// `VRANDMEMBER`, O(N) by the elements given, since Redis 8.0.
    fn vrandmember_count<T>(key: impl ToArgs, count: i64) -> T {
        Command::known(&table::VRANDMEMBER).one(key)?.arg(count)
    }

    /// Up to so many of the elements in a range, in the order of their bytes; all if negative.
    ///
    /// `VRANGE`, O(log(N)+M) by all elements and those given, since Redis 8.4.
    fn vrange<T>(key: impl ToArgs, range: impl Into<LexRange>, count: i64) -> T {
        let command = Command::known(&table::VRANGE).one(key)?;
        command.arg((range.into(), count))
    }

    /// Removes an element, and says whether there was one.
    ///
    /// `VREM`, O(log(N)), since Redis 8.0.
    fn vrem(key: impl ToArgs, element: impl ToArgs) -> bool {
        Command::known(&table::VREM).one(key)?.one(element)?
    }

    /// Sets the JSON attributes of an element, or removes them if empty; false if there is no such element.
    ///
    /// `VSETATTR`, O(1), since Redis 8.0.
    fn vsetattr(key: impl ToArgs, element: impl ToArgs, attributes: impl ToArgs) -> bool {
        let command = Command::known(&table::VSETATTR).one(key)?;
        command.one(element)?.one(attributes)?
    }

    /// The elements that are the most similar, the best first: ask for a `Vec<String>`.
    ///
    /// `VSIM`, O(log(N)), since Redis 8.0.
    fn vsim<T>(key: impl ToArgs, query: VectorQuery, options: VSimOptions) -> T {
        let command = Command::known(&table::VSIM).one(key)?;
        command.similar(query, options)?
    }

    /// The elements that are the most similar, the best first, with how similar each is, from 0 to 1, and its
    /// attributes.
    ///
    /// `VSIM .. WITHSCORES WITHATTRIBS`, O(log(N)), since Redis 8.2.
    fn vsim_matches<T>(
        key: impl ToArgs,
        query: VectorQuery,
        options: VSimOptions,
    ) -> Vec<VectorMatch<T>> {
        let command = Command::known(&table::VSIM).one(key)?;
        let command = command.similar(query, options)?;
        command.arg(["WITHSCORES", "WITHATTRIBS"])
    }

    /// The elements that are the most similar, the best first, with how similar each is, from 0 to 1: ask for a
    /// `Vec<(String, f64)>`.
    ///
    /// `VSIM .. WITHSCORES`, O(log(N)), since Redis 8.0.
    fn vsim_withscores<T>(key: impl ToArgs, query: VectorQuery, options: VSimOptions) -> T {
        let command = Command::known(&table::VSIM).one(key)?;
        let command = command.similar(query, options)?;
        command.arg("WITHSCORES")
    }
}
