#!/usr/bin/env bash
# Kills a server under load, again and again, tears the ends of its files, and compares what is left with a replay.
# Each round kills twice, under load and after the comparison: scripts/crash.sh [ROUNDS [SEED]]
set -euo pipefail
cd "$(dirname "$0")/.."
export PARKLINE_CRASH_ROUNDS="${1:-200}"
[ $# -lt 2 ] || export PARKLINE_CRASH_SEED="$2"
exec cargo test -p ingest-server --test crash -- --nocapture
