#!/usr/bin/env python3
"""IXFR of one change in a large zone: Watari and Knot DNS beside each other in one run.

    cargo build --release --locked && python3 benches/ixfr.py [RECORDS] [ROUNDS] [CHANGES]

Both serve one zone file; one record of it is edited, its serial raised, and then each is asked in turn for what has changed since.
A time is from before the connection is made until the last octet has come. The client stands in the same machine.
"""

import os
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

RECORDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
ZONE = "big.example"
CHANGES = int(sys.argv[3]) if len(sys.argv) > 3 else 100


def text(serial, host):
    lines = [f"$ORIGIN {ZONE}.", "$TTL 3600", f"@ SOA ns h {serial} 3600 600 1209600 300", "@ NS ns", "ns A 192.0.2.1"]
    lines += [f"host{n} A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(RECORDS - 4)]
    lines.append(f"changed A 192.0.2.{host}")
    return "\n".join(lines) + "\n"


def replace(path, content):
    with open(path + ".new", "w") as file:
        file.write(content)
    os.rename(path + ".new", path)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def name(labels):
    return b"".join(bytes([len(label)]) + label.encode() for label in labels.split(".")) + b"\0"


def ixfr(serial):
    """A request for what has changed since `serial`."""
    soa = b"\0\0" + struct.pack("!5I", serial, 0, 0, 0, 0)
    message = struct.pack("!6H", 1, 0, 1, 0, 1, 0) + name(ZONE) + struct.pack("!HH", 251, 1)
    message += b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, 0, len(soa)) + soa
    return struct.pack("!H", len(message)) + message


def take(stream, count):
    octets = b""
    while len(octets) < count:
        part = stream.recv(count - len(octets))
        if not part:
            raise EOFError
        octets += part
    return octets


def ask(port, serial):
    """Seconds, octets, and how many records the answer has, which is one message."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(ixfr(serial))
        length = struct.unpack("!H", take(stream, 2))[0]
        message = take(stream, length)
    return time.perf_counter() - begun, length, struct.unpack("!H", message[6:8])[0]


def serial(port):
    question = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + name(ZONE) + struct.pack("!HH", 6, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(0.5)
        stream.sendto(question, ("127.0.0.1", port))
        try:
            answer = stream.recv(4096)
        except OSError:
            return None
    if struct.unpack("!H", answer[6:8])[0] == 0:
        return None
    return struct.unpack("!I", answer[-20:-16])[0]


def until(port, wanted):
    begun = time.perf_counter()
    while serial(port) != wanted:
        time.sleep(0.005)
        if time.perf_counter() - begun > 120:
            sys.exit(f"serial {wanted} is not served on port {port}")
    return time.perf_counter() - begun


def memory(process):
    with open(f"/proc/{process.pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def main():
    folder = tempfile.mkdtemp(prefix="watari-ixfr-")
    ours, theirs = f"{folder}/ours/zones/{ZONE}.zone", f"{folder}/theirs/{ZONE}.zone"
    for path in (ours, theirs):
        os.makedirs(os.path.dirname(path))
        replace(path, text(1, 1))
    os.makedirs(f"{folder}/theirs/database")
    with open(f"{folder}/ours/watari.toml", "w") as file:
        file.write('[transfer]\nallow = ["127.0.0.1"]\n')
    ports = {"watari": free_port(), "knot": free_port()}
    with open(f"{folder}/theirs/knot.conf", "w") as file:
        file.write(
            f"server:\n    rundir: {folder}/theirs\n    listen: 127.0.0.1@{ports['knot']}\n    tcp-workers: 1\n"
            f"control:\n    listen: {folder}/theirs/control\ndatabase:\n    storage: {folder}/theirs/database\n"
            "acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n"
            "template:\n  - id: default\n    acl: all\n    zonefile-load: difference\n    zonefile-sync: -1\n"
            f"    journal-content: changes\nzone:\n  - domain: {ZONE}\n    file: {theirs}\n"
        )
    program = os.environ.get("WATARI", os.path.join(os.path.dirname(__file__), "../target/release/watari"))
    processes = {
        "watari": subprocess.Popen(
            [os.path.abspath(program), "serve", "--listen", f"127.0.0.1:{ports['watari']}", "--workers", "1"],
            cwd=f"{folder}/ours", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        "knot": subprocess.Popen(
            ["knotd", "-c", f"{folder}/theirs/knot.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
    }
    try:
        for port in ports.values():
            until(port, 1)
        for who, path in (("watari", ours), ("knot", theirs)):
            replace(path, text(2, 2))
            if who == "knot":
                processes[who].send_signal(signal.SIGHUP)
            print(f"{who}: {until(ports[who], 2):.2f} s from the edit until it is served")
        times = {who: [] for who in ports}
        for _ in range(ROUNDS):
            for who, port in ports.items():
                seconds, octets, records = ask(port, 1)
                assert records == 6, f"{who} sends {records} records"
                times[who].append(seconds * 1000)
        for who, all_times in times.items():
            all_times.sort()
            last = all_times[int(len(all_times) * 0.99)]
            print(f"{who}: median {statistics.median(all_times):.3f} ms, 99th percentile {last:.3f} ms, "
                  f"most {all_times[-1]:.3f} ms")
        # What a change costs in a small zone beside: the folder is watched.
        small = f"{folder}/ours/zones/small.example.zone"
        for step in range(CHANGES + 1):
            replace(small, f"@ 60 SOA ns h {step + 1} 60 60 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.{step % 250}\n")
            time.sleep(0.3)
            if step == 0:
                before = memory(processes["watari"])
        grown = memory(processes["watari"]) - before
        database = sqlite3.connect(f"file:{folder}/ours/state/watari.db?mode=ro", uri=True)
        count, deltas = database.execute(
            "SELECT COUNT(*), SUM(LENGTH(delta)) FROM change WHERE apex = 'small.example.'").fetchone()
        pages = database.execute("PRAGMA page_count").fetchone()[0] * database.execute("PRAGMA page_size").fetchone()[0]
        print(f"{count} changes of 4 records: {deltas / count:.0f} octets of records each, the database {pages} octets, "
              f"the process {grown} KiB more")
    finally:
        for process in processes.values():
            process.terminate()
            process.wait()
        subprocess.run(["rm", "-r", folder], check=False)


if __name__ == "__main__":
    main()
