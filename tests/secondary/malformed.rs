//! Primaries that say what they should not: each is told of in one line, and what is served stays.

use crate::ours;
use crate::scripted::{self, Said, Script, record, soa, zone};
use crate::support::client;
use crate::support::message::rcode;
use crate::support::peer::free_address;
use crate::support::query::Query;

const SOA: u16 = 6;
const TIMES: &str = "1 1 86400";

/// A transfer of serial `serial` with these records after the first.
fn say(serial: u32, records: Vec<Vec<u8>>) -> Script {
    let records = [vec![soa(serial, TIMES)], records].concat();
    Script::Say { serial, messages: vec![Said { records, ..Said::default() }] }
}

/// A whole zone in one message, with a fault.
fn faulty(serial: u32, fault: impl FnOnce(&mut Said)) -> Script {
    let mut records = zone(serial, TIMES);
    records.push(records[0].clone());
    let mut said = Said { records, ..Said::default() };
    fault(&mut said);
    Script::Say { serial, messages: vec![said] }
}

#[test]
fn each_fault_is_told_and_nothing_is_lost() {
    let address = free_address();
    let primary = scripted::start(Script::zone(&zone(10, TIMES)));
    let secondary = primary.named() + "records-max = 2000\n";
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &secondary);
    ours.until("it is served", |_| ours::serial(address) == Some(10));
    let txt = || record("x.a.example", 16, b"\x01x");
    let rest = |serial| zone(serial, TIMES)[1..].to_vec();
    let ends = |serial| soa(serial, TIMES);
    let many = Said { records: vec![txt(); 100], ..Said::default() };
    let first = Said { records: vec![soa(11, TIMES), txt()], ..Said::default() };
    let cases: Vec<(Script, &str)> = vec![
        (faulty(11, |said| said.id = 1), "it has another id"),
        (faulty(11, |said| said.question = Some("b.example")), "the answer is to a question about b.example."),
        (faulty(11, |said| said.rcode = 9), "it says NOTAUTH"),
        (faulty(11, |said| said.cut = 10), "it closes without an answer"),
        (faulty(11, |said| said.records.truncate(2)), "the SOA record at its end is missing"),
        (faulty(11, |said| said.records.push(txt())), "there are records behind its end"),
        (
            faulty(11, |said| said.records[0] = record("b.example", 6, &[0; 22])),
            "it is a transfer of another zone, b.example.",
        ),
        (faulty(11, |said| said.records[0] = txt()), "it begins with a TXT record, and not with the SOA record"),
        (
            faulty(11, |said| said.records[2] = record("x.a.example", 1, &[1, 2, 3])),
            "the A record of x.a.example. is malformed",
        ),
        (faulty(11, |said| said.records.clear()), "a message holds no record"),
        (say(11, [rest(11), vec![ends(12)]].concat()), "it ends with another SOA record than it began with"),
        // Differences that are none of what is there; and as a whole it is none either.
        (say(11, vec![ends(9), txt(), ends(11), ends(11)]), "the differences are from serial 9, and we have 10"),
        (say(11, vec![ends(10), ends(9)]), "serial 9 does not follow 10 in the differences"),
        (say(9, rest(9)), "has serial 9, which is not above our 10; nothing is taken from it"),
        (say(11, vec![txt(), ends(11)]), "the zone that it sends contradicts itself"),
        (Script::Endless { serial: 11, first, again: many }, "it is of more than 2000 records"),
    ];
    for (script, said) in cases {
        let before = ours.log().len();
        primary.say(script);
        ours.until(said, |ours| ours.log()[before..].contains(said));
        assert_eq!(ours::serial(address), Some(10), "{said}");
        assert_eq!(ours::records(address).len(), 3, "{said}");
    }
    let (_, told) = ours.command(&["status", "a.example"]);
    assert!(told.contains("serial 10;") && told.contains("the last time in vain"), "{told}");
    // As soon as it says what it should, it is followed.
    primary.say(Script::zone(&zone(12, TIMES)));
    ours.until("it is followed", |_| ours::serial(address) == Some(12));
    let (_, told) = ours.command(&["status", "a.example"]);
    assert!(!told.contains("in vain"), "{told}");
}

#[test]
fn a_second_primary_is_asked_when_the_first_does_not_answer() {
    let address = free_address();
    let (silent, other) = (scripted::start(Script::Silence), scripted::start(Script::zone(&zone(3, TIMES))));
    let secondary = format!(
        "primaries = [\"{}\", \"{}\"]\nrefresh-max = \"1s\"\ntime-max = \"1s\"\n",
        silent.address, other.address
    );
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &secondary);
    ours.until("it is served", |_| ours::serial(address) == Some(3));
    ours.until_said(&format!("from {}", other.address));
}

#[test]
fn notify_is_heard_from_primaries_alone() {
    let address = free_address();
    let primary = scripted::start(Script::zone(&zone(1, "3600 3600 86400")));
    let named = format!("primaries = [\"{}\"]\n", primary.address);
    let mut ours = ours::start(tempfile::tempdir().unwrap(), address, &named);
    ours.write("b.example.zone", "$TTL 60\n@ SOA ns h 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\n");
    // Nobody is at 127.0.0.9 who could be asked; but it is from there that one may be told.
    ours.write("c.example.secondary.toml", "primaries = [\"127.0.0.9:9\"]\n");
    ours.until("all are there", |ours| {
        ours::serial(address) == Some(1)
            && ours.status("b.example") == "NOERROR"
            && ours.status("c.example") == "SERVFAIL"
    });
    let notify = |name: &str, rtype: u16| {
        let notice = Query { flags: 0x2400, ..Query::new(name, rtype) };
        client::ask(address, &notice.bytes(3)).expect("an answer").rcode
    };
    assert_eq!(notify("b.example", SOA), rcode::NOTAUTH);
    assert_eq!(notify("none.example", SOA), rcode::NOTAUTH);
    assert_eq!(notify("c.example", SOA), rcode::REFUSED);
    assert_eq!(notify("a.example", 1), rcode::NOTIMP);
    primary.say(Script::zone(&zone(2, "3600 3600 86400")));
    assert_eq!(notify("a.example", SOA), rcode::NOERROR);
    ours.until("it is followed", |_| ours::serial(address) == Some(2));
    // A flood of them costs a few questions.
    let before = ours.log().len();
    for _ in 0..300 {
        assert_eq!(notify("a.example", SOA), rcode::NOERROR);
    }
    primary.say(Script::zone(&zone(3, "3600 3600 86400")));
    assert_eq!(notify("a.example", SOA), rcode::NOERROR);
    ours.until("it is followed", |_| ours::serial(address) == Some(3));
    assert!(ours.log().len() - before < 10_000, "{}", ours.log());
}
