#!/usr/bin/env python3
"""Zones through a catalog zone, from Watari to Watari: until all are served, one more, and a restart.

    cargo build --release --locked && benches/catalogs.py [ZONES] [ROUNDS]

Each round: a primary has ZONES zones of ten records and a catalog zone that lists them; a secondary that has nothing is started and
asked until the last of them is answered for. Then a zone file is put beside the others, and the secondary asked until it serves it. Then
the primary is ended, and the secondary started again. Memory is Pss of /proc/PID/smaps_rollup when all are served.
"""

import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WATARI = pathlib.Path(os.environ.get("WATARI", ROOT / "target/release/watari"))
ZONE = "$TTL 300\n@ SOA ns.invalid. h.invalid. 1 3600 600 86400 300\n@ NS ns.invalid.\n" + "".join(
    f"host{number} A 192.0.2.{number}\n" for number in range(8)
)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def question(zone):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in zone.split("."))
    return b"\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x06\x00\x01"


def is_served(port, zone):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect(("127.0.0.1", port))
        try:
            client.send(question(zone))
            answer = client.recv(4096)
        except OSError:
            return False
    return answer[3] & 15 == 0 and answer[7] > 0


def start(folder, port):
    log = open(folder / "log", "a")
    command = [WATARI, "serve", "--listen", f"127.0.0.1:{port}", "--workers", "1"]
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def until(condition):
    while not condition():
        time.sleep(0.002)


def served(folder):
    output = subprocess.run([WATARI, "status", "--json"], cwd=folder, capture_output=True, text=True)
    try:
        return json.loads(output.stdout)["catalogs"][0]["served"]
    except (KeyError, ValueError, IndexError):
        return 0


def until_all(folder, zones):
    while served(folder) < zones:
        time.sleep(0.05)


def memory(process):
    for line in open(f"/proc/{process.pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def cpu(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end(process):
    process.terminate()
    process.wait()


def round_of(zones):
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = pathlib.Path(scratch, "primary"), pathlib.Path(scratch, "secondary")
        port, other = free_port(), free_port()
        for folder in (ours, theirs):
            (folder / "zones").mkdir(parents=True)
        for number in range(zones):
            (ours / f"zones/z{number}.example.zone").write_text(ZONE)
        (ours / "zones/catalog.example.catalog.toml").write_text('members = ["*"]\n')
        # Told of all zones at its start, the secondary would hear of one more at the end of those notices.
        told = f'{{ address = "127.0.0.1:{other}", zones = ["catalog.example"] }}'
        config = f'[transfer]\nallow = ["127.0.0.1"]\nnotify = [{told}]\n'
        (ours / "watari.toml").write_text(config)
        secondary = f'primaries = ["127.0.0.1:{port}"]\n[catalog]\n'
        (theirs / "zones/catalog.example.secondary.toml").write_text(secondary)
        primary = start(ours, port)
        until(lambda: is_served(port, f"z{zones - 1}.example"))
        listed = lambda: f"it lists {zones} zones" in (ours / "log").read_text()
        until(listed)
        begun = time.monotonic()
        process = start(theirs, other)
        until_all(theirs, zones)
        all_after, spent, pss = time.monotonic() - begun, cpu(process), memory(process)
        time.sleep(2)
        begun = time.monotonic()
        (ours / "zones/new.example.zone").write_text(ZONE)
        until(lambda: is_served(other, "new.example"))
        one_after = time.monotonic() - begun
        end(primary)
        end(process)
        begun = time.monotonic()
        process = start(theirs, other)
        ready = f"ready: {zones + 2} zones served"
        until(lambda: ready in (theirs / "log").read_text())
        again_after, again = time.monotonic() - begun, memory(process)
        end(process)
        return all_after, spent, pss, one_after, again_after, again


def main():
    zones = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    rows = []
    for number in range(rounds):
        rows.append(round_of(zones))
        print("round", number + 1, " ".join(f"{value:.3f}" for value in rows[-1]), flush=True)
    names = ["all served, s", "CPU of the secondary, s", "memory, MiB", "one more, s", "restart, s", "memory after it, MiB"]
    for name, values in zip(names, zip(*rows)):
        print(f"{name}: median {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    if not shutil.which(str(WATARI)):
        sys.exit(f"{WATARI} is not there: cargo build --release --locked")
    main()
