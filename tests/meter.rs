//! What the server says it has handed out, beside what it was asked: over `watari status`, and to Prometheus.
//!
//! The program itself over real sockets, asked from several networks of the loopback. A plan takes seconds here.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};

use serde_json::Value;

use support::message::{Message, rcode};
use support::query::Query;
use support::watari::{PATIENCE, Watari, write};

const A: u16 = 1;
const TXT: u16 = 16;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const OLD: [u8; 4] = [192, 0, 2, 10];
const NEW: [u8; 4] = [192, 0, 2, 11];

const ZONE: &str = "\
$TTL 4
@ SOA ns hostmaster 7 7200 3600 1209600 2
@ NS ns
ns A 192.0.2.1
www A 192.0.2.10
";

fn plan(at: i64) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap();
    format!(
        "version = 1\nat = \"{at}\"\narm = \"on-load\"\nlow_ttl = 1\nlower = \"once\"\n\n\
         [[flip]]\nname = \"www\"\ntype = \"A\"\nfrom = [\"192.0.2.10\"]\nto = [\"192.0.2.11\"]\n"
    )
}

const METRICS: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n";

/// A server that offers metrics, over these files.
fn serve(files: &[(&str, &str)]) -> Watari {
    serve_as(METRICS, files)
}

fn serve_as(configuration: &str, files: &[(&str, &str)]) -> Watari {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("watari.toml"), configuration);
    for (name, text) in files {
        write(&folder.path().join("zones").join(name), text);
    }
    Watari::start(folder, &[])
}

/// What somebody in the network 127.0.`from`.0/24 is answered.
fn ask(server: &Watari, from: u8, name: &str, rtype: u16) -> Message {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, from, 1), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = (Ipv4Addr::LOCALHOST, server.port.parse::<u16>().unwrap());
    socket.send_to(&Query::new(name, rtype).edns(1232, false).bytes(7), server).unwrap();
    let mut answer = [0; 1232];
    let length = socket.recv(&mut answer).unwrap();
    Message::parse(&answer[..length]).unwrap()
}

fn www(server: &Watari, from: u8) -> (u32, Vec<u8>) {
    let answer = ask(server, from, "www.example.com", A);
    (answer.answer[0].ttl, answer.answer[0].rdata.clone())
}

fn http(server: &Watari, request: &str) -> (u16, String) {
    let log = server.log();
    let address = log.split("metrics are at http://").nth(1).unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The samples of `/metrics`, by name and labels as they stand there.
fn metrics(server: &Watari) -> BTreeMap<String, f64> {
    let (status, text) = http(server, "GET /metrics");
    assert_eq!(status, 200, "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
    samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

fn status(server: &Watari) -> Value {
    let (ended_well, text) = server.command(&["status", "example.com", "--json"]);
    assert!(ended_well, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn status_and_metrics_tell_what_was_handed_out() {
    let at = jiff::Timestamp::now().as_second() + 12;
    let mut server = serve(&[("example.com.zone", ZONE), ("example.com.plan.toml", &plan(at))]);
    server.until("TTLs are low", |server| www(server, 0) == (1, OLD.to_vec()));
    (1..=12).for_each(|from| assert_eq!(www(&server, from).1, OLD));
    server.until("it has flipped", |server| www(server, 0).1 == NEW);
    (5..=15).for_each(|from| assert_eq!(www(&server, from).1, NEW));
    for turn in 0..40 {
        let answer = ask(&server, 1 + turn % 5, "selector2._domainkey.example.com", TXT);
        assert_eq!(answer.rcode, rcode::NXDOMAIN);
    }
    for number in 0..200 {
        ask(&server, 77, &format!("{number}.example.com"), A);
    }

    let shown = status(&server);
    let answers = &shown["answers"];
    let about = |value: &Value, from: u64, to: u64| {
        let count = value.as_u64().unwrap();
        assert!((from..=to).contains(&count), "{count} is not from {from} to {to}: {answers}");
    };
    about(&answers["old"]["networks"], 11, 14);
    about(&answers["new"]["networks"], 10, 13);
    // Nobody, 5 to 12: nine.
    about(&answers["followed"], 6, 11);
    assert_eq!(answers["old"]["last_ttl"], 1);
    let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (observed, predicted) = (instant(&answers["old"]["kept_until"]), instant(&answers["horizon"]));
    assert!(observed <= predicted, "{answers}");
    assert!(observed.as_second() >= at - 5, "{answers}");
    let missing = answers["missing"].as_array().unwrap();
    let names: Vec<_> = missing.iter().map(|missing| missing["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["selector2._domainkey"], "{answers}");
    about(&missing[0]["count"], 40, 40);
    about(&missing[0]["networks"], 3, 5);

    let (_, text) = server.command(&["status", "example.com"]);
    for said in ["old    the last left at", "with TTL 1; observed horizon", "(predicted", "fetched by ~"] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    assert!(text.contains("asked for and missing: selector2._domainkey, 40 times by ~"), "{text}");

    let samples = metrics(&server);
    let sample = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name} is not in {samples:#?}"));
    let of_plan = |name: &str| sample(&format!("watari_plan_{name}{{zone=\"example.com\"}}"));
    assert_eq!(of_plan("at_seconds"), at as f64);
    assert!(of_plan("horizon_observed_seconds") <= of_plan("horizon_predicted_seconds"));
    assert_eq!(of_plan("missing_names"), 1.0);
    assert_eq!(sample("watari_plans{state=\"armed\"}"), 1.0);
    assert!(sample("watari_plan_answers_total{zone=\"example.com\",side=\"old\"}") >= 13.0);
}

#[test]
fn every_answer_is_counted_by_type_rcode_and_transport() {
    let server = serve(&[("example.com.zone", ZONE)]);
    (0..3).for_each(|from| _ = ask(&server, from, "www.example.com", A));
    (0..2).for_each(|from| _ = ask(&server, from, "missing.example.com", TXT));
    ask(&server, 1, "example.net", 65_400);
    let address = (Ipv4Addr::LOCALHOST, server.port.parse().unwrap()).into();
    support::client::exchange_all_tcp(address, &[Query::new("www.example.com", A).bytes(1)]);

    let samples = metrics(&server);
    let expected = [
        ("watari_queries_total{type=\"A\",transport=\"udp\"}", 3.0),
        ("watari_queries_total{type=\"A\",transport=\"tcp\"}", 1.0),
        ("watari_queries_total{type=\"TXT\",transport=\"udp\"}", 2.0),
        ("watari_queries_total{type=\"other\",transport=\"udp\"}", 1.0),
        ("watari_responses_total{rcode=\"NOERROR\",transport=\"udp\"}", 3.0),
        ("watari_responses_total{rcode=\"NXDOMAIN\",transport=\"udp\"}", 2.0),
        ("watari_responses_total{rcode=\"REFUSED\",transport=\"udp\"}", 1.0),
        ("watari_edns_queries_total{dnssec_ok=\"false\",transport=\"udp\"}", 6.0),
        ("watari_zones{state=\"served\"}", 1.0),
        ("watari_zone_loads_total{outcome=\"ready\"}", 1.0),
        ("watari_reloads_total", 0.0),
        ("watari_ready", 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(samples.get(name), Some(&value), "{name} in {samples:#?}");
    }
    // The first batch is timed.
    assert!(samples["watari_batch_seconds_count"] >= 1.0);
    assert!(!samples.keys().any(|name| name.starts_with("watari_plan_")), "{samples:#?}");
}

/// A request for what has changed in example.com since `serial` (RFC 1995 § 3).
fn ixfr(serial: u32) -> Vec<u8> {
    let mut request = Query::new("example.com", IXFR).bytes(1);
    request[9] = 1;
    request.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
    request.extend(serial.to_be_bytes());
    request.extend([0; 16]);
    request
}

#[test]
fn transfers_are_counted_by_what_became_of_them() {
    let at = jiff::Timestamp::now().as_second() + 12;
    let allowed = format!("{METRICS}[transfer]\nallow = [\"127.0.0.1\"]\n");
    // Of a zone with fewer records the differences would be longer than the whole.
    let zone = (0..20).fold(ZONE.to_owned(), |zone, host| format!("{zone}host{host} A 192.0.2.1\n"));
    let mut server = serve_as(&allowed, &[("example.com.zone", &zone), ("example.com.plan.toml", &plan(at))]);
    server.until("it has flipped", |server| www(server, 0).1 == NEW);
    let address = (Ipv4Addr::LOCALHOST, server.port.parse().unwrap()).into();
    let transfer = |request: Vec<u8>| support::client::exchange_all_tcp(address, &[request]).remove(0).unwrap();
    let whole = transfer(Query::new("example.com", AXFR).bytes(1));
    // The serial of the zone's file, which differs, and one that there never was.
    for serial in [7, 1] {
        transfer(ixfr(serial));
    }
    ask(&server, 7, "example.com", AXFR);

    let samples = metrics(&server);
    let count = |rtype: &str, outcome: &str| {
        samples[&format!("watari_transfers_total{{type=\"{rtype}\",outcome=\"{outcome}\"}}")]
    };
    let counts = |rtype| ["whole", "differences", "broken", "busy", "refused"].map(|outcome| count(rtype, outcome));
    assert_eq!(counts("AXFR"), [1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(counts("IXFR"), [1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(samples["watari_transfer_octets_total{type=\"AXFR\"}"], (whole.len() + 2) as f64);
    assert!(samples["watari_transfer_octets_total{type=\"IXFR\"}"] > whole.len() as f64);
}

#[test]
fn only_what_is_offered_is_answered() {
    let server = serve(&[("example.com.zone", ZONE)]);
    assert_eq!(http(&server, "GET /healthz"), (200, "ready\n".to_owned()));
    assert_eq!(http(&server, "GET /").0, 404);
    assert_eq!(http(&server, "POST /metrics").0, 405);
}

#[test]
fn without_an_address_nothing_is_offered() {
    let server = Watari::serve(&[("example.com.zone", ZONE)]);
    assert!(!server.log().contains("metrics"), "{}", server.log());
}

/// The words in `text` that are names of metrics.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_lowercase() && character != '_');
    words.filter(|word| word.starts_with("watari_")).map(str::to_owned).collect()
}

#[test]
fn the_dashboard_and_the_page_name_the_metrics_that_there_are() {
    let server = serve(&[("example.com.zone", ZONE)]);
    let (_, text) = http(&server, "GET /metrics");
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: BTreeSet<String> = families.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let root = env!("CARGO_MANIFEST_DIR");

    let dashboard = fs::read_to_string(format!("{root}/contrib/grafana-watari.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let shown: BTreeSet<String> = targets.flat_map(|target| named(target["expr"].as_str().unwrap())).collect();
    let shown = shown.iter().map(|name| name.strip_suffix("_bucket").unwrap_or(name).to_owned()).collect();
    assert!(families.is_superset(&shown), "not offered: {:?}", shown.difference(&families));
    assert!(shown.len() > 10, "{shown:?}");

    let page = fs::read_to_string(format!("{root}/docs/metrics.md")).unwrap();
    let listed = page.lines().filter(|line| line.starts_with("| `watari_"));
    let listed: BTreeSet<String> = listed.flat_map(|line| named(line.split('|').nth(1).unwrap())).collect();
    assert_eq!(listed, families);
}
