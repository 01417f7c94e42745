//! `Route` over scripted nodes, in paused time.

mod batch;
mod batch_failures;
mod chosen;
mod discovery;
mod doubt;
mod failures;
mod kept;
mod moving;
mod redirects;
mod refresh;
mod script;
mod topology_query;
mod views;
