#!/usr/bin/env python3
"""Photos in object storage, against a real store that speaks S3: MinIO where it is installed, else moto's server.

    python3 scripts/objects.py target/debug/parkline [--store minio|moto]

Installs moto into a virtual environment where neither is there; where that cannot be had it says so and ends with 0, as nothing was
found to be wrong. Between the server and the store stands a line that can be cut and slowed down. Checked is: what cameras
post is acknowledged and comes back byte for byte while the store cannot be reached; the spool fills and is emptied when the store is
back; the same after kill -9 while photos wait and while they are sent; erasure and retention reach the spool and the store;
credentials are in nothing that the server says. Prints what it checked; exits 1 where something is not so.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

PATIENCE = 120
KEY, SECRET, REGION, BUCKET = "parklinekey", "a-secret-that-nobody-tells", "us-east-1", "photos"
PREFIX = "city/default/images/"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            print(f"ok: {what}", flush=True)
            return found
        time.sleep(0.1)
    raise SystemExit(f"NOT OK: {what}")


def check(what, holds, *more):
    if not holds:
        raise SystemExit(f"NOT OK: {what} {more}")
    print(f"ok: {what}", flush=True)


class Store:
    """A store that speaks S3, and a client of its own for it."""

    def __init__(self, command, env, folder):
        self.port = free_port()
        command = [word.format(port=self.port, folder=folder) for word in command]
        self.process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(f"a store listens: {os.path.basename(command[0])}", self.listens)
        until("it has a bucket", lambda: self.ask("PUT", "")[0] in (200, 409))

    def listens(self):
        if self.process.poll() is not None:
            raise SystemExit(f"NOT OK: the store ended with {self.process.returncode}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method, name, query=""):
        """A request signed by AWS' version 4, apart from the server's own client."""
        path = "/" + urllib.parse.quote(f"{BUCKET}/{name}" if name else BUCKET)
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        host, nothing = f"127.0.0.1:{self.port}", hashlib.sha256(b"").hexdigest()
        headers = {"host": host, "x-amz-content-sha256": nothing, "x-amz-date": at}
        names = ";".join(sorted(headers))
        asked = "\n".join([method, path, query, *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names, nothing])
        scope = f"{at[:8]}/{REGION}/s3/aws4_request"
        signed = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(asked.encode()).hexdigest()])
        key = f"AWS4{SECRET}".encode()
        for word in scope.split("/"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
        request = urllib.request.Request(f"http://{host}{path}" + (f"?{query}" if query else ""), method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def names(self):
        status, page = self.ask("GET", "", "list-type=2&max-keys=1000")
        assert status == 200, (status, page)
        keys = xml.etree.ElementTree.fromstring(page).iter()
        return sorted(key.text for key in keys if key.tag.endswith("}Key"))

    def photos(self):
        """What lies there, by hash: read whole, and looked whether it is what its name says."""
        found = {}
        for name in self.names():
            status, body = self.ask("GET", name)
            assert status == 200 and name.startswith(PREFIX), (name, status)
            assert hashlib.sha256(body).hexdigest() == name.rsplit("/")[-1], name
            found[name.rsplit("/")[-1]] = body
        return found

    def stop(self):
        self.process.kill()
        self.process.wait()


class Line:
    """What stands between: cut, nobody answers and what is under way breaks off; slow, a photo takes a while."""

    def __init__(self, to):
        self.to, self.port, self.slow, self.listener, self.open = to, free_port(), 0, None, []

    def join(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen()
        threading.Thread(target=self.take, args=(self.listener,), daemon=True).start()

    def cut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def take(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.open += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()

    def pass_on(self, a, b):
        try:
            while piece := a.recv(16384):
                time.sleep(self.slow)
                b.sendall(piece)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


SITE = {
    "format": 1,
    "tariffs": [{"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
                 "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]}],
    "lots": [{"id": "G1", "kind": "gated", "time_zone": "Asia/Shanghai", "tariffs": ["t"]}],
    "lanes": [{"id": "G1-in", "lot": "G1", "direction": "entry"}],
    "devices": [{"id": "c-in", "serial": "aaaaaaaa-11111111", "protocol": "vz-http", "lane": "G1-in"}],
}


class Server:
    def __init__(self, binary, folder, line):
        self.binary, self.folder = binary, folder
        self.settings = ["--site", f"{folder}/site.json", "--data", f"{folder}/data", "--tcp", "none", "--http", "127.0.0.1:0",
                         "--partitions", "1", "--objects", f"s3://{BUCKET}/city", "--objects-endpoint", f"http://127.0.0.1:{line.port}",
                         "--objects-credentials", f"{folder}/credentials"]
        self.spool, self.said = f"{folder}/data/default/images", f"{folder}/said"
        self.posted = 0

    def start(self, *more):
        with open(self.said, "a") as said:
            self.process = subprocess.Popen([self.binary, "serve", *self.settings, *more], stdout=subprocess.PIPE, stderr=said, text=True)
        self.http = json.loads(self.process.stdout.readline())["http"]

    def stop(self, how):
        self.process.send_signal(how)
        return self.process.wait()

    def command(self, name):
        return subprocess.run([self.binary, name, *self.settings], capture_output=True, text=True)

    def doctor(self):
        """What `parkline doctor` finds of object storage."""
        found = [json.loads(line) for line in self.command("doctor").stdout.splitlines()]
        return next(line for line in found if line["check"] == "object storage")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://{self.http}{path}", method=method, data=body)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def post(self, photos):
        """A camera's pushes, each with a photo of its own; gives bodies and photos by the photo's hash."""
        posted = {}
        for _ in range(photos):
            self.posted += 1
            noise = random.Random(self.posted).randbytes(150_000)
            photo = base64.b64encode(b"\xff\xd8\xff\xe0" + noise + b"\xff\xd9").decode()
            result = {"license": f"粤B{self.posted:05}", "colorType": 1, "type": 1, "confidence": 97, "plateid": self.posted,
                      "triggerType": 8, "direction": 4, "imageFile": photo, "isoffline": 0}
            body = json.dumps({"AlarmInfoPlate": {"channel": 0, "deviceName": "camera", "ipaddr": "10.0.0.1",
                               "serialno": "aaaaaaaa-11111111", "result": {"PlateResult": result}}}).encode()
            until_taken = time.monotonic() + PATIENCE
            while (status := self.ask("POST", "/vz/c-in", body)[0]) == 503 and time.monotonic() < until_taken:
                pass
            assert status == 200, status
            posted[hashlib.sha256(photo.encode()).hexdigest()] = (body, photo.encode())
        return posted

    def gives_back(self, posted):
        """Whether photos, and the frames that they were cut out of, come back byte for byte."""
        for hash, (_, photo) in posted.items():
            if self.ask("GET", f"/v1/images/{hash}?raw=true") != (200, photo):
                return False
        bodies = {body for body, _ in posted.values()}
        for frame in json.loads(self.ask("GET", "/v1/frames?device=c-in&limit=200")[1])["frames"]:
            if any(image["sha256"] in posted for image in frame.get("images", [])):
                bodies.discard(self.ask("GET", f"/v1/frames/{frame['position']}/payload")[1])
        return not bodies

    def in_spool(self):
        return {name for _, _, names in os.walk(self.spool) for name in names if len(name) == 64}

    def metric(self, name):
        lines = [line for line in self.ask("GET", "/metrics")[1].decode().splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1])


def checks(server, store, line):
    line.join()
    server.start()
    first = server.post(10)
    until("what cameras post goes to the store", lambda: set(store.photos()) == set(first))
    until("and out of the spool", lambda: not server.in_spool() and server.metric("parkline_photos_waiting") == 0)
    check("photos and frames come back byte for byte", server.gives_back(first))
    doctor = server.doctor()
    check("doctor can use the store", doctor["state"] == "well", doctor)
    check("and leaves nothing there", len(store.names()) == 10)

    line.cut()
    second = server.post(10)
    until("the store is away: photos wait, and that is counted",
          lambda: server.metric("parkline_photos_waiting") == 10 and server.metric("parkline_photos_failed_total") > 0)
    check("their bytes too", server.metric("parkline_photos_waiting_bytes") == sum(len(photo) for _, photo in second.values()))
    check("what waits comes back byte for byte", server.in_spool() == set(second) and server.gives_back(second))
    sent = next(iter(first))
    check("what only the store has cannot be read now", server.ask("GET", f"/v1/images/{sent}")[0] == 503)
    waits = next(iter(second))
    about = "by=u-1&reason=asked"
    check("nor can anything be erased", server.ask("DELETE", f"/v1/images/{waits}?{about}")[0] == 503 and waits in server.in_spool())
    doctor = server.doctor()
    check("doctor says so", doctor["state"] == "bad", doctor)
    check("parkline check does not ask the store", server.command("check").returncode == 0)

    assert server.stop(signal.SIGKILL) != 0
    server.start()
    check("killed while they wait: they wait on", server.in_spool() == set(second) and server.gives_back(second))
    line.slow = 0.05
    line.join()
    all_of_them = {**first, **second}
    for kill in range(1, 4):
        until("photos are under way", lambda: server.in_spool() < set(second) or not server.in_spool())
        assert server.stop(signal.SIGKILL) != 0
        more = {}
        server.start()
        more = server.post(5)
        all_of_them.update(more)
        second = {hash: all_of_them[hash] for hash in server.in_spool()}
        print(f"ok: killed while they are sent ({kill}), {len(second)} wait", flush=True)
    line.cut()
    time.sleep(0.2)
    line.slow = 0
    line.join()
    until("the spool is empty in the end", lambda: not server.in_spool())
    check("the store has all of them, the same bytes", {h: p for h, (_, p) in all_of_them.items()} == store.photos())
    check("which come back", server.gives_back(all_of_them))

    status, _ = server.ask("DELETE", f"/v1/images/{sent}?{about}")
    check("one is erased", status == 200 and server.ask("GET", f"/v1/images/{sent}")[0] == 410 and sent not in store.photos(), status)
    plate = urllib.parse.quote("粤B00002")
    erased, after = [], ""
    while True:
        status, answer = server.ask("DELETE", f"/v1/images?plate={plate}&{about}{after}")
        assert status == 200, (status, answer)
        answer = json.loads(answer)
        erased += answer["erased"]
        if "after" not in answer:
            break
        after = f"&after={answer['after']}"
    check("those of a plate are", len(erased) == 1 and erased[0] not in store.photos(), erased)
    left = len(store.names())
    check("and nobody else's", left == len(all_of_them) - 2, left)

    assert server.stop(signal.SIGTERM) == 0
    time.sleep(2)
    server.start("--retention-photos", "1s")
    until("what is old enough is erased in the store", lambda: not store.names())
    with open(f"{server.spool}/erased.jsonl") as record:
        told = record.read()
    check("which is recorded", '"retention"' in told and f'"photos":{left}' in told, told)
    check("the server drains and stops", server.stop(signal.SIGTERM) == 0)
    with open(server.said) as said:
        printed = subprocess.run([server.binary, "serve", *server.settings, "--print-config"], capture_output=True, text=True)
        check("nobody is told the secret", SECRET not in said.read() + printed.stdout + printed.stderr + str(doctor))


def stores(wanted):
    """How a store is started; nothing where none can be had."""
    if wanted in (None, "minio") and (minio := shutil.which("minio")):
        return [minio, "server", "{folder}", "--address", "127.0.0.1:{port}", "--quiet"], {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
    if wanted == "minio":
        return None
    moto = shutil.which("moto_server")
    if not moto or subprocess.run([moto, "--help"], capture_output=True).returncode != 0:
        home = os.path.join(tempfile.gettempdir(), f"parkline-moto-{os.getuid()}")
        moto = os.path.join(home, "bin/moto_server")
        if not os.path.exists(moto):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            made = subprocess.run([sys.executable, "-m", "venv", home], **quiet).returncode == 0
            if not made or subprocess.run([f"{home}/bin/pip", "install", "-q", "moto[server,s3]"], **quiet).returncode != 0:
                return None
    return [moto, "-H", "127.0.0.1", "-p", "{port}"], {}


def main(binary, wanted=None):
    found = stores(wanted)
    if not found:
        print("skipped: there is no store that speaks S3 here: neither minio nor moto_server, and moto cannot be installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/site.json", "w") as f:
            json.dump(SITE, f)
        with open(f"{folder}/credentials", "w") as f:
            f.write(f"{KEY} {SECRET}\n")
        os.mkdir(f"{folder}/store")
        store = Store(found[0], found[1], f"{folder}/store")
        server = None
        try:
            line = Line(store.port)
            server = Server(binary, folder, line)
            checks(server, store, line)
        except BaseException:
            if server and os.path.exists(server.said):
                print(open(server.said).read()[-4000:], file=sys.stderr)
            raise
        finally:
            if getattr(server, "process", None) and server.process.poll() is None:
                server.process.kill()
                server.process.wait()
            store.stop()


if __name__ == "__main__":
    words = sys.argv[1:]
    store = words.pop(words.index("--store") + 1) if "--store" in words else None
    words = [word for word in words if word != "--store"]
    main(words[0] if words else "target/debug/parkline", store)
