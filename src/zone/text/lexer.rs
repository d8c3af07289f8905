//! The lexer: a zone file's text to words.
//!
//! An entry is what stands between two line ends outside of parentheses. [`Lexer::word`] gives its
//! words one by one and then `None`; blanks, comments and parentheses are gone by then. RFC 1035 § 5.1;
//! where it is silent, `docs/zone-format.md` says what we do.

use super::fault::{Fault, Result};

/// What an octet means to the lexer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Part of a word.
    Plain,
    /// Part of a word that has to be looked at twice: a backslash, or not ASCII.
    Special,
    /// Between words.
    Blank,
    /// `\n` or `\r`.
    LineEnd,
    /// `;`, which starts a comment.
    Comment,
    /// `"`.
    Quote,
    /// `(`.
    Open,
    /// `)`.
    Close,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Plain; 256];
    let mut octet = 0x80;
    while octet < 256 {
        kinds[octet] = Kind::Special;
        octet += 1;
    }
    kinds[b'\\' as usize] = Kind::Special;
    kinds[b' ' as usize] = Kind::Blank;
    kinds[b'\t' as usize] = Kind::Blank;
    kinds[0x0b] = Kind::Blank;
    kinds[0x0c] = Kind::Blank;
    kinds[b'\n' as usize] = Kind::LineEnd;
    kinds[b'\r' as usize] = Kind::LineEnd;
    kinds[b';' as usize] = Kind::Comment;
    kinds[b'"' as usize] = Kind::Quote;
    kinds[b'(' as usize] = Kind::Open;
    kinds[b')' as usize] = Kind::Close;
    kinds
};

/// A word: the octets between blanks, or between quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    /// The octets, escapes as written, quotes left out.
    pub bytes: &'t [u8],
    /// Where `bytes` starts in the text.
    pub at: usize,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Whether it holds neither a backslash nor an octet beyond ASCII.
    pub plain: bool,
}

impl<'t> Word<'t> {
    /// The octets it occupies in the text, quotes included.
    pub(super) fn span(self) -> (usize, usize) {
        let quote = usize::from(self.quoted);
        (self.at - quote, self.at + self.bytes.len() + quote)
    }

    /// Whether this is `@` as a name: unquoted and unescaped.
    pub(super) fn is_at_sign(self) -> bool {
        self.bytes == b"@" && !self.quoted
    }

    /// As text, to be shown.
    pub(super) fn shown(self) -> String {
        let text = String::from_utf8_lossy(self.bytes);
        match text.char_indices().nth(60) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text.into_owned(),
        }
    }
}

/// A cursor over a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    /// How many parentheses are open, and where the first was opened.
    depth: u32,
    opened_at: usize,
    /// Whether the end of the entry has been passed.
    ended: bool,
}

/// More open parentheses than this are a fault.
const PARENTHESES_MAX: u32 = 16;

impl<'t> Lexer<'t> {
    /// A cursor at the start of `text`, after a byte order mark if there is one.
    pub(super) fn new(text: &'t [u8]) -> Self {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Lexer { text, at, depth: 0, opened_at: 0, ended: false }
    }

    fn kind(&self) -> Option<Kind> {
        self.text.get(self.at).map(|&octet| KINDS[usize::from(octet)])
    }

    /// Whether the text is at an end.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Whether the next octet is a blank: at the start of an entry, that its owner is left out.
    pub(super) fn is_at_blank(&self) -> bool {
        self.kind() == Some(Kind::Blank)
    }

    /// Begins the next entry, at the cursor.
    #[inline]
    pub(super) fn begin_entry(&mut self) {
        self.ended = false;
        self.depth = 0;
    }

    /// The next word of the entry; `None` at its end, which is then behind the cursor.
    #[inline]
    pub(super) fn word(&mut self) -> Result<Option<Word<'t>>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            let Some(&octet) = self.text.get(self.at) else {
                if self.depth > 0 {
                    return Err(self.unclosed());
                }
                self.ended = true;
                return Ok(None);
            };
            match KINDS[usize::from(octet)] {
                Kind::Plain | Kind::Special => return Ok(Some(self.bare())),
                Kind::Blank => self.at += 1,
                Kind::LineEnd => {
                    self.at += 1;
                    if self.depth == 0 {
                        if octet == b'\r' && self.text.get(self.at) == Some(&b'\n') {
                            self.at += 1;
                        }
                        self.ended = true;
                        return Ok(None);
                    }
                }
                Kind::Comment => self.skip_line(),
                Kind::Quote => return self.quoted().map(Some),
                Kind::Open => {
                    if self.depth == 0 {
                        self.opened_at = self.at;
                    }
                    if self.depth == PARENTHESES_MAX {
                        let span = (self.at, self.at + 1);
                        return Err(Fault::error("zone-parenthesis", span, "the parentheses are nested too deeply")
                            .label(format!("more than {PARENTHESES_MAX} are open here")));
                    }
                    self.depth += 1;
                    self.at += 1;
                }
                Kind::Close => {
                    if self.depth == 0 {
                        let span = (self.at, self.at + 1);
                        self.at += 1;
                        return Err(Fault::error(
                            "zone-parenthesis",
                            span,
                            "a parenthesis is closed that was not opened",
                        )
                        .help("leave it out, or write it as \\) if it is meant as a character"));
                    }
                    self.depth -= 1;
                    self.at += 1;
                }
            }
        }
    }

    #[inline]
    fn bare(&mut self) -> Word<'t> {
        let start = self.at;
        let mut plain = true;
        loop {
            match self.kind() {
                Some(Kind::Plain) => self.at += 1,
                Some(Kind::Special) => {
                    plain = false;
                    // An escaped octet is part of the word, whatever it is; but not a line end.
                    if self.text[self.at] == b'\\' {
                        self.at += 1;
                        if matches!(self.kind(), None | Some(Kind::LineEnd)) {
                            break;
                        }
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        Word { bytes: &self.text[start..self.at], at: start, quoted: false, plain }
    }

    fn quoted(&mut self) -> Result<Word<'t>> {
        let start = self.at + 1;
        let mut plain = true;
        self.at = start;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                None | Some(b'\n' | b'\r') => {
                    return Err(Fault::error(
                        "zone-unclosed-quote",
                        (start - 1, self.at),
                        "a quote is not closed on its line",
                    )
                    .label("opened here")
                    .help("close it with \" before the line ends; a line end inside of quotes is written \\010"));
                }
                Some(b'\\') => {
                    plain = false;
                    self.at += 1;
                    if !matches!(self.text.get(self.at), None | Some(b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
                Some(octet) => {
                    plain &= octet.is_ascii();
                    self.at += 1;
                }
            }
        }
        let bytes = &self.text[start..self.at];
        self.at += 1;
        Ok(Word { bytes, at: start, quoted: true, plain })
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    fn unclosed(&self) -> Box<Fault> {
        Fault::error("zone-parenthesis", (self.opened_at, self.opened_at + 1), "a parenthesis is never closed")
            .label("opened here")
            .help("close it with ) at the end of the record")
    }

    /// Goes to the end of the entry after a fault. Returns the fault of a parenthesis that is never
    /// closed; the next entry is then taken to start on the line after it.
    pub(super) fn recover(&mut self) -> Option<Box<Fault>> {
        loop {
            match self.word() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(fault) if self.is_at_end() && self.depth > 0 => {
                    self.at = self.opened_at;
                    self.skip_line();
                    self.ended = true;
                    return Some(fault);
                }
                // A further fault of the same entry. The cursor has gone on, but for a parenthesis
                // beyond the limit.
                Err(_) if self.kind() == Some(Kind::Open) => self.at += 1,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut words = Vec::new();
        while let Some(word) = lexer.word().unwrap() {
            words.push(word.shown());
        }
        words
    }

    #[test]
    fn rfc1035_5_1_words_comments_and_parentheses() {
        assert_eq!(words("a\tIN ( 1 ; one\n 2 ) \"x;y\"; rest\nnext"), ["a", "IN", "1", "2", "x;y"]);
        assert_eq!(words("a(b)c\"d\"e"), ["a", "b", "c", "d", "e"]);
        assert_eq!(words(r#"a\;b "c\"d""#), [r"a\;b", r#"c\"d"#]);
        assert_eq!(words("\u{feff}a\r\nb"), ["a"]);
    }

    #[test]
    fn recovery_stops_at_the_line_end_outside_of_parentheses() {
        let mut lexer = Lexer::new(b"a ( b\n c ) d\ne");
        lexer.word().unwrap();
        lexer.word().unwrap();
        assert!(lexer.recover().is_none());
        lexer.begin_entry();
        assert_eq!(lexer.word().unwrap().unwrap().bytes, b"e");
    }

    #[test]
    fn a_parenthesis_that_is_never_closed_costs_one_line() {
        let mut lexer = Lexer::new(b"a ( b\nc d\n");
        let fault = loop {
            if let Err(fault) = lexer.word() {
                break fault;
            }
        };
        assert_eq!(fault.span, (2, 3));
        assert!(lexer.recover().is_some());
        lexer.begin_entry();
        assert!(lexer.word().unwrap().is_none());
        lexer.begin_entry();
        assert_eq!(lexer.word().unwrap().unwrap().bytes, b"c");
    }
}
