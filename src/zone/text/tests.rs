//! Tests of the whole: text in, records out.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::wire::Name;

/// Files that are included, by name.
struct Files(HashMap<&'static str, &'static str>);

impl Include for Files {
    fn open(&self, _: &str, path: &str) -> Result<(Arc<str>, Vec<u8>), IncludeError> {
        let text = self.0.get(path).ok_or(IncludeError::Outside)?;
        Ok((path.into(), text.as_bytes().to_vec()))
    }
}

/// The records of a file of the zone example.com, `owner ttl type data`, and the diagnostics.
fn read_with(text: &str, files: &[(&'static str, &'static str)]) -> (Vec<String>, Vec<Diagnostic>) {
    let origin = Name::from_text("example.com").unwrap();
    let files = Files(files.iter().copied().collect());
    let options = Options { origin: origin.as_ref(), default_ttl: None, include: &files };
    let mut records = Vec::new();
    let diagnostics = parse(&"a.zone".into(), text.as_bytes(), &options, &mut |record| {
        let mut data = String::new();
        print_rdata(record.rtype, record.rdata, &mut data, None).unwrap();
        records.push(format!("{} {} {} {data}", record.owner, record.ttl, record.rtype));
        Verdict::Next
    });
    (records, diagnostics)
}

fn read(text: &str) -> Vec<String> {
    let (records, diagnostics) = read_with(text, &[]);
    assert!(!diagnostics.iter().any(Diagnostic::is_error), "{}", crate::diag::render(&diagnostics, false));
    records
}

/// The codes of what is wrong, with line and column.
fn faults(text: &str) -> Vec<String> {
    let (_, diagnostics) = read_with(text, &[]);
    diagnostics
        .iter()
        .map(|diagnostic| {
            let place = &diagnostic.labels[0].place;
            format!("{} {}:{} `{}`", diagnostic.code, place.line, place.column, &place.source[place.span.clone()])
        })
        .collect()
}

#[test]
fn rfc1035_5_1_a_file_is_read() {
    let text = "\
$TTL 1h
@ IN SOA ns hostmaster ( 2026010101 ; serial
      1h 15m 1w
      300 )
        NS ns
        MX 10 @
ns 300 IN A 192.0.2.1
   IN 301 AAAA 2001:db8::1
a.b\\.c TXT one \"two three\" \"\" \\100x
www CNAME ns.example.net.
";
    assert_eq!(
        read(text),
        [
            "example.com. 3600 SOA ns.example.com. hostmaster.example.com. 2026010101 3600 900 604800 300",
            "example.com. 3600 NS ns.example.com.",
            "example.com. 3600 MX 10 example.com.",
            "ns.example.com. 300 A 192.0.2.1",
            "ns.example.com. 301 AAAA 2001:db8::1",
            "a.b\\.c.example.com. 3600 TXT \"one\" \"two three\" \"\" \"dx\"",
            "www.example.com. 3600 CNAME ns.example.net.",
        ]
    );
}

#[test]
fn line_ends_byte_order_marks_and_a_missing_end_are_read() {
    assert_eq!(read("\u{feff}a 1 A 192.0.2.1\r\nb 1 A 192.0.2.2\rc 1 A 192.0.2.3").len(), 3);
    assert_eq!(read("\n\n ; nothing\n\t\n(\n)\na 1 A ( 192.0.2.1 )").len(), 1);
}

#[test]
fn all_faults_are_found_at_once() {
    let text = "\
a 60 A 192.0.2
b 60 AAA ::1
c 60 MX mail
d 60 TXT \"open
e 60 CNAME x y
f CH TXT x
g 60 A ( 192.0.2.1
";
    assert_eq!(
        faults(text),
        [
            "zone-address 1:8 `192.0.2`",
            "zone-unknown-type 2:6 `AAA`",
            "zone-number 3:9 `mail`",
            "zone-unclosed-quote 4:10 `\"open`",
            "zone-extra-field 5:14 `y`",
            "zone-class 6:3 `CH`",
            "zone-parenthesis 7:8 `(`",
        ]
    );
}

#[test]
fn the_next_line_after_a_fault_is_read() {
    let (records, diagnostics) = read_with("a 60 A ( 1 \n 2 ) ; x\nb 60 A 192.0.2.1\n", &[]);
    assert_eq!(records, ["b.example.com. 60 A 192.0.2.1"]);
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn an_owner_that_can_not_be_read_takes_no_records_of_others() {
    let (records, diagnostics) = read_with("a 60 A 192.0.2.1\nb..c 60 A 192.0.2.2\n  60 A 192.0.2.3\n", &[]);
    assert_eq!(records.len(), 1);
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_forgotten_final_dot_is_remarked_upon() {
    assert_eq!(
        faults("www.example.com 60 CNAME example.com\n"),
        ["zone-final-dot 1:1 `www.example.com`", "zone-final-dot 1:26 `example.com`"]
    );
    assert!(faults("www.example 60 CNAME xexample.com\n").is_empty());
}

#[test]
fn ttls_that_are_left_out_are_those_of_the_ttl_directive_or_the_last_one() {
    let soa = "@ SOA ns h 1 2 3 4 5\n";
    assert!(read(&format!("{soa}a A 192.0.2.1\n"))[1].contains(" 5 A"));
    assert!(read(&format!("{soa}a 7 A 192.0.2.1\nb A 192.0.2.2\n"))[2].contains(" 5 A"));
    assert!(read("a 7 A 192.0.2.1\nb A 192.0.2.2\n")[1].contains(" 7 A"));
    assert!(read("$TTL 9\na 7 A 192.0.2.1\nb A 192.0.2.2\n")[1].contains(" 9 A"));
    assert!(read("a A 192.0.2.1\n")[0].contains(" 3600 A"));
    assert_eq!(faults("a A 192.0.2.1\nb A 192.0.2.2\n"), ["zone-no-ttl 1:1 `a A 192.0.2.1`"]);
    assert!(read("a 4294967295 A 192.0.2.1\n")[0].contains(" 2147483647 A"));
}

#[test]
fn rfc1035_5_1_include_restores_origin_and_owner() {
    let files = [("inc", " 60 TXT cur\ni 60 TXT i\n$ORIGIN sub\nj 60 TXT j\n"), ("loop", "$INCLUDE loop\n")];
    let (records, diagnostics) =
        read_with("cur 60 TXT x\n$INCLUDE inc other\n 60 TXT y\nz 60 TXT z\n$INCLUDE missing\n", &files);
    assert_eq!(
        records,
        [
            "cur.example.com. 60 TXT \"x\"",
            "cur.example.com. 60 TXT \"cur\"",
            "i.other.example.com. 60 TXT \"i\"",
            "j.sub.other.example.com. 60 TXT \"j\"",
            "cur.example.com. 60 TXT \"y\"",
            "z.example.com. 60 TXT \"z\"",
        ]
    );
    assert_eq!(diagnostics.iter().filter(|d| d.is_error()).count(), 1);
    let (_, diagnostics) = read_with("$INCLUDE loop\n", &files);
    assert_eq!(diagnostics[0].code, "zone-include");
}

#[test]
fn generate_makes_what_bind_makes() {
    let text = "\
$TTL 3600
$GENERATE 1-3/2 h${10,3,x}-$ A 192.0.2.$
$GENERATE 1-2 m$ 50 IN MX \"10 a$\"
$GENERATE 1-1 t$ IN 50 TXT \"\\\"x $\\\" y\"
$GENERATE 1-1 ${0,5,n} A 192.0.2.${1}
$GENERATE 1-1 ${-3} A 192.0.2.$
$GENERATE 1-1 $$x\\$ A 192.0.2.$
";
    assert_eq!(
        read(text),
        [
            "h00b-11.example.com. 3600 A 192.0.2.1",
            "h00d-13.example.com. 3600 A 192.0.2.3",
            "m1.example.com. 50 MX 10 a1.example.com.",
            "m2.example.com. 50 MX 10 a2.example.com.",
            "t1.example.com. 50 TXT \"x 1\" \"y\"",
            "1.0.0.example.com. 3600 A 192.0.2.2",
            "-2.example.com. 3600 A 192.0.2.1",
            "\\$x\\$.example.com. 3600 A 192.0.2.1",
        ]
    );
    assert_eq!(faults("$GENERATE 0-2147483647 a$ 60 A 192.0.2.1\n"), ["zone-generate 1:11 `0-2147483647`"]);
    assert_eq!(faults("$GENERATE 1-1 a$ 60 A 192.0.2.x\n"), ["zone-address 1:1 `$GENERATE 1-1 a$ 60 A 192.0.2.x`"]);
}

#[test]
fn rfc3597_5_generic_data_is_read_for_every_type() {
    assert_eq!(
        read("a 60 A \\# 4 C0 000201\nb 60 TYPE731 \\# 3 abcdef\nc 60 CLASS1 TYPE1 192.0.2.1\nd 60 TYPE732 \\# 0\n"),
        [
            "a.example.com. 60 A 192.0.2.1",
            "b.example.com. 60 TYPE731 \\# 3 ABCDEF",
            "c.example.com. 60 A 192.0.2.1",
            "d.example.com. 60 TYPE732 \\# 0",
        ]
    );
    assert_eq!(faults("a 60 A \\# 3 C00002\n"), ["zone-rdata 1:11 `3 C00002`"]);
    assert_eq!(faults("a 60 A \\# 4 C00002\n"), ["zone-rdata 1:11 `4 C00002`"]);
}

#[test]
fn a_fault_in_an_included_file_shows_who_includes_it() {
    let files = [("one", "$INCLUDE two\n"), ("two", "a 60 A x\n")];
    let (_, diagnostics) = read_with("\n$INCLUDE one sub\n", &files);
    let places: Vec<_> = diagnostics[0].labels.iter().map(|label| (&*label.place.path, label.place.line)).collect();
    assert_eq!(places, [("two", 1), ("one", 1), ("a.zone", 2)]);
}

#[test]
fn the_number_of_faults_is_bounded_and_errors_go_before_warnings() {
    let warned = "www.example.com 60 A 192.0.2.1\n".repeat(150);
    let (records, diagnostics) = read_with(&(warned.clone() + "a 60 A x\n" + &warned), &[]);
    assert_eq!((records.len(), diagnostics.len()), (300, crate::diag::DIAGNOSTICS_MAX));
    assert_eq!(diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count(), 1);
    assert_eq!(diagnostics.last().unwrap().code, "zone-more-faults");
    let (_, diagnostics) = read_with(&"a 60 A x\n".repeat(1000), &[]);
    assert_eq!(diagnostics.len(), crate::diag::DIAGNOSTICS_MAX);
    assert_eq!(
        diagnostics.last().unwrap().message,
        "there are more faults than are shown; the file was read no further"
    );
}

#[test]
fn rdata_that_stands_alone_is_read() {
    let origin = Name::from_text("example.com").unwrap();
    let parse = |rtype, text| parse_rdata(rtype, text, origin.as_ref());
    assert_eq!(parse(Rtype::MX, "10 mail").unwrap(), b"\0\x0a\x04mail\x07example\x03com\0");
    assert_eq!(parse(Rtype::A, "192.0.2.1\n").unwrap(), [192, 0, 2, 1]);
    assert_eq!(parse(Rtype::TXT, "( a\n\"b c\" )").unwrap(), b"\x01a\x03b c");
    assert_eq!(parse(Rtype::A, "192.0.2.1 x").unwrap_err().span(), 10..11);
    assert_eq!(parse(Rtype::A, "192.0.2.1\nx").unwrap_err().code, "zone-extra-field");
    assert_eq!(parse(Rtype::A, "").unwrap_err().code, "zone-missing-field");
}

#[test]
fn the_place_of_a_record_is_found_again() {
    let origin = Name::from_text("example.com").unwrap();
    let files = Files(HashMap::from([("inc", "\nwww 60 A 192.0.2.1\n")]));
    let options = Options { origin: origin.as_ref(), default_ttl: None, include: &files };
    let path: Arc<str> = "a.zone".into();
    let text = b"www 60 AAAA ::1\n$INCLUDE inc\nwww 60 A 192.0.2.2\n";
    let place = |rtype| {
        let owner = Name::from_text("WWW.example.com").unwrap();
        locate(&path, text, &options, owner.as_ref(), rtype).map(|place| (place.path.to_string(), place.line))
    };
    assert_eq!(place(Rtype::AAAA), Some(("a.zone".to_owned(), 1)));
    assert_eq!(place(Rtype::A), Some(("inc".to_owned(), 2)));
    assert_eq!(place(Rtype::MX), None);
}

#[test]
fn a_zone_is_pretty_and_canonical() {
    let apex = Name::from_text("example.com").unwrap();
    let text = "\
$TTL 3600
www A 192.0.2.2
www A 192.0.2.1
www 60 TXT \"a b\"
@ SOA ns hostmaster 2026010101 7200 900 1209600 300
@ NS ns
ns A 192.0.2.1
*.Wild CNAME www
";
    let zone = load(apex.as_ref(), &"a.zone".into(), text.as_bytes(), &NoInclude).zone.unwrap();
    let (mut canonical, mut pretty) = (String::new(), String::new());
    print_canonical(zone.view(), &mut canonical).unwrap();
    print_pretty(zone.view(), &mut pretty).unwrap();
    let expected = "\
example.com.\t3600\tIN\tSOA\tns.example.com. hostmaster.example.com. 2026010101 7200 900 1209600 300
example.com.\t3600\tIN\tNS\tns.example.com.
ns.example.com.\t3600\tIN\tA\t192.0.2.1
*.Wild.example.com.\t3600\tIN\tCNAME\twww.example.com.
www.example.com.\t3600\tIN\tA\t192.0.2.1
www.example.com.\t3600\tIN\tA\t192.0.2.2
www.example.com.\t60\tIN\tTXT\t\"a b\"
";
    assert_eq!(canonical, expected);
    let expected = "\
$ORIGIN example.com.
$TTL 3600
@         SOA   ns hostmaster (
                2026010101 ; serial
                7200       ; refresh
                900        ; retry
                1209600    ; expire
                300        ; negative answers
                )
          NS    ns
ns        A     192.0.2.1
*.Wild    CNAME www
www       A     192.0.2.1
          A     192.0.2.2
       60 TXT   \"a b\"
";
    assert_eq!(pretty, expected);
}
