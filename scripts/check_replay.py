#!/usr/bin/env python3
"""Checks what a replay wrote: the counts add up, every receipt's lines add up to its total, and the figures are those of
the file EXPECTED, when it is given.

    python3 scripts/check_replay.py OUT_DIR [EXPECTED]

EXPECTED is a JSON object: `summary` (the whole of summary.json) and, by currency, the `revenue` of the closed sessions.
"""

import collections
import decimal
import json
import pathlib
import sys

TOPICS = ("sessions", "charges", "alerts", "commands", "dead-letters")


def read(out):
    lines = {name: (out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in TOPICS}
    return {name: [json.loads(line) for line in text] for name, text in lines.items()}


def problems(summary, records):
    if summary["frames"] != summary["applied"] + summary["duplicate"] + summary["dead_letters"]:
        yield f"frames are not applied + duplicate + dead letters: {summary}"
    for field, topic in (("sessions", "sessions"), ("charges", "charges")):
        if summary[field] != len(records[topic]):
            yield f"summary says {summary[field]} {field}, {topic}.jsonl has {len(records[topic])}"
    for charge in records["charges"]:
        amounts = [decimal.Decimal(line["amount"]) for line in charge.get("lines", [])]
        if "total" in charge and sum(amounts) != decimal.Decimal(charge["total"]):
            yield f"lines do not add up: session {charge['session']}"
    sessions = {record["session"] for record in records["sessions"]}
    for charge in records["charges"]:
        if charge["session"] not in sessions:
            yield f"a charge of no session: {charge['session']}"


def revenue(charges):
    total = collections.defaultdict(decimal.Decimal)
    for charge in charges:
        if "total" in charge:
            total[charge["currency"]] += decimal.Decimal(charge["total"])
    return {currency: str(amount) for currency, amount in sorted(total.items())}


def main(out, expected=None):
    out = pathlib.Path(out)
    summary, records = json.loads((out / "summary.json").read_text(encoding="utf-8")), read(out)
    found = list(problems(summary, records))
    got = {"summary": summary, "revenue": revenue(records["charges"])}
    if expected:
        wanted = json.loads(pathlib.Path(expected).read_text(encoding="utf-8"))
        found += [f"{key}: {got[key]}, expected {wanted[key]}" for key in got if got[key] != wanted[key]]
    for problem in found[:20]:
        print(problem)
    print(f"replay: {json.dumps(got)}: {'ok' if not found else f'{len(found)} problems'}")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
