#!/usr/bin/env python3
"""Writes native.jsonl: frames made from docs/native-frame.md alone, by a second implementation that shares no code.

    python3 native_vectors.py > native.jsonl
"""
import hashlib
import hmac
import json
import struct

KEY = bytes(range(32))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tlv(kind, data):
    return (struct.pack("<HH", kind, len(data)) + data).ljust((4 + len(data) + 7) // 8 * 8, b"\0")


def frame(kind, fixed, tlvs=b"", flags=0, key=None, major=1, device=0x0004A30B001C0530, boot=3, seq=7,
          sent_at=1772409600_000000, extra_header=b"", key_id=0):
    flags |= 8 if key else 0
    body = struct.pack("<BBHHHIIQIIq", major, 6 + len(extra_header) // 8, flags, kind, len(fixed),
                       len(fixed) + len(tlvs), key_id, device, boot, seq, sent_at)
    body += extra_header + fixed + tlvs
    if key:
        body += hmac.new(key, body, hashlib.sha256).digest()[:16]
    return b"\xf5PK\x0a" + struct.pack("<I", crc32c(body)) + body


def heartbeat(queued=0, oldest=0, mv=3600, temp=215, state=1, clock=2, rssi=-71, loops=0):
    return struct.pack("<IIHhBBbB", queued, oldest, mv, temp, state, clock, rssi, loops)


def bay(at=1772409599_500000, berth=0, state=2, reason=1, conf=9876, field=(10, -20, 30), mv=3600,
        base=(1, 2, 3), rssi=-90, clock=2, prev=3725, temp=-32768, measured=3):
    return struct.pack("<qIBBH3hH3hbBIhBB", at, berth, state, reason, conf, *field, mv, *base, rssi, clock, prev,
                       temp, measured, 0)


def plate(text="粤B12345", at=1772409599_500000, conf=9731, color=1, direction=1, vehicle=1, berth=0, lane=2):
    raw = text.encode()
    return (bytes(range(16)) + struct.pack("<qqIHHhH8sHBBBBBBBBBB", at, 0, berth, lane, 156, 480, conf, bytes(8), 9,
                                           2, color, 1, direction, 1, vehicle, 0, len(raw), len(text), 0)
            + raw.ljust(24, b"\0") + b"\xff" * 16)


HEAD = {"device": "0004a30b001c0530", "sequence": 7, "device_time": "2026-03-02T00:00:00Z"}
EVENT = {**HEAD, "device_time": "2026-03-01T23:59:59.5Z"}
COMMAND = b"01jnh7c0000000000000000000".ljust(32, b"\0")
CASES = [
    ("heartbeat", frame(1, heartbeat()), {**HEAD, "kind": "heartbeat", "occupied": False, "battery_v": 3.6,
     "temperature_c": 21.5, "rssi_dbm": -71, "more": {"boot": 3, "clock": 2}}),
    ("heartbeat that knows nothing", frame(1, heartbeat(0, 0, 0, -32768, 0, 0, -128, 0), sent_at=0),
     {"kind": "heartbeat", "device": "0004a30b001c0530", "sequence": 7, "more": {"boot": 3}}),
    ("heartbeat with a queue, a loop, a tag", frame(1, heartbeat(queued=12, oldest=90, loops=0x31), key=KEY, key_id=5),
     {**HEAD, "kind": "heartbeat", "loop": True, "more": {"queued": 12, "oldest_s": 90}}),
    ("bay became occupied", frame(2, bay()), {**EVENT, "kind": "occupancy", "occupied": True, "magnetic": [10, -20, 30],
     "baseline": [1, 2, 3], "previous_state_min": 62, "more": {"confidence": 98.76, "previous_s": 3725}}),
    ("second bay is still vacant", frame(2, bay(berth=2, state=1, reason=2, prev=0xFFFFFFFF, measured=0)),
     {**EVENT, "kind": "heartbeat", "occupied": False, "berth_no": 2}),
    ("calibrated anew", frame(2, bay(reason=4, state=1)), {**EVENT, "kind": "startup", "recalibrated": True}),
    ("plate, with TLVs", frame(3, plate(), tlv(2, b"r-77") + tlv(10, "小轿车".encode()) + tlv(999, b"x")),
     {**EVENT, "kind": "plate", "plate": "粤B12345", "plate_color": "blue", "plate_confidence": 97.31,
      "vehicle": "small", "vehicle_text": "小轿车", "direction": "entry", "record": "000102030405060708090a0b0c0d0e0f",
      "more": {"lane": 2, "country": 156, "vendor_record": "r-77"}}),
    ("no plate, from the offline cache", frame(3, plate(""), flags=3),
     {**EVENT, "kind": "plate", "plate": None, "offline_upload": True, "more": {"retransmit": True}}),
    ("gate is open", frame(4, struct.pack("<qHBBBBH", 0, 1, 1, 1, 0x11, 1, 0)),
     {**HEAD, "kind": "gate", "gate_state": "open", "at_limit": True, "loop": True, "more": {"lane": 1, "cause": "command"}}),
    ("lock is up", frame(5, struct.pack("<qIBBBB", 0, 4, 2, 1, 80, 1)),
     {**HEAD, "kind": "gate", "gate_state": "closed", "occupied": False, "berth_no": 4, "battery_pct": 80}),
    ("start-up", frame(6, struct.pack("<B3BBBHQ", 2, 1, 4, 2, 1, 3, 3600, 0xABCDEF)),
     {**HEAD, "kind": "startup", "firmware": "1.4.2", "reset_cause": "watchdog", "occupied": False}),
    ("battery alarm", frame(7, struct.pack("<qHBBI", 0, 1, 1, 0, 0)),
     {**HEAD, "kind": "fault", "battery_low": True, "more": {"fault": "battery_low", "active": True}}),
    ("command refused: a vehicle is under it", frame(8, struct.pack("<32sqBB6x", COMMAND, 0, 5, 4)),
     {**HEAD, "kind": "gate", "more": {"command": "01jnh7c0000000000000000000", "command_state": "refused", "cause": 4}}),
    ("time request", frame(9, struct.pack("<Q", 77)), {**HEAD, "kind": "heartbeat", "more": {"time_request": True}}),
    ("a test states nothing", frame(2, bay(), flags=32), {**HEAD, "kind": "debug", "more": {"test": True}}),
    ("a message of the future", frame(77, bytes(8)), {**HEAD, "kind": "debug", "more": {"message": 77}}),
    ("a longer fixed part and a longer header", frame(1, heartbeat() + bytes(8), extra_header=bytes(8)),
     {**HEAD, "kind": "heartbeat", "occupied": False}),
    ("acknowledgement", frame(0x8001, struct.pack("<IIQB3xIq", 3, 7, 5, 0, 0, 1772409600_000000), boot=0, seq=0), None),
    ("command: open", frame(0x8002, struct.pack("<32sqBBHIII", COMMAND, 1772409610_000000, 1, 0, 1, 0, 0, 0),
                            tlv(8, "欢迎".encode()), boot=0, seq=0, key=KEY, key_id=5), None),
    ("time", frame(0x8003, struct.pack("<Qqq", 77, 1772409600_000000, 1772409600_000100), boot=0, seq=0), None),
    ("wrong magic", b"\xf5PK\x0d" + frame(1, heartbeat())[4:], "marker 0"),
    ("version 2", frame(1, heartbeat(), major=2), "version 8"),
    ("wrong checksum", frame(1, heartbeat())[:-1] + b"\x01", "checksum 4"),
    ("cut", frame(1, heartbeat())[:-8], "truncated 56"),
    ("too long", frame(1, heartbeat()) + b"\0", "length 64"),
    ("encrypted", frame(1, heartbeat(), flags=16), "encrypted 10"),
    ("a flag that must be understood", frame(1, heartbeat(), flags=128), "version 10"),
    ("a TLV that must be understood", frame(1, heartbeat(), tlv(0x8000 | 999, b"x")), "version 64"),
    ("fixed part too short", frame(2, bytes(8)), "truncated 56"),
    ("a plate that is no UTF-8", frame(3, plate()[:64] + b"\xff" + plate()[65:]), "encoding 112"),
    ("length not a multiple of eight", frame(1, heartbeat() + b"\0"), "length 16"),
]

for name, data, expect in CASES:
    case = {"name": name, "frame": data.hex()}
    if isinstance(expect, str):
        case["error"], case["offset"] = expect.split()[0], int(expect.split()[1])
    elif expect is not None:
        case["reading"] = expect
    if data[10:11] and data[10] & 8:
        case["key"] = KEY.hex()
    print(json.dumps(case, ensure_ascii=False))
