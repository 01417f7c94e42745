//! `Route` over scripted nodes, in paused time.

mod discovery;
mod failures;
mod redirects;
mod refresh;
mod script;
