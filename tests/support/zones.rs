//! Zones to ask about, written by hand, small but nasty; those that are drawn from seeds are in `drawn`.
//!
//! In a hand-written zone every line begins with its owner, relative to the apex; `@` is the apex.
//! The names worth asking are the owners, their ancestors (empty non-terminals among them) and
//! names made from both.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::drawn;
use super::message::name_from_text;
use super::peer::ZoneFile;

/// A zone before it is a file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Without the last dot.
    pub(crate) apex: String,
    /// Records; every line begins with its owner.
    pub(crate) lines: Vec<String>,
    /// Records whose owners are not worth asking for by themselves.
    pub(crate) filler: Vec<String>,
    /// More names to ask, relative like owners.
    pub(crate) more: Vec<String>,
}

impl Source {
    /// The zone `apex` of the records in `text`.
    pub(crate) fn of(apex: &str, text: &str) -> Source {
        Source::new(apex, text, &[])
    }

    fn new(apex: &str, text: &str, more: &[&str]) -> Source {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';'));
        Source {
            apex: apex.to_owned(),
            lines: lines.map(str::to_owned).collect(),
            filler: Vec::new(),
            more: more.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The zone file.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("$ORIGIN {}.\n$TTL 3600\n", self.apex);
        for line in self.lines.iter().chain(&self.filler) {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Writes the zone file into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> ZoneFile {
        let path = folder.join(format!("{}.zone", self.apex));
        std::fs::write(&path, self.text()).expect("a zone file");
        ZoneFile { name: self.apex.clone(), path }
    }

    fn absolute(&self, name: &str) -> String {
        match name {
            "@" => self.apex.clone(),
            _ => match name.strip_suffix('.') {
                Some(absolute) if !absolute.ends_with('\\') => absolute.to_owned(),
                _ => format!("{name}.{}", self.apex),
            },
        }
    }

    /// The names worth asking, in wire form, lower case except where the zone is not.
    pub(crate) fn names(&self) -> Vec<Vec<u8>> {
        let apex = name_from_text(&self.apex);
        let mut names = BTreeSet::new();
        let owners = self.lines.iter().filter_map(|line| line.split_whitespace().next());
        for owner in owners.map(|owner| self.absolute(owner)) {
            let owner = name_from_text(&owner);
            let mut rest = &owner[..];
            while rest.len() >= apex.len() {
                names.insert(rest.to_vec());
                rest = &rest[1 + usize::from(rest[0])..];
            }
        }
        let mut derived = BTreeSet::new();
        for name in &names {
            for prefix in [&b"\x02zz"[..], b"\x01*", b"\x01a\x02zz", b"\x01a\x01*"] {
                let longer = [prefix, name].concat();
                if longer.len() <= 255 {
                    derived.insert(longer);
                }
            }
        }
        derived.append(&mut names);
        for name in &self.more {
            derived.insert(name_from_text(&self.absolute(name)));
        }
        derived.into_iter().collect()
    }
}

/// All zones of the differential test that are not signed.
pub(crate) fn all() -> Vec<Source> {
    let mut zones = vec![nasty(), other(), parent(), child(), grandchild(), orphan(), below_ent()];
    zones.extend([dname_below(), dname_at_apex(), wildcard_at_apex(), bare()]);
    zones.extend((0..RANDOM_ZONES).map(drawn::zone));
    zones
}

/// How many zones are drawn from seeds.
const RANDOM_ZONES: u64 = 32;

/// A chain of CNAMEs that is longer than anyone follows.
const CHAIN: usize = 40;

fn nasty() -> Source {
    let mut text = String::from(
        r#"
        @ 3600 IN SOA ns1 hostmaster 2026010101 7200 3600 1209600 300
        @ 7200 IN NS ns1
        @ 7200 IN NS NS2.Nasty.TEST.
        @ 7200 IN NS ns.other.test.
        @ 7200 IN NS ns.out.invalid.
        @ 600 IN MX 10 mail
        @ 600 IN MX 20 mail.out.invalid.
        @ 600 IN MX 30 mail.other.test.
        @ 600 IN TXT "v=spf1 -all" "second"
        ns1 300 IN A 192.0.2.1
        ns1 300 IN AAAA 2001:db8::1
        ns2 300 IN A 192.0.2.2
        mail 120 IN A 192.0.2.25
        mail 120 IN AAAA 2001:db8::25
        www 60 IN A 192.0.2.80
        www 60 IN A 192.0.2.81
        www 60 IN AAAA 2001:db8::80
        txtonly 60 IN TXT "no address"

        ; wildcards
        *.wild 300 IN TXT "wild"
        *.wild 300 IN A 192.0.2.90
        *.wild 300 IN MX 10 foo.wild
        a.wild 300 IN AAAA 2001:db8::a
        b.c.wild 300 IN TXT "makes c.wild an empty non-terminal"
        sub.*.wild 300 IN TXT "below a wildcard"
        *.x.y.went 300 IN TXT "wildcard below empty non-terminals"
        *.cwild 300 IN CNAME www
        *.cmissing 300 IN CNAME missing
        *.cout 300 IN CNAME www.out.invalid.
        *.cself 300 IN CNAME foo.cself
        *.cchain 300 IN CNAME x.y.cchain2
        *.cchain2 300 IN CNAME foo.wild
        *.empty.star 300 IN A 192.0.2.91
        *.*.double 300 IN A 192.0.2.92

        ; aliases
        cname 300 IN CNAME www
        cname2 300 IN CNAME cname
        cname-missing 300 IN CNAME missing
        cname-nodata 300 IN CNAME txtonly
        cname-wild 300 IN CNAME foo.wild
        cname-ent 300 IN CNAME c.wild
        cname-other 300 IN CNAME www.other.test.
        cname-other-missing 300 IN CNAME missing.other.test.
        cname-other-nodata 300 IN CNAME mail.other.test.
        cname-other-back 300 IN CNAME back.other.test.
        cname-out 300 IN CNAME www.out.invalid.
        cname-cut 300 IN CNAME sub
        cname-below-cut 300 IN CNAME www.sub
        cname-dname 300 IN CNAME www.dname
        cname-dname-missing 300 IN CNAME zz.dname
        cname-self 300 IN CNAME cname-self
        loop1 300 IN CNAME loop2
        loop2 300 IN CNAME loop3
        loop3 300 IN CNAME loop1
        cname-cross-loop 300 IN CNAME cross-loop.other.test.
        cname-apex 300 IN CNAME @

        ; delegations
        sub 86400 IN NS ns.sub
        sub 86400 IN NS ns.sub2
        sub 86400 IN NS ns1
        sub 86400 IN NS ns.out.invalid.
        ns.sub 86400 IN A 192.0.2.50
        ns.sub 86400 IN AAAA 2001:db8::50
        www.sub 86400 IN A 192.0.2.51
        txt.sub 86400 IN TXT "occluded"
        cname.sub 86400 IN CNAME www
        sub2 86400 IN NS ns.sub2
        sub2 86400 IN NS ns.sub
        sub2 86400 IN TXT "at the cut, occluded"
        ns.sub2 86400 IN A 192.0.2.52
        subds 86400 IN NS ns.subds
        subds 86400 IN DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
        ns.subds 86400 IN A 192.0.2.53
        noglue 86400 IN NS ns.out.invalid.
        noglue 86400 IN NS ns.other.test.
        lame 86400 IN NS ns.missing
        deep 86400 IN NS ns.a.b.deep
        ns.a.b.deep 86400 IN A 192.0.2.54
        x.deep 86400 IN NS ns.x.deep
        ns.x.deep 86400 IN A 192.0.2.55
        selfns 86400 IN NS selfns
        selfns 86400 IN A 192.0.2.56
        nswild 86400 IN NS foo.wild
        nsalias 86400 IN NS cname
        entcut.ent.cut 86400 IN NS ns.entcut.ent.cut
        ns.entcut.ent.cut 86400 IN A 192.0.2.57
        manyns 86400 IN NS ns-a.manyns
        manyns 86400 IN NS ns-b.manyns
        manyns 86400 IN NS ns-c.manyns
        ns-a.manyns 86400 IN A 192.0.2.61
        ns-a.manyns 86400 IN AAAA 2001:db8::61
        ns-b.manyns 86400 IN A 192.0.2.62
        ns-b.manyns 86400 IN AAAA 2001:db8::62
        ns-c.manyns 86400 IN AAAA 2001:db8::63

        ; DNAME
        target 300 IN A 192.0.2.100
        www.target 300 IN A 192.0.2.101
        *.wild.target 300 IN A 192.0.2.102
        dname 300 IN DNAME target
        dname 300 IN TXT "at a DNAME"
        dname 300 IN A 192.0.2.103
        dname2 300 IN DNAME dname
        dname-out 300 IN DNAME out.invalid.
        dname-other 300 IN DNAME other.test.
        dname-cut 300 IN DNAME sub
        dname-missing 300 IN DNAME missing
        dname-self 300 IN DNAME x.dname-self
        dname-wild 300 IN DNAME wild
        dname-cname 300 IN DNAME cnames
        www.cnames 300 IN CNAME www
        dname-shorter.x.y.z 300 IN DNAME target

        ; what has additional data
        mx 300 IN MX 10 foo.wild
        mx 300 IN MX 20 cname
        mx 300 IN MX 30 ns.sub
        mx 300 IN MX 40 missing
        mx 300 IN MX 50 .
        _sip._tcp 300 IN SRV 10 20 5060 www
        _sip._tcp 300 IN SRV 10 20 5061 mail.other.test.
        _sip._udp 300 IN SRV 0 0 0 .
        svc 300 IN SVCB 1 www alpn=h2
        https 300 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80
        https 300 IN HTTPS 2 www alpn=h2
        https 300 IN A 192.0.2.82
        https-alias 300 IN HTTPS 0 www
        https-alias-out 300 IN HTTPS 0 www.out.invalid.
        https-alias-svcb 300 IN HTTPS 0 https
        naptr 300 IN NAPTR 10 10 "S" "SIP+D2U" "" _sip._tcp
        ptr 300 IN PTR www
        kx 300 IN KX 10 www
        afsdb 300 IN AFSDB 1 www
        rp 300 IN RP hostmaster txtonly
        hinfo 300 IN HINFO "PDP-11" "UNIX"
        caa 300 IN CAA 0 issue "ca.invalid"

        ; names
        MiXeD.CaSe 300 IN A 192.0.2.110
        cname-mixed 300 IN CNAME mIxEd.cAsE
        esc\.aped 300 IN TXT "a dot in a label"
        nul\000octet 300 IN TXT "a zero octet"
        sp\032ace 300 IN TXT "a blank"
        \255high 300 IN TXT "a high octet"
        x\*y 300 IN TXT "a star within"
        under_score 300 IN A 192.0.2.111
        unknown 300 IN TYPE65280 \# 4 0A000001
        unknown 300 IN TYPE731 \# 0
        "#,
    );
    let label = "l".repeat(63);
    // 3 × 64 octets, 50 + 1 octets, and "nasty.test" in 12 octets.
    let longest = format!("{label}.{label}.{label}.{}", "m".repeat(50));
    let _ = writeln!(text, "{longest} 300 IN TXT \"the longest name\"");
    let _ = writeln!(text, "dname-long 300 IN DNAME {label}.{label}.{label}");
    let mut filler = String::new();
    for link in 0..CHAIN {
        let _ = writeln!(filler, "chain{link} 300 IN CNAME chain{}", link + 1);
    }
    let _ = writeln!(filler, "chain{CHAIN} 300 IN A 192.0.2.120");
    for number in 0..40 {
        let _ = writeln!(filler, "big 300 IN TXT \"{number:03}{}\"", "x".repeat(197));
    }
    for number in 0..100 {
        let _ = writeln!(filler, "many 300 IN A 198.51.100.{number}");
    }
    for number in 0..24 {
        let _ = writeln!(filler, "middle 300 IN TXT \"{number:02}{}\"", "y".repeat(40));
    }
    for number in 0..13 {
        let _ = writeln!(filler, "wide 86400 IN NS ns{number}.wide\nns{number}.wide 86400 IN A 203.0.113.{number}");
        let _ = writeln!(filler, "ns{number}.wide 86400 IN AAAA 2001:db8:{number}::1");
    }
    let short = "l".repeat(40);
    let more = [
        "missing".to_owned(),
        "WWW".to_owned(),
        "wWw.WiLd".to_owned(),
        "c.b.a.wild".to_owned(),
        "z.c.wild".to_owned(),
        "z.b.c.wild".to_owned(),
        "zz.y.went".to_owned(),
        "q.zz.x.y.went".to_owned(),
        "www.dname2".to_owned(),
        "www.dname".to_owned(),
        "wWw.DnAmE".to_owned(),
        "foo.wild.dname".to_owned(),
        "www.dname-other".to_owned(),
        "www.dname-cut".to_owned(),
        "www.dname-out".to_owned(),
        "x.dname-wild".to_owned(),
        "www.dname-cname".to_owned(),
        "www.dname-shorter.x.y.z".to_owned(),
        format!("{short}.dname-long"),
        format!("{short}.{short}.dname-long"),
        format!("x.{short}.{short}.dname-self"),
        "mixed.case".to_owned(),
        "MIXED.CASE".to_owned(),
        "esc.aped".to_owned(),
        "x\\.y.wild".to_owned(),
        "big".to_owned(),
        "many".to_owned(),
        "middle".to_owned(),
        "wide".to_owned(),
        "www.wide".to_owned(),
        "chain0".to_owned(),
        format!("chain{}", CHAIN - 5),
        format!("chain{}", CHAIN - 15),
    ];
    let mut source = Source::new("nasty.test", &text, &[]);
    source.more = more.to_vec();
    source.filler = filler.lines().map(str::to_owned).collect();
    source
}

fn other() -> Source {
    Source::new(
        "other.test",
        r#"
        @ 60 IN SOA ns hostmaster 7 7200 3600 1209600 900
        @ 60 IN NS ns
        @ 60 IN NS ns1.nasty.test.
        ns 60 IN A 192.0.2.3
        www 60 IN A 192.0.2.30
        mail 60 IN A 192.0.2.31
        back 60 IN CNAME www.nasty.test.
        cross-loop 60 IN CNAME cname-cross-loop.nasty.test.
        www.www 60 IN TXT "below"
        * 60 IN TXT "wildcard at the apex"
        mx 60 IN MX 10 mail.nasty.test.
        cut 60 IN NS ns1.nasty.test.
        cut 60 IN NS ns.sub.nasty.test.
        "#,
        &["www.zz", "missing"],
    )
}

fn parent() -> Source {
    Source::new(
        "parent.test",
        r#"
        @ 3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600
        @ 3600 IN NS ns
        ns 3600 IN A 192.0.2.4
        child 3600 IN NS ns.child
        child 3600 IN NS ns
        child 3600 IN DS 1 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
        ns.child 3600 IN A 192.0.2.200
        unserved 3600 IN NS ns.child
        unserved 3600 IN NS ns.unserved
        ns.unserved 3600 IN A 192.0.2.5
        below.ent 3600 IN NS ns
        to-child 3600 IN CNAME www.child
        to-child-missing 3600 IN CNAME missing.child
        to-grandchild 3600 IN CNAME www.g.child
        to-unserved 3600 IN CNAME www.unserved
        to-orphan 3600 IN CNAME www.orphan
        into-child 3600 IN DNAME child
        mx 3600 IN MX 10 www.child
        "#,
        &["www.into-child", "www.child", "orphan", "www.orphan"],
    )
}

fn child() -> Source {
    Source::new(
        "child.parent.test",
        r#"
        @ 300 IN SOA ns hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns
        @ 300 IN A 192.0.2.6
        ns 300 IN A 192.0.2.6
        www 300 IN A 192.0.2.7
        up 300 IN CNAME to-child.parent.test.
        g 300 IN NS ns.g
        ns.g 300 IN A 192.0.2.8
        *.wild 300 IN CNAME ns.parent.test.
        "#,
        &[],
    )
}

fn grandchild() -> Source {
    Source::new(
        "g.child.parent.test",
        r#"
        @ 300 IN SOA ns hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns
        ns 300 IN A 192.0.2.8
        www 300 IN A 192.0.2.9
        "#,
        &[],
    )
}

/// A zone to which its parent, on the same server, does not delegate.
fn orphan() -> Source {
    Source::new(
        "orphan.parent.test",
        r#"
        @ 300 IN SOA ns.parent.test. hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns.parent.test.
        www 300 IN A 192.0.2.10
        "#,
        &[],
    )
}

fn below_ent() -> Source {
    Source::new(
        "below.ent.parent.test",
        r#"
        @ 300 IN SOA ns.parent.test. hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns.parent.test.
        a.b.c 300 IN A 192.0.2.11
        "#,
        &[],
    )
}

/// Names below a DNAME, which are there but not to be seen (RFC 6672 § 2.4).
fn dname_below() -> Source {
    Source::new(
        "dnamebelow.test",
        r#"
        @ 300 IN SOA ns hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns
        ns 300 IN A 192.0.2.12
        d 300 IN DNAME t
        d 300 IN MX 10 ns
        www.t 300 IN A 192.0.2.13
        "#,
        &["www.d", "a.www.d"],
    )
}

fn dname_at_apex() -> Source {
    Source::new(
        "apexdname.test",
        r#"
        @ 300 IN SOA ns.other.test. hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns.other.test.
        @ 300 IN DNAME other.test.
        @ 300 IN MX 10 mail.other.test.
        "#,
        &["www", "missing", "a.b.c", "mail"],
    )
}

fn wildcard_at_apex() -> Source {
    Source::new(
        "apexwild.test",
        r#"
        @ 300 IN SOA ns hostmaster 1 7200 3600 1209600 30
        @ 300 IN NS ns
        ns 300 IN A 192.0.2.14
        * 300 IN CNAME ns
        a.b 300 IN TXT "b is an empty non-terminal"
        *.c 300 IN MX 10 x
        cut 300 IN NS ns.cut
        ns.cut 300 IN A 192.0.2.15
        "#,
        &["z.b", "y.z", "x.cut"],
    )
}

fn bare() -> Source {
    Source::new(
        "bare.test",
        r#"
        @ 300 IN SOA ns.out.invalid. hostmaster.out.invalid. 1 7200 3600 1209600 0
        @ 300 IN NS ns.out.invalid.
        "#,
        &[],
    )
}
