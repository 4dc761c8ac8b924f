#!/usr/bin/env python3
"""Checks the sessions of the Dundee recording against the stays it was made of: whatever frames were lost, came late or
came twice, every closed session lies inside one true stay of its bay, so no driver pays for time that was not parked.

    python3 scripts/check_fair.py OUT_DIR
"""

import collections
import csv
import datetime as dt
import json
import pathlib
import sys

import dundee
from make_example_data import SOURCE


def outside(sessions, stays):
    """The closed sessions that lie inside none of their bay's stays."""
    for session in sessions:
        if session["state"] == "closed" and session.get("berth", "").startswith("b-"):
            entry, exit_ = (dt.datetime.fromisoformat(session[end]["at"]) for end in ("entry", "exit"))
            if not any(
                arrival <= entry and exit_ <= departure
                for arrival, departure, _ in stays[session["berth"][2:]]
            ):
                yield session


def main(out):
    with open(SOURCE, newline="", encoding="utf-8") as file:
        stays = {
            bay: true for bay, _, true in dundee.stays(list(csv.DictReader(file)), collections.Counter())
        }
    text = (pathlib.Path(out) / "sessions.jsonl").read_text(encoding="utf-8")
    sessions = [json.loads(line) for line in text.splitlines()]
    wrong = list(outside(sessions, stays))
    for session in wrong[:20]:
        print(f"outside every true stay: {json.dumps(session)}")
    print(
        f"fairness: {sum('berth' in session for session in sessions)} bay sessions, {len(wrong)} outside a true stay"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
