#!/usr/bin/env bash
# Servers on real brokers, killed again and again under load, and compared with the pure pipeline: longer than the gate.
#
#   scripts/kafka_crash.sh [KILLS] [REPORTS] [SEED]
#
# REPORTS is what each of six devices sends; by default 50 kills and 17,000 reports, about 100,000 frames. Brokers that
# `scripts/kafka.sh up` has started are used and left running; else it starts one and stops it again.
set -euo pipefail
cd "$(dirname "$0")/.."
up() { scripts/kafka.sh up "${KAFKA_BROKERS:-1}"; }
[ "$(scripts/kafka.sh status)" != "no brokers" ] || trap 'scripts/kafka.sh down' EXIT
brokers=$(up)
echo "$brokers"
PARKLINE_KAFKA="${brokers#KAFKA=}" PARKLINE_KAFKA_KILLS="${1:-50}" PARKLINE_KAFKA_REPORTS="${2:-17000}" \
    PARKLINE_CRASH_SEED="${3:-$RANDOM}" \
    cargo test --release -p ingest-server --features kafka --test kafka_serve -- --nocapture killed_workers
