//! What holds of any octets at all: the entry points of `fuzz/` and of the properties in this folder.
//!
//! Each function takes octets from outside and panics if a rule is broken.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hickory_proto::op::Message;
use watari::answer::{Access, Answerer, Arrival, Catalog, Identity, Petition, Reply, Rights, Served, Transport};
use watari::clock::Instant;
use watari::diag;
use watari::timeline::{self, Run, Timeline};
use watari::wire::tsig::{Algorithm, Follower, Key, Keyring, Rejection, Secret, Signer, Tsig, verify};
use watari::wire::{Name, NameRef, Rcode, Rtype, rdata};
use watari::zone::Zone;
use watari::zone::delta::Delta;
use watari::zone::intake::{Bounds, Have, Intake, Kind, Taken, Wanted};
use watari::zone::text::{NoInclude, load, parse_rdata, print_canonical, print_rdata};
use watari::zone::update::{
    Action, Changed, Draft, Identity as Identified, Layer, Overlay, Policy, Reach, Rule, Types, Zones,
};

/// The zone that requests are put to: something of everything.
pub const ZONE: &str = "\
$TTL 300
@ SOA ns hostmaster 1 7200 3600 1209600 60
@ NS ns
@ MX 10 www
ns A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::2
alias CNAME www
loop CNAME loop
far CNAME x.d
d DNAME t
www.t A 192.0.2.3
*.w TXT \"wild\"
*.c CNAME www
a.b.c TXT \"below\"
sub NS ns.sub
sub NS ns
ns.sub A 192.0.2.4
https HTTPS 1 . alpn=h2
$GENERATE 0-60 big TXT \"$ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"
";

fn name() -> Name {
    Name::from_text("example.").expect("a name")
}

fn zone() -> &'static Zone {
    static ZONE_READ: OnceLock<Zone> = OnceLock::new();
    ZONE_READ.get_or_init(|| {
        let loaded = load(name().as_ref(), &Arc::from("example.zone"), ZONE.as_bytes(), &NoInclude);
        loaded.zone.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    })
}

fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::default().with([Served::Zone(Arc::new(Timeline::fixed(zone().clone())))]))
}

/// RDATA of any type: "name servers and resolvers MUST handle RRs of unknown type transparently" (RFC 3597 § 3), and what
/// has a type's form is printed and read back as it was.
pub fn message(octets: &[u8]) {
    if let Ok(name) = NameRef::parse(octets) {
        let text = name.to_string();
        assert_eq!(Name::from_text(&text).as_ref().map(Name::wire), Ok(name.wire()), "{text}");
    }
    let Some((&[high, low], data)) = octets.split_first_chunk::<2>() else { return };
    let rtype = Rtype(u16::from_be_bytes([high, low]));
    let mut covered = Vec::new();
    let formed = rdata::split(rtype, data, |piece| covered.extend_from_slice(piece.bytes));
    assert_eq!(formed.is_ok(), rdata::check(rtype, data).is_ok());
    if formed.is_ok() {
        assert_eq!(covered, data, "the pieces of {rtype} are all of it");
        let mut text = String::new();
        print_rdata(rtype, data, &mut text, None).expect("a String takes everything");
        let read = parse_rdata(rtype, &text, NameRef::root());
        assert_eq!(read.as_deref().ok(), Some(data), "{rtype} {text}");
    }
}

/// A request: it is answered in form (RFC 1035 § 4.1.1) and not with more than the requestor takes (RFC 6891 § 6.2.3), and
/// "if an OPT record is present in a received request, compliant responders MUST include an OPT record in their respective
/// responses" (RFC 6891 § 6.1.1).
pub fn answer(request: &[u8]) {
    let udp = answer_over(Transport::Udp, request, 1232);
    let tcp = answer_over(Transport::Tcp { keepalive: Duration::from_secs(10) }, request, 65535);
    assert_eq!(udp.is_empty(), tcp.is_empty());
    let response = request.get(2).is_some_and(|flags| flags & 0x80 != 0);
    assert_eq!(udp.is_empty(), request.len() < 12 || response, "silence is for responses and fragments");
    if udp.is_empty() {
        return;
    }
    let with_opt = Message::from_vec(request).ok().and_then(|message| message.edns);
    let size = with_opt.as_ref().map_or(512, |edns| usize::from(edns.max_payload().clamp(512, 1232)));
    // A signed request is never told less than its question, with a record like its own and perhaps a longer MAC.
    let size = if request_is_signed(request) { size.max(request.len() + 64) } else { size };
    assert!(udp.len() <= size || with_opt.is_none() && udp.len() <= 1232, "{} octets, {size} are taken", udp.len());
    for answer in [udp, tcp] {
        assert_eq!(answer[..2], request[..2], "the identifier is the request's");
        assert_eq!(answer[2] & 0xf8, 0x80 | request[2] & 0x78, "QR is set, the opcode is the request's");
        assert_eq!(answer[2] & 1, request[2] & 1, "RD is copied");
        assert_eq!(answer[3] & 0xf0, 0, "RA, Z, AD and CD are clear");
        let read = Message::from_vec(&answer);
        let read = read.unwrap_or_else(|error| panic!("{error}: {answer:02x?} answers {request:02x?}"));
        assert!(!read.metadata.truncation || read.additionals.is_empty() || read.answers.is_empty());
        let good = !matches!(answer[3] & 15, 1 | 4);
        assert!(!good || read.edns.is_some() == with_opt.is_some() || with_opt.is_none(), "OPT answers OPT");
    }
}

fn request_is_signed(request: &[u8]) -> bool {
    matches!(Tsig::last_of(request), Ok(Some(_)))
}

fn answer_over(transport: Transport, request: &[u8], room: usize) -> Vec<u8> {
    let identity = Identity { version: Some("watari".to_owned()), id: Some("here".to_owned()) };
    let peer = (Ipv4Addr::LOCALHOST, 5353).into();
    let now = Instant::from_unix_seconds(1_790_000_000);
    // What is behind the room is not ours to write.
    let mut out = vec![0xee; room + 16];
    let (ours, behind) = out.split_at_mut(room);
    let everybody = Access::new([ipnet::IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST))]);
    let mut answerer = Answerer::new(identity);
    let mut update = Policy::default();
    for identity in [Identified::AnyKey, Identified::Unsigned(vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()])] {
        update.push([Zones::All], Rule { action: Action::Grant, identity, reach: Reach::Zone, types: Types::Any });
    }
    let update = Arc::new(update);
    answerer.set_rights(Rights { keyring: [key()].into_iter().collect(), transfer: everybody, update: update.clone() });
    let length = match answerer.reply(catalog(), &Arrival { now, peer, transport, row: Arrival::NO_ROW }, request, ours)
    {
        Reply::Message(length) => length,
        Reply::Transfer(mut transfer) => {
            assert_ne!(transport, Transport::Udp);
            // To its end; the first message stands for all.
            let first = transfer.next_message(now, ours).unwrap().unwrap();
            let mut rest = vec![0; room];
            while transfer.next_message(now, &mut rest).unwrap().is_some() {}
            first
        }
        Reply::Petition(petition) => {
            let rcode = updated(&petition, &update);
            let message = petition.answer(rcode, None, now);
            ours[..message.len()].copy_from_slice(&message);
            message.len()
        }
    };
    assert!(length <= room && behind.iter().all(|&octet| octet == 0xee));
    out.truncate(length);
    out
}

/// An update with anything in it: `octets` are what comes behind the zone section, after the counts of records.
pub fn update(octets: &[u8]) {
    let Some((counts, rest)) = octets.split_first_chunk::<2>() else { return };
    let mut request = vec![0, 7, 0x28, 0, 0, 1, 0, counts[0] & 7, 0, counts[1] & 7, 0, 0];
    request.extend_from_slice(b"\x07example\0\0\x06\0\x01");
    request.extend_from_slice(rest);
    answer(&request);
}

/// What comes of an update: a zone that can be served and put down as it is, or a refusal that leaves all as it was.
fn updated(petition: &Petition, policy: &Policy) -> Rcode {
    let (zone, update) = (zone(), petition.update());
    let mut draft = Draft::new(zone.view());
    let may = policy.of(&update.apex, &petition.requestor());
    let result = draft.update(update, &may);
    let changed = draft.changed();
    if let Err(refusal) = result {
        assert!(changed.is_empty(), "{refusal}");
        return refusal.rcode;
    }
    let changes: Vec<_> = changed.iter().map(Changed::to_change).collect();
    let made = zone.rebuilt(&changes).expect("a zone");
    assert_eq!(watari::zone::check::contradictions(&made.view(), &|_| HashMap::new()), []);
    // Kept and put over the same file again, it is the same zone.
    let mut overlay = Overlay::default();
    overlay.fold(&changed);
    let mut kept = Overlay::default();
    for ((owner, rtype), layer) in overlay.layers() {
        let (owner, layer) = Layer::from_bytes(*rtype, &layer.to_bytes(owner)).expect("a layer");
        kept.put((owner, *rtype), layer);
    }
    let merged = kept.over(zone, made.serial());
    let again = zone.rebuilt(&merged.changes).expect("a zone");
    let text = |zone: &Zone| {
        let mut text = String::new();
        print_canonical(zone.view(), &mut text).expect("a String takes everything");
        text
    };
    assert_eq!(text(&again), text(&made));
    Rcode::NOERROR
}

/// The key that requests are signed with.
pub fn key() -> Key {
    let secret = Secret::from_base64("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").expect("a secret");
    Key::new(name().as_ref(), Algorithm::HmacSha256, secret)
}

/// A message with a TSIG record: one that "cannot be interpreted" MUST be FORMERR, one whose MAC "fails to verify" MUST be
/// NOTAUTH, unsigned (RFC 8945 § 5.2); and whatever stands before it, what we signed we verify, and nothing else.
pub fn tsig(octets: &[u8]) {
    let now = Instant::from_unix_seconds(1_790_000_000);
    let keyring: Keyring = [key()].into_iter().collect();
    let mut signer = Signer::asking(Arc::new(key()));
    let mut request = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    request.resize(12 + signer.room(), 0);
    signer.sign(&mut request, 12, now).expect("room was kept");
    for prior in [None, signer.mac()] {
        let known = verify(octets, now, &keyring, prior);
        let Ok(Some(tsig)) = Tsig::last_of(octets) else {
            assert!(matches!(known, Ok(None) | Err(Rejection::FormErr)));
            continue;
        };
        if let Err(rejection) = known {
            let mut out = vec![0; 12 + tsig.refusal_len(&rejection)];
            assert_eq!(tsig.refuse(&rejection, &mut out, 12, now), Ok(out.len()), "the room is what is taken");
        }
    }
    for at in 0..=octets.len().min(400) {
        let _ = Tsig::read(octets, at);
    }
    let mut follower = Follower::of(&signer).expect("a request was signed");
    let followed = follower.message(octets, now);
    assert!(followed.is_err() || verify(octets, now, &keyring, signer.mac()).is_ok());
    let _ = follower.message(octets, now);
    if let Err(Rejection::BadKey | Rejection::BadSig) = verify(octets, now, &keyring, None) {
        let answer = answer_over(Transport::Udp, octets, 1232);
        let is_query = octets[2] & 0x78 == 0;
        assert!(answer.is_empty() || matches!(answer[3] & 15, 1 | 9) || !is_query && answer[3] & 15 == 4);
        assert!(answer.is_empty() || answer[6..10] == [0; 4], "and nothing of the zone");
        if let Ok(Some(unsigned)) = Tsig::last_of(&answer) {
            assert!(unsigned.mac().is_empty());
        }
    }
    // What can be read is signed, and then verified.
    if octets.len() < 60_000 && matches!(Tsig::last_of(octets), Ok(None)) {
        let mut signer = Signer::asking(Arc::new(key()));
        let mut out = octets.to_vec();
        out.resize(octets.len() + signer.room(), 0);
        if signer.sign(&mut out, octets.len(), now).is_ok() {
            assert!(matches!(verify(&out, now, &keyring, None), Ok(Some(_))));
            self::answer(&out);
        }
    }
    self::answer(octets);
}

/// A zone file (RFC 1035 § 5): any octets end in a zone or in faults that can be shown, and what a zone prints MUST read back
/// as the same zone.
pub fn zone_file(text: &[u8]) {
    let path: Arc<str> = Arc::from("example.zone");
    let loaded = load(name().as_ref(), &path, text, &NoInclude);
    let _ = diag::render(&loaded.diagnostics, false);
    assert!(loaded.zone.is_some() || loaded.diagnostics.iter().any(diag::Diagnostic::is_error));
    let Some(zone) = loaded.zone else { return };
    let printed = print(&zone);
    let again = load(name().as_ref(), &path, printed.as_bytes(), &NoInclude);
    let again = again.zone.unwrap_or_else(|| panic!("{printed}\n{:#?}", again.diagnostics));
    assert_eq!(print(&again), printed);
}

fn print(zone: &Zone) -> String {
    let mut text = String::new();
    print_canonical(zone.view(), &mut text).expect("a String takes everything");
    let _ = writeln!(text);
    text
}

/// A plan: any octets end in a schedule or in faults that can be shown, and the serials of a schedule MUST rise
/// (RFC 1982 § 3.2), or no secondary would follow.
pub fn plan(text: &[u8]) {
    let armed_at = Instant::from_unix_seconds(1_790_000_000);
    let run = Run::proposed(armed_at);
    let loaded = timeline::load(zone(), &Arc::from("example.plan.toml"), text, &run);
    let _ = diag::render(&loaded.diagnostics, false);
    assert!(loaded.schedule.is_some() || loaded.diagnostics.iter().any(diag::Diagnostic::is_error));
    if let Some(schedule) = loaded.schedule {
        let serials: Vec<u32> = schedule.timeline.editions().map(|edition| edition.serial).collect();
        assert!(serials.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) as i32 > 0), "{serials:?}");
    }
}

/// A transfer that comes in, each message with its length before it: it ends once or is a fault, within its bounds, and
/// differences that are taken can be made (RFC 5936 § 2.2, RFC 1995 § 4).
pub fn transfer(octets: &[u8]) {
    const BOUNDS: Bounds = Bounds { octets: 10_000, records: 100 };
    let apex = Name::from_text("a.example").expect("a name");
    let zone = load(apex.as_ref(), &"a".into(), ZONE.as_bytes(), &NoInclude).zone.expect("a zone");
    for (kind, have) in [(Kind::Soa, false), (Kind::Axfr, false), (Kind::Axfr, true), (Kind::Ixfr, true)] {
        let have = if have { Have::of(zone.view()) } else { None };
        let wanted = Wanted { apex: apex.clone(), have, kind };
        let id = octets.get(2..4).map_or(0, |id| u16::from_be_bytes([id[0], id[1]]));
        let mut intake = Intake::new(wanted, id, None, BOUNDS);
        let (mut rest, mut has_ended) = (octets, false);
        while let [high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            let (message, next) = after.split_at(length);
            rest = next;
            let taken = intake.take(message, Instant::from_unix_seconds(0));
            assert!(!has_ended || !matches!(taken, Ok(Some(_))), "it ends twice");
            match taken {
                Ok(None) => {}
                Ok(Some(Taken::Current(_))) => has_ended = true,
                Ok(Some(Taken::Whole(draft))) => {
                    has_ended = true;
                    if let Ok((whole, _)) = draft.finish() {
                        assert_eq!(whole.apex(), apex.as_ref());
                        assert!(whole.record_count() <= 100);
                    }
                }
                Ok(Some(Taken::Differences(steps))) => {
                    has_ended = true;
                    if let Ok(delta) = Delta::of_steps(zone.view(), steps) {
                        // What it says goes was there, so that it can be done, unless the records make no zone.
                        let changes = delta.changes(zone.view()).expect("a delta of this zone");
                        _ = zone.rebuilt(&changes);
                    }
                }
                Err(_) => break,
            }
        }
        let (octets, records, _) = intake.counts();
        assert!(records <= BOUNDS.records + 1 && octets <= BOUNDS.octets + 65_535);
    }
}
