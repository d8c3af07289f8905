//! Tests by section of the RFCs: zones as text, a question on the wire, the answer read by
//! hickory-proto. No sockets; the clock is a constant.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod rfc1034;
mod rfc2181;
mod rfc2308;
mod rfc3597;
mod rfc4592;
mod rfc5001;
mod rfc6672;
mod rfc6891;
mod rfc8482;
mod rfc8906;
mod rfc8945;
mod rfc9460;
mod rfc9471;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use watari::answer::{Answerer, Arrival, Catalog, Identity, Served, Transport};
use watari::clock::Instant;
use watari::timeline::Timeline;
use watari::wire::Name;
use watari::zone::text::{NoInclude, load};

use support::message::{name_to_text, type_from_text};
use support::query::Query;

/// The answer engine over some zones.
struct Server {
    answerer: Answerer,
    catalog: Catalog,
}

/// A server of `zones`: each its apex and its text.
fn serve(zones: &[(&str, &str)]) -> Server {
    let served = zones.iter().map(|(apex, text)| {
        let name = Name::from_text(apex).unwrap();
        let loaded = load(name.as_ref(), &Arc::from(*apex), text.as_bytes(), &NoInclude);
        let faults = loaded.diagnostics;
        Served::Zone(Arc::new(Timeline::fixed(loaded.zone.unwrap_or_else(|| panic!("{apex}: {faults:#?}")))))
    });
    Server { answerer: Answerer::new(Identity::default()), catalog: Catalog::default().with(served) }
}

impl Server {
    /// Says who it is.
    fn identity(mut self, version: &str, id: &str) -> Server {
        let identity = Identity { version: Some(version.to_owned()), id: Some(id.to_owned()) };
        self.answerer = Answerer::new(identity);
        self
    }

    /// The octets that answer `request`.
    fn octets(&mut self, transport: Transport, request: &[u8]) -> Vec<u8> {
        let mut out = vec![0; if transport == Transport::Udp { 1232 } else { 65535 }];
        let now = Instant::from_unix_seconds(1_790_000_000);
        let arrival = Arrival { now, peer: (Ipv4Addr::LOCALHOST, 5353).into(), transport, row: Arrival::NO_ROW };
        let length = self.answerer.answer(&self.catalog, &arrival, request, &mut out);
        out.truncate(length);
        out
    }

    /// What is said to `question`: a name, a type, and perhaps `edns`, `edns=SIZE`, `do`, `tcp`, `rd`, `cd`, `ad`.
    fn ask(&mut self, question: &str) -> Said {
        let mut words = question.split_whitespace();
        let mut query = Query::new(words.next().unwrap(), type_from_text(words.next().unwrap()));
        let mut transport = Transport::Udp;
        for word in words {
            match word {
                "edns" => query = query.edns(1232, false),
                "do" => query = query.edns(1232, true),
                "tcp" => transport = Transport::Tcp { keepalive: Duration::from_secs(10) },
                "rd" => query.flags |= 0x100,
                "ad" => query.flags |= 0x20,
                "cd" => query.flags |= 0x10,
                "ch" => query.class = 3,
                _ => query = query.edns(word.strip_prefix("edns=").unwrap().parse().unwrap(), false),
            }
        }
        let octets = self.octets(transport, &query.bytes(4711));
        Said::read(octets)
    }
}

/// An answer.
struct Said {
    octets: Vec<u8>,
    message: Message,
}

impl Said {
    fn read(octets: Vec<u8>) -> Said {
        let message = Message::from_vec(&octets).expect("hickory-proto reads the answer");
        Said { octets, message }
    }

    /// The code and the flags that are set, then a line for each record: its section and itself.
    fn text(&self) -> String {
        let metadata = &self.message.metadata;
        let mut text = format!("{:?}", metadata.response_code).to_ascii_uppercase();
        let flags = [
            (metadata.authoritative, " aa"),
            (metadata.truncation, " tc"),
            (metadata.recursion_desired, " rd"),
            (metadata.recursion_available, " ra"),
            (metadata.authentic_data, " ad"),
            (metadata.checking_disabled, " cd"),
        ];
        for (_, name) in flags.iter().filter(|(set, _)| *set) {
            text.push_str(name);
        }
        for (section, records) in [
            ("answer", &self.message.answers),
            ("authority", &self.message.authorities),
            ("additional", &self.message.additionals),
        ] {
            for record in records {
                let _ = write!(text, "\n{section} {}", show(record));
            }
        }
        text
    }

    /// The answer is this; blanks at the lines' ends don't count.
    #[track_caller]
    fn is(&self, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(self.text(), expected.join("\n"));
    }

    /// The first line of [`Said::text`].
    fn head(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// The lines of one section.
    fn section(&self, section: &str) -> Vec<String> {
        let prefix = format!("{section} ");
        self.text().lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }
}

fn show(record: &Record) -> String {
    let data = match &record.data {
        // hickory-proto has no DNAME.
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => name_to_text(&rdata.anything),
        data => data.to_string(),
    };
    format!("{} {} {} {data}", record.name, record.ttl, record.record_type())
}
