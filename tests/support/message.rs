//! A reader of DNS messages that shares no code with `src/`: what one server said, in a form in
//! which it can be compared with what another said.
//!
//! Names are lower-cased and never compressed; the RDATA of the types that may be compressed
//! (RFC 1035 and, on receipt, RFC 3597 § 4) is expanded.

use std::fmt::Write as _;

/// Codes of answers.
pub(crate) mod rcode {
    pub(crate) const NOERROR: u16 = 0;
    pub(crate) const FORMERR: u16 = 1;
    pub(crate) const SERVFAIL: u16 = 2;
    pub(crate) const NXDOMAIN: u16 = 3;
    pub(crate) const NOTIMP: u16 = 4;
    pub(crate) const REFUSED: u16 = 5;
    pub(crate) const YXDOMAIN: u16 = 6;
    pub(crate) const NOTAUTH: u16 = 9;
    pub(crate) const BADVERS: u16 = 16;
}

/// A record as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Record {
    /// Wire form, lower case.
    pub(crate) owner: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// Names expanded and lower-cased.
    pub(crate) rdata: Vec<u8>,
}

impl Record {
    /// The type that an RRSIG covers, else 0.
    pub(crate) fn covered(&self) -> u16 {
        if self.rtype == 46 { u16::from_be_bytes([self.rdata[0], self.rdata[1]]) } else { 0 }
    }
}

/// The OPT record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    pub(crate) size: u16,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// A question as it was received, case kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
}

/// A message as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) qr: bool,
    pub(crate) opcode: u8,
    pub(crate) aa: bool,
    pub(crate) tc: bool,
    pub(crate) rd: bool,
    pub(crate) ra: bool,
    pub(crate) z: bool,
    pub(crate) ad: bool,
    pub(crate) cd: bool,
    /// With the upper bits from OPT.
    pub(crate) rcode: u16,
    pub(crate) questions: Vec<Question>,
    pub(crate) answer: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// Without OPT.
    pub(crate) additional: Vec<Record>,
    pub(crate) opt: Option<Opt>,
    pub(crate) length: usize,
}

/// Why octets are not a message.
pub(crate) type Malformed = &'static str;

impl Message {
    /// Reads `bytes`, all of them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
        let mut reader = Reader { bytes, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let flag = |bit: u16| flags & bit != 0;
        let mut message = Message {
            id,
            qr: flag(0x8000),
            opcode: (flags >> 11 & 15) as u8,
            aa: flag(0x400),
            tc: flag(0x200),
            rd: flag(0x100),
            ra: flag(0x80),
            z: flag(0x40),
            ad: flag(0x20),
            cd: flag(0x10),
            rcode: flags & 15,
            questions: Vec::new(),
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            opt: None,
            length: bytes.len(),
        };
        for _ in 0..counts[0] {
            let name = reader.name()?;
            message.questions.push(Question { name, rtype: reader.u16()?, class: reader.u16()? });
        }
        for _ in 0..counts[1] {
            message.answer.push(reader.record()?);
        }
        for _ in 0..counts[2] {
            message.authority.push(reader.record()?);
        }
        for _ in 0..counts[3] {
            let record = reader.record()?;
            if record.rtype != 41 {
                message.additional.push(record);
                continue;
            }
            if message.opt.is_some() {
                return Err("two OPT records");
            }
            if record.owner != [0] {
                return Err("an OPT record whose owner is not the root");
            }
            message.rcode |= ((record.ttl >> 24) << 4) as u16;
            message.opt = Some(Opt {
                size: record.class,
                version: (record.ttl >> 16) as u8,
                flags: record.ttl as u16,
                options: options(&record.rdata)?,
            });
        }
        if reader.at != bytes.len() { Err("octets after the message") } else { Ok(message) }
    }

    /// All records but OPT.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.answer.iter().chain(&self.authority).chain(&self.additional)
    }

    /// As a person would read it.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        let flags = [
            (self.aa, "aa"),
            (self.tc, "tc"),
            (self.rd, "rd"),
            (self.ra, "ra"),
            (self.z, "z"),
            (self.ad, "ad"),
            (self.cd, "cd"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|&(_, name)| name).collect();
        let _ = writeln!(text, "    rcode {} [{}] {} octets", self.rcode, flags.join(" "), self.length);
        if let Some(opt) = &self.opt {
            let options: Vec<u16> = opt.options.iter().map(|&(code, _)| code).collect();
            let _ = writeln!(
                text,
                "    OPT size {} version {} flags {:#x} options {options:?}",
                opt.size, opt.version, opt.flags
            );
        }
        for (title, section) in
            [("answer", &self.answer), ("authority", &self.authority), ("additional", &self.additional)]
        {
            for record in section {
                let _ = writeln!(text, "    {title:10} {}", show_record(record));
            }
        }
        text
    }
}

fn options(mut rest: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, Malformed> {
    let mut options = Vec::new();
    while !rest.is_empty() {
        let mut reader = Reader { bytes: rest, at: 0 };
        let code = reader.u16()?;
        let length = usize::from(reader.u16()?);
        options.push((code, reader.take(length)?.to_vec()));
        rest = &rest[4 + length..];
    }
    Ok(options)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.bytes.get(self.at..self.at + length).ok_or("the message ends too early")?;
        self.at += length;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.take(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// A name, expanded, case kept. Pointers go backwards only.
    fn name(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut name = Vec::new();
        let mut at = self.at;
        let mut end = None;
        loop {
            let length = *self.bytes.get(at).ok_or("a name ends too early")?;
            match length >> 6 {
                0 => {
                    let label = self.bytes.get(at..=at + usize::from(length)).ok_or("a label ends too early")?;
                    name.extend_from_slice(label);
                    at += label.len();
                    if name.len() > 255 {
                        return Err("a name is too long");
                    }
                    if length == 0 {
                        break;
                    }
                }
                3 => {
                    let low = *self.bytes.get(at + 1).ok_or("a pointer ends too early")?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if target >= at {
                        return Err("a pointer goes forward");
                    }
                    end = end.or(Some(at + 2));
                    at = target;
                }
                _ => return Err("a label of an unknown kind"),
            }
        }
        self.at = end.unwrap_or(at);
        Ok(name)
    }

    fn record(&mut self) -> Result<Record, Malformed> {
        let owner = self.name()?.to_ascii_lowercase();
        let (rtype, class, ttl) = (self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let end = self.at + length;
        if end > self.bytes.len() {
            return Err("a record ends too early");
        }
        let mut rdata = Vec::new();
        // Octets in front of the names, the number of names, RFC 1035's and RFC 2782's types.
        let (front, names) = match rtype {
            2 | 5 | 12 | 39 => (0, 1),
            6 | 14 | 17 => (0, 2),
            15 | 18 | 36 => (2, 1),
            33 => (6, 1),
            46 => (18, 1),
            47 => (0, 1),
            _ => (0, 0),
        };
        if names > 0 {
            rdata.extend_from_slice(self.take(front)?);
            for _ in 0..names {
                rdata.extend_from_slice(&self.name()?.to_ascii_lowercase());
            }
        }
        let rest = end.checked_sub(self.at).ok_or("a name in RDATA crosses its end")?;
        rdata.extend_from_slice(self.take(rest)?);
        Ok(Record { owner, rtype, class, ttl, rdata })
    }
}

/// A name of presentation format (escapes known, always absolute) in wire form.
pub(crate) fn name_from_text(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut label = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut finish = |label: &mut Vec<u8>| {
        if !label.is_empty() {
            wire.push(u8::try_from(label.len()).expect("a label of at most 63 octets"));
            wire.append(label);
        }
    };
    while at < bytes.len() {
        match bytes[at] {
            b'.' => finish(&mut label),
            b'\\' if bytes[at + 1].is_ascii_digit() => {
                label.push(text[at + 1..at + 4].parse().expect("an octet"));
                at += 3;
            }
            b'\\' => {
                label.push(bytes[at + 1]);
                at += 1;
            }
            byte => label.push(byte),
        }
        at += 1;
    }
    finish(&mut label);
    wire.push(0);
    assert!(wire.len() <= 255, "{text} is too long");
    wire
}

/// A name of wire form in presentation format.
pub(crate) fn name_to_text(wire: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = wire;
    while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, next) = after.split_at(usize::from(*length));
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    let _ = write!(text, "\\{}", char::from(byte));
                }
                b'!'..=b'~' => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('.');
        rest = next;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

const MNEMONICS: [(u16, &str); 30] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (24, "SIG"),
    (25, "KEY"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (39, "DNAME"),
    (41, "OPT"),
    (43, "DS"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (257, "CAA"),
];

/// The mnemonic of a type.
pub(crate) fn type_to_text(rtype: u16) -> String {
    let known = MNEMONICS.iter().find(|&&(number, _)| number == rtype);
    known.map_or_else(|| format!("TYPE{rtype}"), |&(_, text)| text.to_owned())
}

/// The type of a mnemonic.
pub(crate) fn type_from_text(text: &str) -> u16 {
    let known = MNEMONICS.iter().find(|&&(_, mnemonic)| mnemonic == text);
    known.map_or_else(|| text.trim_start_matches("TYPE").parse().expect("a type"), |&(number, _)| number)
}

/// A record as a person would read it.
pub(crate) fn show_record(record: &Record) -> String {
    let rdata = match record.rtype {
        2 | 5 | 12 | 39 => name_to_text(&record.rdata),
        1 if record.rdata.len() == 4 => record.rdata.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        46 => format!("covers {}", type_to_text(record.covered())),
        _ => {
            let mut text = String::new();
            for byte in record.rdata.iter().take(60) {
                let _ = match byte {
                    b'!'..=b'~' => write!(text, "{}", char::from(*byte)),
                    _ => write!(text, "\\{byte:03}"),
                };
            }
            text
        }
    };
    format!("{} {} {} {rdata}", name_to_text(&record.owner), record.ttl, type_to_text(record.rtype))
}
