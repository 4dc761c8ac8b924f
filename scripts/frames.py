"""Frame records and small helpers that the scripts beside this file share. Standard library only."""

import calendar
import datetime as dt
import hashlib
import json

UTC = dt.timezone.utc
CHINA = dt.timezone(dt.timedelta(hours=8))  # one offset since 1991


def draw(*key):
    """A number in [0, 1) that depends on nothing but `key`: the same on every machine and in any order of calls."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def below(n, *key):
    """A whole number in [0, n)."""
    return int(draw(*key) * n)


def _last_sunday(year, month):
    last = calendar.monthrange(year, month)[1]
    return last - (dt.date(year, month, last).weekday() + 1) % 7


def london_offset(utc):
    """Europe/London's offset at a UTC instant, by the rule in force since 1996: summer time from the last Sunday of
    March to the last Sunday of October, 01:00 UTC."""
    start = dt.datetime(utc.year, 3, _last_sunday(utc.year, 3), 1, tzinfo=UTC)
    end = dt.datetime(utc.year, 10, _last_sunday(utc.year, 10), 1, tzinfo=UTC)
    return dt.timedelta(hours=1 if start <= utc < end else 0)


def from_london(text):
    """The instant of a wall-clock time `YYYY-MM-DDTHH:MM` in Dundee. A time that occurs twice is its first occurrence;
    one that is skipped is the instant at which the skipped hour would have been."""
    wall = dt.datetime.fromisoformat(text).replace(tzinfo=UTC)
    summer = wall - dt.timedelta(hours=1)
    return summer if london_offset(summer) else wall


def in_london(utc):
    return utc.astimezone(dt.timezone(london_offset(utc)))


def line(record):
    """One line of a frame file."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


class Camera:
    """A VZ camera that pushes its results by HTTP; the body has the fields of the vendor's published example."""

    def __init__(self, device, serial):
        self.device, self.serial, self.plateid = device, serial, 0

    def read(self, at, plate, received_at=None, color=1, kind=1, confidence=None, direction=4, offline=None):
        """A frame record: the plate as read at `at`, received a second later unless said otherwise."""
        self.plateid += 1
        local = at.astimezone(CHINA)
        if confidence is None:
            confidence = 88 + below(12, "confidence", self.serial, self.plateid)
        left, top = 300 + below(200, "left", self.serial, self.plateid), 280 + below(
            80, "top", self.serial, self.plateid
        )
        result = {
            "bright": 0,
            "carBright": 0,
            "carColor": 255,
            "car_brand": {"brand": 255, "type": 255, "year": 65535},
            "colorType": color,
            "colorValue": 0,
            "confidence": confidence,
            "direction": direction,
            "imagePath": f"picture/0/{self.serial}/{local:%Y%m%d}/{local:%H}/{local:%Y%m%d_%H%M%S}_638.jpg",
            "license": plate,
            "location": {"RECT": {"bottom": top + 51, "left": left, "right": left + 139, "top": top}},
            "plateid": self.plateid,
            "timeStamp": {
                "Timeval": {
                    "decday": local.day,
                    "dechour": local.hour,
                    "decmin": local.minute,
                    "decmon": local.month,
                    "decsec": local.second,
                    "decyear": local.year,
                    "sec": int(at.timestamp()),
                    "usec": 0,
                }
            },
            "timeUsed": 0,
            "triggerType": 8,
            "type": kind,
        }
        if offline is not None:
            result["isoffline"] = offline
        received_at = received_at or at + dt.timedelta(seconds=1)
        return {
            "received_at": received_at.astimezone(CHINA).isoformat(),
            "device": self.device,
            "protocol": "vz-http",
            "payload": {
                "AlarmInfoPlate": {
                    "channel": 0,
                    "deviceName": "",
                    "ipaddr": "192.168.22.2",
                    "result": {"PlateResult": result},
                    "serialno": self.serial,
                }
            },
        }
