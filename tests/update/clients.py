"""Clients of others against a server of ours: clients.py dnspython|certbot|octodns PORT SECRET. Ends with 0 if all is as it should be.

The key is "all."; the zone is a.example, of which tests/update/main.rs has the file.
"""
import sys

import dns.message, dns.name, dns.query, dns.rcode, dns.rdatatype, dns.resolver, dns.tsig, dns.tsigkeyring, dns.update, dns.zone

KIND, PORT, SECRET = sys.argv[1], int(sys.argv[2]), sys.argv[3]
HOST, ZONE, KEY = "127.0.0.1", "a.example", "all."
KEYRING = dns.tsigkeyring.from_text({KEY: SECRET})


def texts(name, rtype):
    answer = dns.query.udp(dns.message.make_query(name, rtype), HOST, port=PORT, timeout=10)
    return sorted(str(rdata) for rrset in answer.answer for rdata in rrset if rrset.rdtype == dns.rdatatype.from_text(rtype))


def with_dnspython():
    def update():
        return dns.update.UpdateMessage(ZONE, keyring=KEYRING, keyname=KEY, keyalgorithm=dns.tsig.HMAC_SHA256)

    for send in (dns.query.udp, dns.query.tcp):
        message = update()
        message.absent("new")
        message.present("www", "A")
        message.add("new", 60, "A", "192.0.2.8", "192.0.2.9")
        message.replace("www", 60, "A", "192.0.2.7")
        # The answer's signature is verified.
        assert send(message, HOST, port=PORT, timeout=10).rcode() == dns.rcode.NOERROR
        assert texts("new.a.example", "A") == ["192.0.2.8", "192.0.2.9"]
        assert texts("www.a.example", "A") == ["192.0.2.7"]
        message = update()
        message.absent("new")
        message.add("never", 60, "A", "192.0.2.8")
        assert send(message, HOST, port=PORT, timeout=10).rcode() == dns.rcode.YXDOMAIN
        message = update()
        message.delete("new", "A", "192.0.2.8")
        assert send(message, HOST, port=PORT, timeout=10).rcode() == dns.rcode.NOERROR
        zone = dns.zone.from_xfr(dns.query.xfr(HOST, ZONE, port=PORT, keyring=KEYRING, keyname=KEY, keyalgorithm=dns.tsig.HMAC_SHA256))
        assert [str(rdata) for rdata in zone.get_rdataset("new", "A")] == ["192.0.2.9"]
        assert zone.get_node("never") is None
        message = update()
        message.delete("new")
        message.replace("www", 300, "A", "192.0.2.2")
        assert send(message, HOST, port=PORT, timeout=10).rcode() == dns.rcode.NOERROR
        assert texts("new.a.example", "A") == []


def with_certbot():
    from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client

    client = _RFC2136Client(HOST, PORT, KEY, SECRET, dns.tsig.HMAC_SHA256, False)
    name = "_acme-challenge.www.a.example"
    # A certificate for a name and its wildcard: two tokens at one name.
    client.add_txt_record(name, "first", 120)
    client.add_txt_record(name, "second", 120)
    assert texts(name, "TXT") == ['"first"', '"second"'], texts(name, "TXT")
    client.del_txt_record(name, "first")
    assert texts(name, "TXT") == ['"second"']
    client.del_txt_record(name, "second")
    assert texts(name, "TXT") == []


def with_octodns():
    from octodns.record import Record
    from octodns.zone import Zone
    from octodns_bind import Rfc2136Provider

    provider = Rfc2136Provider("watari", HOST, port=PORT, key_name=KEY, key_secret=SECRET, key_algorithm="hmac-sha256")

    def sync(records):
        desired = Zone(f"{ZONE}.", [])
        for name, data in records.items():
            desired.add_record(Record.new(desired, name, data))
        plan = provider.plan(desired)
        applied = provider.apply(plan) if plan else 0
        assert provider.plan(desired) is None, "there is nothing left to do"
        return applied

    records = {
        "": {"type": "NS", "ttl": 300, "values": ["ns.a.example."]},
        "ns": {"type": "A", "ttl": 300, "value": "192.0.2.1"},
        "www": {"type": "A", "ttl": 300, "values": ["192.0.2.2", "192.0.2.3"]},
        "mail": {"type": "MX", "ttl": 600, "values": [{"preference": 10, "exchange": "www.a.example."}]},
        "alias": {"type": "CNAME", "ttl": 60, "value": "www.a.example."},
    }
    assert sync(records) == 3, "www is changed, mail and alias are new"
    assert texts("www.a.example", "A") == ["192.0.2.2", "192.0.2.3"]
    assert texts("mail.a.example", "MX") == ["10 www.a.example."]
    del records["alias"]
    records["www"]["values"] = ["192.0.2.4"]
    assert sync(records) == 2
    assert texts("www.a.example", "A") == ["192.0.2.4"] and texts("alias.a.example", "CNAME") == []


{"dnspython": with_dnspython, "certbot": with_certbot, "octodns": with_octodns}[KIND]()
