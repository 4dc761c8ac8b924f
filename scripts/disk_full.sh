#!/usr/bin/env bash
# Fills a real disk under a running server and makes room again: scripts/disk_full.sh PARKLINE. Needs root, for a tmpfs.
# Passes when the server says that the disk is full, says it no longer once there is room, and every frame is acknowledged.
set -euo pipefail
parkline=$(realpath "$1")
work=$(mktemp -d)
cd "$work"
mkdir disk
mount -t tmpfs -o size=3m tmpfs disk
server=
cleanup() {
    [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
    wait
    umount "$work/disk"
    rm -rf "$work"
}
trap cleanup EXIT

"$parkline" load --write-site load/ --devices 2000 2>/dev/null
"$parkline" serve --site load/site.json --secrets load/secrets --data disk/data --partitions 2 \
    --tcp 127.0.0.1:0 --http 127.0.0.1:0 >ready 2>said &
server=$!
until grep -q ready ready; do kill -0 "$server" && sleep 0.1; done
http=$(sed 's/.*"http":"\([^"]*\)".*/\1/' ready)
tcp=$(sed 's/.*"tcp":"\([^"]*\)".*/\1/' ready)

until_ready() { # until_ready TEXT: waits for it in /readyz
    for _ in $(seq 600); do
        ! curl -s -m 5 "http://$http/readyz" | grep -q "$1" || return 0
        sleep 0.1
    done
    echo "/readyz never said $1" >&2
    return 1
}

"$parkline" load --devices 2000 --connections 20 --secrets load/secrets --tcp "$tcp" --http "$http" \
    --rate 2000 --seconds 5 >report 2>/dev/null &
load=$!
until_ready 'the disk is full'
mount -o remount,size=256m disk
until_ready '"ready":true'
# 1: some frames were answered `busy`, and were sent again.
wait "$load" || [ $? = 1 ]
cat report
python3 -c '
import json
native = json.load(open("report"))["native"]
assert native["refused"] > 0 and native["unacknowledged"] == native["unsent"] == 0, native'
[ "$(grep -c 'the disk has room again' said)" -ge 1 ]
kill -TERM "$server"
wait "$server"
server=
echo "the disk was full and had room again: nothing was lost"
