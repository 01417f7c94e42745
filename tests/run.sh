#!/usr/bin/env bash
# Runs every test, doctest and example. Installs what they need where it is missing.
#
#   tests/run.sh                                       the server on the PATH
#   REDIS_SERVER=/path/to/valkey-server tests/run.sh   another one
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

. tests/install.sh

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v openssl >/dev/null || missing+=(openssl)
[ -n "${REDIS_SERVER:-}" ] || command -v redis-server >/dev/null || command -v valkey-server >/dev/null \
    || missing+=(redis-server)
command -v redis-cli >/dev/null || command -v valkey-cli >/dev/null || missing+=(redis-tools)
[ ${#missing[@]} = 0 ] || install "${missing[@]}"

say "unit and integration tests"
cargo test --workspace --all-features --lib --bins --tests

say "doctests"
cargo test --all-features --doc

say "benches, once each"
cargo test --workspace --all-features --bench micro

say "examples"
cargo build --workspace --examples --bins
for example in quickstart pipeline transaction script watch blocking_queue scan custom_stack load_shed_and_buffer breaker; do
    say "example $example"
    cargo run --quiet --example "$example"
done
say "example local_cluster"
cargo run --quiet --example local_cluster </dev/null
for example in axum_kv tonic_kv; do
    say "example $example"
    cargo run --quiet -p "$example"
done
say "all passed"
