//! Codes of the DNS: newtypes over the integer, so that an unknown value is ordinary.
//!
//! Numbers and mnemonics are IANA's registry "Domain Name System (DNS) Parameters".

use std::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $code:ident($int:ty), unknown $unknown:literal {
        $($(#[$item_doc:meta])* $name:ident = $value:literal, $text:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $code(pub $int);

        #[allow(missing_docs)]
        impl $code {
            $($(#[$item_doc])* pub const $name: $code = $code($value);)*

            /// IANA's mnemonic, if there is one.
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 { $($value => Some($text),)* _ => None }
            }

            /// Reads a mnemonic, in any case, or the generic form (RFC 3597 § 5).
            pub fn from_text(text: &str) -> Option<$code> {
                $(if text.eq_ignore_ascii_case($text) { return Some($code($value)); })*
                let digits = text.get($unknown.len()..)?;
                (text[..$unknown.len()].eq_ignore_ascii_case($unknown)
                    && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
                    .then(|| digits.parse().ok().map($code)).flatten()
            }
        }

        impl fmt::Display for $code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.mnemonic() {
                    Some(text) => f.pad(text),
                    None => f.pad(&format!(concat!($unknown, "{}"), self.0)),
                }
            }
        }
        impl fmt::Debug for $code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

codes! {
    /// A type of record, or of a question (RFC 1035 § 3.2.2).
    Rtype(u16), unknown "TYPE" {
        A = 1, "A"; NS = 2, "NS"; MD = 3, "MD"; MF = 4, "MF"; CNAME = 5, "CNAME"; SOA = 6, "SOA";
        MB = 7, "MB"; MG = 8, "MG"; MR = 9, "MR"; NULL = 10, "NULL"; WKS = 11, "WKS";
        PTR = 12, "PTR"; HINFO = 13, "HINFO"; MINFO = 14, "MINFO"; MX = 15, "MX"; TXT = 16, "TXT";
        RP = 17, "RP"; AFSDB = 18, "AFSDB"; X25 = 19, "X25"; ISDN = 20, "ISDN"; RT = 21, "RT";
        NSAP = 22, "NSAP"; NSAP_PTR = 23, "NSAP-PTR"; SIG = 24, "SIG"; KEY = 25, "KEY";
        PX = 26, "PX"; GPOS = 27, "GPOS"; AAAA = 28, "AAAA"; LOC = 29, "LOC"; NXT = 30, "NXT";
        EID = 31, "EID"; NIMLOC = 32, "NIMLOC"; SRV = 33, "SRV"; ATMA = 34, "ATMA";
        NAPTR = 35, "NAPTR"; KX = 36, "KX"; CERT = 37, "CERT"; A6 = 38, "A6"; DNAME = 39, "DNAME";
        SINK = 40, "SINK"; OPT = 41, "OPT"; APL = 42, "APL"; DS = 43, "DS"; SSHFP = 44, "SSHFP";
        IPSECKEY = 45, "IPSECKEY"; RRSIG = 46, "RRSIG"; NSEC = 47, "NSEC"; DNSKEY = 48, "DNSKEY";
        DHCID = 49, "DHCID"; NSEC3 = 50, "NSEC3"; NSEC3PARAM = 51, "NSEC3PARAM"; TLSA = 52, "TLSA";
        SMIMEA = 53, "SMIMEA"; HIP = 55, "HIP"; NINFO = 56, "NINFO"; RKEY = 57, "RKEY";
        TALINK = 58, "TALINK"; CDS = 59, "CDS"; CDNSKEY = 60, "CDNSKEY";
        OPENPGPKEY = 61, "OPENPGPKEY"; CSYNC = 62, "CSYNC"; ZONEMD = 63, "ZONEMD"; SVCB = 64, "SVCB";
        HTTPS = 65, "HTTPS"; SPF = 99, "SPF"; UINFO = 100, "UINFO"; UID = 101, "UID";
        GID = 102, "GID"; UNSPEC = 103, "UNSPEC"; NID = 104, "NID"; L32 = 105, "L32";
        L64 = 106, "L64"; LP = 107, "LP"; EUI48 = 108, "EUI48"; EUI64 = 109, "EUI64";
        TKEY = 249, "TKEY"; TSIG = 250, "TSIG"; IXFR = 251, "IXFR"; AXFR = 252, "AXFR";
        MAILB = 253, "MAILB"; MAILA = 254, "MAILA"; ANY = 255, "ANY"; URI = 256, "URI";
        CAA = 257, "CAA"; AVC = 258, "AVC"; DOA = 259, "DOA"; AMTRELAY = 260, "AMTRELAY";
        TA = 32768, "TA"; DLV = 32769, "DLV";
    }
}

impl Rtype {
    /// Whether the type stands in questions or messages only, never in a zone:
    /// OPT, and the meta-types and QTYPEs 128 to 255 that are not data (RFC 6895 § 3.1).
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

codes! {
    /// A class of records, or of a question (RFC 1035 § 3.2.4).
    Class(u16), unknown "CLASS" {
        IN = 1, "IN"; CH = 3, "CH"; HS = 4, "HS"; NONE = 254, "NONE"; ANY = 255, "ANY";
    }
}

codes! {
    /// What a message asks for (RFC 1035 § 4.1.1); four bits.
    Opcode(u8), unknown "OPCODE" {
        QUERY = 0, "QUERY"; IQUERY = 1, "IQUERY"; STATUS = 2, "STATUS"; NOTIFY = 4, "NOTIFY";
        UPDATE = 5, "UPDATE"; DSO = 6, "DSO";
    }
}

codes! {
    /// How a message was answered (RFC 1035 § 4.1.1); four bits, twelve with EDNS.
    Rcode(u16), unknown "RCODE" {
        NOERROR = 0, "NOERROR"; FORMERR = 1, "FORMERR"; SERVFAIL = 2, "SERVFAIL";
        NXDOMAIN = 3, "NXDOMAIN"; NOTIMP = 4, "NOTIMP"; REFUSED = 5, "REFUSED";
        YXDOMAIN = 6, "YXDOMAIN"; YXRRSET = 7, "YXRRSET"; NXRRSET = 8, "NXRRSET";
        NOTAUTH = 9, "NOTAUTH"; NOTZONE = 10, "NOTZONE"; BADVERS = 16, "BADVERS";
        BADCOOKIE = 23, "BADCOOKIE";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3597_5_unknown_types_have_a_generic_name() {
        assert_eq!(Rtype::from_text("type731"), Some(Rtype(731)));
        assert_eq!(Rtype::from_text("TYPE1"), Some(Rtype::A));
        assert_eq!(Rtype::from_text("TYPE65536"), None);
        assert_eq!(Rtype::from_text("TYPE"), None);
        assert_eq!(Rtype::from_text("TYPE+1"), None);
        assert_eq!(Rtype::from_text("ty"), None);
        assert_eq!(Rtype(731).to_string(), "TYPE731");
        assert_eq!(Class::from_text("class32"), Some(Class(32)));
        assert_eq!(Rtype::from_text("aaaa"), Some(Rtype::AAAA));
    }
}
