"""Two made-up days of a gated car park with working gates, in Shenzhen. Used by make_example_data.py.

Every plate is made up. Ordinary cars have serials of which no two are ever misread for each other, so that only the cars
of `special` are.
"""

import datetime as dt
import itertools

from frames import CHINA, Camera, below, draw

START = dt.datetime(2018, 4, 9, 7, 30, tzinfo=CHINA)  # after the last frame of the Dundee recording
END = dt.datetime(2018, 4, 11, 0, 0, tzinfo=CHINA)
CARS = 420
DIGITS = "01234569"
SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)

STAFF = ["粤B20011", "粤B20024", "粤BD30452", "粤B20096", "粤B20105"]
TENANTS = ["粤B31642", "粤B39510"]  # two cars of one pass with one space
LEAVING = "粤B34405"  # a pass that ends between the two days
BANNED = "粤B96061"


def fee(stay):
    """What the tariff below charges; the payments of the recording follow it."""
    if stay <= 30 * MINUTE:
        return 0
    total = 0
    while stay > dt.timedelta(0):
        hours = -(-min(stay, 24 * HOUR) // HOUR)
        total += min(40, 8 + 4 * (hours - 1))
        stay -= 24 * HOUR
    return total


SITE = {
    "format": 1,
    "lots": [
        {
            "id": "sz-mall",
            "kind": "gated",
            "time_zone": "Asia/Shanghai",
            "name": "A made-up mall",
            "capacity": 160,
            "tariffs": ["mall"],
        }
    ],
    "lanes": [
        {"id": "mall-in", "lot": "sz-mall", "direction": "entry", "gate": "cam-in"},
        {"id": "mall-out", "lot": "sz-mall", "direction": "exit", "gate": "cam-out"},
    ],
    # The recording holds no heartbeats of the cameras, which send one every 30 s: a long period keeps them from `offline`.
    "devices": [
        {
            "id": "cam-in",
            "protocol": "vz-http",
            "lane": "mall-in",
            "serial": "1f0a4c22-5b6d7e01",
            "heartbeat": "60d",
            "direction": {"3": "exit", "4": "entry"},
        },
        {
            "id": "cam-out",
            "protocol": "vz-http",
            "lane": "mall-out",
            "serial": "1f0a4c22-5b6d7e02",
            "heartbeat": "60d",
        },
    ],
    "tariffs": [
        {
            "format": 1,
            "id": "mall",
            "currency": "CNY",
            "time_zone": "Asia/Shanghai",
            "period": "rolling_24h",
            "grace": "30m",
            "exit_grace": "15m",
            "caps": [{"per": "24h", "amount": "40.00"}],
            "rules": [
                {
                    "id": "hours",
                    "charge": {"steps": [{"upto": "1h", "price": "8.00"}, {"every": "1h", "price": "4.00"}]},
                }
            ],
        }
    ],
    "lists": [
        {"id": "staff", "kind": "white", "plates": STAFF, "lots": ["sz-mall"]},
        {"id": "banned", "kind": "black", "plates": [BANNED], "lots": ["sz-mall"]},
    ],
    "passes": [
        {
            "id": "tenant-17",
            "plates": TENANTS,
            "lots": ["sz-mall"],
            "spaces": 1,
            "state": "active",
            "from": "2018-04-01T00:00:00+08:00",
            "to": "2018-05-01T00:00:00+08:00",
        },
        {
            "id": "tenant-4",
            "plates": [LEAVING],
            "lots": ["sz-mall"],
            "state": "active",
            "from": "2018-03-10T00:00:00+08:00",
            "to": "2018-04-10T00:00:00+08:00",
        },
    ],
}


class Recording:
    """The frames of the lot, and the two lanes, at which one car stands at a time."""

    def __init__(self, counts):
        self.frames, self.counts, self.ids = [], counts, itertools.count(1)
        self.cameras = {
            "in": Camera("cam-in", "1f0a4c22-5b6d7e01"),
            "out": Camera("cam-out", "1f0a4c22-5b6d7e02"),
        }
        self.busy = {"in": [], "out": []}

    def put(self, frame):
        self.frames.append((dt.datetime.fromisoformat(frame["received_at"]), frame))

    def free(self, way, at, apart):
        """The first instant from `at` on at which the lane is free for `apart`."""
        while True:
            ends = [end for start, end in self.busy[way] if start < at + apart and at < end]
            if not ends:
                return at
            at = max(ends)

    def read(self, way, at, plate, apart=20 * SECOND, **fields):
        """A read at a lane, which is then busy for `apart`."""
        if self.free(way, at, apart) != at:
            raise ValueError(f"lane {way} is busy at {at}")
        self.busy[way].append((at, at + apart))
        self.counts["reads"] += 1
        fields = {**look(plate), **fields}
        self.put(self.cameras[way].read(at, plate, **fields))
        return at

    def manual(self, at, action, who, reason, **fields):
        kind, name = who
        self.put(
            {
                "received_at": at.isoformat(),
                "protocol": "manual",
                "payload": {
                    "id": f"act-{next(self.ids):04}",
                    "action": action,
                    "at": at.isoformat(),
                    "by": {"kind": kind, "id": name},
                    "reason": reason,
                    **fields,
                },
            }
        )

    def pay(self, at, amount, method, **target):
        self.counts["payments"] += 1
        self.manual(
            at,
            "payment",
            ("partner", "mall-pay"),
            "parking fee",
            payment=f"pay-{self.counts['payments']:04}",
            amount=f"{amount}.00",
            currency="CNY",
            method=method,
            **target,
        )

    def leave(self, at, plate, entry, paid=0, read_as=None, apart=None, **fields):
        """An exit at which the driver pays what is due; the lane is busy until the car is gone. Says what was due."""
        due = fee(at - entry) - paid
        self.read("out", at, read_as or plate, apart=apart or scanning(plate) + 15 * SECOND, **fields)
        if due:
            self.pay(at + scanning(plate), due, method(plate), lane="mall-out", quoted_at=at.isoformat())
        return due


def scanning(plate):
    """How long a driver needs to pay at the arm."""
    return (15 + below(40, "scan", plate)) * SECOND


def method(plate):
    return ("wechat", "alipay", "unionpay")[below(3, "method", plate)]


def look(plate):
    """VZ's codes of colour and type."""
    if len(plate) == 8:
        return {"color": 5, "kind": 19}
    return {"color": 2, "kind": 3} if plate.startswith("粤C") else {"color": 1, "kind": 1}


def plate_of(car):
    serial, text = car * 7919 % len(DIGITS) ** 5, ""
    for _ in range(5):
        serial, digit = divmod(serial, len(DIGITS))
        text = DIGITS[digit] + text
    kind = draw("kind", car)
    return ("粤JD" if kind < 0.2 else "粤C" if kind < 0.25 else "粤J") + text


def arrivals():
    """When ordinary cars come, and how long they mean to stay: most in the day, some for minutes, some over night."""
    for car in range(CARS):
        day = below(2, "day", car)
        hour = 7.6 + 13 * (draw("a", car) + draw("b", car)) / 2
        at = dt.datetime(2018, 4, 9 + day, tzinfo=CHINA) + int(hour * 3600) * SECOND
        kind = draw("stay", car)
        minutes = (
            4 + 24 * draw("m", car)
            if kind < 0.15
            else 600 + 900 * draw("m", car) if kind > 0.96 else 35 + 260 * draw("m", car) ** 2
        )
        yield at, int(minutes * 60) * SECOND, plate_of(car)


def ordinary(recording):
    """Cars that come, stay, pay and leave."""
    for at, stay, plate in sorted(arrivals()):
        entry = recording.free("in", at, 20 * SECOND)
        recording.read("in", entry, plate)
        exit_at = recording.free("out", entry + stay, 70 * SECOND)
        if exit_at < END - 5 * MINUTE:
            leave(recording, exit_at, entry, plate)
        else:
            recording.counts["cars still inside at the end"] += 1


def leave(recording, exit_at, entry, plate):
    """Pays in one of the ways there are, and leaves."""
    way, early = draw("pays", plate), exit_at - (3 + below(9, "early", plate)) * MINUTE
    paid = 0
    if way < 0.35 and fee(
        early - entry
    ):  # on the phone, then out within the exit grace: whatever the rest would cost
        recording.counts["prepaid within the exit grace"] += 1
        recording.pay(early, fee(early - entry), method(plate), lot="sz-mall", plate=plate)
        recording.read("out", exit_at, plate)
        return
    if way > 0.96 and fee(exit_at - 40 * MINUTE - entry):  # on the phone, but too early
        recording.counts["prepaid, exit grace over"] += 1
        paid = fee(exit_at - 40 * MINUTE - entry)
        recording.pay(exit_at - 40 * MINUTE, paid, method(plate), lot="sz-mall", plate=plate)
    due = recording.leave(exit_at, plate, entry, paid)
    recording.counts["paid at the arm" if due else "nothing due at the exit"] += 1


def on(day, clock):
    hour, minute = map(int, clock.split(":"))
    return dt.datetime(2018, 4, day, hour, minute, tzinfo=CHINA)


def special(recording):
    """One of each thing that happens at a gate, at night and early in the morning, when the lanes are quiet."""
    enter = lambda at, plate, **fields: recording.read("in", at, plate, **fields) or at
    for index, plate in enumerate(STAFF):  # white list: priced, then 100 % off
        enter(on(10, f"05:{10 + 2 * index}"), plate)
        recording.read("out", on(10, f"06:{40 + 2 * index}"), plate)
    # A pass with one space: the second car is covered from when the first leaves; it pays for the time before.
    enter(on(10, "05:30"), TENANTS[0])
    enter(on(10, "05:32"), TENANTS[1])
    recording.read("out", on(10, "06:20"), TENANTS[0])
    recording.leave(on(10, "07:05"), TENANTS[1], on(10, "07:05") - 48 * MINUTE)
    # A pass that ended at midnight: the rest of the stay is charged.
    enter(on(9, "23:30"), LEAVING)
    recording.leave(on(10, "01:45"), LEAVING, on(10, "00:00"))
    # Refused: the arm stays shut.
    enter(on(10, "05:50"), BANNED)
    # Turned round at the entry within two minutes: void.
    enter(on(10, "05:52"), "粤J66006")
    enter(on(10, "05:53"), "粤J66006", direction=3)
    # The exit camera reads a 0 for a D: one open session fits.
    entry = enter(on(10, "05:55"), "粤JA1D55", confidence=97)
    recording.leave(on(10, "07:10"), "粤JA1D55", entry, read_as="粤JA1055", confidence=71)
    # Left unseen behind another car and came back: a second entry.
    enter(on(9, "22:40"), "粤J50505")
    entry = enter(on(10, "04:40"), "粤J50505")
    recording.leave(on(10, "06:30"), "粤J50505", entry)
    # A follower: the car behind drives out through the arm that opened for the one before.
    first = enter(on(10, "04:50"), "粤J40404")
    enter(on(10, "04:52"), "粤J41414")
    until_open = scanning("粤J40404")
    recording.leave(on(10, "06:05"), "粤J40404", first, apart=until_open)
    recording.read("out", on(10, "06:05") + until_open + 5 * SECOND, "粤J41414", apart=12 * MINUTE)
    # No plate: opens with a ticket; nothing at the exit says which car it is, so a person opens and its session stays
    # open until somebody closes it by its ticket.
    nameless = {"color": 0, "kind": 0, "confidence": 0}
    enter(on(10, "03:10"), "_无_", **nameless)
    recording.read("out", on(10, "03:50"), "_无_", apart=2 * MINUTE, **nameless)
    guard = ("user", "guard-2")
    recording.manual(
        on(10, "03:51"), "gate", guard, "no plate, let out at the booth", lane="mall-out", command="open"
    )
    # A scooter that the camera does not see: the guard writes a paper ticket, and closes it by its number.
    recording.manual(
        on(10, "03:20"), "entry", guard, "not seen", lane="mall-in", ticket="T-0001", vehicle="motorcycle"
    )
    recording.manual(on(10, "04:30"), "exit", guard, "paper ticket", lot="sz-mall", ticket="T-0001")
    recording.pay(on(10, "04:31"), fee(70 * MINUTE), "cash", lot="sz-mall", ticket="T-0001")
    # Wants to pay, cannot, backs off; leaves later. The next car at the arm withdraws the first exit.
    entry, other = enter(on(9, "23:40"), "粤J30303"), enter(on(9, "23:42"), "粤J31313")
    recording.read("out", on(10, "02:10"), "粤J30303", apart=60 * SECOND)
    recording.leave(on(10, "02:12"), "粤J31313", other)
    recording.leave(on(10, "02:40"), "粤J30303", entry)
    # Does not pay; the guard lets it out: what is due stays outstanding.
    enter(on(10, "00:30"), "粤J20202")
    recording.read("out", on(10, "02:55"), "粤J20202", apart=3 * MINUTE)
    recording.manual(
        on(10, "02:57"), "gate", guard, "phone empty, promises to pay", lane="mall-out", command="open"
    )
    # The network of the entry camera was down for an hour: it opened by itself and sends what it kept, oldest first.
    for minute, plate in ((5, "粤J10101"), (22, "粤J11011"), (41, "粤J10110")):
        recording.counts["reads from an offline camera"] += 1
        entry = enter(
            on(10, f"03:{minute:02}"), plate, received_at=on(10, "04:10") + minute * SECOND, offline=1
        )
        recording.leave(on(10, f"05:{minute:02}"), plate, entry)


def number(recording):
    """Each camera numbers its results in the order in which it saw the cars, whatever order they were planned in."""
    result = lambda frame: frame["payload"]["AlarmInfoPlate"]["result"]["PlateResult"]
    for camera in recording.cameras.values():
        own = [result(frame) for _, frame in recording.frames if frame.get("device") == camera.device]
        own.sort(key=lambda read: read["timeStamp"]["Timeval"]["sec"])
        for plateid, read in enumerate(own, 1):
            read["plateid"] = plateid


def retries(recording):
    """A camera that got its answer late sends the same result again."""
    again = []
    for at, frame in recording.frames:
        if frame.get("device") and draw("retry", frame["received_at"]) < 0.03:
            recording.counts["copies"] += 1
            at += (2 + below(4, "retry", frame["received_at"], "s")) * SECOND
            again.append((at, {**frame, "received_at": at.isoformat()}))
    recording.frames += again


def records(counts):
    """All frame records with the instant at which they are received."""
    recording = Recording(counts)
    special(recording)
    ordinary(recording)
    number(recording)
    retries(recording)
    recording.put({"received_at": END.isoformat(), "tick": True})
    return recording.frames
