//! Presentation format: the text of zone files to wire form and back.
//!
//! [`parse`] reads a zone file, [`load()`] makes a zone of it; [`parse_rdata`], [`parse_ttl`] and
//! [`name_from_text`] read the same forms where they stand alone, as in plans. [`print_rdata`],
//! [`print_canonical`] and [`print_pretty`] write them. What is printed reads back to the same
//! octets.
//!
//! This touches no files: what `$INCLUDE` names is opened by the caller's [`Include`].
//!
//! RFC 1035 § 5, RFC 2308 § 4, RFC 3597 § 5, and for each type its own; where they leave a choice,
//! `docs/zone-format.md` says what others do and what we do.

mod address;
mod bitmap;
mod directives;
mod fault;
mod gateway;
mod generate;
mod lexer;
mod load;
mod loc;
mod mnemonics;
mod names;
mod numbers;
mod octets;
mod parser;
mod print;
mod print_zone;
mod rdata;
mod svcb;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use super::Ttl;
use crate::diag::{Diagnostic, Place};
use crate::wire::{Class, NameRef, Rtype};

pub use fault::Fault;
pub use load::{Loaded, load, locate, locate_all};
pub use names::{NameTextError, name_from_text};
pub use numbers::parse_ttl;
pub use print::print_rdata;
pub use print_zone::{print_canonical, print_pretty};

/// How a zone file is to be read.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The origin at its start.
    pub origin: NameRef<'a>,
    /// The TTL of records that say none, until there is a `$TTL`.
    pub default_ttl: Option<Ttl>,
    /// What opens the files that it includes.
    pub include: &'a dyn Include,
}

/// Opens the files that zone files include.
pub trait Include {
    /// Opens `path`, as `$INCLUDE` in the file `from` names it. Returns the path to show in
    /// diagnostics, which is also the `from` of what that file includes, and the contents.
    ///
    /// # Errors
    /// [`IncludeError`] if there is no such file, or it may not be read.
    fn open(&self, from: &str, path: &str) -> Result<(Arc<str>, Vec<u8>), IncludeError>;
}

/// Why a file was not included.
#[derive(Debug, thiserror::Error)]
pub enum IncludeError {
    /// There are no files where this text comes from.
    #[error("nothing can be included here")]
    NoFiles,
    /// The file is not below the directory of zones.
    #[error("it is outside of the directory of zones")]
    Outside,
    /// The file can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(#[source] Box<dyn Error + Send + Sync>),
}

/// Includes nothing.
pub struct NoInclude;

impl Include for NoInclude {
    fn open(&self, _: &str, _: &str) -> Result<(Arc<str>, Vec<u8>), IncludeError> {
        Err(IncludeError::NoFiles)
    }
}

/// A record, as it was read.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The owner.
    pub owner: NameRef<'a>,
    /// The class, which is IN.
    pub class: Class,
    /// The TTL.
    pub ttl: Ttl,
    /// The type.
    pub rtype: Rtype,
    /// The data, names uncompressed.
    pub rdata: &'a [u8],
    /// Where it stands.
    pub place: LazyPlace<'a>,
}

/// A place in a file, found out when it is asked for.
#[derive(Clone)]
pub struct LazyPlace<'a> {
    path: &'a Arc<str>,
    text: &'a [u8],
    span: Range<usize>,
}

impl LazyPlace<'_> {
    /// The place, with its line. Looks through the file up to there.
    pub fn locate(&self) -> Place {
        Place::locate(self.path, self.text, self.span.clone())
    }
}

impl std::fmt::Debug for LazyPlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.path, self.span)
    }
}

/// What a reader of records says of one.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Next,
    /// Enough: read no further.
    Stop,
    /// Something is wrong with the record; the fault's span becomes the record's. Goes on.
    Refuse(Box<Fault>),
}

/// Reads the zone file `text` and hands every record to `each`. Returns all that is wrong with
/// it, up to [`DIAGNOSTICS_MAX`](crate::diag::DIAGNOSTICS_MAX); after a fault, reading goes on with
/// the next line outside of parentheses.
pub fn parse(
    path: &Arc<str>,
    text: &[u8],
    options: &Options<'_>,
    each: &mut dyn FnMut(Record<'_>) -> Verdict,
) -> Vec<Diagnostic> {
    let mut parser = parser::Parser::new(options, each);
    let origin = options.origin.to_owned();
    let mut source =
        parser::Source { path, text, origin, depth: 0, included_by: None, generated_by: None, origin_changed: false };
    parser.file(&mut source);
    parser.finish()
}

/// Reads the data of an `rtype` record that stands alone, as in a plan: `10 mail` for MX, or the
/// generic form.
///
/// # Errors
/// The [`Fault`], its span in `text`.
pub fn parse_rdata(rtype: Rtype, text: &str, origin: NameRef<'_>) -> Result<Vec<u8>, Box<Fault>> {
    let mut out = Vec::new();
    let mut lexer = lexer::Lexer::new(text.as_bytes());
    let end = rdata::read(rtype, &mut lexer, 0, origin, &mut out, &mut Vec::new())?;
    // A second line would be a second record.
    lexer.begin_entry();
    while !lexer.is_at_end() {
        if let Some(word) = lexer.word()? {
            return Err(Fault::error("zone-extra-field", word.span(), "there is more than one line here"));
        }
        lexer.begin_entry();
    }
    debug_assert!(end <= text.len());
    Ok(out)
}
