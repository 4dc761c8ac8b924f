#!/usr/bin/env python3
"""Attacks a server of its own under honest load, and says what came of it.

    cargo build --release -p ingest-server
    scripts/attack.py target/release/parkline              # ten minutes and more; needs 13,000 open files a process
    scripts/attack.py target/release/parkline --short      # one minute, a tenth of the connections
    scripts/attack.py target/release/parkline --no-attack  # the honest load alone: what memory to compare with

Honest devices (`parkline load`) send all the time; first alone, then under each attack. What is asked of the server: refused
with the right answer, counted, memory flat, honest devices keep their p99, no secret and no plate in anything that it says.
Prints one JSON object; exit code 1 where something was not as it should be.
"""
import argparse
import asyncio
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ADMIN, READ, DEVICE = "admin-0123456789abcdef", "read-0123456789abcdef", "device-0123456789abcdef"
OTHERS = {role: f"{role}-of-another-tenant-01" for role in ("admin", "operate", "read", "device")}
PLATE = "粤B7K35Q"
STOLEN = bytes(range(32))
PROXY = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11, 0, 12, 192, 0, 2, 7, 10, 0, 0, 1, 0xC3, 0x50, 0x1D, 0x4C])
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def heartbeat(device, boot, seq, key=None, key_id=0):
    """A native heartbeat (docs/native-frame.md)."""
    fixed = struct.pack("<IIHhBBbB", 0, 0, 3600, 215, 1, 2, -71, 0)
    body = struct.pack("<BBHHHIIQIIq", 1, 6, 8 if key else 0, 1, len(fixed), len(fixed), key_id, device, boot, seq, 0) + fixed
    if key:
        body += hmac.new(key, body, hashlib.sha256).digest()[:16]
    return b"\xf5PK\x0a" + struct.pack("<I", crc32c(body)) + body


class Server:
    """A server on loopback with devices of the simulator's, and one whose key will be stolen."""

    def __init__(self, binary, folder, devices, tokens=None):
        self.binary, self.folder = binary, folder
        # What it answered where it refused.
        self.errors = []
        run(binary, "load", "--write-site", folder, "--devices", devices, "--cameras", 10)
        site = json.loads((folder / "site.json").read_text())
        site["devices"].append({"id": "stolen", "serial": f"{0x5701:016x}", "protocol": "parkline", "lot": "load-0", "key": "stolen"})
        (folder / "site.json").write_text(json.dumps(site))
        self.load_secret = (folder / "secrets").read_text()
        self.key(1, STOLEN)
        tokens = tokens or {"admin": ADMIN, "read": READ, "device": DEVICE}
        (folder / "tokens").write_text("".join(f"{role} {token}\n" for role, token in tokens.items()))
        self.said = open(folder / "said", "ab+")
        self.process = subprocess.Popen(
            [binary, "serve", "--site", folder / "site.json", "--data", folder / "data", "--tokens", folder / "tokens",
             "--secrets", folder / "secrets", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=self.said)
        ready = json.loads(self.process.stdout.readline())
        self.http, self.tcp = (tuple([a.rsplit(":", 1)[0], int(a.rsplit(":", 1)[1])]) for a in (ready["http"], ready["tcp"]))

    def secrets(self):
        """All that nobody may be told: tokens, keys and plates."""
        load = self.load_secret.split()[2]
        return [ADMIN, READ, DEVICE, *OTHERS.values(), STOLEN.hex(), STOLEN[::-1].hex(), load, PLATE, "粤"]

    def told(self):
        """What it says about itself to whoever starts it: its configuration, and what is looked at before a start."""
        options = ["--site", self.folder / "site.json", "--data", self.folder / "data", "--tokens", self.folder / "tokens", "--secrets", self.folder / "secrets"]
        ask = lambda *words: subprocess.run([self.binary, *words, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
        return ask("serve", "--print-config") + ask("check") + ask("doctor")

    def key(self, number, key):
        (self.folder / "secrets").write_text(f"{self.load_secret}stolen {number} {key.hex()}\n")

    def rss_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def ask(self, path, token=None, method="GET", body=None):
        url = f"http://{self.http[0]}:{self.http[1]}{path}"
        request = urllib.request.Request(url, data=body, method=method, headers={"authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            self.errors.append(f"{error.headers}{text}")
            return error.code, text

    def refused(self):
        _, text = self.ask("/metrics")
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("parkline_refused_total"))
        return {name[len("parkline_refused_total"):]: int(value) for name, value in lines}

    def stages(self):
        """The buckets of the server's own histograms: how many took at most so long."""
        _, text = self.ask("/metrics")
        found = {}
        for name, labels, count in re.findall(r"^parkline_(\w+)_seconds_bucket\{(.*)\} (\d+)$", text, re.M):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            found.setdefault(" ".join([name, *filter(None, [labels.get("listener")])]), {})[float(labels["le"].replace("+Inf", "inf"))] = int(count)
        return found

    def load(self, seconds, rate):
        return subprocess.Popen(
            [self.binary, "load", "--devices", "1000", "--rate", str(rate), "--seconds", str(seconds), "--cameras", "10",
             "--camera-rate", "20", "--secrets", self.folder / "secrets", "--token", DEVICE,
             "--tcp", "%s:%d" % self.tcp, "--http", "%s:%d" % self.http],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def source(index):
    """An address of its own for each few connections: all of 127/8 is ours."""
    return f"127.{1 + index // 60000 % 200}.{index // 240 % 250}.{2 + index % 240}"


async def connect(to, index):
    return await asyncio.open_connection(*to, local_addr=(source(index), 0))


class Tally:
    def __init__(self):
        self.done = {}

    def add(self, what, times=1):
        self.done[what] = self.done.get(what, 0) + times


async def until(deadline, tally, what, attempt):
    """Tries again and again; a connection that is refused or closed is what is wanted."""
    for turn in itertools.count():
        if time.monotonic() > deadline:
            return
        try:
            tally.add(what + (await attempt(turn) or ""))
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            tally.add(f"{what}: {type(error).__name__}")
            await asyncio.sleep(0.2)


async def held(stream, deadline, drip=None, every=2.0):
    """Holds a connection, with a byte now and then, until the other side ends it."""
    reader, writer = stream
    try:
        while time.monotonic() < deadline:
            try:
                read = await asyncio.wait_for(reader.read(4096), min(every, max(0.01, deadline - time.monotonic())))
                if not read:
                    return ", closed by the server"
            except asyncio.TimeoutError:
                if drip:
                    writer.write(drip)
        return ", still open"
    finally:
        writer.close()


def idle(server, index, deadline):
    async def attempt(turn):
        return await held(await connect(server.tcp if index % 2 else server.http, index), deadline, every=30)
    return attempt


def loris(server, index, deadline):
    async def attempt(turn):
        kind = index % 4
        stream = await connect(server.tcp if kind == 0 else server.http, index)
        first, drip = [
            (heartbeat(0x5701, 1, 1)[:20], b"\0"),
            (b"GET /livez HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n"),
            (b"POST /vz/load-cam-1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + DEVICE.encode() + b"\r\ncontent-length: 90000\r\n\r\n", b"x"),
            (b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nG", b""),
        ][kind]
        stream[1].write(first)
        return await held(stream, deadline, drip)
    return attempt


ROUTES = ["/v1/sessions", "/v1/sessions/x", "/v1/charges/x", "/v1/feed/frames", "/v1/quote", "/v1/reference", "/v1/reference/devices",
          "/v1/reference/devices/x", "/v1/actions", "/v1/devices/load-cam-0/frames", "/vz", "/vz/load-cam-0",
          "/devicemanagement/php/plateresult.php", "/livez", "/readyz", "/metrics"]
TRICKS = ["/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fmetrics", "//", "/./", "/%00", "/%ff%fe", "/;a=b", "/\\..\\",
          "?token=" + "x" * 5000, "/" + "a" * 9000, "%0d%0aset-cookie:%20x", "/%252e%252e", "/*"]


def exchange(to, data, most=65536):
    """One connection, blocking: what the server says until it is done or silent."""
    with socket.create_connection(to, timeout=10) as stream:
        try:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < most:
                read = stream.recv(65536)
                if not read:
                    break
                answer += read
            return answer
        except OSError:
            return b""


def paths(server, tally, wrong):
    """Every route with every trick, without a token and with tokens of other roles."""
    for route, trick in itertools.product(ROUTES, [""] + TRICKS):
        for method, token in (("GET", None), ("POST", None), ("DELETE", READ), ("PUT", DEVICE)):
            line = f"{method} {route}{trick} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n"
            line += f"authorization: Bearer {token}\r\n" if token else ""
            answer = exchange(server.http, line.encode() + b"\r\n{}")
            status = answer.split(b" ")[1].decode() if answer.startswith(b"HTTP/1.1 ") else "closed"
            tally.add(f"paths: {status}")
            server.errors.append(answer.decode(errors="replace"))
            public = route in ("/livez", "/readyz", "/metrics") and method == "GET" and trick[:1] in ("", "?")
            if status == "200" and not public or status[:1] == "5" and status != "503" or b"root:" in answer:
                wrong.append(f"{method} {route}{trick[:40]} with {token}: {status}")


def roles(server, wrong):
    """What each role must not do, and that no token of another tenant does anything, at either of the two servers."""
    with tempfile.TemporaryDirectory() as folder:
        other = Server(server.binary, pathlib.Path(folder), 10, OTHERS)
        try:
            for path in ("/v1/sessions", "/v1/charges/x", "/v1/feed/frames", "/v1/reference", "/v1/devices"):
                for asked, tokens, wanted in ((server, OTHERS.values(), 401), (other, (ADMIN, READ, DEVICE), 401), (other, [OTHERS["admin"]], 200)):
                    for token in tokens:
                        status, _ = asked.ask(path, token)
                        if status != wanted and not (wanted == 200 and status == 404):
                            wrong.append(f"a tenant's GET {path} with {token}: {status} instead of {wanted}")
            for method, path in (("POST", "/v1/actions"), ("PUT", "/v1/reference/lists/x"), ("DELETE", "/v1/reference/lots/load-0")):
                for asked, token in ((server, OTHERS["admin"]), (other, ADMIN)):
                    status, _ = asked.ask(path, token, method, b"{}")
                    if status != 401:
                        wrong.append(f"a tenant's {method} {path} with {token}: {status} instead of 401")
            status, _ = server.ask("/vz/load-cam-0", OTHERS["device"], "POST", b"{}")
            if status != 403:
                wrong.append(f"a post with another tenant's token: {status} instead of 403")
        finally:
            other.process.kill()
            other.process.wait()
    for method, path, token, wanted in [
        ("POST", "/v1/actions", READ, 403), ("PUT", "/v1/reference/lists/x", READ, 403), ("POST", "/v1/actions", DEVICE, 403),
        ("GET", "/v1/sessions", DEVICE, 403), ("GET", "/v1/feed/frames", DEVICE, 403), ("DELETE", "/v1/reference/lots/load-0", READ, 403),
        ("GET", "/v1/sessions", "another-tenants-token-1", 401), ("GET", "/v1/sessions", None, 401), ("POST", "/vz/load-cam-0", READ, 403),
        ("POST", "/vz/load-cam-0", None, 403), ("POST", "/vz", None, 403), ("POST", "/v1/devices/stolen/frames", DEVICE, 403),
        ("POST", "/v1/devices/nobody/frames", DEVICE, 404), ("GET", "/nowhere", ADMIN, 404), ("PATCH", "/v1/sessions", ADMIN, 405),
    ]:
        status, _ = server.ask(path, token, method, b"{}" if method != "GET" else None)
        if status != wanted:
            wrong.append(f"{method} {path} with {token}: {status} instead of {wanted}")


def statuses(data):
    """The statuses of the acknowledgements that the server sent."""
    found, at = [], 0
    while at + 48 <= len(data) and data[at:at + 4] == b"\xf5PK\x0a":
        size = struct.unpack_from("<I", data, at + 16)[0]
        # The server may ask or tell a device more than that.
        if struct.unpack_from("<H", data, at + 12)[0] == 0x8001:
            found.append(data[at + 48 + 16])
        at += 48 + size + (16 if data[at + 10] & 8 else 0)
    return found


def frames(server, tally, wrong, turns):
    """Forged, recorded and stolen frames."""
    before = server.refused()
    say = lambda *frames: statuses(exchange(server.tcp, b"".join(frames)))
    # Its own frames of three boots, which a stranger records.
    recorded = [heartbeat(0x5701, boot, 1, STOLEN, 1) for boot in (1, 2, 3)]
    if say(*recorded)[-1:] != [0]:
        wrong.append("the device's own frames are not taken")
    if set(say(*recorded * 50)) - {0}:
        wrong.append("a recorded frame is answered otherwise than as stored")
    for turn in range(turns):
        number = random.getrandbits(63)
        forged = [heartbeat(0x5701, 4, turn + 1), heartbeat(0x5701, 4, turn + 1, b"x" * 32, 1), heartbeat(0x5701, 4, 1, STOLEN, 9),
                  heartbeat(number, 1, 1), heartbeat(number, 1, 1, STOLEN, 1)]
        answer = say(*forged)
        tally.add("forged frames", len(forged))
        if answer and answer != [2, 2, 2, 5, 5]:
            wrong.append(f"forged frames are answered {answer}")
    broken = bytearray(recorded[0])
    broken[60] ^= 1
    say(bytes(broken))
    # The key is changed, and stolen a moment before.
    server.key(2, STOLEN[::-1])
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and say(heartbeat(0x5701, 4, 1, STOLEN, 1)) != [2]:
        time.sleep(0.1)
    if say(heartbeat(0x5701, 5, 1, STOLEN, 1)) != [2]:
        wrong.append("a stolen key is good after its rotation")
    if say(heartbeat(0x5701, 5, 1, STOLEN[::-1], 2)) != [0]:
        wrong.append("the new key is not taken")
    after = server.refused()
    for reason, least in (("no_tag", turns), ("bad_tag", turns), ("unknown_key", turns), ("unknown_device", 2 * turns)):
        label = f'{{listener="tcp",reason="{reason}"}}'
        if after[label] - before[label] < least:
            wrong.append(f"{label}: {after[label] - before[label]} counted, {least} sent")
    status, feed = server.ask("/v1/feed/dead-letters?limit=10000&wait=5", ADMIN)
    replays = feed.count('"code":"replay"')
    tally.add("dead letters replay", replays)
    if replays == 0:
        wrong.append("recorded frames of an older boot are no dead letters")


class Tshark:
    """What went over loopback to and from the server's ports, as tshark reads it; nothing where there is none."""
    FIELDS = ["tcp.srcport", "tcp.dstport", "tcp.len", "proxy.version", "proxy.v2.cmd", "proxy.src.ipv4", "proxy.srcport"]

    def __init__(self, server):
        self.ports = [str(server.http[1]), str(server.tcp[1])]
        self.file = server.folder / "proxy.pcap"
        self.process = None
        if shutil.which("tshark"):
            self.process = subprocess.Popen(["tshark", "-i", "lo", "-w", self.file, "-f", " or ".join(f"tcp port {port}" for port in self.ports)],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(3)

    def rows(self):
        if not self.process:
            return None
        time.sleep(1)
        self.process.terminate()
        self.process.wait()
        words = ["tshark", "-r", self.file, "-T", "fields", "-E", "occurrence=f", *(word for field in self.FIELDS for word in ("-e", field))]
        out = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return [line.split("\t") for line in out.splitlines()]


def dissected(rows, ports, tally, wrong):
    """Of every connection that began with a PROXY header: the header is one of version 2, and no byte went back."""
    strangers = {(row[0], row[1]) for row in rows if row[3] == "2" and row[1] in ports}
    rightly = [row for row in rows if row[3] == "2" and row[1] in ports and row[4:] == ["1", "192.0.2.7", "50000"]]
    answered = [row for row in rows if (row[1], row[0]) in strangers and int(row[2] or 0) > 0]
    tally.add("PROXY headers that tshark read", len(rightly))
    if len(strangers) != 40 or len(rightly) != 40:
        wrong.append(f"tshark read {len(rightly)} PROXY headers of 40 on {len(strangers)} connections")
    if answered:
        wrong.append(f"tshark saw {len(answered)} answers to PROXY headers of strangers")


def proxies(server, tally, wrong):
    before, shark = server.refused(), Tshark(server)
    for _ in range(20):
        for to, rest in ((server.http, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"), (server.tcp, heartbeat(0x5701, 9, 9))):
            tally.add("PROXY headers")
            if exchange(to, PROXY + rest):
                wrong.append("a stranger's PROXY header is answered")
    after = server.refused()
    rows = shark.rows()
    if rows is not None:
        dissected(rows, shark.ports, tally, wrong)
    counted = sum(after[f'{{listener="{which}",reason="proxy"}}'] - before[f'{{listener="{which}",reason="proxy"}}'] for which in ("tcp", "http"))
    if counted < 40:
        wrong.append(f"of 40 PROXY headers {counted} are counted")


async def flood(server, deadline, tally, wide):
    """Noise, bodies without end, requests that nobody may make, connections that come and go."""
    noise = random.randbytes(1 << 20)

    async def noisy(turn):
        reader, writer = await connect(server.tcp, turn)
        writer.write(noise)
        await asyncio.wait_for(reader.read(), 20)
        writer.close()

    async def endless(turn):
        reader, writer = await connect(server.http, turn)
        token = DEVICE if turn % 2 else "nobody"
        writer.write(f"POST /vz/load-cam-1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(8):
            writer.write(b"100000\r\n" + noise + b"\r\n")
            await asyncio.wait_for(writer.drain(), 20)
        answer = await asyncio.wait_for(reader.read(4096), 20)
        writer.close()
        return f" {answer[9:12].decode()}"

    async def asks(turn):
        reader, writer = await connect(server.http, turn)
        writer.write(b"GET /v1/sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer guessed\r\n\r\n" * 50)
        await asyncio.wait_for(reader.read(4096), 20)
        writer.close()

    async def comes(turn):
        (await connect(server.tcp if turn % 2 else server.http, turn))[1].close()

    kinds = [("noise", noisy), ("endless bodies", endless), ("guessed tokens", asks), ("come and go", comes)]
    await asyncio.gather(*(until(deadline, tally, name, kind) for name, kind in kinds for _ in range(wide)))


async def crowd(server, deadline, tally, many, slow):
    idlers = [until(deadline, tally, "idle", idle(server, index, deadline)) for index in range(many)]
    slows = [until(deadline, tally, "slow", loris(server, many + index, deadline)) for index in range(slow)]
    await asyncio.gather(*idlers, *slows)


def measured(load):
    out, _ = load.communicate(timeout=600)
    report = json.loads(out)
    pick = lambda part: {name: report[part][name] for name in ("sent", "acknowledged", "refused")} | {"p99_ms": report[part]["latency_ms"]["p99"]}
    return {"native": pick("native"), "cameras": pick("cameras")}


def p99_ms(before, after):
    """What of each stage's new values 99 of 100 took at most, by the server's own clock."""
    found = {}
    for stage, buckets in after.items():
        new = sorted((le, count - before.get(stage, {}).get(le, 0)) for le, count in buckets.items())
        if new[-1][1]:
            found[stage] = round(next(le for le, count in new if count >= 0.99 * new[-1][1]) * 1000, 3)
    return found


def elsewhere(server, attack, tally, wrong):
    """Runs the attack in a process of the lowest priority: attackers have machines of their own, and here they share ours."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.nice(19)
        known, told = len(wrong), None
        try:
            most = attack(tally) or 0
            wrong += [f"a secret or a plate is told: {error[:200]}" for error in server.errors for secret in server.secrets() if secret in error]
            if server.errors:
                tally.add("answers searched for secrets", len(server.errors))
            told = {"most": most, "done": tally.done, "wrong": wrong[known:]}
        finally:
            os.write(writer, json.dumps(told).encode())
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        told = json.loads(pipe.read())
    os.waitpid(child, 0)
    if told is None:
        wrong.append("an attack ended before its time")
        return 0
    tally.done = told["done"]
    wrong += told["wrong"]
    return told["most"]


def under(server, name, seconds, rate, attack, report, wrong):
    """Runs an attack under honest load; what was seen goes into the report."""
    stages, load, tally, before = server.stages(), server.load(seconds, rate), Tally(), server.rss_mib()
    time.sleep(1)
    most = elsewhere(server, attack, tally, wrong)
    report[name] = {"honest": measured(load), "server_p99_ms": p99_ms(stages, server.stages()), "rss_mib": [round(before, 1), round(max(most, server.rss_mib()), 1)], "done": tally.done}
    print(json.dumps({name: report[name]}, ensure_ascii=False), file=sys.stderr)


def with_asyncio(server, make):
    async def watched():
        most, task = 0, asyncio.ensure_future(make())
        while not task.done():
            most = max(most, server.rss_mib())
            await asyncio.wait([task], timeout=0.5)
        await task
        return most
    return asyncio.run(watched())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--short", action="store_true")
    arguments.add_argument("--no-attack", action="store_true", help="the same parts with nothing but the honest load")
    arguments.add_argument("--rate", type=int, default=500, help="honest native frames a second")
    arguments.add_argument("--p99-ms", type=float, help="what honest p99 may reach under attack; default: twice that without, and 50 ms")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    many, slow, seconds, turns = (1000, 100, 15, 50) if given.short else (10_000, 1_000, 60, 1_000)
    wrong, report = [], {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(given.binary.absolute(), pathlib.Path(folder), 1000)
        try:
            def part(name, attack):
                # The most memory is looked for while nothing is attacked, too.
                calm = lambda tally: with_asyncio(server, lambda: asyncio.sleep(seconds - 2))
                under(server, name, seconds, given.rate, calm if given.no_attack else attack, report, wrong)

            under(server, "alone", seconds, given.rate, lambda tally: with_asyncio(server, lambda: asyncio.sleep(seconds - 2)), report, wrong)
            until_then = lambda: time.monotonic() + seconds - 5
            part("idle and slow",
                 lambda tally: with_asyncio(server, lambda: crowd(server, until_then(), tally, many, slow)))
            part("floods", lambda tally: with_asyncio(server, lambda: flood(server, until_then(), tally, 4)))
            part("forged, recorded, stolen", lambda tally: frames(server, tally, wrong, turns))
            part("PROXY, paths, roles",
                 lambda tally: (proxies(server, tally, wrong), roles(server, wrong), paths(server, tally, wrong))[0])
            report["refused"] = {name: times for name, times in server.refused().items() if times}
            _, metrics = server.ask("/metrics")
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            server.said.seek(0)
            for what, said in (("its log", server.said.read().decode()), ("the metrics", metrics), ("what it says of its configuration", server.told())):
                wrong += [f"a secret or a plate is told: {what}" for secret in server.secrets() if secret in said]
        finally:
            server.process.kill()
    alone = report["alone"]["honest"]
    for name in ("idle and slow", "floods", "forged, recorded, stolen", "PROXY, paths, roles"):
        for part, honest in report[name]["honest"].items():
            if honest["acknowledged"] < honest["sent"]:
                wrong.append(f"{name}: {part} lost {honest['sent'] - honest['acknowledged']} of {honest['sent']}")
            allowed = given.p99_ms or max(50.0, 2 * alone[part]["p99_ms"])
            if honest["p99_ms"] > allowed:
                wrong.append(f"{name}: {part} p99 is {honest['p99_ms']} ms, alone {alone[part]['p99_ms']} ms")
    # The load's own sessions take memory in each part; attacks must not add to that.
    grown = [after - before for before, after in (report[name]["rss_mib"] for name in report if name != "refused")]
    if max(grown) > grown[0] + 96:
        wrong.append(f"memory is not flat: it grew by {grown} MiB, the first without an attack")
    print(json.dumps({"report": report, "wrong": wrong}, ensure_ascii=False, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
