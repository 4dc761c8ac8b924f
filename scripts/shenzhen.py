#!/usr/bin/env python3
"""Turns the gate log of a car park in Shenzhen into camera frames for `parkline replay`.

    python3 scripts/shenzhen.py shenzhen_baihui_gate_2016.csv OUT_DIR

The log (39,093 stays of the second half of 2016: `exit_seq,entry_local,exit_local`, wall clock of Asia/Shanghai) has no
licence and is therefore not part of this repository. It holds no plates: each stay gets a made-up plate of its own, all
from digits of which no two are ever misread for each other. Lanes have `gate: none` (a recording: nothing obeys us) and
the lot has no capacity. Every stay becomes two reads; all reads are put in order of time, as the cameras sent them.

A stay whose exit lies before its entry (six are known) is kept as recorded: its exit read comes first, finds no session
and makes an `exception` that is charged nothing; its entry read then opens a session that no exit ever ends.
"""

import csv
import datetime as dt
import json
import pathlib
import sys

from frames import CHINA, Camera, line

DIGITS = "01234569"  # 7 and 8 are misread for 1, 2 and 3, 0


def plate(stay):
    """A plate of its own for each of up to 65,536 stays."""
    city, serial = divmod(stay, len(DIGITS) ** 5)
    text = ""
    for _ in range(5):
        serial, digit = divmod(serial, len(DIGITS))
        text = DIGITS[digit] + text
    return "粤" + "BJ"[city] + text


def site():
    lane = lambda way: {
        "id": f"baihui-{way}",
        "lot": "baihui",
        "direction": {"in": "entry", "out": "exit"}[way],
        "gate": "none",
    }
    camera = lambda way, serial: {
        "id": f"cam-{way}",
        "protocol": "vz-http",
        "serial": serial,
        "lane": f"baihui-{way}",
        "heartbeat": "400d",
    }
    return {
        "format": 1,
        "lots": [
            {"id": "baihui", "kind": "gated", "time_zone": "Asia/Shanghai", "tariffs": ["baihui-hourly"]}
        ],
        "lanes": [lane("in"), lane("out")],
        "devices": [camera("in", "0a1b2c3d-00000001"), camera("out", "0a1b2c3d-00000002")],
        # Made up: the car park's published prices are monthly cards only.
        "tariffs": [
            {
                "format": 1,
                "id": "baihui-hourly",
                "currency": "CNY",
                "time_zone": "Asia/Shanghai",
                "grace": "15m",
                "period": "rolling_24h",
                "caps": [{"per": "24h", "amount": "40.00"}],
                "rules": [
                    {
                        "id": "hourly",
                        "charge": {
                            "steps": [{"upto": "1h", "price": "5.00"}, {"every": "1h", "price": "3.00"}]
                        },
                    }
                ],
            }
        ],
    }


def main(source, out):
    with open(source, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    local = lambda text: dt.datetime.fromisoformat(text).replace(microsecond=0, tzinfo=CHINA)
    reads, negative = [], 0
    for stay, row in enumerate(rows):
        entry, exit_ = local(row["entry_local"]), local(row["exit_local"])
        negative += exit_ < entry
        reads += [(entry, 0, stay), (exit_, 1, stay)]
    reads.sort()
    cameras = Camera("cam-in", "0a1b2c3d-00000001"), Camera("cam-out", "0a1b2c3d-00000002")
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "site.json").write_text(json.dumps(site(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with open(out / "frames.jsonl", "w", encoding="utf-8") as file:
        for at, way, stay in reads:
            file.write(line(cameras[way].read(at, plate(stay))))
    print(
        f"{len(rows)} stays, {len(reads)} reads, {negative} with the exit before the entry: kept as recorded"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
