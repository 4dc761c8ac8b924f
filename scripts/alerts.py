#!/usr/bin/env python3
"""Tests deploy/alerts.yml and deploy/grafana.json: the rules with promtool, and both against a real server and a real
Prometheus. What they ask for must exist in /metrics, what /metrics says must stand in docs/operations.md, and every alert in
docs/runbook.md.

    scripts/alerts.py target/release/parkline
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES, TESTS = ROOT / "deploy/alerts.yml", ROOT / "deploy/alerts_test.yml"
METRIC = re.compile(r"\b((?:parkline|process)_[a-z_]+)\b")
PATIENCE_S = 60


def fail(why):
    sys.exit(f"alerts: {why}")


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        fail(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def until(what, ask):
    """Asks until there is an answer that is not false."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if answer := ask():
                return answer
        except OSError:
            pass
        if time.monotonic() > end:
            fail(f"{what}: nothing within {PATIENCE_S} s")
        time.sleep(0.2)


def tools():
    if shutil.which("promtool") and shutil.which("prometheus"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        fail("promtool and prometheus are missing: apt-get install prometheus")
    # The package would start a server of its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "prometheus"]
    if subprocess.run(install, capture_output=True, env=environment).returncode:
        run("apt-get", "update", "-qq")
        run(*install, env=environment)


def names(metrics):
    """The metrics of an answer, each with its type."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", metrics, re.M))


def missing(expression, known):
    """Metrics of an expression that no server has."""
    def has(name):
        bare = re.sub(r"_(bucket|sum|count)$", "", name)
        return name in known or known.get(bare) == "histogram"
    return [name for name in METRIC.findall(expression) if not has(name)]


def board_queries():
    board = json.loads((ROOT / "deploy/grafana.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def documents(known, alerts):
    """What is documented and what there is are the same."""
    text = (ROOT / "docs/operations.md").read_text()
    told = set(re.findall(r"`((?:parkline|process)_[a-z_]+)`", text))
    if told != set(known):
        fail(f"docs/operations.md lacks {sorted(set(known) - told)}, and has {sorted(told - set(known))} too many")
    headings = set(re.findall(r"^## (Parkline\w+)$", (ROOT / "docs/runbook.md").read_text(), re.M))
    if headings != set(alerts):
        fail(f"docs/runbook.md lacks {sorted(set(alerts) - headings)}, has {sorted(headings - set(alerts))} too many")


def prometheus(folder, server, alerts):
    """Loads the rules into a real Prometheus that scrapes a real server; every rule and every query is well."""
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)],
              "scrape_configs": [{"job_name": "parkline", "static_configs": [{"targets": [server]}]}]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    address = "127.0.0.1:39090"
    child = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def query(text):
            return json.loads(get(f"http://{address}/api/v1/query?query={urllib.parse.quote(text)}"))
        until("a scrape", lambda: query("parkline_ready == 1")["data"]["result"])

        def evaluated():
            groups = json.loads(get(f"http://{address}/api/v1/rules"))["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None
        rules = until("the rules", evaluated)
        bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
        if bad or {rule["name"] for rule in rules} != set(alerts):
            fail(f"Prometheus has {len(rules)} rules; not well: {bad}")
        for title, text in board_queries():
            for name, value in (("$__rate_interval", "1m"), ("$instance", ".*")):
                text = text.replace(name, value)
            if query(text)["status"] != "success":
                fail(f"the panel {title!r} asks what cannot be answered: {text}")
    finally:
        child.terminate()
        child.wait()


def main():
    binary = Path(sys.argv[1]).resolve()
    tools()
    run("promtool", "check", "rules", str(RULES))
    run("promtool", "test", "rules", str(TESTS))
    rules = RULES.read_text()
    alerts = re.findall(r"^ +- alert: (\w+)$", rules, re.M)
    expressions = re.findall(r"expr: >-\n((?: {10}.*\n)+)", rules)
    tested = TESTS.read_text()
    if untested := [alert for alert in alerts if tested.count(f"alertname: {alert}\n") < 2]:
        fail(f"not tested both ways: {untested}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(binary, "init", folder / "site")
        child = subprocess.Popen([binary, "serve", "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"],
                                 cwd=folder / "site", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            server = json.loads(child.stdout.readline())["http"]
            metrics = get(f"http://{server}/metrics")
            known = names(metrics)
            linted = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
            if linted.returncode:
                fail(f"promtool check metrics: {linted.stdout}{linted.stderr}")
            asked = [(alert, text) for alert, text in zip(alerts, expressions, strict=True)] + list(board_queries())
            for who, text in asked:
                if absent := missing(text, known):
                    fail(f"{who} asks for {absent}, which /metrics does not have")
            documents(known, alerts)
            prometheus(folder, server, alerts)
        finally:
            child.terminate()
            child.wait()
    print(f"{len(alerts)} alerts and {sum(1 for _ in board_queries())} queries of the dashboard, against {len(known)} metrics of a "
          "real server and a real Prometheus: all there, all documented")


if __name__ == "__main__":
    main()
