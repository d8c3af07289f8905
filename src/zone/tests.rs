//! Zones built, read, patched and looked up in.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::wire::{Name, Rtype};

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn soa_rdata(serial: u32) -> Vec<u8> {
    let mut rdata = [name("ns1.example.com").wire(), name("hostmaster.example.com").wire()].concat();
    for value in [serial, 7200, 3600, 1_209_600, 300] {
        rdata.extend_from_slice(&value.to_be_bytes());
    }
    rdata
}

fn mx(preference: u16, target: &str) -> Vec<u8> {
    [&preference.to_be_bytes()[..], name(target).wire()].concat()
}

fn example() -> Zone {
    let mut builder = ZoneBuilder::new(name("example.com").as_ref());
    let mut add =
        |owner: &str, rtype, rdata: &[u8]| builder.add(name(owner).as_ref(), rtype, Ttl(3600), rdata).unwrap();
    add("example.com", Rtype::SOA, &soa_rdata(7));
    add("example.com", Rtype::NS, name("ns1.example.com").wire());
    add("example.com", Rtype::NS, name("NS2.Example.com").wire());
    add("example.com", Rtype::NS, name("ns1.hoster.example").wire());
    add("example.com", Rtype::NS, name("ns2.hoster.example").wire());
    add("example.com", Rtype::MX, &mx(10, "Mail.example.com"));
    add("ns1.example.com", Rtype::A, &[192, 0, 2, 1]);
    add("Mail.example.com", Rtype::A, &[192, 0, 2, 2]);
    add("a.b.c.example.com", Rtype::A, &[192, 0, 2, 3]);
    add("*.w.example.com", Rtype::MX, &mx(5, "sub.*.w.example.com"));
    add("sub.example.com", Rtype::NS, name("ns.sub.example.com").wire());
    add("ns.sub.example.com", Rtype::A, &[192, 0, 2, 4]);
    add("d.example.com", Rtype::DNAME, name("other.example").wire());
    builder.finish().unwrap().0
}

fn looked_up<'a>(view: View<'a>, text: &str) -> Lookup<'a> {
    let mut suffixes = Suffixes::new();
    suffixes.set(name(text).wire()).unwrap();
    view.look_up(&suffixes)
}

#[test]
fn what_was_added_is_read_back() {
    let zone = example();
    let apex = zone.find(name("EXAMPLE.com").as_ref()).unwrap();
    let ns: Vec<_> = apex.rrset(Rtype::NS).unwrap().rdatas().collect();
    let expected = ["ns1.example.com", "NS2.Example.com", "ns1.hoster.example", "ns2.hoster.example"];
    assert_eq!(ns, expected.map(|text| name(text).wire().to_vec()));
    assert_eq!(apex.rrset(Rtype::MX).unwrap().first_rdata(), mx(10, "Mail.example.com"));
    assert_eq!(apex.rrset(Rtype::SOA).unwrap().first_rdata(), soa_rdata(7));
    assert_eq!(zone.find(name("mail.example.com").as_ref()).unwrap().name().wire(), name("Mail.example.com").wire());
    assert_eq!((zone.serial(), zone.negative_ttl(), zone.record_count()), (7, Ttl(300), 13));
}

#[test]
fn look_ups_find_what_rfc1034_says() {
    let zone = example();
    let view = zone.view();
    assert!(matches!(looked_up(view, "mail.example.com"), Lookup::Found(node) if !node.is_empty_non_terminal()));
    assert!(matches!(looked_up(view, "b.c.example.com"), Lookup::Found(node) if node.is_empty_non_terminal()));
    assert!(matches!(looked_up(view, "x.c.example.com"), Lookup::Missing { skipped: 1 }));
    assert!(matches!(looked_up(view, "x.y.z.v.u.example.com"), Lookup::Missing { skipped: 5 }));
    assert!(matches!(looked_up(view, "x.y.w.example.com"), Lookup::Wildcard { skipped: 2, .. }));
    assert!(matches!(looked_up(view, "sub.example.com"), Lookup::Delegated { skipped: 0, .. }));
    assert!(matches!(looked_up(view, "ns.sub.example.com"), Lookup::Delegated { skipped: 1, .. }));
    assert!(matches!(looked_up(view, "x.y.sub.example.com"), Lookup::Delegated { skipped: 2, .. }));
    assert!(matches!(looked_up(view, "x.d.example.com"), Lookup::Redirected { skipped: 1, .. }));
    assert!(matches!(looked_up(view, "d.example.com"), Lookup::Found(_)));
}

#[test]
fn a_patch_is_the_zone_rebuilt() {
    let zone = example();
    let change = |owner: &str, rtype, rdatas: &[&[u8]]| Change {
        owner: name(owner),
        rtype,
        ttl: Ttl(60),
        capped: false,
        rdatas: rdatas.iter().map(|&rdata| rdata.into()).collect(),
    };
    let changes = [
        change("Mail.example.com", Rtype::A, &[&[198, 51, 100, 1], &[198, 51, 100, 2]]),
        change("a.b.c.example.com", Rtype::A, &[]),
        change("x.y.example.com", Rtype::A, &[&[198, 51, 100, 3]]),
        change("*.example.com", Rtype::A, &[&[198, 51, 100, 4]]),
        change("*.w.example.com", Rtype::MX, &[]),
        change("example.com", Rtype::SOA, &[&soa_rdata(8)]),
    ];
    let patch = Patch::new(&zone, &changes).unwrap();
    let rebuilt = zone.rebuilt(&changes).unwrap();
    let patched = View::new(&zone, Some(&patch), 8);
    let listed = |view: View<'_>| -> Vec<String> {
        view.nodes_in_order()
            .flat_map(|node| {
                let rrsets = node.rrsets().map(|r| format!("{:?} {:?}", r.rtype(), r.rdatas().collect::<Vec<_>>()));
                std::iter::once(node.name().to_string()).chain(rrsets).collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(listed(patched), listed(rebuilt.view()));
    assert!(matches!(looked_up(patched, "c.example.com"), Lookup::Wildcard { skipped: 1, .. }));
    assert!(matches!(looked_up(patched, "q.y.example.com"), Lookup::Missing { skipped: 1 }));
    assert!(matches!(looked_up(patched, "q.w.example.com"), Lookup::Wildcard { skipped: 2, .. }));
    assert!(patch.size() < 1500, "{}", patch.size());
    let cut = change("new.example.com", Rtype::NS, &[name("ns1.example.com").wire()]);
    assert!(matches!(Patch::new(&zone, &[cut]), Err(PatchError::Structure { .. })));
}

/// The TTLs of `count` records whose first begins at `at`, behind an owner of `owner` octets.
fn written_ttls(message: &[u8], mut at: usize, owner: usize, count: usize) -> Vec<u32> {
    let mut ttls = Vec::new();
    at += owner;
    for _ in 0..count {
        ttls.push(u32::from_be_bytes(message[at + 4..at + 8].try_into().unwrap()));
        // The next record's owner is a pointer.
        at += 10 + usize::from(u16::from_be_bytes([message[at + 8], message[at + 9]])) + 2;
    }
    ttls
}

#[test]
fn the_bit_that_says_capped_is_never_written() {
    let zone = example();
    let capped = |owner: &str, rtype, ttl| {
        let rdatas = zone.find(name(owner).as_ref()).unwrap().rrset(rtype).unwrap().rdatas();
        Change { owner: name(owner), rtype, ttl, capped: true, rdatas: rdatas.map(Into::into).collect() }
    };
    for stored in [Ttl(3600), Ttl::MAX, Ttl(u32::MAX)] {
        let changes = [capped("example.com", Rtype::NS, stored), capped("d.example.com", Rtype::DNAME, stored)];
        let patch = Patch::new(&zone, &changes).unwrap();
        let open = View::new(&zone, Some(&patch), 8);
        for (view, ttl) in
            [(open, stored.min(Ttl::MAX)), (open.capped(Ttl(60)), Ttl(60)), (open.capped(stored), stored)]
        {
            let ttl = ttl.min(Ttl::MAX);
            let ns = view.find(name("example.com").as_ref()).unwrap().rrset(Rtype::NS).unwrap();
            assert_eq!((ns.len(), ns.ttl()), (4, ttl));
            let mut message = vec![0; 0x4200];
            // Under the question's name, under another one, and where pointers can't reach.
            for (at, owner) in [(29, 12), (300, 40), (0x3ff0, 12), (0x4100, 12)] {
                ns.write(&mut message, at, owner, 12).unwrap();
                assert_eq!(written_ttls(&message, at, 2, 4), [ttl.0; 4], "at {at}");
            }
            let dname = view.find(name("d.example.com").as_ref()).unwrap().rrset(Rtype::DNAME).unwrap();
            dname.write_with_owner(&mut message, 400, 12).unwrap();
            assert_eq!(written_ttls(&message, 400, 4, 1), [ttl.0]);
        }
    }
}

#[test]
fn rfc8767_4_a_ttl_of_more_than_31_bits_is_long_and_not_capped() {
    let mut builder = ZoneBuilder::new(name("example.com").as_ref());
    builder.add(name("example.com").as_ref(), Rtype::SOA, Ttl(u32::MAX), &soa_rdata(7)).unwrap();
    let zone = builder.finish().unwrap().0;
    let soa = |view: View<'_>| view.apex_node().rrset(Rtype::SOA).unwrap().ttl();
    assert_eq!((soa(zone.view()), soa(zone.view().capped(Ttl(60)))), (Ttl::MAX, Ttl::MAX));
    let change = |capped| {
        let rdatas = vec![soa_rdata(7).into()];
        Change { owner: name("example.com"), rtype: Rtype::SOA, ttl: Ttl(u32::MAX), capped, rdatas }
    };
    let patch = |capped| Patch::new(&zone, &[change(capped)]).unwrap();
    assert_eq!(soa(View::new(&zone, Some(&patch(false)), 7).capped(Ttl(60))), Ttl::MAX);
    assert_eq!(soa(View::new(&zone, Some(&patch(true)), 7).capped(Ttl(60))), Ttl(60));
    assert_eq!(soa(zone.rebuilt(&[change(true)]).unwrap().view().capped(Ttl(60))), Ttl::MAX);
}

#[test]
fn rfc2181_5_ttls_that_differ_and_duplicates_are_mended_and_told() {
    let mut builder = ZoneBuilder::new(name("example.com").as_ref());
    let mut add =
        |owner: &str, rtype, ttl, rdata: &[u8]| builder.add(name(owner).as_ref(), rtype, Ttl(ttl), rdata).unwrap();
    add("example.com", Rtype::SOA, 60, &soa_rdata(7));
    add("a.example.com", Rtype::NS, 60, name("x.example").wire());
    add("a.example.com", Rtype::NS, 30, name("X.example").wire());
    let (zone, remarks) = builder.finish().unwrap();
    assert_eq!(remarks.len(), 2);
    let ns = zone.find(name("a.example.com").as_ref()).unwrap().rrset(Rtype::NS).unwrap();
    assert_eq!((ns.len(), ns.ttl(), zone.negative_ttl()), (1, Ttl(30), Ttl(60)));
}

#[test]
fn faulty_records_are_refused() {
    let mut builder = ZoneBuilder::new(name("example.com").as_ref());
    assert_eq!(builder.add(name("example.org").as_ref(), Rtype::A, Ttl(1), &[1, 2, 3, 4]), Err(AddError::OutOfZone));
    assert_eq!(builder.add(name("com").as_ref(), Rtype::A, Ttl(1), &[1, 2, 3, 4]), Err(AddError::OutOfZone));
    assert!(matches!(
        builder.add(name("example.com").as_ref(), Rtype::A, Ttl(1), &[1]),
        Err(AddError::MalformedRdata(_))
    ));
    assert!(matches!(builder.finish(), Err(BuildError::NoSoa { .. })));
}
