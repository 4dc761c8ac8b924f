"""Four weeks of Dundee's charging bays as detector frames. Used by make_example_data.py."""

import collections
import csv
import datetime as dt
import re

from frames import UTC, below, draw, from_london, in_london

FIRST, UNTIL = "2018-03-12", "2018-04-09"  # dates of arrival; summer time begins on 25 March
GATEWAY_SITE = "Dundee Ice Arena, Dundee"  # its bays report through a gateway, all others by LoRaWAN
RESTARTS = {"50240-1": dt.datetime(2018, 3, 20, 11, tzinfo=UTC)}  # a detector that loses power
MINUTE = dt.timedelta(minutes=1)

COPIES, LATE, LOST = 0.02, 0.01, 0.005  # shares of frames; `lost` of change frames
PAIRS = 4  # places at which two change frames in a row are lost


def extract(full):
    """The rows of the council's file that the example is made of: arrivals of four weeks, the supplier's test site left
    out, without the columns that are not needed."""
    with open(full, newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if FIRST <= row["start_local"][:10] < UNTIL and "TEST" not in row["site"]
        ]
    rows.sort(key=lambda row: (row["start_local"], int(row["event_id"])))
    return [
        {key: row[key] for key in ("event_id", "bay", "start_local", "end_local", "kwh", "site")}
        for row in rows
    ]


def lot_id(site):
    return "dd-" + re.sub(r"[^a-z0-9]+", "-", re.sub(r",? ?Dundee$|,.*", "", site).lower()).strip("-")[:28]


def stays(rows, counts):
    """Per bay: (arrival, departure or None, whether the departure's frame is lost), in order and apart from each other."""
    by_bay = collections.defaultdict(list)
    for row in rows:
        by_bay[row["bay"]].append(row)
    for bay, listed in sorted(by_bay.items()):
        seen, clean = set(), []
        for row in sorted(listed, key=lambda row: (from_london(row["start_local"]), int(row["event_id"]))):
            key = row["start_local"], row["end_local"]
            counts["identical rows dropped"] += key in seen
            if key not in seen:
                clean.append(
                    (from_london(row["start_local"]), row["end_local"] and from_london(row["end_local"]))
                )
            seen.add(key)
        yield bay, listed[0]["site"], spread(clean, counts)


def spread(clean, counts):
    """The minutes of the record as instants: a departure counts as the first second of its minute and an arrival as its
    30th, so that a departure and the next arrival in one minute stay in order; every edge lies at least 30 s after the
    one before."""
    edge = dt.datetime.min.replace(tzinfo=UTC)
    result = []
    for index, (start, end) in enumerate(clean):
        following = clean[index + 1][0] if index + 1 < len(clean) else None
        lost = not end or end < start
        if lost:
            counts["rows without an end: departure made up, its frame lost"] += 1
            end = start + 34 * MINUTE  # the record's median stay
            if following:
                end = min(end, start + (following - start) / 2)
        if following and following < end:
            counts["rows cut because the next one on the bay starts before their end"] += 1
            end = following
        counts["rows of zero length: 30 s of occupancy"] += end == start
        arrival = max(start + dt.timedelta(seconds=30), edge + dt.timedelta(seconds=30))
        departure = max(end, arrival + dt.timedelta(seconds=30))
        edge = departure
        result.append((arrival, departure, lost))
    return result


def readings(bay, stays_of_bay, until):
    """What the detector of a bay sends, in order: (instant, kind, occupied, lost on the way)."""
    sent = []
    for arrival, departure, lost in stays_of_bay:
        sent.append((arrival, "change", True, False))
        sent.append((departure, "change", False, lost))
    state = lambda at: any(arrival <= at < departure for arrival, departure, _ in stays_of_bay)
    at = from_london(FIRST + "T00:00") + below(86_400, "heartbeat", bay) * dt.timedelta(seconds=1)
    while at < until:
        sent.append((at, "heartbeat", state(at), False))
        at += dt.timedelta(days=1)
    if bay in RESTARTS:
        sent.append((RESTARTS[bay], "startup", state(RESTARTS[bay]), False))
    return sorted(reading for reading in sent if reading[0] < until)


def with_losses(bay, sent, pairs, until, counts):
    """Marks some change frames as lost; none of the last two days, so that no detector seems to have died."""
    last = until - dt.timedelta(days=2)
    result = []
    for index, (at, kind, occupied, lost) in enumerate(sent):
        chosen = kind == "change" and at < last and (draw("lost", bay, index) < LOST or (bay, index) in pairs)
        counts["change frames lost by chance"] += chosen and not lost
        result.append((at, kind, occupied, lost or chosen))
    return result


def lora_frame(device, counter, at, kind, occupied, received_at):
    temperature = 2 + below(12, "temperature", device, at.date())
    port, payload = {
        "change": (1, f"{occupied:02x}"),
        "heartbeat": (2, f"{occupied:02x}{temperature:02x}"),
        # Three debug words, firmware 0.29.2, reset cause 2 (power on), state.
        "startup": (3, "000000000000000000000000" + "001d02" + "02" + f"{occupied:02x}"),
    }[kind]
    return {
        "received_at": in_london(received_at).isoformat(),
        "device": device,
        "protocol": "bosch-tps110",
        "port": port,
        "counter": counter,
        "network_at": in_london(at).isoformat(),
        "payload": payload,
    }


def gateway_frame(device, serial, at, kind, occupied, received_at):
    return {
        "received_at": in_london(received_at).isoformat(),
        "device": device,
        "protocol": "yuncitys-gateway",
        "payload": {
            "msgType": 1,
            "id": "gw-ice",
            "deviceId": device,
            "2_devTypeCode": "212",
            "type": "U",
            "data": "00" if kind == "heartbeat" else "01",
            "countTopicId": serial,
            "2_spaceStatus": str(int(occupied)),
            "2_deviceTime": in_london(at).strftime("%Y-%m-%d %H:%M:%S"),
            "2_clockState": "0",
            "2_packageSerialNumberHead": serial,
            "2_rfRecStreng": str(60 + below(30, "rf", device, serial)),
            "2_brighValue": "1",
        },
    }


def records(rows, counts):
    """All frame records with the instant at which they are received, copies and late ones included."""
    until = from_london(UNTIL + "T00:00")
    sent = {(bay, site): readings(bay, list(of_bay), until) for bay, site, of_bay in stays(rows, counts)}
    lost_pairs = pairs(sent, until)
    for (bay, site), of_bay in sent.items():
        gateway = site == GATEWAY_SITE
        device = ("mg-" if gateway else "tps-") + bay
        counter = below(200, "first", bay) if gateway else below(60_000, "first", bay)
        for at, kind, occupied, lost in with_losses(bay, of_bay, lost_pairs, until, counts):
            counter = counter % 255 + 1 if gateway else 0 if kind == "startup" else (counter + 1) % 65_536
            if lost:
                continue
            counts[f"{kind} frames"] += 1
            key = device, at.isoformat()
            delay = dt.timedelta(seconds=1)
            if kind == "change" and draw("late", *key) < LATE:
                counts["late frames"] += 1
                delay = (5 + below(100, "delay", *key)) * MINUTE
            build = gateway_frame if gateway else lora_frame
            yield at + delay, build(device, counter, at, kind, occupied, at + delay)
            if draw("copy", *key) < COPIES:
                counts["copies"] += 1
                again = at + delay + dt.timedelta(seconds=1 + below(4, "again", *key))
                yield again, build(device, counter, at, kind, occupied, again)


def pairs(sent, until):
    """Places at which a departure and the arrival after it are both lost: a car seems to stay on."""
    places = [
        (bay, index)
        for (bay, _), of_bay in sorted(sent.items())
        for index in range(2, len(of_bay) - 3)
        if of_bay[index + 1][0] < until - dt.timedelta(days=3)
        and [(k, o) for _, k, o, _ in of_bay[index : index + 2]] == [("change", False), ("change", True)]
    ]
    chosen = [places[below(len(places), "pair", n)] for n in range(PAIRS)]
    return {(bay, index + step) for bay, index in chosen for step in (0, 1)}


def site(rows):
    """The lots, berths and devices of these rows, the tariff and the calendar."""
    names = {row["bay"]: row["site"] for row in rows}
    lots = [
        {
            "id": lot_id(name),
            "kind": "roadside",
            "time_zone": "Europe/London",
            "name": name,
            "tariffs": ["dundee-bays"],
            "calendar": "scotland-2018",
        }
        for name in sorted(set(names.values()))
    ]
    berths = [
        {"id": "b-" + bay, "lot": lot_id(name), "type": "charging"} for bay, name in sorted(names.items())
    ]
    devices = [
        (
            {"id": "mg-" + bay, "protocol": "yuncitys-gateway", "berth": "b-" + bay, "heartbeat": "24h"}
            if name == GATEWAY_SITE
            else {"id": "tps-" + bay, "protocol": "bosch-tps110", "berth": "b-" + bay, "heartbeat": "24h"}
        )
        for bay, name in sorted(names.items())
    ]
    return {
        "format": 1,
        "lots": lots,
        "berths": berths,
        "devices": devices,
        "tariffs": [TARIFF],
        "calendars": [CALENDAR],
    }


# Made up: the council charged nothing for these stays. Day and night, working days and others, a cap for each.
TARIFF = {
    "format": 1,
    "id": "dundee-bays",
    "currency": "GBP",
    "time_zone": "Europe/London",
    "grace": "5m",
    "ladder": "window",
    "caps": [{"per": "natural_day", "amount": "9.00"}, {"per": "stay", "amount": "40.00"}],
    "rules": [
        {
            "id": "day",
            "days": ["workday"],
            "from": "08:00",
            "to": "18:00",
            "cap": "7.50",
            "charge": {
                "tiers": "total",
                "steps": [
                    {"upto": "20m", "price": "0.40"},
                    {"upto": "1h", "price": "1.20"},
                    {"every": "30m", "price": "0.60"},
                ],
            },
        },
        {
            "id": "rest-day",
            "days": ["rest_day"],
            "from": "08:00",
            "to": "18:00",
            "cap": "4.00",
            "charge": {"steps": [{"every": "30m", "price": "0.40"}]},
        },
        {
            "id": "night",
            "from": "18:00",
            "to": "08:00",
            "cap": "2.00",
            "charge": {"steps": [{"every": "1h", "price": "0.25"}]},
        },
    ],
}
# Scotland's bank holidays of 2018.
CALENDAR = {
    "format": 1,
    "id": "scotland-2018",
    "weekend": ["sat", "sun"],
    "covers": {"from": "2018-01-01", "until": "2019-01-01"},
    "days": {
        day: ["rest_day"]
        for day in (
            "2018-01-01",
            "2018-01-02",
            "2018-03-30",
            "2018-05-07",
            "2018-05-28",
            "2018-08-06",
            "2018-11-30",
            "2018-12-25",
            "2018-12-26",
        )
    },
}
