//! The files of a world: a zone and a plan, drawn, edited, and as the text that the server reads.

use std::fmt::Write as _;

use watari::wire::{Name, Rtype};
use watari::zone::{Ttl, View};

use crate::chance::Chance;

pub(crate) const ZONE: &str = "example.com";
/// T of a plan that was not edited: 2026-11-30T18:00:00Z.
pub(crate) const T: i64 = 1_796_061_600;

/// What flips, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An address becomes another.
    Replace,
    /// A name comes.
    Add,
    /// A name goes.
    Remove,
    /// An address becomes an alias.
    ToAlias,
    /// An alias becomes an address.
    FromAlias,
}

pub(crate) const KINDS: [Kind; 5] = [Kind::Replace, Kind::Add, Kind::Remove, Kind::ToAlias, Kind::FromAlias];

/// The data of an owner: its type and what the record says, as text.
type Data = Option<(&'static str, &'static str)>;

impl Kind {
    fn owner(self) -> &'static str {
        ["www", "new", "old", "shop", "blog"][self as usize]
    }

    pub(crate) fn name(self) -> Name {
        Name::from_text(&format!("{}.{ZONE}", self.owner())).unwrap()
    }

    fn before(self) -> Data {
        match self {
            Kind::Replace => Some(("A", "192.0.2.1")),
            Kind::Add => None,
            Kind::Remove => Some(("A", "192.0.2.3")),
            Kind::ToAlias => Some(("A", "192.0.2.4")),
            Kind::FromAlias => Some(("CNAME", "other.example.")),
        }
    }

    fn after(self) -> Data {
        match self {
            Kind::Replace => Some(("A", "198.51.100.1")),
            Kind::Add => Some(("A", "198.51.100.2")),
            Kind::Remove => None,
            Kind::ToAlias => Some(("CNAME", "other.example.")),
            Kind::FromAlias => Some(("A", "198.51.100.5")),
        }
    }

    fn flips(self) -> String {
        let list = |data: Data, rtype: &str| match data {
            Some((of, text)) if of == rtype => format!("[\"{text}\"]"),
            _ => "[]".to_owned(),
        };
        let mut text = String::new();
        for rtype in ["A", "CNAME"] {
            let (from, to) = (list(self.before(), rtype), list(self.after(), rtype));
            if from != to {
                _ = writeln!(text, "[[flip]]\nname = \"{}\"\ntype = \"{rtype}\"", self.owner());
                _ = writeln!(text, "from = {from}\nto = {to}\nttl_after = 900");
            }
        }
        text
    }
}

/// What somebody who asks for an address is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Old,
    New,
    Neither,
}

/// What who asks for the address of `kind`'s owner is told, and for how long it may keep that.
pub(crate) fn told(view: View<'_>, kind: Kind) -> (Told, Ttl) {
    let rrset = view
        .find(kind.name().as_ref())
        .and_then(|node| [Rtype::CNAME, Rtype::A].into_iter().find_map(|rtype| node.rrset(rtype)));
    let ttl = rrset.map_or(view.negative_ttl(), |rrset| rrset.ttl());
    let found = rrset.map(|rrset| (rrset.rtype(), rrset.rdatas().collect::<Vec<_>>()));
    let is = |data: Data| found == data.map(|(rtype, text)| (Rtype::from_text(rtype).unwrap(), vec![rdata(text)]));
    match () {
        () if is(kind.before()) => (Told::Old, ttl),
        () if is(kind.after()) => (Told::New, ttl),
        () => (Told::Neither, ttl),
    }
}

fn rdata(text: &str) -> Vec<u8> {
    match text.parse::<std::net::Ipv4Addr>() {
        Ok(address) => address.octets().to_vec(),
        Err(_) => Name::from_text(text).unwrap().wire().to_vec(),
    }
}

/// A zone's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneFile {
    pub(crate) serial: u32,
    pub(crate) minimum: u32,
    pub(crate) ttls: [u32; 5],
    pub(crate) has_new: [bool; 5],
    /// A record that no plan flips.
    pub(crate) bystander: u8,
    pub(crate) is_broken: bool,
}

const TTLS: [u32; 6] = [30, 60, 300, 600, 3600, 5000];

impl ZoneFile {
    pub(crate) fn drawn(chance: &mut Chance) -> ZoneFile {
        ZoneFile {
            serial: chance.one_of(&[1, 77, 2_026_112_900, 2_026_113_000, 2_026_113_098, T as u32 - 9000, u32::MAX - 3]),
            minimum: chance.one_of(&[10, 60, 900]),
            ttls: std::array::from_fn(|_| chance.one_of(&TTLS)),
            has_new: [false; 5],
            bystander: 1,
            is_broken: false,
        }
    }

    pub(crate) fn text(&self) -> String {
        if self.is_broken {
            return "@ SOA half of a".to_owned();
        }
        let mut text = format!("@ 600 SOA ns.other. host.other. {} 3600 600 86400 {}\n", self.serial, self.minimum);
        text += "@ 3600 NS ns.other.example.\n";
        _ = writeln!(text, "bystander 3600 A 203.0.113.{}", self.bystander);
        for kind in KINDS {
            let at = kind as usize;
            let data = if self.has_new[at] { kind.after() } else { kind.before() };
            if let Some((rtype, data)) = data {
                _ = writeln!(text, "{} {} {rtype} {data}", kind.owner(), self.ttls[at]);
            }
        }
        text
    }

    pub(crate) fn edit(&mut self, edit: ZoneEdit) {
        match edit {
            ZoneEdit::Bystander => self.bystander = self.bystander % 250 + 1,
            ZoneEdit::Serial(by) => self.serial = self.serial.wrapping_add_signed(by),
            ZoneEdit::Ttl(kind, ttl) => self.ttls[kind as usize] = ttl,
            ZoneEdit::Minimum(minimum) => self.minimum = minimum,
            ZoneEdit::New(kind) => self.has_new[kind as usize] = true,
            ZoneEdit::AllNew => self.has_new = [true; 5],
            ZoneEdit::AllOld => self.has_new = [false; 5],
            ZoneEdit::Broken(is_broken) => self.is_broken = is_broken,
        }
    }
}

/// What somebody does to a zone's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZoneEdit {
    Bystander,
    Serial(i32),
    Ttl(Kind, u32),
    Minimum(u32),
    New(Kind),
    AllNew,
    AllOld,
    Broken(bool),
}

impl ZoneEdit {
    pub(crate) fn drawn(chance: &mut Chance) -> ZoneEdit {
        match chance.below(20) {
            0..5 => ZoneEdit::Bystander,
            5..10 => ZoneEdit::Serial(chance.one_of(&[-50, -1, 1, 2, 50])),
            10..13 => ZoneEdit::Ttl(chance.one_of(&KINDS), chance.one_of(&TTLS)),
            13 => ZoneEdit::Minimum(chance.one_of(&[10, 60, 900])),
            14 => ZoneEdit::New(chance.one_of(&KINDS)),
            15 | 16 => ZoneEdit::AllNew,
            17 => ZoneEdit::AllOld,
            18 => ZoneEdit::Broken(true),
            _ => ZoneEdit::Broken(false),
        }
    }
}

/// A plan's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanFile {
    /// Seconds from [`T`].
    pub(crate) at: i64,
    /// Where people have midnight: serials that are dates go by it.
    pub(crate) time_zone: &'static str,
    pub(crate) on_load: bool,
    pub(crate) late: bool,
    pub(crate) low: u32,
    pub(crate) lower: &'static str,
    pub(crate) spread: u32,
    pub(crate) low_for: u32,
    pub(crate) raise: &'static str,
    pub(crate) kinds: Vec<Kind>,
    /// What it waits for, and whether a watch takes it back.
    pub(crate) gates: Vec<&'static str>,
    pub(crate) watches: bool,
    /// A remark, which means nothing and makes another text.
    pub(crate) remark: u32,
    pub(crate) is_broken: bool,
}

impl PlanFile {
    pub(crate) fn drawn(chance: &mut Chance) -> PlanFile {
        let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|_| chance.percent(40)).collect();
        if kinds.is_empty() {
            kinds.push(Kind::Replace);
        }
        PlanFile {
            at: 0,
            time_zone: chance.one_of(&["UTC", "Asia/Tokyo", "America/Los_Angeles"]),
            on_load: chance.percent(35),
            late: chance.percent(70),
            low: chance.one_of(&[1, 5, 30, 60, 120]),
            lower: chance.one_of(&["ladder", "countdown", "once"]),
            spread: chance.one_of(&[0, 10, 30, 200]),
            low_for: chance.one_of(&[0, 0, 50, 700]),
            raise: chance.one_of(&["ladder", "once"]),
            kinds,
            gates: Vec::new(),
            watches: false,
            remark: 0,
            is_broken: false,
        }
    }

    /// The same, perhaps with gates and a watch.
    pub(crate) fn guarded(mut self, chance: &mut Chance) -> PlanFile {
        if chance.percent(40) {
            self.gates = ["lower", "flip", "raise"].into_iter().filter(|_| chance.percent(50)).collect();
            self.watches = chance.percent(40);
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        let at = jiff::Timestamp::from_second(T + self.at).unwrap().in_tz(self.time_zone).unwrap();
        let mut text = format!("# {}\nversion = 1\nat = \"{at}\"\nlow_ttl = {}\n", self.remark, self.low);
        text += if self.on_load { "arm = \"on-load\"\n" } else { "" };
        text += if self.late { "late = \"accept\"\n" } else { "" };
        _ = writeln!(text, "lower = \"{}\"\nraise = \"{}\"\nlow_for = {}", self.lower, self.raise, self.low_for);
        if self.lower == "countdown" {
            _ = writeln!(text, "spread = {}", self.spread);
        }
        for kind in &self.kinds {
            text += &kind.flips();
        }
        if !self.gates.is_empty() || self.watches {
            text += "[[probe]]\nname = \"web\"\nkind = \"tcp\"\naddress = \"192.0.2.20:80\"\n";
        }
        for before in &self.gates {
            _ = writeln!(
                text,
                "[[gate]]\nbefore = \"{before}\"\nprobe = \"web\"\npass = \"2 of 3\"\ndeadline = \"1h\""
            );
        }
        if self.watches {
            text += "[[watch]]\nprobe = \"web\"\nfail = \"3 of 4\"\nrollback = true\n";
        }
        if self.is_broken { text.replace("version", "verse") } else { text }
    }

    pub(crate) fn edit(&mut self, edit: &PlanEdit) {
        match edit {
            PlanEdit::Remark => self.remark += 1,
            PlanEdit::At(by) => self.at += by,
            PlanEdit::Low(low) => self.low = *low,
            PlanEdit::OnLoad(on_load) => self.on_load = *on_load,
            PlanEdit::Kinds(kinds) => self.kinds.clone_from(kinds),
            PlanEdit::Broken(is_broken) => self.is_broken = *is_broken,
        }
    }
}

/// What somebody does to a plan's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlanEdit {
    Remark,
    At(i64),
    Low(u32),
    OnLoad(bool),
    Kinds(Vec<Kind>),
    Broken(bool),
}

impl PlanEdit {
    pub(crate) fn drawn(chance: &mut Chance) -> PlanEdit {
        match chance.below(12) {
            0..3 => PlanEdit::Remark,
            3..6 => PlanEdit::At(chance.one_of(&[-600, -30, 30, 600, 6000])),
            6 => PlanEdit::Low(chance.one_of(&[1, 30, 90])),
            7 => PlanEdit::OnLoad(chance.percent(50)),
            8 | 9 => PlanEdit::Kinds(PlanFile::drawn(chance).kinds),
            10 => PlanEdit::Broken(true),
            _ => PlanEdit::Broken(false),
        }
    }
}

/// Everything in a view but its serial, as text: what two editions of one serial must have alike.
pub(crate) fn content(view: View<'_>) -> String {
    let mut text = String::new();
    for node in view.nodes_in_order() {
        for rrset in node.rrsets().filter(|rrset| rrset.rtype() != Rtype::SOA) {
            let mut rdatas: Vec<_> = rrset.rdatas().collect();
            rdatas.sort();
            _ = writeln!(text, "{} {} {} {rdatas:?}", node.name(), rrset.rtype(), rrset.ttl());
        }
    }
    _ = write!(text, "nothing {}", view.negative_ttl());
    text
}

pub(crate) fn apex() -> Name {
    Name::from_text(ZONE).unwrap()
}
