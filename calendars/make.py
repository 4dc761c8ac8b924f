#!/usr/bin/env python3
"""Writes cn-YYYY.json for every year of cn_holidays_2007_2026.csv: run it here, without arguments.

Only dates whose type differs from that of their weekday are listed. A row of another year than its paper's (the days
around New Year) goes into the document of its own year.
"""
import csv, datetime, json, pathlib

here = pathlib.Path(__file__).parent
years = {}
with open(here / "cn_holidays_2007_2026.csv", encoding="utf-8", newline="") as source:
    for row in csv.DictReader(source):
        date = datetime.date.fromisoformat(row["date"])
        off = row["is_off_day"] == "true"
        if off != (date.weekday() >= 5):
            years.setdefault(date.year, {})[date.isoformat()] = ["rest_day" if off else "workday"]
for year in range(2007, 2027):
    document = {
        "format": 1,
        "id": f"cn-{year}",
        "weekend": ["sat", "sun"],
        "covers": {"from": f"{year}-01-01", "until": f"{year + 1}-01-01"},
        "days": dict(sorted(years.get(year, {}).items())),
    }
    head = json.dumps({k: v for k, v in document.items() if k != "days"}, ensure_ascii=False)[1:-1]
    days = ",\n    ".join(f"{json.dumps(day)}: {json.dumps(types)}" for day, types in document["days"].items())
    (here / f"cn-{year}.json").write_text(f'{{ {head},\n  "days": {{\n    {days}\n  }} }}\n', encoding="utf-8")
