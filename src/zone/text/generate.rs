//! `$GENERATE start-stop[/step] owner [ttl] [class] type data`, as BIND has it: a record for each
//! number of the range, `$` in owner and data standing for the number.
//!
//! `${offset,width,base}` adds `offset`, fills with zeros to `width`, and writes in `base`: `d`
//! decimal, `o` octal, `x` or `X` hexadecimal, `n` or `N` hexadecimal digits in reverse order with
//! dots between (for `ip6.arpa`), the dots counted in `width`. A `$` alone keeps the offset of the
//! `${…}` before it in the same word, as in BIND. `$$` and `\$` are a `$` itself.

use std::fmt::Write;

use super::directives::no_more;
use super::fault::{Fault, Result};
use super::lexer::{Lexer, Word};
use super::numbers;
use super::parser::{Parser, Source};
use super::rdata::missing;

/// The most records that all `$GENERATE` of a zone may make.
pub(super) const GENERATED_MAX: usize = 4_000_000;
/// The most that a number is filled to.
const WIDTH_MAX: usize = 255;

impl Parser<'_> {
    /// Reads the rest of the directive `name`, and the records that it makes.
    pub(super) fn generate(&mut self, name: Word<'_>, lexer: &mut Lexer<'_>, source: &mut Source<'_>) -> Result<()> {
        let end = name.span().1;
        let word = lexer.word()?.ok_or_else(|| missing(end, "a range"))?;
        let (start, stop, step) = range(word.bytes).ok_or_else(|| {
            Fault::error("zone-generate", word.span(), "this is not a range")
                .label("expected start-stop or start-stop/step, such as 1-254")
        })?;
        let count = (stop - start) / step + 1;
        if count as usize > GENERATED_MAX - self.generated {
            return Err(Fault::error("zone-generate", word.span(), format!("this makes {count} records"))
                .label(format!("at most {GENERATED_MAX} may be generated in a zone")));
        }
        self.generated += count as usize;
        let end = word.span().1;
        let owner = lexer.word()?.ok_or_else(|| missing(end, "an owner"))?;
        let owner_parts = parts(owner, owner.bytes)?;
        let end = owner.span().1;
        let word = lexer.word()?.ok_or_else(|| missing(end, "a type"))?;
        let head_start = word.at;
        let (rtype, ttl, head_end) = self.head(word, lexer)?;
        let data = lexer.word()?.ok_or_else(|| missing(head_end, "the data"))?;
        no_more(lexer).map_err(|fault| fault.help("data of several words stands in quotes: \"10 mail$\""))?;
        // Between the outer quotes a quote is written \".
        let unquoted = if data.quoted { unescape_quotes(data.bytes) } else { data.bytes.to_vec() };
        let data_parts = parts(data, &unquoted)?;
        let head = ttl.map(|ttl| format!(" {ttl}")).unwrap_or_default() + &format!(" {rtype} ");
        let span = (name.at, data.span().1.max(head_start));
        source.generated_by = Some(span);
        let mut text = Vec::new();
        let mut at = start;
        loop {
            text.clear();
            expand(&owner_parts, at, &mut text);
            text.extend_from_slice(head.as_bytes());
            expand(&data_parts, at, &mut text);
            self.generated_entry(&text, source);
            match at.checked_add(step) {
                Some(next) if next <= stop && !self.stopped => at = next,
                _ => break,
            }
        }
        source.generated_by = None;
        Ok(())
    }

    /// Reads one record that was made; what is wrong with it is shown at the directive.
    fn generated_entry(&mut self, text: &[u8], source: &mut Source<'_>) {
        let mut lexer = Lexer::new(text);
        self.generated_text.clear();
        self.generated_text.extend_from_slice(text);
        self.entry_or_faults(&mut lexer, source);
        self.generated_text.clear();
    }
}

fn range(text: &[u8]) -> Option<(u32, u32, u32)> {
    let max = 0x7fff_ffff;
    let dash = memchr::memchr(b'-', text)?;
    let (start, rest) = (&text[..dash], &text[dash + 1..]);
    let (stop, step) = match memchr::memchr(b'/', rest) {
        Some(slash) => (&rest[..slash], numbers::decimal(&rest[slash + 1..], max)?),
        None => (rest, 1),
    };
    let (start, stop) = (numbers::decimal(start, max)?, numbers::decimal(stop, max)?);
    (start <= stop && step > 0).then_some((start, stop, step))
}

fn unescape_quotes(bytes: &[u8]) -> Vec<u8> {
    let mut unescaped = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(octet) = rest.next() {
        if octet == b'\\' {
            match rest.next() {
                Some(b'"') => unescaped.push(b'"'),
                Some(escaped) => unescaped.extend_from_slice(&[b'\\', escaped]),
                None => unescaped.push(b'\\'),
            }
        } else {
            unescaped.push(octet);
        }
    }
    unescaped
}

/// A stretch of a template.
enum Part {
    Literal(Vec<u8>),
    Number { offset: i64, width: usize, base: u8 },
}

fn parts(word: Word<'_>, template: &[u8]) -> Result<Vec<Part>> {
    let refuse = || {
        Fault::error("zone-generate", word.span(), "this is not a form of the number")
            .help("$ is the number, ${offset,width,base} one that is changed and filled with zeros, base one of d o x X n N; a $ itself is written $$")
    };
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut last_offset = 0;
    let mut at = 0;
    while let Some(&octet) = template.get(at) {
        at += 1;
        match octet {
            b'\\' => {
                literal.push(octet);
                literal.extend(template.get(at));
                at += 1;
            }
            b'$' if template.get(at) == Some(&b'$') => {
                literal.extend_from_slice(b"\\$");
                at += 1;
            }
            b'$' => {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                if template.get(at) == Some(&b'{') {
                    let length = memchr::memchr(b'}', &template[at..]).ok_or_else(refuse)?;
                    let number = number(&template[at + 1..at + length]).ok_or_else(refuse)?;
                    if let Part::Number { offset, .. } = number {
                        last_offset = offset;
                    }
                    parts.push(number);
                    at += length + 1;
                } else {
                    parts.push(Part::Number { offset: last_offset, width: 0, base: b'd' });
                }
            }
            octet => literal.push(octet),
        }
    }
    parts.push(Part::Literal(literal));
    Ok(parts)
}

fn number(text: &[u8]) -> Option<Part> {
    let mut fields = text.split(|&octet| octet == b',');
    let offset = std::str::from_utf8(fields.next()?).ok()?.parse::<i32>().ok()?;
    let width = match fields.next() {
        Some(width) => numbers::decimal(width, u32::try_from(WIDTH_MAX).ok()?)? as usize,
        None => 0,
    };
    let base = match fields.next() {
        Some(&[base @ (b'd' | b'o' | b'x' | b'X' | b'n' | b'N')]) => base,
        Some(_) => return None,
        None => b'd',
    };
    fields.next().is_none().then_some(Part::Number { offset: i64::from(offset), width, base })
}

fn expand(parts: &[Part], number: u32, out: &mut Vec<u8>) {
    for part in parts {
        match *part {
            Part::Literal(ref octets) => out.extend_from_slice(octets),
            Part::Number { offset, width, base } => {
                let value = i64::from(number) + offset;
                let mut text = String::new();
                // Below zero the other bases write the two's complement of 32 bits, as BIND does.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let bits = value as u32;
                let _ = match base {
                    b'o' => write!(text, "{bits:0width$o}"),
                    b'x' => write!(text, "{bits:0width$x}"),
                    b'X' => write!(text, "{bits:0width$X}"),
                    b'n' | b'N' => {
                        nibbles(bits, width, base == b'N', &mut text);
                        Ok(())
                    }
                    _ => write!(text, "{value:0width$}"),
                };
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

fn nibbles(bits: u32, width: usize, upper: bool, out: &mut String) {
    let (mut bits, mut width) = (bits, width);
    loop {
        let digit = char::from_digit(bits & 0x0f, 16).unwrap_or('0');
        out.push(if upper { digit.to_ascii_uppercase() } else { digit });
        bits >>= 4;
        width = width.saturating_sub(1);
        if width == 0 && bits == 0 {
            return;
        }
        out.push('.');
        width = width.saturating_sub(1);
        if width == 0 && bits == 0 {
            return;
        }
    }
}
