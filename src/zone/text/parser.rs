//! The parser: entries of a zone file to records, with its state from entry to entry.
//!
//! RFC 1035 § 5.1, RFC 2308 § 4 (`$TTL`), RFC 3597 § 5. What a record leaves out:
//!
//! 1. Its owner is that of the record before; after `$INCLUDE`, of the record before that.
//! 2. Its class is IN.
//! 3. Its TTL is that of `$TTL`; else the last one written (RFC 1035 § 5.1); before the first one
//!    is written, the SOA record's MINIMUM; and without all of these, [`TTL_UNSAID`].

use std::borrow::Cow;
use std::sync::Arc;

use super::fault::{Fault, Result};
use super::lexer::{Lexer, Word};
use super::numbers::{self, TTL_MAX};
use super::{LazyPlace, Options, Record, Verdict, mnemonics, names, rdata};
use crate::diag::{DIAGNOSTICS_MAX, Diagnostic, Place, Severity};
use crate::wire::{Class, Name, NameRef, Rtype};
use crate::zone::Ttl;

/// The TTL, in seconds, of a record that says none where nothing before it does, as in NSD and Knot DNS.
const TTL_UNSAID: u32 = 3600;

/// A file that is being read.
pub(super) struct Source<'s> {
    /// Its path.
    pub path: &'s Arc<str>,
    /// All of it.
    pub text: &'s [u8],
    /// The present origin.
    pub origin: Name,
    /// How many `$INCLUDE`s deep it is.
    pub depth: usize,
    /// The file that includes it, and the directive there.
    pub included_by: Option<(&'s Source<'s>, (usize, usize))>,
    /// The words that records come from which are not in the text: a `$GENERATE` directive's.
    pub generated_by: Option<(usize, usize)>,
    /// Whether `$ORIGIN` was the last entry.
    pub origin_changed: bool,
}

impl Source<'_> {
    fn place(&self, span: (usize, usize)) -> Place {
        let (start, end) = self.generated_by.unwrap_or(span);
        Place::locate(self.path, self.text, start..end)
    }
}

/// The state that goes from entry to entry, and into included files.
pub(super) struct Parser<'o> {
    pub options: &'o Options<'o>,
    each: &'o mut dyn FnMut(Record<'_>) -> Verdict,
    /// `$TTL`, or what stands in for it.
    pub default_ttl: Option<u32>,
    /// The last TTL that was written.
    last_ttl: Option<u32>,
    ttl_remarked: bool,
    /// The present owner; empty if there is none.
    pub owner: Vec<u8>,
    /// The present owner could not be read: records that leave it out are not passed on.
    pub owner_failed: bool,
    rdata: Vec<u8>,
    remarks: Vec<Fault>,
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// How many files were included, and how many records generated.
    pub includes: usize,
    pub generated: usize,
    /// The record that `$GENERATE` makes now; empty if none does.
    pub generated_text: Vec<u8>,
    pub stopped: bool,
}

impl<'o> Parser<'o> {
    pub(super) fn new(options: &'o Options<'o>, each: &'o mut dyn FnMut(Record<'_>) -> Verdict) -> Self {
        Parser {
            options,
            each,
            default_ttl: options.default_ttl.map(|Ttl(seconds)| seconds),
            last_ttl: None,
            ttl_remarked: false,
            owner: Vec::with_capacity(256),
            owner_failed: false,
            rdata: Vec::with_capacity(512),
            remarks: Vec::new(),
            diagnostics: Vec::new(),
            errors: 0,
            warnings: 0,
            includes: 0,
            generated: 0,
            generated_text: Vec::new(),
            stopped: false,
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if self.errors < DIAGNOSTICS_MAX && self.errors + self.warnings <= DIAGNOSTICS_MAX {
            return self.diagnostics;
        }
        // Errors go before warnings where there is no room for all.
        while self.diagnostics.len() >= DIAGNOSTICS_MAX {
            match self.diagnostics.iter().rposition(|diagnostic| !diagnostic.is_error()) {
                Some(at) => drop(self.diagnostics.remove(at)),
                None => self.diagnostics.truncate(DIAGNOSTICS_MAX - 1),
            }
        }
        let more = if self.errors >= DIAGNOSTICS_MAX {
            "the file was read no further"
        } else {
            "the file was read to its end"
        };
        let note = Diagnostic::note("zone-more-faults", format!("there are more faults than are shown; {more}"));
        self.diagnostics.push(note);
        self.diagnostics
    }

    /// Keeps a fault.
    pub(super) fn report(&mut self, source: &Source<'_>, fault: Fault) {
        if fault.severity == Severity::Error {
            self.errors += 1;
            if self.errors >= DIAGNOSTICS_MAX {
                self.stopped = true;
            }
        } else {
            self.warnings += 1;
            if self.warnings > DIAGNOSTICS_MAX {
                return;
            }
        }
        let place = source.place(fault.span);
        let diagnostic = if self.generated_text.is_empty() {
            fault.diagnose_at(place)
        } else {
            let made: String = String::from_utf8_lossy(&self.generated_text).chars().take(200).collect();
            Fault { label: format!("makes `{made}`").into(), ..fault }.diagnose_at(place)
        };
        let mut diagnostic = diagnostic;
        let mut includer = source.included_by;
        while let Some((source, directive)) = includer {
            diagnostic = diagnostic.at(source.place(directive), "included here");
            includer = source.included_by;
        }
        self.diagnostics.push(diagnostic);
    }

    /// Reads all entries of `source`.
    pub(super) fn file(&mut self, source: &mut Source<'_>) {
        let mut lexer = Lexer::new(source.text);
        while !self.stopped && !lexer.is_at_end() {
            self.entry_or_faults(&mut lexer, source);
        }
    }

    /// Reads one entry; its faults are reported.
    pub(super) fn entry_or_faults(&mut self, lexer: &mut Lexer<'_>, source: &mut Source<'_>) {
        lexer.begin_entry();
        let outcome = self.entry(lexer, source);
        if !self.remarks.is_empty() {
            for remark in std::mem::take(&mut self.remarks) {
                self.report(source, remark);
            }
        }
        if let Err(fault) = outcome {
            let unclosed = lexer.recover().filter(|unclosed| *unclosed != fault);
            self.report(source, *fault);
            if let Some(unclosed) = unclosed {
                self.report(source, *unclosed);
            }
        }
    }

    #[inline]
    fn entry(&mut self, lexer: &mut Lexer<'_>, source: &mut Source<'_>) -> Result<()> {
        let owner_left_out = lexer.is_at_blank();
        let Some(first) = lexer.word()? else { return Ok(()) };
        if first.bytes.starts_with(b"$") && !first.quoted && source.generated_by.is_none() {
            if owner_left_out {
                return Err(Fault::error(
                    "zone-indented-directive",
                    first.span(),
                    "a directive stands at the start of its line",
                )
                .help("leave out the blanks before it"));
            }
            return self.directive(first, lexer, source);
        }
        if owner_left_out {
            self.inherited_owner(first, source)?;
            return self.record(first.at, first, lexer, source);
        }
        source.origin_changed = false;
        self.owner.clear();
        self.owner_failed = true;
        names::read(first, source.origin.as_ref(), &mut self.owner, &mut self.remarks)?;
        self.owner_failed = false;
        let Some(word) = lexer.word()? else {
            return Err(rdata::missing(first.span().1, "a type")
                .help("a line that starts without a blank starts with an owner"));
        };
        self.record(first.at, word, lexer, source)
    }

    fn inherited_owner(&mut self, first: Word<'_>, source: &mut Source<'_>) -> Result<()> {
        if self.owner.is_empty() && !self.owner_failed {
            return Err(Fault::error("zone-no-owner", first.span(), "the first record has no owner")
                .label("a line that starts with a blank takes the owner of the record before")
                .help("start the line with the owner, or with @ for the origin"));
        }
        if std::mem::take(&mut source.origin_changed)
            && !self.owner_failed
            && let Ok(owner) = NameRef::parse(&self.owner)
        {
            let remark = *Fault::warning("zone-inherited-owner", first.span(), "the owner is left out after $ORIGIN")
                .label(format!("belongs to {owner}, not to {}", source.origin))
                .help("write the owner; for the origin itself, @");
            self.remarks.push(remark);
        }
        Ok(())
    }

    /// Reads what follows an owner, beginning with `word`. The entry began at `start`.
    #[inline]
    fn record(&mut self, start: usize, word: Word<'_>, lexer: &mut Lexer<'_>, source: &Source<'_>) -> Result<()> {
        let (rtype, ttl, end) = self.head(word, lexer)?;
        self.rdata.clear();
        let origin = source.origin.as_ref();
        let end = rdata::read(rtype, lexer, end, origin, &mut self.rdata, &mut self.remarks)?;
        let ttl = match ttl {
            Some(ttl) => {
                self.last_ttl = Some(ttl);
                ttl
            }
            None => match self.default_ttl {
                Some(ttl) => ttl,
                None => self.unsaid_ttl(rtype, (start, end)),
            },
        };
        if self.owner_failed {
            return Ok(());
        }
        let Ok(owner) = NameRef::parse(&self.owner) else { return Ok(()) };
        let (from, to) = source.generated_by.unwrap_or((start, end));
        let place = LazyPlace { path: source.path, text: source.text, span: from..to };
        let record = Record { owner, class: Class::IN, ttl: Ttl(ttl), rtype, rdata: &self.rdata, place };
        match (self.each)(record) {
            Verdict::Next => Ok(()),
            Verdict::Stop => {
                self.stopped = true;
                Ok(())
            }
            Verdict::Refuse(mut fault) => {
                fault.span = (start, end);
                if fault.severity == Severity::Error {
                    return Err(fault);
                }
                self.remarks.push(*fault);
                Ok(())
            }
        }
    }

    /// Reads TTL and class, in either order, each of which may be left out, and the type. Returns
    /// the TTL if it is written, and where the type ends.
    #[inline]
    pub(super) fn head(&mut self, word: Word<'_>, lexer: &mut Lexer<'_>) -> Result<(Rtype, Option<u32>, usize)> {
        let mut word = word;
        let mut ttl = None;
        let mut class = false;
        loop {
            if word.bytes.first().is_some_and(u8::is_ascii_digit) {
                if ttl.is_some() {
                    return Err(
                        Fault::error("zone-ttl", word.span(), "a TTL was already given").label("expected a type")
                    );
                }
                ttl = Some(self.ttl(word)?);
            } else if matches!(word.bytes, b"IN" | b"in") && !class {
                class = true;
            } else {
                match mnemonics::rtype(word) {
                    Ok(rtype) if rtype.is_meta() => {
                        return Err(Fault::error(
                            "zone-meta-type",
                            word.span(),
                            format!("{rtype} records do not stand in zones"),
                        )
                        .label("a type of questions and messages only"));
                    }
                    Ok(rtype) => return Ok((rtype, ttl, word.span().1)),
                    Err(fault) => self.class(word, &mut class, fault)?,
                }
            }
            let end = word.span().1;
            word = lexer.word()?.ok_or_else(|| rdata::missing(end, "a type"))?;
        }
    }

    /// Reads a class; `otherwise` is the fault if `word` is none.
    fn class(&self, word: Word<'_>, seen: &mut bool, otherwise: Box<Fault>) -> Result<()> {
        let class = std::str::from_utf8(word.bytes).ok().filter(|_| !word.quoted).and_then(Class::from_text);
        match class {
            Some(_) if *seen => {
                Err(Fault::error("zone-class", word.span(), "a class was already given").label("expected a type"))
            }
            Some(Class::IN) => {
                *seen = true;
                Ok(())
            }
            Some(class) => {
                Err(Fault::error("zone-class", word.span(), format!("records of class {class} are not served"))
                    .label("the class must be IN")
                    .help("leave the class out, or write IN"))
            }
            None => Err(otherwise),
        }
    }

    /// Reads a TTL.
    pub(super) fn ttl(&mut self, word: Word<'_>) -> Result<u32> {
        let Some(seconds) = numbers::period(word.bytes) else {
            return Err(Fault::error("zone-ttl", word.span(), "this is not a TTL")
                .label("expected seconds, or a form like 1h30m")
                .help("what starts with a digit here is a TTL; a type stands behind it"));
        };
        if seconds > TTL_MAX {
            self.remarks.push(
                *Fault::warning("zone-ttl-range", word.span(), "a TTL is at most 2147483647 seconds (RFC 2181 § 8)")
                    .label("2147483647 is taken")
                    .help("caches keep nothing that long: 1w is plenty"),
            );
            return Ok(TTL_MAX);
        }
        Ok(seconds)
    }

    /// The TTL of a record that says none, without a `$TTL`.
    fn unsaid_ttl(&mut self, rtype: Rtype, span: (usize, usize)) -> u32 {
        let minimum = match (rtype, self.last_ttl, self.rdata.last_chunk::<4>()) {
            (Rtype::SOA, None, Some(minimum)) => Some(u32::from_be_bytes(*minimum).min(TTL_MAX)),
            _ => None,
        };
        let (ttl, why): (u32, Cow<'static, str>) = match (minimum, self.last_ttl) {
            (Some(minimum), _) => {
                // So BIND has it: the MINIMUM is what $TTL would have been (RFC 1035 § 3.3.13).
                self.default_ttl = Some(minimum);
                (minimum, format!("the SOA record's last number is taken, {minimum}").into())
            }
            (None, Some(last)) => (last, format!("the last TTL that was written is taken, {last}").into()),
            (None, None) => (TTL_UNSAID, format!("{TTL_UNSAID} is taken").into()),
        };
        if !std::mem::replace(&mut self.ttl_remarked, true) {
            self.remarks.push(
                *Fault::warning("zone-no-ttl", span, "this record has no TTL, and no $TTL stands before it")
                    .label(why)
                    .help("begin the file with $TTL 3600, say; servers differ in what they take without it"),
            );
        }
        ttl
    }
}
