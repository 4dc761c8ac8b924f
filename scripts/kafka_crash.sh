#!/usr/bin/env bash
# Servers on real brokers under load, while servers are killed, servers stand past their session's end (their successors
# fence them) and brokers are killed; then everything published is compared with the pure pipeline. Longer than the gate.
#
#   scripts/kafka_crash.sh [KILLS] [PAUSES] [BOUNCES] [REPORTS] [SEED]
#
# REPORTS is what each of six devices sends. By default 50 kills, 6 pauses, 20 broker kills and 17,000 reports, about
# 100,000 frames, in transactions of about 750. Brokers that `scripts/kafka.sh up 3` has started are used and left
# running; else it starts three and stops them again. KAFKA_HOME_DIR and KAFKA_PORT are those of scripts/kafka.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(scripts/kafka.sh status)" != "no brokers" ] || trap 'scripts/kafka.sh down' EXIT
brokers=$(scripts/kafka.sh up "${KAFKA_BROKERS:-3}")
echo "$brokers"
export PARKLINE_KAFKA="${brokers#KAFKA=}" PARKLINE_KAFKA_KILLS="${1:-50}" PARKLINE_KAFKA_PAUSES="${2:-6}" \
    PARKLINE_KAFKA_BOUNCES="${3:-20}" PARKLINE_KAFKA_REPORTS="${4:-17000}" PARKLINE_CRASH_SEED="${5:-$RANDOM}" \
    PARKLINE_KAFKA_BURST="${PARKLINE_KAFKA_BURST:-375}"
echo "seed $PARKLINE_CRASH_SEED"
# The profile of tests is optimized.
timeout 1200 cargo test -p ingest-server --features kafka --test kafka_serve -- --nocapture killed_workers
