#!/usr/bin/env python3
"""Makes examples/data: two sites and their recordings. Standard library only; the same bytes on every machine.

    python3 scripts/make_example_data.py                   # from examples/data/source, which is committed
    python3 scripts/make_example_data.py --extract FULL    # first take the source rows from the whole Dundee file

What becomes of which row, and where the data come from, stands in examples/data/README.md.
"""

import collections
import csv
import json
import pathlib
import sys

import dundee
import mall
from frames import line

DATA = pathlib.Path(__file__).resolve().parent.parent / "examples" / "data"
SOURCE = DATA / "source" / "dundee_ev_bays_2018_03_12.csv"


def write(name, site, records):
    (DATA / "site").mkdir(parents=True, exist_ok=True)
    (DATA / "frames").mkdir(parents=True, exist_ok=True)
    lists = [
        f' "{key}": [\n  ' + ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n ]"
        for key, items in site.items()
        if key != "format"
    ]
    (DATA / "site" / f"{name}.json").write_text(
        '{\n "format": 1,\n' + ",\n".join(lists) + "\n}\n", encoding="utf-8"
    )
    text = "".join(
        line(record)
        for _, record in sorted(records, key=lambda r: (r[0], r[1].get("device", ""), line(r[1])))
    )
    (DATA / "frames" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return text.count("\n")


def main(arguments):
    if arguments[:1] == ["--extract"]:
        rows = dundee.extract(arguments[1])
        SOURCE.parent.mkdir(parents=True, exist_ok=True)
        with open(SOURCE, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    with open(SOURCE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name, site, records in (
        ("dundee", dundee.site(rows), dundee.records),
        ("mall", mall.SITE, mall.records),
    ):
        counts = collections.Counter({"source rows": len(rows)} if name == "dundee" else {})
        made = list(records(rows, counts) if name == "dundee" else records(counts))
        total = write(name, site, made)
        print(f"{name}: {total} lines")
        for what, number in sorted(counts.items()):
            print(f"  {number:6} {what}")


if __name__ == "__main__":
    main(sys.argv[1:])
