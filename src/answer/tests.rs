//! Answers over small zones, by the section of the RFC that asks for them.
#![allow(clippy::unwrap_used)]
mod caps;
mod noted;

use std::net::Ipv4Addr;
use std::sync::Arc;

use hickory_proto::op::Message;

use super::*;
use crate::timeline::Timeline;
use crate::wire::{Name, Rtype};
use crate::zone::{Ttl, ZoneBuilder};

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

fn catalog() -> Catalog {
    let mut builder = ZoneBuilder::new(name("example.com").as_ref());
    let mut add =
        |owner: &str, rtype, rdata: &[u8]| builder.add(name(owner).as_ref(), rtype, Ttl(3600), rdata).unwrap();
    let mut soa = [name("ns1.example.com").wire(), name("host.example.com").wire()].concat();
    soa.extend([7u32, 1, 1, 1, 300].iter().flat_map(|value| value.to_be_bytes()));
    add("example.com", Rtype::SOA, &soa);
    add("example.com", Rtype::NS, name("ns1.example.com").wire());
    add("ns1.example.com", Rtype::A, &[192, 0, 2, 1]);
    add("www.example.com", Rtype::CNAME, name("a.w.example.com").wire());
    add("*.w.example.com", Rtype::A, &[192, 0, 2, 2]);
    add("sub.example.com", Rtype::NS, name("ns.sub.example.com").wire());
    add("ns.sub.example.com", Rtype::A, &[192, 0, 2, 3]);
    add("d.example.com", Rtype::DNAME, name("w.example.com").wire());
    Catalog::default().with([Served::Zone(Arc::new(Timeline::fixed(builder.finish().unwrap().0)))])
}

fn ask(question: &str, rtype: Rtype) -> String {
    ask_of(&catalog(), question, rtype)
}

/// A datagram from this host.
fn arrival(now: Instant, port: u16) -> Arrival {
    Arrival { now, peer: (Ipv4Addr::LOCALHOST, port).into(), transport: Transport::Udp, row: Arrival::NO_ROW }
}

fn ask_of(catalog: &Catalog, question: &str, rtype: Rtype) -> String {
    let mut request = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    request.extend_from_slice(name(question).wire());
    request.extend_from_slice(&rtype.0.to_be_bytes());
    request.extend_from_slice(&[0, 1]);
    let mut out = [0; 1232];
    let mut answerer = Answerer::new(Identity::default());
    let len = answerer.answer(catalog, &arrival(Instant::MIN, 5353), &request, &mut out);
    let message = Message::from_vec(&out[..len]).unwrap();
    let section = |records: &[hickory_proto::rr::Record]| {
        records
            .iter()
            .map(|r| format!("{} {} {} {}", r.name, r.ttl, r.record_type(), r.data))
            .collect::<Vec<_>>()
            .join("|")
    };
    let metadata = &message.metadata;
    format!(
        "{:?}{} [{}] [{}] [{}]",
        metadata.response_code,
        if metadata.authoritative { " aa" } else { "" },
        section(&message.answers),
        section(&message.authorities),
        section(&message.additionals)
    )
}

#[test]
fn each_kind_of_answer_has_its_sections() {
    let soa = "example.com. 300 SOA ns1.example.com. host.example.com. 7 1 1 1 300";
    assert_eq!(
        ask("example.com", Rtype::NS),
        "NoError aa [example.com. 3600 NS ns1.example.com.] [] [ns1.example.com. 3600 A 192.0.2.1]"
    );
    assert_eq!(
        ask("nx.eXample.com", Rtype::A),
        format!("NXDomain aa [] [{}] []", soa.replacen("example", "eXample", 3))
    );
    assert_eq!(ask("w.example.com", Rtype::A), format!("NoError aa [] [{soa}] []"));
    assert_eq!(
        ask("www.example.com", Rtype::A),
        "NoError aa [www.example.com. 3600 CNAME a.w.example.com.|a.w.example.com. 3600 A 192.0.2.2] [] []"
    );
    assert_eq!(
        ask("x.sub.example.com", Rtype::A),
        "NoError [] [sub.example.com. 3600 NS ns.sub.example.com.] [ns.sub.example.com. 3600 A 192.0.2.3]"
    );
    assert_eq!(
        ask("x.d.example.com", Rtype::A),
        "NoError aa [d.example.com. 3600 DNAME AXcHZXhhbXBsZQNjb20A|x.d.example.com. 3600 CNAME x.w.example.com.\
         |x.w.example.com. 3600 A 192.0.2.2] [] []"
    );
    assert_eq!(ask("example.org", Rtype::A), "Refused [] [] []");
}

#[test]
fn a_server_that_has_not_looked_refuses_nothing() {
    assert_eq!(ask_of(&Catalog::unread(), "example.com", Rtype::A), "ServFail [] [] []");
    assert_eq!(ask_of(&Catalog::unread().with([]), "example.com", Rtype::A), "Refused [] [] []");
}
