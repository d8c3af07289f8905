#!/usr/bin/env python3
"""Updates a second, answered and durable, of Watari and of Knot DNS beside it: benches/updates.py [ROUNDS [UPDATES [NAMES]]]

Both run over one zone of so many names (1,000) on the same disk, one after the other in each round, and are sent the same
updates: each adds one TXT record at a name of its own, signed with TSIG (hmac-sha256), over UDP. So many are under way at a time as WINDOWS says. What is
counted is answers NOERROR; the next one is sent when one has come. Knot keeps its journal as it does by default (robust: synced).
Needs knotd, and target/release/watari, or the program that $WATARI names.
"""
import base64, hashlib, hmac, os, random, socket, struct, subprocess, sys, tempfile, time

WINDOWS = [1, 16, 128]
SECRET = b"0123456789abcdef0123456789abcdef"
ZONE = "bench.example"
NAMES = int(sys.argv[3]) if len(sys.argv) > 3 else 1000


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def signed(message, key, when):
    algorithm = name("hmac-sha256")
    timers = struct.pack(">HIH", when >> 32, when & 0xFFFFFFFF, 300)
    variables = name(key) + struct.pack(">HI", 255, 0) + algorithm + timers + struct.pack(">HH", 0, 0)
    mac = hmac.new(SECRET, message + variables, hashlib.sha256).digest()
    data = algorithm + timers + struct.pack(">H", len(mac)) + mac + message[:2] + struct.pack(">HH", 0, 0)
    record = name(key) + struct.pack(">HHIH", 250, 255, 0, len(data)) + data
    return message[:10] + struct.pack(">H", 1) + message[12:] + record


def update(number, tag, when):
    head = struct.pack(">HHHHHH", number & 0xFFFF, 0x2800, 1, 0, 1, 0) + name(ZONE) + struct.pack(">HH", 6, 1)
    text = f"token {tag} {number}".encode()
    owner = name(f"u{number}.{tag}.{ZONE}")
    data = bytes([len(text)]) + text
    return signed(head + owner + struct.pack(">HHIH", 16, 1, 60, len(data)) + data, "bench.", when)


def zone_text():
    lines = ["$TTL 300", "@ SOA ns hostmaster 1 7200 3600 1209600 300", "@ NS ns", "ns A 192.0.2.1"]
    return "\n".join(lines + [f"name{n} A 192.0.2.{n % 250}" for n in range(NAMES)]) + "\n"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def watari(folder, port):
    os.makedirs(f"{folder}/zones")
    open(f"{folder}/zones/{ZONE}.zone", "w").write(zone_text())
    secret = base64.b64encode(SECRET).decode()
    config = f'[keys."bench."]\nalgorithm = "hmac-sha256"\nsecret = "{secret}"\n'
    config += '[[update]]\nzones = "*"\nkey = "bench."\ngrant = "zone"\n'
    with open(os.open(f"{folder}/watari.toml", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(config)
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../target/release/watari")
    program = os.environ.get("WATARI", program)
    return [program, "serve", "--listen", f"127.0.0.1:{port}", "--log", "warn"]


def knot(folder, port):
    os.makedirs(f"{folder}/db")
    open(f"{folder}/{ZONE}.zone", "w").write(zone_text())
    secret = base64.b64encode(SECRET).decode()
    open(f"{folder}/knot.conf", "w").write(f"""
server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
control:
    listen: {folder}/control
database:
    storage: {folder}/db
key:
  - id: bench.
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: bench
    key: bench.
    action: update
zone:
  - domain: {ZONE}.
    file: {folder}/{ZONE}.zone
    acl: bench
    zonefile-sync: -1
""")
    return ["knotd", "-c", f"{folder}/knot.conf"]


def wait(port, process):
    question = struct.pack(">HHHHHH", 1, 0, 1, 0, 0, 0) + name(ZONE) + struct.pack(">HH", 6, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        for _ in range(2400):
            if process.poll() is not None:
                sys.exit(f"a server has ended: {process.args}")
            asking.sendto(question, ("127.0.0.1", port))
            try:
                if asking.recv(512)[3] & 15 == 0:
                    return
            except (TimeoutError, ConnectionRefusedError):
                pass
            time.sleep(0.05)
    sys.exit(f"no answer of {process.args}")


def run(port, window, count, tag):
    """Answers a second, and how many times something had to be sent again."""
    when = int(time.time())
    messages = [update(number, tag, when) for number in range(count)]
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.connect(("127.0.0.1", port))
    asking.settimeout(30)
    waiting, following, again = {}, 0, 0
    begun = time.perf_counter()
    while following < count or waiting:
        while following < count and len(waiting) < window:
            waiting[following & 0xFFFF] = following
            asking.send(messages[following])
            following += 1
        try:
            answer = asking.recv(4096)
        except TimeoutError:
            for number in waiting.values():
                asking.send(messages[number])
                again += 1
            continue
        if waiting.pop(struct.unpack(">H", answer[:2])[0], None) is not None and answer[3] & 15:
            sys.exit(f"an update of {tag} got RCODE {answer[3] & 15}")
    return count / (time.perf_counter() - begun), again


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    most = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    print(f"{'window':>8} {'watari/s':>10} {'knot/s':>10} {'ratio':>7}   sent again")
    for window in WINDOWS:
        for number in range(rounds):
            rates, again = {}, {}
            kinds = [("watari", watari), ("knot", knot)]
            random.shuffle(kinds)
            for kind, command in kinds:
                with tempfile.TemporaryDirectory(dir=os.environ.get("PERF")) as folder:
                    port = free_port()
                    log = open(f"{folder}/log", "w")
                    process = subprocess.Popen(command(folder, port), cwd=folder, stdout=log, stderr=log)
                    try:
                        wait(port, process)
                        count = min(most, 40 * window + 400)
                        rates[kind], again[kind] = run(port, window, count, f"{kind}{number}")
                    finally:
                        process.terminate()
                        process.wait()
            print(f"{window:>8} {rates['watari']:>10.1f} {rates['knot']:>10.1f} {rates['watari'] / rates['knot']:>7.2f}   {again}", flush=True)


main()
