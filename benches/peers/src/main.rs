//! Clients for Redis Cluster, measured against each other; see the README beside.

#![forbid(unsafe_code)]

mod args;
mod cell;
mod clients;
mod dataset;
mod outages;
mod peer;
mod proxy;
mod report;
mod run;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Inner};
use crate::clients::Client;
use crate::peer::Failure;
use crate::workload::Workload;

fn main() -> ExitCode {
    match dispatch(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", with_causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &Args) -> Result<(), Failure> {
    match &args.inner {
        Some(Inner::Cell { cell }) => cell::main(cell),
        Some(Inner::Proxy { nodes }) => proxy::main(nodes),
        Some(Inner::Application { application }) => outages::application(application),
        Some(Inner::Outages(args)) => {
            outages::prepare(args)?;
            until_interrupted(outages::run(args))
        }
        None if args.list => {
            list();
            Ok(())
        }
        None => until_interrupted(compare(args)),
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Runs something; on a signal too, its servers end before this does.
#[tokio::main(flavor = "current_thread")]
async fn until_interrupted(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminated.recv() => Err("terminated".into()),
    }
}

async fn compare(args: &Args) -> Result<(), Failure> {
    let plan = args.plan()?;
    let results = run::run(&plan).await?;
    println!("{}", report::markdown(&plan, &results));
    if let Some(folder) = &args.out {
        report::write(folder, &plan, &results)?;
    }
    Ok(())
}

fn list() {
    println!("clients:");
    for client in Client::ALL {
        println!("  {}", client.name());
    }
    println!("workloads:");
    for workload in Workload::all() {
        println!("  {}", workload.name());
    }
}
