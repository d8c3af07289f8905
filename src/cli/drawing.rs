//! Differences as diff draws them: `-` what goes, `+` what comes.

use std::fmt::{self, Write};

use jiff::tz::TimeZone;

use crate::clock::Instant;
use crate::timeline::show;
use crate::wire::{Name, Rtype};
use crate::zone::{Ttl, text};

/// How it is drawn.
pub(super) struct Drawing<'a> {
    pub(super) time_zone: &'a TimeZone,
    pub(super) styled: bool,
}

impl Drawing<'_> {
    /// Which edition is on the side of `sign`; without an instant nobody knows since when.
    pub(super) fn title(
        &self,
        sign: &str,
        zone: &str,
        at: Option<Instant>,
        serial: u32,
        out: &mut impl Write,
    ) -> fmt::Result {
        let at = at.map_or_else(|| "before".to_owned(), |at| show::moment(at, self.time_zone));
        writeln!(out, "{}", self.paint("1", &format!("{sign} {zone}\t{at}\tserial {serial}")))
    }

    /// A record as `watari plan at` prints it, after its sign.
    pub(super) fn record(
        &self,
        sign: char,
        owner: &Name,
        Ttl(ttl): Ttl,
        rtype: Rtype,
        rdata: &[u8],
        out: &mut impl Write,
    ) -> fmt::Result {
        let code = if sign == '-' { "31" } else { "32" };
        let line = format!("{sign}{owner}\t{ttl}\tIN\t{rtype}\t{}", data(rtype, rdata));
        writeln!(out, "{}", self.paint(code, &line))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// RDATA in presentation format.
pub(super) fn data(rtype: Rtype, rdata: &[u8]) -> String {
    let mut shown = String::new();
    // Writing to a String can't fail.
    let _ = text::print_rdata(rtype, rdata, &mut shown, None);
    shown
}
