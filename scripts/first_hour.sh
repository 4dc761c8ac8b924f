#!/usr/bin/env bash
# Runs the commands of docs/first-hour.md as a reader would, in a fresh folder, and looks at what they say.
# usage: scripts/first_hour.sh FOLDER_OF_THE_BINARY
set -euo pipefail
page="$(cd "$(dirname "$0")/.." && pwd)/docs/first-hour.md"
PATH="$(cd "$1" && pwd):$PATH"
folder=$(mktemp -d)
trap 'kill "$(cat "$folder"/first-hour/server.pid 2>/dev/null)" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$page" > commands
bash -euo pipefail commands > said 2> complained || { cat said complained; exit 1; }
for expected in '"state":"open"' '"info":"no"' '"outcome":"applied"' 'the same receipt'; do
    grep -q -- "$expected" said || { echo "the page's commands no longer say: $expected"; cat said complained; exit 1; }
done
[ "$(grep -c '"info":"ok"' said)" = 2 ] || { echo "the arm should have opened twice"; cat said; exit 1; }
tail -n 1 said
