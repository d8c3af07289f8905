//! Directives: `$ORIGIN`, `$TTL`, `$INCLUDE` (RFC 1035 § 5.1, RFC 2308 § 4); `$GENERATE` has a
//! file of its own.

use super::fault::{Fault, Result};
use super::lexer::{Lexer, Word};
use super::names;
use super::parser::{Parser, Source};
use super::rdata::missing;
use crate::wire::{Name, NameRef};

/// How deep files may include files.
pub(super) const INCLUDE_DEPTH_MAX: usize = 10;
/// How many files may be included in all.
pub(super) const INCLUDES_MAX: usize = 10_000;

impl Parser<'_> {
    /// Reads the directive that starts with `name`.
    #[cold]
    pub(super) fn directive(&mut self, name: Word<'_>, lexer: &mut Lexer<'_>, source: &mut Source<'_>) -> Result<()> {
        let is = |directive: &str| name.bytes.eq_ignore_ascii_case(directive.as_bytes());
        let end = name.span().1;
        if is("$ORIGIN") {
            let word = lexer.word()?.ok_or_else(|| missing(end, "a name"))?;
            source.origin = self.origin(word, source)?;
            source.origin_changed = true;
        } else if is("$TTL") {
            let word = lexer.word()?.ok_or_else(|| missing(end, "a TTL"))?;
            let ttl = self.ttl(word)?;
            self.default_ttl = Some(ttl);
        } else if is("$INCLUDE") {
            return self.include(name, lexer, source);
        } else if is("$GENERATE") {
            return self.generate(name, lexer, source);
        } else {
            return Err(Fault::error(
                "zone-unknown-directive",
                name.span(),
                format!("`{}` is not a directive", name.shown()),
            )
            .help("$ORIGIN, $TTL, $INCLUDE and $GENERATE are; a name that starts with $ is written \\$"));
        }
        no_more(lexer)
    }

    fn origin(&mut self, word: Word<'_>, source: &Source<'_>) -> Result<Name> {
        let mut wire = Vec::with_capacity(256);
        let mut remarks = Vec::new();
        names::read(word, source.origin.as_ref(), &mut wire, &mut remarks)?;
        for remark in remarks {
            self.report(source, remark);
        }
        match NameRef::parse(&wire) {
            Ok(name) => Ok(name.to_owned()),
            Err(error) => Err(names::fault(error.into(), word)),
        }
    }

    /// `$INCLUDE file [origin]`: origin and owner are afterwards as they were before.
    fn include(&mut self, name: Word<'_>, lexer: &mut Lexer<'_>, source: &mut Source<'_>) -> Result<()> {
        let file = lexer.word()?.ok_or_else(|| missing(name.span().1, "a file"))?;
        let origin = match lexer.word()? {
            Some(word) => self.origin(word, source)?,
            None => source.origin.clone(),
        };
        no_more(lexer)?;
        let refuse = |message: String| Fault::error("zone-include", file.span(), message);
        if source.depth == INCLUDE_DEPTH_MAX {
            return Err(refuse("files include files too deeply".to_owned())
                .label(format!("this would be the file {} levels down", INCLUDE_DEPTH_MAX + 1))
                .help("does a file include itself?"));
        }
        if self.includes == INCLUDES_MAX {
            return Err(refuse(format!("more than {INCLUDES_MAX} files are included")));
        }
        self.includes += 1;
        let mut octets = Vec::new();
        super::octets::append_text(file, &mut octets)?;
        let wanted = String::from_utf8(octets).map_err(|_| refuse("the file's name is not UTF-8".to_owned()))?;
        let (path, text) = self
            .options
            .include
            .open(source.path, &wanted)
            .map_err(|error| refuse(format!("`{wanted}` can't be included: {error}")))?;
        let owner = self.owner.clone();
        let owner_failed = self.owner_failed;
        let mut included = Source {
            path: &path,
            text: &text,
            origin_changed: origin != source.origin,
            origin,
            depth: source.depth + 1,
            included_by: Some((&*source, (name.at, file.span().1))),
            generated_by: None,
        };
        self.file(&mut included);
        self.owner = owner;
        self.owner_failed = owner_failed;
        Ok(())
    }
}

/// Takes the end of the entry.
pub(super) fn no_more(lexer: &mut Lexer<'_>) -> Result<()> {
    match lexer.word()? {
        None => Ok(()),
        Some(word) => Err(Fault::error("zone-extra-field", word.span(), "there is more here than the directive takes")
            .label("not expected")
            .help("a comment starts with ;")),
    }
}
