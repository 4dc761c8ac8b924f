#!/usr/bin/env python3
"""What TLS costs a server: memory of ten thousand connections, processor time of a full and of a resumed handshake.

    scripts/tls.py target/release/parkline [--connections 10000] [--handshakes 2000]

Starts a server of its own on loopback with a certificate for ECDSA P-256. Processor time is the server's (/proc), so what else
the machine does counts little; `openssl speed` says what one signature and one key agreement take at least. Prints one line
of JSON.
"""
import argparse
import json
import os
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import tempfile

SITE = {"format": 1, "lots": [], "devices": []}


def start(binary, folder, *more):
    process = subprocess.Popen(
        [binary, "serve", "--site", folder / "site.json", "--data", folder / f"data{len(more)}", "--http", "127.0.0.1:0", "--tcp", "none",
         "--partitions", "1", "--limit-head-secs=3600", *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    host, port = json.loads(process.stdout.readline())["http"].rsplit(":", 1)
    return process, (host, int(port))


def rss_kib(process):
    lines = open(f"/proc/{process.pid}/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def cpu_secs(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(to, index):
    return socket.create_connection(to, timeout=60, source_address=(f"127.1.{index // 200 % 250}.{2 + index % 200}", 0))


def held(to, count, process, context):
    """KiB of the server for each connection that has asked once and says nothing more."""
    before, open_ones = rss_kib(process), []
    for index in range(count):
        stream = connect(to, index)
        if context:
            stream = context.wrap_socket(stream, server_hostname="localhost")
        stream.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        stream.recv(4096)
        open_ones.append(stream)
    used = rss_kib(process) - before
    for stream in open_ones:
        stream.close()
    return round(used / count, 1)


def handshakes(to, count, process, context, resumed):
    session = None
    if resumed:
        with context.wrap_socket(connect(to, 0), server_hostname="localhost") as stream:
            stream.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            stream.recv(4096)
            session = stream.session
    before, reused = cpu_secs(process), 0
    for index in range(count):
        with context.wrap_socket(connect(to, index), server_hostname="localhost", session=session) as stream:
            reused += stream.session_reused
    if bool(reused) != resumed:
        sys.exit(f"{reused} of {count} handshakes were resumed")
    return round(count / (cpu_secs(process) - before))


def openssl_speed(name):
    """What a second of one core does at most."""
    out = subprocess.run(["openssl", "speed", "-seconds", "3", "-mr", name], capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if line.startswith("+F")]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--connections", type=int, default=10_000)
    arguments.add_argument("--handshakes", type=int, default=2_000)
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "site.json").write_text(json.dumps(SITE))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                       check=True, capture_output=True)
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        binary = given.binary.absolute()
        plain, to = start(binary, folder)
        report = {"plain_kib_a_connection": held(to, given.connections, plain, None)}
        plain.kill()
        server, to = start(binary, folder, "--tls-certificate", folder / "cert.pem", "--tls-key", folder / "key.pem")
        report["full_handshakes_a_cpu_second"] = handshakes(to, given.handshakes, server, context, False)
        report["resumed_handshakes_a_cpu_second"] = handshakes(to, given.handshakes, server, context, True)
        report["tls_kib_a_connection"] = held(to, given.connections, server, context)
        report["tls_mib_of_10000"] = round(report["tls_kib_a_connection"] * 10_000 / 1024)
        server.kill()
    report["openssl_speed"] = {name: openssl_speed(name) for name in ("ecdsap256", "ecdhx25519")}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
