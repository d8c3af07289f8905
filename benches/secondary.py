#!/usr/bin/env python3
"""How long a zone takes to come from its primary: benches/secondary.py target/release/watari [notify]

1. A zone of 1,000,000 records, from Knot, to Knot and to Watari in turn: from the start of the secondary, which has
   nothing, until it answers; then from the start of ours, which has it in its database.
2. From NOTIFY until what is new is answered, in a small zone, in one of 1,000,000 records, and in one of these that refers to
   a host in itself which is not there: a primary that is a part of this program gives one record as a difference. With
   `notify` that alone.

knotd must be installed. Everything is in a scratch folder, and on free ports of 127.0.0.1.
"""

import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

APEX = "a.example"
ROUNDS_WHOLE = 3
ROUNDS_NOTIFY = 60


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def serial(port):
    """The serial of the zone at `port`, if it is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        try:
            client.send(struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + name(APEX) + struct.pack(">HH", 6, 1))
            message = client.recv(4096)
        except OSError:
            return None
    if message[3] & 15 or message[7] == 0:
        return None
    at = 12 + len(name(APEX)) + 4 + 2 + 8
    length = struct.unpack(">H", message[at : at + 2])[0]
    return struct.unpack(">I", message[at + 2 + length - 20 :][:4])[0]


def until(port, wanted):
    begun = time.time()
    while serial(port) != wanted:
        if time.time() - begun > 300:
            sys.exit("too late")
        time.sleep(0.005)


def start(command, folder):
    with open(f"{folder}/log", "a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def end(process):
    process.terminate()
    process.wait()


def knot(folder, port, zone):
    os.makedirs(f"{folder}/database")
    with open(f"{folder}/config", "w") as config:
        config.write(
            f"server:\n    rundir: {folder}\n    listen: 127.0.0.1@{port}\ncontrol:\n    listen: {folder}/control\n"
            f"database:\n    storage: {folder}/database\n    journal-db-max-size: 4G\n{zone}"
            "    zonefile-sync: -1\n    semantic-checks: off\n"
        )
    return start(["knotd", "-c", f"{folder}/config"], folder)


def watari(folder, port, primary):
    os.makedirs(f"{folder}/zones", exist_ok=True)
    with open(f"{folder}/zones/{APEX}.secondary.toml", "w") as file:
        file.write(f'primaries = ["127.0.0.1:{primary}"]\n')
    return start([WATARI, "serve", "--listen", f"127.0.0.1:{port}"], folder)


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


def whole(scratch):
    with open(f"{scratch}/zone", "w") as file:
        file.write(f"$ORIGIN {APEX}.\n$TTL 300\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n")
        for i in range(999_997):
            file.write(f"host{i} A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n")
    primary_port = free_port()
    acl = "acl:\n  - id: all\n    action: transfer\n    address: 127.0.0.1\n"
    zone = f"zone:\n  - domain: {APEX}.\n    file: {scratch}/zone\n    acl: all\n    journal-content: none\n"
    primary = knot(f"{scratch}/primary", primary_port, acl + zone)
    until(primary_port, 1)
    remote = f"remote:\n  - id: primary\n    address: 127.0.0.1@{primary_port}\n"
    zone = f"zone:\n  - domain: {APEX}.\n    master: primary\n    journal-content: all\n"
    for turn in range(ROUNDS_WHOLE):
        for who in ("knot", "watari"):
            folder, port = f"{scratch}/{who}{turn}", free_port()
            begun = time.time()
            if who == "knot":
                server = knot(folder, port, remote + zone)
            else:
                server = watari(folder, port, primary_port)
            until(port, 1)
            print(f"{who}: {time.time() - begun:.2f} s, at most {peak(server)} MiB", flush=True)
            end(server)
        begun = time.time()
        server = watari(folder, port, primary_port)
        until(port, 1)
        print(f"watari again: {time.time() - begun:.2f} s", flush=True)
        end(server)
    end(primary)


def record(owner, rtype, data):
    return owner + struct.pack(">HHIH", rtype, 1, 300, len(data)) + data


def address(owner, number):
    return record(name(f"{owner}.{APEX}"), 1, struct.pack(">I", 10 << 24 | number))


def soa(number):
    times = struct.pack(">IIIII", number, 3600, 600, 86400, 300)
    return record(b"\xc0\x0c", 6, name(f"ns.{APEX}") + name(f"h.{APEX}") + times)


class Primary:
    """Has the zone at a serial that is counted up; with each, one address more."""

    def __init__(self, size, refers):
        self.serial, self.port = 1, free_port()
        self.records = [record(name(APEX), 2, name(f"ns.{APEX}")), address("ns", 1)]
        self.records += [address(f"h{i}", i) for i in range(size - 3)]
        if refers:
            self.records.append(record(name(f"sub.{APEX}"), 2, name(f"absent.{APEX}")))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        tcp = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.over_udp, args=[udp], daemon=True).start()
        threading.Thread(target=self.over_tcp, args=[tcp], daemon=True).start()

    def reply(self, request, records):
        end = 12 + len(name(APEX)) + 4
        return request[:2] + struct.pack(">HHHHH", 0x8400, 1, len(records), 0, 0) + request[12:end] + b"".join(records)

    def over_udp(self, udp):
        while True:
            request, client = udp.recvfrom(4096)
            udp.sendto(self.reply(request, [soa(self.serial)]), client)

    def over_tcp(self, tcp):
        while True:
            client, _ = tcp.accept()
            length = struct.unpack(">H", client.recv(2))[0]
            request = b""
            while len(request) < length:
                request += client.recv(length - len(request))
            now = self.serial
            qtype = struct.unpack(">H", request[12 + len(name(APEX)) :][:2])[0]
            if qtype == 251:
                records = [soa(now), soa(now - 1), soa(now), address(f"n{now}", now), soa(now)]
            else:
                new = [address(f"n{i}", i) for i in range(2, now + 1)]
                records = [soa(now)] + self.records + new + [soa(now)]
            for at in range(0, len(records), 500):
                message = self.reply(request, records[at : at + 500])
                client.sendall(struct.pack(">H", len(message)) + message)
            client.close()


def notify(scratch, size, refers=False):
    primary, port = Primary(size, refers), free_port()
    server = watari(f"{scratch}/notify{size}{refers}", port, primary.port)
    until(port, 1)
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        for _ in range(ROUNDS_NOTIFY):
            time.sleep(0.3)
            primary.serial += 1
            head = struct.pack(">HHHHHH", primary.serial & 0xFFFF, 0x2400, 1, 1, 0, 0)
            message = head + name(APEX) + struct.pack(">HH", 6, 1) + soa(primary.serial)
            begun = time.perf_counter()
            client.send(message)
            while serial(port) != primary.serial:
                pass
            times.append((time.perf_counter() - begun) * 1000)
    end(server)
    times.sort()
    that = f"{size} records" + (", which refer to a host that is not there" if refers else "")
    print(f"NOTIFY to served, {that}: median {statistics.median(times):.2f} ms, at most {times[-1]:.2f} ms")


if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["notify"]):
    sys.exit(__doc__)
WATARI = os.path.abspath(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    if not sys.argv[2:]:
        whole(folder)
    notify(folder, 1_000)
    notify(folder, 1_000_000)
    notify(folder, 1_000_000, refers=True)
