#!/usr/bin/env python3
"""Changes certificates, keys, lists and tariffs of a server of its own under load, and says what came of it.

    scripts/change.py target/release/parkline [--rounds 10]

`parkline load` sends native frames all the time while every second the certificate is replaced, a device's key is added and
another taken away, and a tariff and a list are changed, by the API and in the site's documents. What is asked: no frame is lost
or refused, no connection of the load or over TLS is dropped, new connections get the new certificate, unusable files change
nothing, and each change is seen in the metrics, in the lines on stderr and in the log. Prints one JSON object; exit code 1 where
something was not as it should be.
"""
import argparse
import http.client
import json
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time

ADMIN = "admin-0123456789abcdef"
PATIENCE_S = 20


def until(what, look):
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > end:
            sys.exit(f"change: {what}: not within {PATIENCE_S} s")
        time.sleep(0.05)
    return found


class Server:
    def __init__(self, binary, folder):
        self.folder = folder
        subprocess.run([binary, "load", "--write-site", folder, "--devices", "1000", "--cameras", "0"], check=True, capture_output=True)
        self.site = json.loads((folder / "site.json").read_text())
        self.secrets = (folder / "secrets").read_text()
        (folder / "tokens").write_text(f"admin {ADMIN}\n")
        self.certificate(0)
        self.said = open(folder / "said", "ab")
        self.process = subprocess.Popen(
            [binary, "serve", "--site", folder / "site.json", "--data", folder / "data", "--tokens", folder / "tokens", "--secrets",
             folder / "secrets", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--tls-certificate", folder / "cert.pem", "--tls-key",
             folder / "key.pem", "--tls-on", "http", "--logs", "json"], stdout=subprocess.PIPE, stderr=self.said)
        ready = json.loads(self.process.stdout.readline())
        self.http, self.tcp = ready["http"], ready["tcp"]

    def certificate(self, number):
        """A new certificate, good for one day more with each number; moved into place whole, as a tool for renewal does."""
        made = [self.folder / name for name in ("new-key.pem", "new-cert.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=n{number}",
                        "-days", str(30 + number), "-keyout", made[0], "-out", made[1]], check=True, capture_output=True)
        made[0].rename(self.folder / "key.pem")
        made[1].rename(self.folder / "cert.pem")

    def connect(self):
        """A connection that stays."""
        context = ssl._create_unverified_context()
        host, port = self.http.rsplit(":", 1)
        connection = http.client.HTTPSConnection(host, int(port), timeout=PATIENCE_S, context=context)
        connection.connect()
        return connection

    def served(self):
        """Which certificate a new connection gets."""
        connection = self.connect()
        der = connection.sock.getpeercert(binary_form=True)
        connection.close()
        return ssl.DER_cert_to_PEM_cert(der)

    def wanted(self):
        return (self.folder / "cert.pem").read_text()

    def metric(self, ask, name):
        text = ask("GET", "/metrics")[1]
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def on(connection):
    """Asks on a connection that stands; one that was dropped is an error."""
    def ask(method, path, body=None):
        connection.auto_open = 0
        connection.request(method, path, body and json.dumps(body), {"authorization": f"Bearer {ADMIN}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return ask


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--rate", type=int, default=500)
    given = arguments.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(given.binary.absolute(), folder)
        try:
            stand = [on(server.connect()) for _ in range(20)]
            ask = stand[0]
            seconds = 3 * given.rounds
            load = subprocess.Popen(
                [given.binary.absolute(), "load", "--devices", "1000", "--rate", str(given.rate), "--seconds", str(seconds), "--cameras", "0",
                 "--secrets", folder / "secrets", "--tcp", server.tcp, "--http", server.http], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(1)
            for number in range(1, given.rounds + 1):
                change(server, ask, number, wrong)
                for each in stand:
                    if each("GET", "/livez")[0] != 200:
                        wrong.append("a connection that stood was not answered")
            broken(server, ask, stand, wrong)
            honest = json.loads(load.communicate(timeout=600)[0])["native"]
            report = {"rounds": given.rounds, "native": {name: honest[name] for name in ("sent", "acknowledged", "refused", "reconnects")},
                      "p99_ms": honest["latency_ms"]["p99"], "tls_connections_that_stood": len(stand)}
            if honest["acknowledged"] < honest["sent"] or honest["refused"] or honest["reconnects"]:
                wrong.append(f"of the load's frames some were lost or refused, or a connection was dropped: {report['native']}")
            report |= looked_back(server, ask, given.rounds, wrong)
            server.process.send_signal(signal.SIGTERM)
            if server.process.wait(60) != 0:
                wrong.append("it did not stop well")
        finally:
            server.process.kill()
    print(json.dumps({"report": report, "wrong": wrong}, ensure_ascii=False, indent=1))
    return 1 if wrong else 0


def change(server, ask, number, wrong):
    """One round: each thing once, each seen before the next."""
    server.certificate(number)
    until("a new connection gets the new certificate", lambda: server.served() == server.wanted())
    end = server.metric(ask, 'parkline_certificate_end_seconds{certificate="server"}')
    if not 29 + number < (end - time.time()) / 86400 < 31 + number:
        wrong.append(f"the metric says that certificate {number} ends at {end}")
    # The load's own key stays; another comes, and the one of the round before goes.
    (server.folder / "secrets").write_text(f"{server.secrets}extra {number} {number:064x}\n")
    server.site["lists"] = [{"id": "guests", "kind": "white", "plates": [f"粤B{number:05}"]}]
    (server.folder / "site.json").write_text(json.dumps(server.site, ensure_ascii=False))
    before = server.metric(ask, "parkline_secrets_read_total")
    server.process.send_signal(signal.SIGHUP)
    until("site and secrets are read again", lambda: server.metric(ask, "parkline_secrets_read_total") > before)
    tariff = dict(server.site["tariffs"][0])
    tariff["rules"] = [{"id": "all", "charge": {"steps": [{"every": "30m", "price": f"{number + 1}.00"}]}}]
    status, answer = ask("PUT", "/v1/reference/tariffs/load?by=u-1&reason=a%20test", tariff)
    if status not in (200, 202):
        wrong.append(f"the tariff was not taken: {status} {answer}")
    status, answer = ask("PUT", "/v1/reference/lists/barred?by=u-1&reason=a%20test", {"id": "barred", "kind": "black", "plates": [f"粤A{number:05}"]})
    if status not in (200, 202):
        wrong.append(f"the list was not taken: {status} {answer}")


def broken(server, ask, stand, wrong):
    """Files that cannot be used are counted, and what was in force stays."""
    kept = server.wanted()
    for name in ("cert.pem", "secrets", "site.json"):
        (server.folder / f"{name}.kept").write_text((server.folder / name).read_text())
        (server.folder / name).write_text("{no")
    server.process.send_signal(signal.SIGHUP)
    for what in ("certificates", "secrets", "site"):
        until(f"unusable {what} are counted", lambda: server.metric(ask, f"parkline_{what}_refused_total") >= 1)
    if server.served() != kept:
        wrong.append("an unusable certificate changed what is served")
    if any(each("GET", "/livez")[0] != 200 for each in stand):
        wrong.append("a connection that stood was not answered")
    for name in ("cert.pem", "secrets", "site.json"):
        (server.folder / f"{name}.kept").rename(server.folder / name)


def looked_back(server, ask, rounds, wrong):
    """What metrics, lines and log say of the changes."""
    read = {what: server.metric(ask, f"parkline_{what}_read_total") for what in ("certificates", "secrets", "site")}
    lines = [json.loads(line) for line in (server.folder / "said").read_text().splitlines()]
    told = {what: sum(line.get("change") == what for line in lines) for what in read}
    for what in read:
        if read[what] < rounds or told[what] < rounds:
            wrong.append(f"{what}: {rounds} changes, {read[what]} counted, {told[what]} told")
    found, after = {}, ""
    while True:
        page = [json.loads(line) for line in ask("GET", f"/v1/feed/frames?limit=10000{after}")[1].splitlines()]
        for line in page:
            if line["partition"] == 0 and (reference := line["record"].get("reference")):
                key = f"{reference['kind']}/{reference['id']} by {reference['by']['id']}"
                found[key] = found.get(key, 0) + 1
        if not page:
            break
        after = f"&after={page[-1]['position']}"
    for key in ("tariffs/load by u-1", "lists/barred by u-1", "lists/guests by site"):
        if found.get(key) != rounds:
            wrong.append(f"the log has {found.get(key)} changes of {key}, not {rounds}")
    return {"read_again": read, "lines_with_change": told, "references_in_the_log": found}


if __name__ == "__main__":
    sys.exit(main())
