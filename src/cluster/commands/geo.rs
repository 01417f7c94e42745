//! Places on a map.

use super::typed::commands;
use super::{GeoFound, GeoPosition, GeoSearch, GeoUnit, ZAddOptions};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Places on a map
    ///
    /// They are members of sorted sets; [`zrem`](Self::zrem) removes them. Coordinates are in degrees, the
    /// longitude first. See the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use tower_redis_cluster::cluster::commands::{GeoPosition, GeoSearch, GeoUnit};
    ///
    /// let palermo = GeoPosition::new(13.361389, 38.115556);
    /// let catania = GeoPosition::new(15.087269, 37.502669);
    /// cluster.geoadd("sicily", [(palermo, "Palermo"), (catania, "Catania")]).await?;
    ///
    /// let search = GeoSearch::radius((15.0, 37.0), 100.0, GeoUnit::Kilometres).nearest_first();
    /// let near: Vec<String> = cluster.geosearch("sicily", search).await?;
    /// assert_eq!(near, ["Catania"]);
    /// # Ok(())
    /// # }
    /// ```
    group "Places on a map";

    /// Adds places, each a position and a member, or moves those that are there; gives how many are new.
    ///
    /// `GEOADD`, O(log(N)) for each, since 3.2.
    fn geoadd(key: impl ToArgs, places: impl ToArgs) -> u64 {
        Command::known(&table::GEOADD).one(key)?.places(places)?
    }

    /// As [`geoadd`](Self::geoadd), with options. There are no greater or lesser places: the server refuses
    /// [`only_if_greater`](ZAddOptions::only_if_greater) and [`only_if_less`](ZAddOptions::only_if_less).
    ///
    /// `GEOADD`, O(log(N)) for each, since 6.2.
    fn geoadd_with(key: impl ToArgs, places: impl ToArgs, options: ZAddOptions) -> u64 {
        let command = Command::known(&table::GEOADD).one(key)?.arg(options);
        command.places(places)?
    }

    /// How far it is from one place to another; `None` if one of them is missing.
    ///
    /// `GEODIST`, O(1), since 3.2.
    fn geodist(
        key: impl ToArgs,
        from: impl ToArgs,
        to: impl ToArgs,
        unit: GeoUnit,
    ) -> Option<f64> {
        let command = Command::known(&table::GEODIST).one(key)?.one(from)?;
        command.one(to)?.arg(unit)
    }

    /// The geohash of each of these places, in 11 characters: where many begin with the same, they are near each
    /// other.
    ///
    /// `GEOHASH`, O(1) for each, since 3.2.
    fn geohash(key: impl ToArgs, members: impl ToArgs) -> Vec<Option<String>> {
        Command::known(&table::GEOHASH).one(key)?.arg(members)
    }

    /// Where each of these places is, to within half a metre or so.
    ///
    /// `GEOPOS`, O(1) for each, since 3.2.
    fn geopos(key: impl ToArgs, members: impl ToArgs) -> Vec<Option<GeoPosition>> {
        Command::known(&table::GEOPOS).one(key)?.arg(members)
    }

    /// The places in an area: ask for a `Vec<String>`.
    ///
    /// `GEOSEARCH`, O(N+log(M)) by the places around the area and all places, since 6.2.
    fn geosearch<T>(key: impl ToArgs, search: GeoSearch) -> T {
        Command::known(&table::GEOSEARCH).one(key)?.search(search)?
    }

    /// The places in an area, where they are, and how far from its centre.
    ///
    /// `GEOSEARCH .. WITHCOORD WITHDIST WITHHASH`, O(N+log(M)) by the places around the area and all places, since
    /// 6.2.
    fn geosearch_found<T>(key: impl ToArgs, search: GeoSearch) -> Vec<GeoFound<T>> {
        let command = Command::known(&table::GEOSEARCH).one(key)?;
        let command = command.search(search)?;
        command.arg(["WITHCOORD", "WITHDIST", "WITHHASH"])
    }

    /// The places in an area, and how far they are from its centre: ask for a `Vec<(String, f64)>`.
    ///
    /// `GEOSEARCH .. WITHDIST`, O(N+log(M)) by the places around the area and all places, since 6.2.
    fn geosearch_withdist<T>(key: impl ToArgs, search: GeoSearch) -> T {
        let command = Command::known(&table::GEOSEARCH).one(key)?;
        command.search(search)?.arg("WITHDIST")
    }

    /// Keeps the places in an area under a key in the same slot, in place of what it had; gives how many there are.
    ///
    /// `GEOSEARCHSTORE`, O(N+log(M)) by the places around the area and all places, since 6.2.
    fn geosearchstore(destination: impl ToArgs, source: impl ToArgs, search: GeoSearch) -> u64 {
        let command = Command::known(&table::GEOSEARCHSTORE).one(destination)?;
        command.one(source)?.search(search)?
    }

    /// As [`geosearchstore`](Self::geosearchstore), but keeps a sorted set of how far they are from the centre of
    /// the area.
    ///
    /// `GEOSEARCHSTORE .. STOREDIST`, O(N+log(M)) by the places around the area and all places, since 6.2.
    fn geosearchstore_dist(destination: impl ToArgs, source: impl ToArgs, search: GeoSearch) -> u64 {
        let command = Command::known(&table::GEOSEARCHSTORE).one(destination)?;
        command.one(source)?.search(search)?.arg("STOREDIST")
    }
}
