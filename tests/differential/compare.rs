//! What two servers said, compared; and what is wrong in an answer by itself.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::Message as HickoryMessage;

use super::case::Case;
use crate::support::message::{Message, Record, name_to_text, show_record, type_to_text};

/// What became of a question.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Nothing was said.
    Silence,
    /// Octets that are not a message.
    Malformed(&'static str),
    /// An answer, and its octets.
    Answer(Box<Message>, Vec<u8>),
}

impl Outcome {
    /// What `answer` is.
    pub(crate) fn of(answer: Option<Vec<u8>>) -> Outcome {
        let Some(bytes) = answer else { return Outcome::Silence };
        match Message::parse(&bytes) {
            Ok(message) => Outcome::Answer(Box::new(message), bytes),
            Err(reason) => Outcome::Malformed(reason),
        }
    }

    /// The answer, if there is one.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Outcome::Answer(message, _) => Some(message),
            _ => None,
        }
    }

    /// As a person would read it.
    pub(crate) fn show(&self) -> String {
        match self {
            Outcome::Silence => "    silence\n".to_owned(),
            Outcome::Malformed(reason) => format!("    malformed: {reason}\n"),
            Outcome::Answer(message, _) => message.show(),
        }
    }

    /// What the answer is about, in the words of `known.toml`.
    pub(crate) fn shapes(&self, zones: &[Vec<u8>]) -> Vec<&'static str> {
        let Some(message) = self.message() else { return vec!["silence"] };
        let has = |section: &[Record], rtype| section.iter().any(|record| record.rtype == rtype);
        let mut shapes = Vec::new();
        let aliases = || message.answer.iter().filter(|record| record.rtype == 5);
        let ends_in_loop = aliases().any(|alias| aliases().any(|other| other.owner == alias.rdata))
            && aliases().all(|alias| message.answer.iter().any(|record| record.owner == alias.rdata));
        let others = chain(&message.answer).iter().filter(|(_, rtype)| *rtype != 39).count();
        if (ends_in_loop && aliases().count() == others) || aliases().count() >= ENDLESS {
            shapes.push("endless");
        }
        if aliases().any(|alias| zone_of(&alias.owner, zones) != zone_of(&alias.rdata, zones)) {
            shapes.push("crosses");
        }
        if has(&message.answer, 39) {
            shapes.push("dname");
        }
        if has(&message.answer, 5) {
            shapes.push("cname");
        }
        if !message.answer.is_empty() {
            shapes.push("answer");
        }
        if message.rcode == 3 {
            shapes.push("nxdomain");
        }
        if has(&message.authority, 2) && !has(&message.authority, 6) {
            shapes.push("referral");
        }
        if message.rcode == 0 && message.answer.is_empty() && has(&message.authority, 6) {
            shapes.push("nodata");
        }
        if message.tc {
            shapes.push("truncated");
        }
        shapes
    }
}

/// So many aliases are a loop, or a chain that is too long for some.
const ENDLESS: usize = 8;

/// How many octets compression may save.
const TC_MARGIN: usize = 100;

/// The zone that `name` belongs to.
fn zone_of<'a>(name: &[u8], zones: &'a [Vec<u8>]) -> Option<&'a [u8]> {
    let mut rest = name;
    while let Some(&length) = rest.first() {
        if let Some(zone) = zones.iter().find(|zone| zone.as_slice() == rest) {
            return Some(zone);
        }
        rest = &rest[1 + usize::from(length)..];
    }
    None
}

/// One thing in which theirs is not ours.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// `rcode`, `aa`, `answer-missing` (they have it, we have not), `answer-extra` (we have it), …
    pub(crate) kind: String,
    /// The type of the record it is about; 0 if none.
    pub(crate) rtype: u16,
    /// The owner of that record; empty if none.
    pub(crate) owner: String,
    /// For a person.
    pub(crate) detail: String,
}

fn difference(kind: impl Into<String>, rtype: u16, detail: impl Into<String>) -> Difference {
    Difference { kind: kind.into(), rtype, owner: String::new(), detail: detail.into() }
}

fn of_record(section: &str, kind: &str, key: &RrsetKey<'_>) -> Difference {
    let owner = name_to_text(key.0);
    let detail = format!("{owner} {}", type_to_text(key.1));
    Difference { kind: format!("{section}-{kind}"), rtype: key.1, owner, detail }
}

/// In what `theirs` differs from `ours`.
pub(crate) fn differences(size_max: usize, ours: &Outcome, theirs: &Outcome) -> Vec<Difference> {
    let (ours, theirs) = match (ours, theirs) {
        (Outcome::Answer(ours, _), Outcome::Answer(theirs, _)) => (ours, theirs),
        (Outcome::Silence, Outcome::Silence) => return Vec::new(),
        (Outcome::Silence, _) => return vec![difference("silence", 0, "we say nothing")],
        (_, Outcome::Silence) => return vec![difference("speech", 0, "they say nothing")],
        _ => return vec![difference("malformed", 0, "one of the two is malformed")],
    };
    let mut found = Vec::new();
    let mut same = |kind: &str, ours: u64, theirs: u64| {
        if ours != theirs {
            found.push(difference(kind, 0, format!("{ours}, they: {theirs}")));
        }
    };
    // The end of a chain decides the code, and what is truncated may not have come to it.
    same(if ours.tc { "rcode-truncated" } else { "rcode" }, ours.rcode.into(), theirs.rcode.into());
    same("opcode", ours.opcode.into(), theirs.opcode.into());
    same("aa", ours.aa.into(), theirs.aa.into());
    // Names are compressed more or less: what just fits for one does not for the other.
    let whole = if ours.tc { theirs } else { ours };
    let near = whole.length + TC_MARGIN > size_max;
    same(if near { "tc-near" } else { "tc" }, ours.tc.into(), theirs.tc.into());
    same("rd", ours.rd.into(), theirs.rd.into());
    same("ra", ours.ra.into(), theirs.ra.into());
    same("z", ours.z.into(), theirs.z.into());
    same("ad", ours.ad.into(), theirs.ad.into());
    same("cd", ours.cd.into(), theirs.cd.into());
    same("question", ours.questions.len() as u64, theirs.questions.len() as u64);
    same("edns", ours.opt.is_some().into(), theirs.opt.is_some().into());
    if let (Some(ours), Some(theirs)) = (&ours.opt, &theirs.opt) {
        same("edns-version", ours.version.into(), theirs.version.into());
        same("edns-size", ours.size.into(), theirs.size.into());
        same("edns-flags", ours.flags.into(), theirs.flags.into());
        let without_errors = |options: &[(u16, Vec<u8>)]| options.iter().filter(|(code, _)| *code != 15).count() as u64;
        same("edns-options", without_errors(&ours.options), without_errors(&theirs.options));
    }
    if ours.questions != theirs.questions && ours.questions.len() == theirs.questions.len() {
        found.push(difference("question", 0, "another question"));
    }
    // A truncated answer is asked again over TCP: what it holds is not used (RFC 2181 § 9).
    if ours.tc || theirs.tc {
        return found;
    }
    section("answer", &ours.answer, &theirs.answer, &mut found);
    section("authority", &ours.authority, &theirs.authority, &mut found);
    section("additional", &ours.additional, &theirs.additional, &mut found);
    let (our_chain, their_chain) = (chain(&ours.answer), chain(&theirs.answer));
    let in_both = |chain: &[(Vec<u8>, u16)], other: &[(Vec<u8>, u16)]| -> Vec<(Vec<u8>, u16)> {
        chain.iter().filter(|link| other.contains(link)).cloned().collect()
    };
    if in_both(&our_chain, &their_chain) != in_both(&their_chain, &our_chain) {
        found.push(difference("answer-order", 0, "another order of RRsets"));
    }
    found
}

/// The RRsets of an answer in their order, signatures left out.
fn chain(answer: &[Record]) -> Vec<(Vec<u8>, u16)> {
    let mut chain: Vec<(Vec<u8>, u16)> = Vec::new();
    for record in answer.iter().filter(|record| record.rtype != 46) {
        let link = (record.owner.clone(), record.rtype);
        if !chain.contains(&link) {
            chain.push(link);
        }
    }
    chain
}

type RrsetKey<'a> = (&'a [u8], u16, u16);

fn rrsets(section: &[Record]) -> BTreeMap<RrsetKey<'_>, BTreeSet<(u32, &[u8])>> {
    let mut rrsets: BTreeMap<RrsetKey<'_>, BTreeSet<(u32, &[u8])>> = BTreeMap::new();
    for record in section {
        let key = (&record.owner[..], record.rtype, record.covered());
        rrsets.entry(key).or_default().insert((record.ttl, &record.rdata));
    }
    rrsets
}

fn section(title: &str, ours: &[Record], theirs: &[Record], found: &mut Vec<Difference>) {
    let (ours, theirs) = (rrsets(ours), rrsets(theirs));
    for (key, records) in &ours {
        let of_record = |kind: &str| of_record(title, kind, key);
        let Some(other) = theirs.get(key) else {
            found.push(of_record("extra"));
            continue;
        };
        let data = |records: &BTreeSet<(u32, &[u8])>| -> BTreeSet<Vec<u8>> {
            records.iter().map(|(_, rdata)| rdata.to_vec()).collect()
        };
        if data(records) != data(other) {
            found.push(of_record("data"));
        } else if records != other {
            found.push(of_record("ttl"));
        }
    }
    for key in theirs.keys().filter(|key| !ours.contains_key(*key)) {
        found.push(of_record(title, "missing", key));
    }
}

/// What is wrong with our answer to `case`, whatever others say.
pub(crate) fn faults(case: &Case, ours: &Outcome) -> Vec<String> {
    let (message, bytes) = match ours {
        Outcome::Silence => return vec!["no answer".to_owned()],
        Outcome::Malformed(reason) => return vec![format!("malformed: {reason}")],
        Outcome::Answer(message, bytes) => (message, bytes),
    };
    let mut faults = Vec::new();
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            faults.push(rule.to_owned());
        }
    };
    must(message.qr, "QR is set");
    must(message.opcode == 0, "the opcode is the question's");
    must(!message.ra && !message.z && !message.ad, "RA, Z and AD are clear");
    let question = message.questions.first();
    must(
        question.is_some_and(|question| {
            question.name == case.query.name && question.rtype == case.query.rtype && question.class == case.query.class
        }),
        "the question is echoed, its case kept",
    );
    must(bytes.len() <= case.size_max(), "the answer fits");
    must(message.opt.is_some() == case.query.edns.is_some(), "OPT answers OPT");
    // hickory-proto takes a record without data for one of an update (RFC 2136 § 2.4).
    let empty = message.records().any(|record| record.rdata.is_empty());
    must(empty || HickoryMessage::from_vec(bytes).is_ok(), "hickory-proto reads it");
    for (title, section) in
        [("answer", &message.answer), ("authority", &message.authority), ("additional", &message.additional)]
    {
        let mut seen = BTreeSet::new();
        for record in section {
            must(record.class == 1, "records are of class IN");
            if !seen.insert(record) {
                must(false, &format!("{title} holds {} once", show_record(record)));
            }
        }
        for ((owner, rtype, _), records) in rrsets(section) {
            let ttls: BTreeSet<u32> = records.iter().map(|&(ttl, _)| ttl).collect();
            let alike = ttls.len() == 1 || rtype == 46;
            must(alike, &format!("one TTL in {} {}", name_to_text(owner), type_to_text(rtype)));
        }
    }
    let dnssec_ok = case.query.edns.is_some_and(|edns| edns.flags & 0x8000 != 0);
    let asked_for = |rtype: u16| case.query.rtype == rtype || case.query.rtype == 255;
    if !dnssec_ok {
        for rtype in [46, 47, 50] {
            let present = message.records().any(|record| record.rtype == rtype);
            must(!present || asked_for(rtype), "no DNSSEC records without DO (RFC 3225 § 3)");
        }
    }
    faults
}
