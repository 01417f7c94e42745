//! All keys of a cluster: counts them by prefix and draws a sample, with a progress bar and a cursor to go on with.
//!
//!     cargo run --release --example scan                            # makes a cluster of its own
//!     cargo run --release --example scan redis://10.0.0.1:7000      # or uses yours
//!     cargo run --release --example scan redis://10.0.0.1:7000 scan1-...   # and goes on where it was left off
//!
//! Ctrl-C prints the cursor. Slots may move and nodes fail over meanwhile: each key that is there all the time is
//! seen, some of them twice, so that the counts are upper bounds.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use futures::StreamExt;
use tower_redis_cluster::scan::{ScanCursor, ScanProgress};
use tower_redis_cluster::testing::FakeCluster;
use tower_redis_cluster::{Cluster, Slot};

/// How many keys are drawn.
const SAMPLE: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    // It ends with `main`.
    let _fake;
    let (cluster, is_ours) = match args.next() {
        Some(url) => (Cluster::connect(url).await?, false),
        None => {
            let fake = FakeCluster::start(3).await;
            let cluster = Cluster::connect(fake.url()).await?;
            fill(&cluster).await?;
            // Half of a slot's keys are on their way to another node, and stay there.
            let slot = Slot::of("user:1");
            let owner = fake.owner(slot).ok_or("all slots are served")?;
            fake.begin_migration(slot, (owner + 1) % 3);
            fake.move_key("user:1");
            _fake = fake;
            (cluster, true)
        }
    };

    let mut scan = cluster.scan().count(if is_ours { 20 } else { 1000 });
    if let Some(cursor) = args.next() {
        scan = scan.resume(cursor.parse::<ScanCursor>()?);
    }
    let mut stream = scan.stream()?;
    let (mut counts, mut sample) = (BTreeMap::<String, u64>::new(), Vec::new());
    let (mut seen, start) = (0_usize, Instant::now());
    loop {
        let batch = tokio::select! {
            batch = stream.next() => batch,
            _ = tokio::signal::ctrl_c() => {
                println!("\nTo go on: {}", stream.cursor());
                return Ok(());
            }
        };
        let batch = match batch {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => {
                println!("\nTo go on when that is over: {}", stream.cursor());
                return Err(error.into());
            }
            None => break,
        };
        for key in batch.keys {
            let text = String::from_utf8_lossy(&key);
            let prefix = text.split_once(':').map_or("(none)", |(prefix, _)| prefix);
            *counts.entry(prefix.to_owned()).or_default() += 1;
            // Reservoir sampling: every key is as likely as every other.
            seen += 1;
            if sample.len() < SAMPLE {
                sample.push(key);
            } else if let Some(place) = sample.get_mut(random(seen)) {
                *place = key;
            }
        }
        draw(&batch.progress);
    }

    println!("\n{seen} keys in {:.1?}:", start.elapsed());
    for (prefix, count) in &counts {
        println!("{count:>10}  {prefix}");
    }
    println!("Some of them:");
    for key in &sample {
        println!("            {}", String::from_utf8_lossy(key));
    }
    if is_ours {
        assert!(seen >= 1500, "1500 keys were set");
    }
    Ok(())
}

async fn fill(cluster: &Cluster) -> Result<(), tower_redis_cluster::Error> {
    for n in 0..1000 {
        cluster.set(format!("user:{n}"), n).await?;
        if n % 2 == 0 {
            cluster.rpush(format!("queue:{n}"), n).await?;
        }
    }
    Ok(())
}

/// On a terminal one line that is drawn over, elsewhere nothing until the end.
fn draw(progress: &ScanProgress) {
    const WIDTH: usize = 40;
    if !std::io::stdout().is_terminal() && !progress.is_complete() {
        return;
    }
    let done = (progress.fraction() * WIDTH as f64) as usize;
    let bar: String = (0..WIDTH)
        .map(|at| if at < done { '#' } else { '.' })
        .collect();
    print!(
        "\r[{bar}] {:3.0} %  {} of about {} keys, {} of {} slots done ",
        progress.fraction() * 100.0,
        progress.keys_seen(),
        progress.keys_estimated(),
        progress.slots_done(),
        Slot::COUNT
    );
    // A bar that cannot be drawn is no reason to stop.
    let _ = std::io::stdout().flush();
}

/// Any number below this one.
fn random(below: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(below) as usize % below
}
