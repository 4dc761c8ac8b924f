#!/usr/bin/env bash
# A real Apache Kafka on loopback for tests and for trying things out: KRaft, no container, nothing installed.
#
#   scripts/kafka.sh up [1|3]     starts one or three brokers, prints their addresses (KAFKA=127.0.0.1:…)
#   scripts/kafka.sh down         stops what it started; its data is gone
#   scripts/kafka.sh status       says which brokers run
#   scripts/kafka.sh kill N       kills broker N at once, as a power cut does
#   scripts/kafka.sh start N      starts broker N again on its data
#   scripts/kafka.sh run CLASS …  runs one of Kafka's own tools, such as org.apache.kafka.tools.TopicCommand
#
# Needs Java 17 and, the first time, Maven. Jars, data and logs lie under target/kafka (or $KAFKA_HOME_DIR). Ports are
# $KAFKA_PORT (19092) and the five above it.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
home="${KAFKA_HOME_DIR:-${CARGO_TARGET_DIR:-$here/../target}/kafka}"
port="${KAFKA_PORT:-19092}"
libs="$home/libs"

fail() { echo "kafka.sh: $*" >&2; exit 1; }

# What a broker needs, from Maven, checked byte by byte against scripts/kafka/jars.sha256.
jars() {
    local sums="$here/kafka/jars.sha256"
    command -v java >/dev/null || fail "needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
    if ! (cd "$libs" 2>/dev/null && sha256sum --quiet --strict -c "$sums" >/dev/null 2>&1); then
        command -v mvn >/dev/null || fail "needs Maven (Debian: apt-get install maven)"
        rm -rf "$libs"
        mkdir -p "$libs"
        mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$(cd "$libs" && pwd)" >&2
        (cd "$libs" && sha256sum --quiet --strict -c "$sums") >&2 || fail "Maven brought other jars than are pinned"
        # Nothing is on the class path but what is pinned.
        [ "$(ls "$libs" | wc -l)" = "$(wc -l <"$sums")" ] || fail "Maven brought more jars than are pinned"
    fi
}

client_port() { echo $((port + $1 - 1)); }
controller_port() { echo $((port + 3 + $1 - 1)); }
# Whether the process that was started as broker N runs still, and is not another that got its number.
runs() {
    local pid
    pid=$(cat "$home/broker-$1/pid" 2>/dev/null) || return 1
    grep -qz "$home/broker-$1/server.properties" "/proc/$pid/cmdline" 2>/dev/null
}
brokers() { cat "$home/brokers" 2>/dev/null || echo 0; }
addresses() {
    local n list=""
    for n in $(seq "$(brokers)"); do list="$list,127.0.0.1:$(client_port "$n")"; done
    echo "${list#,}"
}

configure() { # configure N OF: the properties of broker N
    local n=$1 of=$2 voters="" i
    for i in $(seq "$of"); do voters="$voters,127.0.0.1:$(controller_port "$i")"; done
    mkdir -p "$home/broker-$n"
    cat >"$home/broker-$n/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$n
controller.quorum.bootstrap.servers=${voters#,}
listeners=PLAINTEXT://127.0.0.1:$(client_port "$n"),CONTROLLER://127.0.0.1:$(controller_port "$n")
advertised.listeners=PLAINTEXT://127.0.0.1:$(client_port "$n")
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$home/broker-$n/data
auto.create.topics.enable=false
offsets.topic.replication.factor=$of
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$of
transaction.state.log.min.isr=$((of > 1 ? 2 : 1))
transaction.state.log.num.partitions=3
default.replication.factor=$of
min.insync.replicas=$((of > 1 ? 2 : 1))
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
log.retention.check.interval.ms=60000
PROPERTIES
    cat >"$home/log4j2.properties" <<'PROPERTIES'
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
PROPERTIES
}

# Kafka's own form of a random id.
random_id() { head -c 16 /dev/urandom | base64 | tr -d '=\n' | tr '+/' 'AA'; }
java_kafka() { java -Dlog4j2.configurationFile="$home/log4j2.properties" "${@}"; }

start() { # start N: starts broker N and waits until it answers
    local n=$1 at="$home/broker-$1"
    runs "$n" && return
    [ -f "$at/server.properties" ] || fail "there is no broker $n; begin with: scripts/kafka.sh up"
    setsid java -Xmx512m -XX:+UseSerialGC -Dlog4j2.configurationFile="$home/log4j2.properties" -cp "$libs/*" \
        kafka.Kafka "$at/server.properties" >>"$at/log" 2>&1 </dev/null &
    echo $! >"$at/pid"
}

answers() { # answers N: waits until broker N takes connections
    local n=$1 i
    for i in $(seq 900); do
        (exec 3<>"/dev/tcp/127.0.0.1/$(client_port "$n")") 2>/dev/null && return
        [ -d "/proc/$(cat "$home/broker-$n/pid")" ] || { tail -n 20 "$home/broker-$n/log" >&2; fail "broker $n ended"; }
        sleep 0.2
    done
    fail "broker $n does not answer; see $home/broker-$n/log"
}

up() {
    local of=${1:-1} n cluster
    [ "$of" = 1 ] || [ "$of" = 3 ] || fail "one or three brokers"
    if [ "$(brokers)" != 0 ]; then
        for n in $(seq "$(brokers)"); do start "$n"; done
        for n in $(seq "$(brokers)"); do answers "$n"; done
        echo "KAFKA=$(addresses)"
        return
    fi
    jars
    mkdir -p "$home"
    home=$(cd "$home" && pwd) libs="$home/libs"
    for n in $(seq "$of"); do configure "$n" "$of"; done
    cluster=$(random_id)
    if [ "$of" = 1 ]; then
        java_kafka -cp "$libs/*" kafka.tools.StorageTool format --standalone -t "$cluster" \
            -c "$home/broker-1/server.properties" >"$home/format.log" 2>&1 || { cat "$home/format.log" >&2; exit 1; }
    else
        local voters=""
        for n in $(seq "$of"); do
            voters="$voters,$n@127.0.0.1:$(controller_port "$n"):$(random_id)"
        done
        for n in $(seq "$of"); do
            java_kafka -cp "$libs/*" kafka.tools.StorageTool format -I "${voters#,}" -t "$cluster" \
                -c "$home/broker-$n/server.properties" >"$home/format.log" 2>&1 || { cat "$home/format.log" >&2; exit 1; }
        done
    fi
    echo "$of" >"$home/brokers"
    for n in $(seq "$of"); do start "$n"; done
    for n in $(seq "$of"); do answers "$n"; done
    echo "KAFKA=$(addresses)"
}

kill_broker() {
    runs "$1" || return 0
    local pid i
    pid=$(cat "$home/broker-$1/pid")
    kill -KILL "$pid"
    for i in $(seq 100); do
        [ -d "/proc/$pid" ] && grep -qv '^State:.*Z' <(grep ^State "/proc/$pid/status" 2>/dev/null) || return 0
        sleep 0.05
    done
}

down() {
    local n
    # Its data is thrown away, so nothing is gained by stopping softly.
    for n in $(seq "$(brokers)"); do kill_broker "$n"; done
    rm -rf "$home"/broker-* "$home/brokers" "$home"/*.log
}

status() {
    local n
    [ "$(brokers)" != 0 ] || { echo "no brokers"; return; }
    for n in $(seq "$(brokers)"); do
        if runs "$n"; then
            echo "broker $n runs at 127.0.0.1:$(client_port "$n"), pid $(cat "$home/broker-$n/pid")"
        else
            echo "broker $n is down"
        fi
    done
}

[ ! -d "$home" ] || { home=$(cd "$home" && pwd) libs="$home/libs"; }
case ${1:-} in
up) up "${2:-1}" ;;
down) down ;;
status) status ;;
kill) kill_broker "${2:?which broker}" ;;
start) start "${2:?which broker}" && answers "$2" ;;
run) shift && java_kafka -cp "$libs/*" "$@" ;;
*) sed -n '2,14s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
