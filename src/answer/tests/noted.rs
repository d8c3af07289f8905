//! What is noted beside answers of zones whose plan runs.

use super::*;
use crate::answer::noted::{Asked, Handed, Kind, Told, What};
use crate::timeline::{Cap, Edition, PatchId};
use crate::zone::text::{NoInclude, load};
use crate::zone::{Change, NameHash, Patch};

const COMMON: &str = "\
$TTL 3600
@ SOA ns host 7 1 1 1 300
@ NS ns
@ MX 10 www
ns A 192.0.2.1
www A 192.0.2.10
away CNAME www.example.net.
alias CNAME www
*.w A 192.0.2.4
";

/// `apex` with a plan for `www A` that flips at second 100.
fn moving(apex: &str) -> Served {
    let apex = name(apex);
    let zone = load(apex.as_ref(), &"a.zone".into(), COMMON.as_bytes(), &NoInclude).zone.unwrap();
    let www = crate::wire::name::join(b"\x03www", apex.as_ref()).unwrap();
    let soa = zone.view().apex_node().rrset(Rtype::SOA).unwrap().first_rdata();
    let patch = |address: u8| {
        let change = |owner: &Name, rtype, rdata: &[u8]| Change {
            owner: owner.clone(),
            rtype,
            ttl: Ttl(600),
            capped: true,
            rdatas: vec![rdata.into()],
        };
        let changes = [change(&www, Rtype::A, &[192, 0, 2, address]), change(&apex, Rtype::SOA, &soa)];
        Patch::new(&zone, &changes).unwrap()
    };
    let edition = |from: i64, patch| Edition {
        from: Instant::from_unix_seconds(from),
        cap: Cap::fixed(Ttl(60)),
        patch: Some(PatchId(patch)),
        ..Edition::first(7 + from as u32)
    };
    let patches = vec![patch(10), patch(11)];
    let timeline = Timeline::new(zone, patches, Edition::first(7), vec![edition(50, 0), edition(100, 1)], None);
    Served::Zone(Arc::new(timeline.unwrap().flipping_to(Some(PatchId(1)))))
}

fn both_moving() -> Catalog {
    Catalog::default().with([moving("example.com"), moving("example.net")])
}

fn request(question: &str, rtype: Rtype) -> Vec<u8> {
    let mut request = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    request.extend_from_slice(name(question).wire());
    request.extend_from_slice(&rtype.0.to_be_bytes());
    request.extend_from_slice(&[0, 1]);
    request
}

/// What is noted of an answer at second `at`: the apex, its kind, and the labels if there are any.
fn noted(at: i64, question: &str, rtype: Rtype) -> Vec<(String, What, Vec<u8>)> {
    let (catalog, request) = (both_moving(), request(question, rtype));
    let mut answerer = Answerer::new(Identity::default());
    let mut out = [0; 1232];
    answerer.answer(&catalog, &arrival(Instant::from_unix_seconds(at), 5353), &request, &mut out);
    let of = |handed: &Handed| {
        let apexes = ["example.com", "example.net"];
        let apex = apexes.iter().find(|apex| NameHash::of(name(apex).as_ref()) == handed.apex).unwrap();
        let labels = match handed.what {
            What::Missing(_, below) => answerer.asked_labels(usize::from(below)).to_vec(),
            _ => Vec::new(),
        };
        ((*apex).to_owned(), handed.what, labels)
    };
    answerer.noted().handed().iter().map(of).collect()
}

fn one(apex: &str, what: What) -> Vec<(String, What, Vec<u8>)> {
    vec![(apex.to_owned(), what, Vec::new())]
}

#[test]
fn old_and_new_data_are_told_apart_by_the_edition() {
    assert_eq!(noted(0, "www.example.com", Rtype::A), []);
    assert_eq!(noted(50, "www.example.com", Rtype::A), one("example.com", What::Old(60)));
    assert_eq!(noted(99, "WWW.Example.Com", Rtype::A), one("example.com", What::Old(60)));
    assert_eq!(noted(100, "www.example.com", Rtype::A), one("example.com", What::New(60)));
}

#[test]
fn only_what_the_plan_flips_is_noted() {
    for (question, rtype) in [
        ("ns.example.com", Rtype::A),
        ("example.com", Rtype::SOA),
        ("www.example.com", Rtype::AAAA),
        ("x.w.example.com", Rtype::A),
        ("example.org", Rtype::A),
    ] {
        assert_eq!(noted(50, question, rtype), [], "{question} {rtype}");
    }
}

#[test]
fn old_data_leaves_behind_an_alias_and_beside_an_answer_too() {
    assert_eq!(noted(50, "alias.example.com", Rtype::A), one("example.com", What::Old(60)));
    assert_eq!(noted(50, "example.com", Rtype::MX), one("example.com", What::Old(60)));
    assert_eq!(noted(50, "away.example.com", Rtype::A), one("example.net", What::Old(60)));
    assert_eq!(noted(50, "www.example.com", Rtype::ANY), one("example.com", What::Old(60)));
}

#[test]
fn a_missing_name_is_noted_with_its_labels_once_the_plan_has_begun() {
    let missing = |question: &str, labels: &[u8]| {
        let what = What::Missing(NameHash::of(name(question).as_ref()), 2);
        vec![("example.com".to_owned(), what, labels.to_vec())]
    };
    assert_eq!(noted(0, "a.b.example.com", Rtype::A), []);
    assert_eq!(noted(50, "A.b.example.com", Rtype::A), missing("a.b.example.com", b"\x01a\x01b"));
    let question = "selector2._domainkey.example.com";
    assert_eq!(noted(100, question, Rtype::TXT), missing(question, b"\x09selector2\x0a_domainkey"));
}

/// Of each of these, asked one after the other by one answerer: how much was noted, and how often the last was repeated.
#[test]
fn what_is_asked_again_in_a_row_is_a_repeat() {
    let catalog = both_moving();
    let mut answerer = Answerer::new(Identity::default());
    let mut out = [0; 1232];
    let mut ask = |row: u64, request: &[u8]| {
        let arrival = Arrival { row, ..arrival(Instant::from_unix_seconds(60), 5353) };
        answerer.answer(&catalog, &arrival, request, &mut out);
        let told = (answerer.noted().handed().len(), answerer.take_repeats());
        answerer.forget_handed();
        told
    };
    let (noted, repeated, neither) = ((1, 0), (0, 1), (0, 0));
    let www = request("www.example.com", Rtype::A);
    assert_eq!([(); 2].map(|()| ask(Arrival::NO_ROW, &www)), [noted; 2], "none is in a row");
    assert_eq!([(); 3].map(|()| ask(1, &www)), [noted, repeated, repeated]);
    assert_eq!(ask(2, &www), noted, "another row");
    let mut with_opt = www.clone();
    with_opt[11] = 1;
    with_opt.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    assert_eq!([(); 2].map(|()| ask(2, &with_opt)), [noted, repeated], "another size");
    let text = request("www.example.com", Rtype::TXT);
    assert_eq!(
        [&text, &text, &with_opt].map(|request| ask(2, request)),
        [neither, neither, repeated],
        "nothing between"
    );
    let missing = request("a.example.net", Rtype::A);
    assert_eq!([(); 2].map(|()| ask(2, &missing)), [noted, repeated], "a missing name");
    assert_eq!(ask(2, &request("b.example.net", Rtype::A)), noted, "another missing name");
    let away = request("away.example.com", Rtype::A);
    assert_eq!([(); 2].map(|()| ask(2, &away)), [noted; 2], "into another zone");
    assert_eq!(ask(2, &request("b.example.net", Rtype::A)), noted, "another zone between");
    assert_eq!(ask(3, &request("b.example.net", Rtype::A)), noted, "another row");
}

/// Whatever was noted before, the kind is that of the last answer, and says what its header says.
#[test]
fn the_kind_is_that_of_the_last_answer() {
    let catalog = catalog();
    let mut answerer = Answerer::new(Identity::default());
    let mut out = [0; 1232];
    let mut told = |request: &[u8]| -> Told {
        answerer.answer(&catalog, &arrival(Instant::MIN, 5353), request, &mut out);
        Kind::told(answerer.noted().kind.number())
    };
    let question = |qtype: u8| [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0][..], &[qtype, 0, 1]].concat();
    let refused = told(&question(1));
    assert_eq!((refused.asked, refused.rcode), (Asked::Type(Rtype::A), Some(Rcode::REFUSED)));
    assert_eq!(told(&[0; 5]).rcode, None);
    let malformed = told(&[0; 12]);
    assert_eq!((malformed.asked, malformed.rcode), (Asked::Nothing, Some(Rcode::FORMERR)));
    let mut with_opt = question(28);
    with_opt[11] = 1;
    with_opt.extend([0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    let told = told(&with_opt);
    assert!(told.edns && told.dnssec_ok && !told.truncated);
}
