//! What the zones have for a question: the algorithm of RFC 1034 § 4.3.2, as RFC 4592, RFC 6672 and
//! RFC 4035 § 3.1 read it, with aliases as a loop.
//!
//! 1. The first link of a chain decides REFUSED, SERVFAIL and AA; the last decides the RCODE
//!    (RFC 6604 § 2.1).
//! 2. A chain goes on into other zones of ours and ends where our zones end, at a name it has seen,
//!    or after [`LINKS_MAX`] links.
//! 3. A question for DS at an apex is the parent's to answer, if we serve it (RFC 4035 § 3.1.4.1).
//! 4. What doesn't fit truncates the response before it, by whole RRsets (RFC 2181 § 9).

use crate::wire::edns::ExtendedError;
use crate::wire::{Class, NameRef, Rcode, Rtype};
use crate::zone::{Lookup, NameHash, NoRoom, Node, Rrset, Suffixes, View};

use super::access::{Access, Caller};
use super::catalog::{Catalog, Match};
use super::message::{Message, Section};
use super::noted::{Asking, METERS, Noted, What};
use super::request::Request;
use super::{Arrival, Transport, additional, proof};

/// The most links of a chain of aliases.
pub(super) const LINKS_MAX: usize = 16;
/// Where the question's name stands in a message.
pub(super) const QUESTION_AT: u16 = 12;

/// An answer under way.
pub(super) struct Resolution<'r, 'm> {
    pub(super) catalog: &'r Catalog,
    pub(super) arrival: &'r Arrival,
    pub(super) query: &'r Request,
    /// The name that is looked for now: the question's, then the target of each alias.
    pub(super) name: &'r mut Suffixes,
    pub(super) message: &'r mut Message<'m>,
    pub(super) expansions: Expansions,
    pub(super) noted: &'r mut Noted,
    /// Who may have zones transferred, and the key with which the question was verified to be signed.
    pub(super) access: &'r Access,
    pub(super) key: Option<NameRef<'r>>,
}

/// The links of a chain that a signed wildcard made: their proofs wait until the answer section is
/// complete.
#[derive(Default)]
pub(super) struct Expansions {
    /// The offsets of the links' names.
    name_at: [u16; LINKS_MAX],
    count: usize,
}

/// The zone that answers a link, and where its names stand in the message.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) view: View<'a>,
    /// The offset of the name that is looked for.
    pub(super) name_at: u16,
    /// The offset of the zone's apex.
    pub(super) apex_at: u16,
    /// Labels of the name below the apex.
    pub(super) below: usize,
    /// Whether signatures and proofs are wanted and to be had.
    pub(super) signed: bool,
}

/// How a link ended.
enum Link {
    /// The question is answered, as far as it can be.
    Done,
    /// It goes on with the name at this offset.
    Alias(u16),
}

impl Resolution<'_, '_> {
    /// Answers the question; gives what to say of an error.
    #[inline]
    pub(super) fn run(&mut self) -> Option<ExtendedError> {
        let error = self.links();
        if self.expansions.count > 0 && self.prove_expansions().is_err() {
            self.message.truncate();
        }
        error
    }

    #[inline]
    fn links(&mut self) -> Option<ExtendedError> {
        if self.query.qclass != Class::IN || is_refused_type(self.query.qtype) {
            self.message.rcode = Rcode::REFUSED;
            return None;
        }
        match self.link(QUESTION_AT, true) {
            Ok(Ok(Link::Done)) => None,
            Ok(Ok(Link::Alias(target))) => self.chain(target),
            Ok(Err(NoRoom)) => {
                self.message.truncate();
                None
            }
            Err(error) => error,
        }
    }

    /// Follows the aliases that begin with the one to the name at offset `target`.
    fn chain(&mut self, target: u16) -> Option<ExtendedError> {
        let mut name_at = target;
        let mut seen = [NameHash::root(); LINKS_MAX];
        for link in 0..LINKS_MAX {
            // The hash suffices: to take two names for one ends a chain early, no more.
            seen[link] = self.name.hash(0);
            let mut wire = [0; 256];
            let len = self.message.expand(name_at, &mut wire)?;
            self.name.set(&wire[..len]).ok()?;
            if seen[..=link].contains(&self.name.hash(0)) {
                return None;
            }
            match self.link(name_at, false) {
                Ok(Ok(Link::Done)) => return None,
                Ok(Ok(Link::Alias(target))) => name_at = target,
                Ok(Err(NoRoom)) => {
                    self.message.truncate();
                    return None;
                }
                Err(error) => return error,
            }
        }
        None
    }

    /// One link; an error ends the chain where no zone of ours has more to say.
    #[inline]
    fn link(&mut self, name_at: u16, first: bool) -> Result<Result<Link, NoRoom>, Option<ExtendedError>> {
        let catalog = self.catalog;
        let Some(found) = catalog.find(self.name, 0) else {
            return Err(first.then(|| {
                let (rcode, error) = match catalog.is_unread() {
                    true => (Rcode::SERVFAIL, ExtendedError::NOT_READY),
                    false => (Rcode::REFUSED, ExtendedError::NOT_AUTHORITATIVE),
                };
                self.message.rcode = rcode;
                error
            }));
        };
        let mut of = found;
        let mut view = self.view(of);
        if self.query.qtype == Rtype::DS
            && of.skipped == 0
            && let Some(parent) = catalog.find(self.name, 1)
            && let Some(of_parent) = self.view(parent)
        {
            (view, of) = (Some(of_parent), parent);
        }
        let Some(view) = view.map_or_else(|| self.closed(found, first), |view| Ok(Some(view)))? else {
            return Err(first.then(|| {
                self.message.rcode = Rcode::SERVFAIL;
                ExtendedError::NOT_READY
            }));
        };
        let apex_at = if first {
            QUESTION_AT + self.name.offset(of.skipped) as u16
        } else {
            self.message.suffix_of(name_at, of.skipped)
        };
        let dnssec_ok = self.query.edns.is_some_and(|edns| edns.dnssec_ok);
        let signed = dnssec_ok && view.is_signed();
        let scene = Scene { view, name_at, apex_at, below: of.skipped, signed };
        self.message.authoritative |= first;
        if METERS && view.is_patched() && first && self.arrival.row != Arrival::NO_ROW {
            self.message.is_noted = self.is_repeat();
        }
        let link = self.look_up(scene, first);
        if METERS && view.is_patched() && !self.message.is_noted {
            self.note(of, view, first);
        }
        Ok(link)
    }

    /// The zone as it is served now.
    #[inline]
    fn view<'a>(&self, of: Match<'a>) -> Option<View<'a>> {
        of.view_with(|timeline| timeline.view(self.arrival.now, self.arrival.peer.ip()))
    }

    /// The same of a zone that is not for everybody: a catalog zone (RFC 9432 § 7). Who may have it transferred may ask for
    /// it too; for its serial, as a secondary does, also where the transfer must be encrypted.
    #[cold]
    #[inline(never)]
    fn closed<'a>(&mut self, of: Match<'a>, first: bool) -> Result<Option<View<'a>>, Option<ExtendedError>> {
        let Some(timeline) = of.closed() else { return Ok(None) };
        let Arrival { now, peer, transport, .. } = *self.arrival;
        let is_encrypted = transport.is_encrypted() || self.query.qtype == Rtype::SOA;
        let caller = Caller { address: peer.ip(), key: self.key, is_encrypted };
        if self.access.allows(&caller) {
            return Ok(Some(timeline.view(now, peer.ip())));
        }
        Err(first.then(|| {
            self.message.rcode = Rcode::REFUSED;
            ExtendedError::PROHIBITED
        }))
    }

    /// Notes what a link has written of a zone whose plan runs: what the plan flips, or that the question's name is missing.
    #[inline]
    fn note(&mut self, of: Match<'_>, view: View<'_>, first: bool) {
        let what = if let Some(ttl) = self.message.take_capped() {
            if of.has_flipped(view) { What::New(ttl) } else { What::Old(ttl) }
        } else if let (true, Rcode::NXDOMAIN, Ok(below)) = (first, self.message.rcode, u8::try_from(of.skipped)) {
            What::Missing(self.name.hash(0), below)
        } else {
            return;
        };
        self.noted.hand(of.apex(), what);
        if self.arrival.row != Arrival::NO_ROW {
            self.remember(first);
        }
    }

    /// Whether what the answer will hold is noted already, since the same was asked before in the same row. Not inline, as
    /// [`remember`](Resolution::remember): nearly all answers pass by both.
    #[inline(never)]
    fn is_repeat(&mut self) -> bool {
        let asking = self.asking();
        self.noted.is_repeat(asking)
    }

    /// The answer can be repeated in its row, if all that is noted of it came with the first link.
    #[inline(never)]
    fn remember(&mut self, first: bool) {
        let asking = first.then(|| self.asking());
        self.noted.remember(asking);
    }

    #[inline]
    fn asking(&self) -> Asking {
        let dnssec_ok = self.query.edns.is_some_and(|edns| edns.dnssec_ok);
        Asking::new(self.arrival.row, self.name.hash(0), self.query.qtype, dnssec_ok, self.message.limit())
    }

    /// Inline whatever the compiler makes of it: as a call, each answer costs 28 instructions more.
    #[inline(always)]
    fn look_up(&mut self, scene: Scene<'_>, first: bool) -> Result<Link, NoRoom> {
        let lookup = scene.view.look_up(self.name);
        match lookup {
            Lookup::Found(node) => self.data(scene, node, None),
            Lookup::Wildcard { wildcard, skipped } => self.data(scene, wildcard, Some(skipped)),
            Lookup::Delegated { cut, skipped: 0 } if self.query.qtype == Rtype::DS => {
                self.delegation_signer(scene, cut)
            }
            Lookup::Delegated { cut, skipped } => {
                self.message.authoritative &= !first;
                self.referral(scene, cut, skipped)
            }
            Lookup::Redirected { dname, skipped } => self.redirection(scene, dname, skipped),
            Lookup::Missing { skipped } => {
                self.message.rcode = Rcode::NXDOMAIN;
                self.negative(scene)?;
                if scene.signed {
                    proof::no_such_name(self.message, self.name, scene, skipped)?;
                }
                Ok(Link::Done)
            }
        }
    }

    /// What `node` has for the question; `expanded`: it is a wildcard, and this many labels are
    /// left of the closest encloser.
    #[inline]
    fn data(&mut self, scene: Scene<'_>, node: Node<'_>, expanded: Option<usize>) -> Result<Link, NoRoom> {
        let qtype = self.query.qtype;
        if qtype == Rtype::ANY || qtype == Rtype::RRSIG {
            return self.any(scene, node, expanded);
        }
        if let Some(rrset) = node.rrset(qtype) {
            // A chain may end at the DNAME by which it came.
            if qtype == Rtype::DNAME && self.is_answered(scene, qtype) {
                return Ok(Link::Done);
            }
            let start = self.positive(scene, node, rrset, expanded)?;
            if self.expansions.count > 0 {
                self.prove_expansions()?;
            }
            if rrset.refers() {
                additional::add(self.message, rrset, start, scene.name_at, scene.apex_at, scene.signed);
            }
            return Ok(Link::Done);
        }
        // NSEC stands beside CNAME and is not looked for elsewhere (RFC 4035 § 2.5), RRSIG likewise.
        if qtype != Rtype::NSEC
            && let Some(alias) = node.rrset(Rtype::CNAME)
        {
            let start = self.positive(scene, node, alias, None)?;
            if scene.signed && expanded.is_some() {
                self.expansions.push(scene.name_at);
            }
            return Ok(Link::Alias((start + crate::zone::RECORD_HEADER_LEN) as u16));
        }
        self.no_data(scene, node, expanded)?;
        Ok(Link::Done)
    }

    /// Writes `rrset` as an answer, with its signatures and, if it was expanded from a wildcard, the
    /// proof that the name itself does not exist.
    #[inline]
    fn positive(
        &mut self,
        scene: Scene<'_>,
        node: Node<'_>,
        rrset: Rrset<'_>,
        expanded: Option<usize>,
    ) -> Result<usize, NoRoom> {
        let mark = self.message.mark();
        let start = self.message.rrset(Section::Answer, rrset, scene.name_at, scene.apex_at)?;
        if scene.signed {
            if let Some(rrsig) = node.rrsig(rrset.rtype())
                && let Err(no_room) = self.message.rrset(Section::Answer, rrsig, scene.name_at, scene.apex_at)
            {
                self.message.rewind(mark);
                return Err(no_room);
            }
            if let Some(skipped) = expanded {
                proof::expanded(self.message, self.name, scene, skipped)?;
            }
        }
        Ok(start)
    }

    /// Whether the answers hold records of the name that is looked for and `rtype`; not asked of the
    /// first link.
    #[cold]
    fn is_answered(&self, scene: Scene<'_>, rtype: Rtype) -> bool {
        scene.name_at != QUESTION_AT
            && self.message.find(self.query.question_end, Section::Answer, self.name.suffix(0), rtype).is_some()
    }

    /// Writes the proofs that the names of expanded links do not exist (RFC 4035 § 3.1.3.3). The
    /// name that is looked for is another one afterwards.
    #[cold]
    fn prove_expansions(&mut self) -> Result<(), NoRoom> {
        let expansions = std::mem::take(&mut self.expansions);
        let catalog = self.catalog;
        for &name_at in &expansions.name_at[..expansions.count] {
            let mut wire = [0; 256];
            let Some(len) = self.message.expand(name_at, &mut wire) else { continue };
            if self.name.set(&wire[..len]).is_err() {
                continue;
            }
            let Some(found) = catalog.find(self.name, 0) else { continue };
            let Some(view) = found.view(self.arrival.now, &self.arrival.peer) else { continue };
            let apex_at = self.message.suffix_of(name_at, found.skipped);
            let scene = Scene { view, name_at, apex_at, below: found.skipped, signed: true };
            if let Lookup::Wildcard { skipped, .. } = view.look_up(self.name) {
                proof::expanded_link(self.message, self.name, scene, skipped, self.query.question_end)?;
            }
        }
        Ok(())
    }

    /// ANY, answered over UDP with one RRset (RFC 8482 § 4.1) and over TCP with all there are; and
    /// RRSIG, which is a question for all signatures.
    fn any(&mut self, scene: Scene<'_>, node: Node<'_>, expanded: Option<usize>) -> Result<Link, NoRoom> {
        let one_will_do = self.arrival.transport == Transport::Udp && self.query.qtype == Rtype::ANY;
        let wanted = |rrset: &Rrset<'_>| match self.query.qtype {
            Rtype::RRSIG => rrset.rtype() == Rtype::RRSIG,
            _ => scene.signed || rrset.rtype() != Rtype::RRSIG,
        };
        let mut some = false;
        for rrset in node.rrsets().filter(wanted) {
            if one_will_do {
                if rrset.rtype() == Rtype::RRSIG {
                    continue;
                }
                self.positive(scene, node, rrset, expanded)?;
                return Ok(Link::Done);
            }
            self.message.rrset(Section::Answer, rrset, scene.name_at, scene.apex_at)?;
            some = true;
        }
        if !some {
            self.no_data(scene, node, expanded)?;
        } else if let (true, Some(skipped)) = (scene.signed, expanded) {
            proof::expanded(self.message, self.name, scene, skipped)?;
        }
        Ok(Link::Done)
    }

    /// The name exists, and has no such records (RFC 2308 § 2.2).
    fn no_data(&mut self, scene: Scene<'_>, node: Node<'_>, expanded: Option<usize>) -> Result<(), NoRoom> {
        self.negative(scene)?;
        if scene.signed {
            match expanded {
                None => proof::no_such_data(self.message, self.name, scene, node)?,
                Some(skipped) => proof::no_such_data_at_wildcard(self.message, self.name, scene, node, skipped)?,
            }
        }
        Ok(())
    }

    /// The SOA record that goes with a negative answer; its TTL says how long the answer holds
    /// (RFC 2308 § 3 and § 5).
    fn negative(&mut self, scene: Scene<'_>) -> Result<(), NoRoom> {
        let apex = scene.view.apex_node();
        let Some(soa) = apex.rrset(Rtype::SOA) else { return Ok(()) };
        let ttl = scene.view.negative_ttl();
        let signatures = if scene.signed { apex.rrsig(Rtype::SOA) } else { None };
        for rrset in std::iter::once(soa).chain(signatures) {
            let start = self.message.rrset(Section::Authority, rrset, scene.apex_at, scene.apex_at)?;
            if rrset.ttl() != ttl {
                self.message.set_ttl(rrset, start, ttl);
            }
        }
        Ok(())
    }

    /// The name is delegated (RFC 1034 § 4.3.2, step 3b).
    fn referral(&mut self, scene: Scene<'_>, cut: Node<'_>, skipped: usize) -> Result<Link, NoRoom> {
        let Some(ns) = cut.rrset(Rtype::NS) else { return Ok(Link::Done) };
        let cut_at = self.offset_of(scene, skipped);
        let start = self.message.rrset(Section::Authority, ns, cut_at, scene.apex_at)?;
        if scene.signed {
            proof::delegation(self.message, self.name, scene, cut, cut_at, skipped)?;
        }
        if self.expansions.count > 0 {
            self.prove_expansions()?;
        }
        if ns.refers() {
            additional::add_glue(self.message, cut, ns, start, scene.apex_at, scene.signed);
        }
        Ok(Link::Done)
    }

    /// DS at a delegation, which is the parent's data (RFC 4035 § 3.1.4.1).
    fn delegation_signer(&mut self, scene: Scene<'_>, cut: Node<'_>) -> Result<Link, NoRoom> {
        match cut.rrset(Rtype::DS) {
            Some(ds) => self.positive(scene, cut, ds, None).map(|_| Link::Done),
            None => self.no_data(scene, cut, None).map(|()| Link::Done),
        }
    }

    /// The name is below a DNAME: that record, and the CNAME that it makes (RFC 6672 § 3.1).
    fn redirection(&mut self, scene: Scene<'_>, dname: Node<'_>, skipped: usize) -> Result<Link, NoRoom> {
        let Some(rrset) = dname.rrset(Rtype::DNAME) else { return Ok(Link::Done) };
        let dname_at = self.offset_of(scene, skipped);
        let apex_at = scene.apex_at;
        let mark = self.message.mark();
        // A chain may come by the same DNAME again, whose record stands in the answer already.
        let before = if scene.name_at == QUESTION_AT {
            None
        } else {
            let owner = self.name.suffix(skipped);
            self.message.find(self.query.question_end, Section::Answer, owner, Rtype::DNAME)
        };
        let start = match before {
            Some(start) => start,
            None => self.message.rrset(Section::Answer, rrset, dname_at, apex_at)?,
        };
        if before.is_none()
            && scene.signed
            && let Some(rrsig) = dname.rrsig(Rtype::DNAME)
            && let Err(no_room) = self.message.rrset(Section::Answer, rrsig, dname_at, apex_at)
        {
            self.message.rewind(mark);
            return Err(no_room);
        }
        // The labels left of the DNAME, as they stand in the message, and the DNAME's target.
        let mut prefix = [0; 256];
        let prefix_len = self.prefix(scene.name_at, skipped, &mut prefix);
        let mut target = [0; 256];
        let target_at = (start + crate::zone::RECORD_HEADER_LEN) as u16;
        let Some(target_len) = self.message.expand(target_at, &mut target) else { return Ok(Link::Done) };
        if prefix_len + target_len > crate::wire::name::NAME_LEN_MAX {
            self.message.rcode = Rcode::YXDOMAIN;
            return Ok(Link::Done);
        }
        let mut cname = [0; crate::zone::RECORD_HEADER_LEN];
        cname[..2].copy_from_slice(&(0xc000 | scene.name_at).to_be_bytes());
        cname[2..4].copy_from_slice(&Rtype::CNAME.0.to_be_bytes());
        cname[4..6].copy_from_slice(&Class::IN.0.to_be_bytes());
        cname[6..10].copy_from_slice(&rrset.ttl().0.to_be_bytes());
        // The target's end is the DNAME's, which stands in the message already.
        let pointer = (0xc000 | target_at).to_be_bytes();
        let end = if target_at & 0xc000 == 0 { &pointer[..] } else { &target[..target_len] };
        cname[10..].copy_from_slice(&((prefix_len + end.len()) as u16).to_be_bytes());
        let parts = [&cname[..], &prefix[..prefix_len], end];
        let start = self.message.record(Section::Answer, parts)?;
        // The CNAME that was made answers a question for CNAME, as one that stands in a zone does.
        if matches!(self.query.qtype, Rtype::CNAME | Rtype::ANY) {
            return Ok(Link::Done);
        }
        Ok(Link::Alias((start + crate::zone::RECORD_HEADER_LEN) as u16))
    }

    /// The offset of the name that is looked for without its `skipped` leftmost labels.
    fn offset_of(&self, scene: Scene<'_>, skipped: usize) -> u16 {
        if scene.name_at == QUESTION_AT {
            QUESTION_AT + self.name.offset(skipped) as u16
        } else {
            self.message.suffix_of(scene.name_at, skipped)
        }
    }

    /// Copies the `count` leftmost labels of the name at `name_at`; gives their length.
    fn prefix(&self, name_at: u16, count: usize, labels: &mut [u8; 256]) -> usize {
        match self.message.expand(name_at, labels) {
            Some(_) => self.name.offset(count),
            None => 0,
        }
    }
}

impl Expansions {
    fn push(&mut self, name_at: u16) {
        if let Some(place) = self.name_at.get_mut(self.count) {
            *place = name_at;
            self.count += 1;
        }
    }
}

/// Types that ask for a transfer, or stand in messages only.
fn is_refused_type(qtype: Rtype) -> bool {
    matches!(qtype, Rtype::AXFR | Rtype::IXFR | Rtype::MAILA | Rtype::MAILB | Rtype::OPT | Rtype::TSIG | Rtype::TKEY)
}
