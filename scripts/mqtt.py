#!/usr/bin/env python3
"""The MQTT listener against a real Mosquitto: devices' bytes in, the gate's answer and the charge out.

    python3 scripts/mqtt.py target/debug/parkline

Installs Mosquitto from Debian where it is missing (as root), starts it and the server on free ports of loopback, and
checks: a camera's plate opens the gate by a message on its topic, detectors behind The Things Stack become a session with a
charge, what came while the server was killed comes afterwards and counts once, and a broker that goes away and comes
back is found again; then the same over TLS: with the right certificates both ways, not with a broker of another authority, and
again after certificates were changed. Prints what it checked; exits 1 where something is not so.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PATIENCE = 60


def installed():
    if not (shutil.which("mosquitto", path=PATH) and shutil.which("mosquitto_pub", path=PATH)):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mosquitto", "mosquitto-clients"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(install, **quiet).returncode != 0:
            subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
            subprocess.run(install, check=True, **quiet)


PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, look):
    """Looks again until something is there, and tells what was missing."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            print(f"ok: {what}", flush=True)
            return found
        time.sleep(0.1)
    raise SystemExit(f"NOT OK: {what}")


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(folder, name):
    """An authority with a certificate for the broker and one for us: `NAME.pem`, `NAME-broker.pem`, `NAME-ours.pem`, and keys."""
    at = os.path.join(folder, name)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "30", "-keyout", f"{at}.key", "-out", f"{at}.pem")
    for who, more in (("broker", "subjectAltName=IP:127.0.0.1"), ("ours", "extendedKeyUsage=clientAuth")):
        openssl("req", *key, "-subj", f"/CN={who}", "-keyout", f"{at}-{who}.key", "-out", f"{at}-{who}.csr")
        with open(f"{at}.ext", "w") as f:
            f.write(f"basicConstraints=CA:FALSE\n{more}\n")
        openssl("x509", "-req", "-in", f"{at}-{who}.csr", "-CA", f"{at}.pem", "-CAkey", f"{at}.key", "-CAcreateserial", "-days", "20",
                "-extfile", f"{at}.ext", "-out", f"{at}-{who}.pem")


class Broker:
    def __init__(self, folder):
        self.folder, self.port, self.tls_port = folder, free_port(), free_port()
        self.config = os.path.join(folder, "mosquitto.conf")
        self.process = None
        self.trust("first")

    def trust(self, name):
        """Speaks with the certificates of an authority, and wants one of it."""
        if not os.path.exists(f"{self.folder}/{name}.pem"):
            authority(self.folder, name)
        at = f"{self.folder}/{name}"
        # Mosquitto may run as a user of its own.
        os.chmod(self.folder, 0o755)
        os.chmod(f"{at}-broker.key", 0o644)
        with open(self.config, "w") as f:
            f.write(f"per_listener_settings false\nallow_anonymous true\npersistence false\nlistener {self.port} 127.0.0.1\n"
                    f"listener {self.tls_port} 127.0.0.1\ncafile {at}.pem\ncertfile {at}-broker.pem\nkeyfile {at}-broker.key\n"
                    "require_certificate true\n")

    def start(self):
        self.process = subprocess.Popen(["mosquitto", "-c", self.config], env={**os.environ, "PATH": PATH},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the broker listens", self.listens)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def publish(self, topic, body):
        text = body if isinstance(body, str) else json.dumps(body)
        subprocess.run(["mosquitto_pub", "-p", str(self.port), "-q", "1", "-t", topic, "-m", text], check=True,
                       env={**os.environ, "PATH": PATH})


class Server:
    def __init__(self, binary, folder, url, *more, data="data"):
        self.command = [binary, "serve", "--site", f"{folder}/site.json", "--data", f"{folder}/{data}", "--tcp", "none",
                        "--http", "127.0.0.1:0", "--partitions", "1", "--mqtt", url, "--mqtt-client-id", data,
                        "--mqtt-topic", "vz-mqtt=device/+/message/up/#",
                        "--mqtt-topic", "the-things-stack=v3/+/devices/+/up", *more]
        self.said = f"{folder}/said-{data}"

    def start(self, how="the server is connected to the broker"):
        with open(self.said, "a") as said:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=said, text=True)
        self.http = json.loads(self.process.stdout.readline())["http"]
        if how:
            until(how, self.is_connected)

    def is_connected(self):
        return self.metric('parkline_connections{listener="mqtt"}') == 1

    def stop(self, how):
        self.process.send_signal(how)
        return self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def metric(self, name):
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1])

    def feed(self, topic):
        return [json.loads(line)["record"] for line in self.get(f"/v1/feed/{topic}?limit=10000").splitlines()]


SITE = {
    "format": 1,
    "tariffs": [{"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
                 "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]}],
    "lots": [{"id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai", "tariffs": ["t"],
              "policy": {"flicker": "0s", "min_stay": "0s"}},
             {"id": "G1", "kind": "gated", "time_zone": "Asia/Shanghai", "tariffs": ["t"]}],
    "berths": [{"id": "L1-001", "lot": "L1"}],
    "lanes": [{"id": "G1-in", "lot": "G1", "direction": "entry"}],
    "devices": [{"id": "bay-7", "serial": "0004a30b001c0530", "protocol": "bosch-tps110", "berth": "L1-001"},
                {"id": "c-in", "serial": "aaaaaaaa-11111111", "protocol": "vz-mqtt", "lane": "G1-in"}],
}


PHOTO = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8 + b"\xff\xd9"


def plate(record, text):
    """What a Vzenith camera publishes: the push's objects, texts in base64."""
    license = base64.b64encode(text.encode()).decode()
    result = {"license": license, "colorType": 1, "type": 1, "confidence": 97, "plateid": record, "triggerType": 8,
              "direction": 4, "isoffline": 0, "imageFile": base64.b64encode(PHOTO).decode()}
    return {"id": str(record), "sn": "aaaaaaaa-11111111", "name": "ivs_result", "version": "1.0",
            "payload": {"AlarmInfoPlate": {"channel": 0, "result": {"PlateResult": result}}}}


def uplink(counter, occupied):
    body = base64.b64encode(bytes([occupied])).decode()
    return {"end_device_ids": {"device_id": "bay-7", "dev_eui": "0004A30B001C0530"},
            "uplink_message": {"session_key_id": "AXA50Q==", "f_port": 1, "f_cnt": counter, "frm_payload": body}}


def main(binary):
    installed()
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/site.json", "w") as f:
            json.dump(SITE, f)
        broker = Broker(folder)
        broker.start()
        server = Server(binary, folder, f"mqtt://127.0.0.1:{broker.port}")
        over_tls = Server(binary, folder, f"mqtts://127.0.0.1:{broker.tls_port}", "--mqtt-authorities", f"{folder}/trusted.pem",
                          "--mqtt-certificate", f"{folder}/ours.pem", "--mqtt-key", f"{folder}/ours.key", data="tls")
        listener = None
        try:
            server.start()
            heard = open(f"{folder}/heard", "w+")
            listener = subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), "-v", "-t", "device/+/message/down/#"],
                                        env={**os.environ, "PATH": PATH}, stdout=heard)
            check(broker, server, f"{folder}/heard")
            check_tls(broker, over_tls, folder)
        finally:
            for process in (listener, server.process, getattr(over_tls, "process", None), broker.process):
                if process and process.poll() is None:
                    process.kill()
                    process.wait()


def check(broker, server, heard):
    # Plates until the gate is told: the first ones may come before somebody listens on the camera's side.
    record = iter(range(1, 1000))

    def opened():
        number = next(record)
        broker.publish("device/aaaaaaaa-11111111/message/up/ivs_result", plate(number, f"粤B{number:05}"))
        time.sleep(0.5)
        with open(heard) as f:
            return [line for line in f if line.startswith("device/aaaaaaaa-11111111/message/down/gpio_out")]

    until("a plate opens the gate by a message to the camera", opened)
    photo = [r for r in server.feed("frames") if r.get("device") == "c-in" and "payload" in r][0]["images"][0]
    with urllib.request.urlopen(f"http://{server.http}/v1/images/{photo['sha256']}", timeout=PATIENCE) as answer:
        assert answer.read() == PHOTO, "the photo lies beside the log"
    until("its command is noted as sent", lambda: any(c["state"] == "sent" for c in server.feed("commands")))
    tts = "v3/app@tenant/devices/bay-7/up"
    broker.publish(tts, uplink(1, 1))
    until("a detector's session is open", lambda: '"open"' in server.get("/v1/sessions?berth=L1-001&state=open"))
    frame = [r for r in server.feed("frames") if r.get("device") == "bay-7"][0]
    assert (frame["port"], frame["counter"], frame["payload"]) == (1, 1, "01"), frame
    broker.publish(tts, uplink(2, 0))
    until("it is closed and charged", lambda: any(c["lot"] == "L1" and "total" in c for c in server.feed("charges")))

    broker.publish("device/nobody/message/up/ivs_result", plate(1, "粤B00001"))
    refused = 'parkline_refused_total{listener="mqtt",reason="unknown_device"}'
    until("a stranger is counted", lambda: server.metric(refused) == 1)

    assert server.stop(signal.SIGKILL) != 0
    for counter in range(3, 23):
        broker.publish(tts, uplink(counter, counter % 2))
    server.start()

    def numbers():
        return [r["counter"] for r in server.feed("frames") if r.get("device") == "bay-7"]

    until("what came while the server was killed is there", lambda: set(numbers()) == set(range(1, 23)))
    assert numbers() == sorted(numbers()), numbers()

    def charged():
        return len({c["session"] for c in server.feed("charges") if c["lot"] == "L1" and "total" in c})

    until("and charged, once for each of eleven stays", lambda: charged() == 11)

    broker.stop()
    until("the server sees that the broker has gone", lambda: server.metric('parkline_connections{listener="mqtt"}') == 0)
    broker.start()
    until("and that it is back", lambda: server.metric('parkline_connections{listener="mqtt"}') == 1)

    def taken():
        broker.publish(tts, uplink(23, 1))
        time.sleep(0.3)
        return 23 in numbers()

    until("frames are taken again", taken)
    assert server.stop(signal.SIGTERM) == 0
    print("ok: the server drains and stops")


def check_tls(broker, server, folder):
    def wear(name):
        for to, what in (("trusted.pem", ".pem"), ("ours.pem", "-ours.pem"), ("ours.key", "-ours.key")):
            shutil.copy(f"{folder}/{name}{what}", f"{folder}/{to}")

    wear("first")
    server.start("the server is connected over TLS, each with a certificate")
    broker.publish("v3/app@tenant/devices/bay-7/up", uplink(101, 1))
    until("a frame comes over TLS", lambda: 'outcome="applied"} 1' in server.get("/metrics"))
    assert server.metric('parkline_certificate_end_seconds{certificate="broker"}') > time.time()
    # The broker moves to another authority: nobody is talked to whom we do not trust.
    broker.stop()
    broker.trust("second")
    broker.start()

    def told():
        with open(server.said) as said:
            return "UnknownIssuer" in said.read()

    until("a broker of another authority is refused, and told", told)
    assert not server.is_connected()
    wear("second")
    until("with new certificates it is connected, without a restart", server.is_connected)
    broker.publish("v3/app@tenant/devices/bay-7/up", uplink(102, 0))
    until("… and frames come", lambda: 'outcome="applied"} 2' in server.get("/metrics"))
    assert server.stop(signal.SIGTERM) == 0


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "target/debug/parkline")
