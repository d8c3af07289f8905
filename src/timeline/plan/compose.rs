//! Composes the text of a plan from what a person asks for in a few words: `www A 192.0.2.11, 192.0.2.12`.
//!
//! What the zone has is filled in as `from`. Each request says whether the RRset is there already ([`Verb`]), so that
//! a slip of the pen does not make a new name. What a plan can and can't do is the compiler's to say, of the text.

use std::ops::Range;
use std::sync::Arc;

use super::LOW_TTL_DEFAULT;
use crate::diag::{Diagnostic, Place, similar};
use crate::timeline::show::{toml_list, toml_string};
use crate::wire::{Name, NameRef, Rtype};
use crate::zone::{Ttl, Zone, text};

/// In zones of more names than this none is guessed at.
const GUESS_NAMES_MAX: usize = 10_000;

/// What is to become of an RRset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is there and gets other data.
    Flip,
    /// It is not there and comes.
    Add,
    /// It is there and goes.
    Remove,
}

impl Verb {
    /// The flag of the command line that says so.
    pub fn flag(self) -> &'static str {
        match self {
            Verb::Flip => "--flip",
            Verb::Add => "--add",
            Verb::Remove => "--remove",
        }
    }
}

/// What is asked for; the texts are kept as they were written.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The instant, in the form of a plan's `at`.
    pub at: &'a str,
    /// The TTL around the instant.
    pub low_ttl: Option<&'a str>,
    /// The TTL in the end.
    pub ttl_after: Option<&'a str>,
    /// Who arms it.
    pub arm: Option<&'a str>,
    /// How TTLs go down.
    pub lower: Option<&'a str>,
    /// How TTLs go up again.
    pub raise: Option<&'a str>,
    /// Whether it may flip before the old TTLs have drained.
    pub late: bool,
    /// Whether the parent has a DS record.
    pub ds: Option<&'a str>,
    /// What is to become of which RRsets: `NAME TYPE DATA, DATA`.
    pub changes: Vec<(Verb, &'a str)>,
}

/// One RRset of a request.
struct Asked<'a> {
    owner: Name,
    rtype: Rtype,
    /// The name as it was written.
    name: &'a str,
    /// The TTL and the data that the zone has; nothing if the RRset is new.
    from: Option<(Ttl, Vec<Vec<u8>>)>,
    /// The data as it was written.
    to: Vec<&'a str>,
}

/// The text of a plan that does in `zone` what `request` asks for; `shown` is the zone's name as people write it.
///
/// # Errors
/// All that is wrong with the request, with places in its words.
pub fn compose(zone: &Zone, shown: &str, request: &Request<'_>) -> Result<String, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let mut asked: Vec<Asked<'_>> = Vec::new();
    for &(verb, text) in &request.changes {
        let words = Words { path: verb.flag().into(), text };
        match read(zone, verb, &words, request.ttl_after.is_some()) {
            Ok(more) => match asked.iter_mut().find(|one| one.owner == more.owner && one.rtype == more.rtype) {
                Some(one) => one.to.extend(more.to),
                None => asked.push(more),
            },
            Err(fault) => faults.push(*fault),
        }
    }
    if faults.is_empty() { Ok(write(shown, request, &asked)) } else { Err(faults) }
}

/// The words of one flag, for places in them.
struct Words<'a> {
    path: Arc<str>,
    text: &'a str,
}

impl Words<'_> {
    fn fault(&self, code: &'static str, message: String, part: &str, label: &str, help: String) -> Box<Diagnostic> {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let place = self.place(start..(start + part.len()).min(self.text.len()));
        Box::new(Diagnostic::error(code, message).at(place, label).help(help))
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::locate(&self.path, self.text.as_bytes(), span)
    }
}

fn read<'a>(zone: &Zone, verb: Verb, words: &Words<'a>, has_ttl_after: bool) -> Result<Asked<'a>, Box<Diagnostic>> {
    let apex = zone.apex();
    let (name, rest) = first_word(words.text);
    let (type_name, data) = first_word(rest);
    let flag = verb.flag();
    if type_name.is_empty() || data.is_empty() != (verb == Verb::Remove) {
        let (message, help) = match verb {
            Verb::Remove => ("`--remove` takes a name and a type", "as in --remove 'www AAAA'".to_owned()),
            Verb::Add | Verb::Flip => {
                ("a name, a type and data are expected", format!("as in {flag} 'www A 192.0.2.11, 192.0.2.12'"))
            }
        };
        return Err(words.fault("plan-request", message.to_owned(), words.text, "", help));
    }
    let owner = text::name_from_text(name, apex).map_err(|error| {
        let message = "this is not a domain name".to_owned();
        words.fault(
            "plan-name",
            message,
            name,
            &error.to_string(),
            "write www, or @ for the zone's own name".to_owned(),
        )
    })?;
    if !owner.as_ref().is_at_or_below(apex) {
        let message = format!("{owner} is not in the zone {apex}");
        let help = "names without a final dot are read in the zone".to_owned();
        return Err(words.fault("plan-name-out-of-zone", message, name, "", help));
    }
    let Some(rtype) = Rtype::from_text(type_name) else {
        let known = (1..=u16::MAX).filter_map(|code| Rtype(code).mnemonic());
        let help = match similar(type_name, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("write the type between the name and the data, as in {flag} 'www A 192.0.2.11'"),
        };
        return Err(words.fault("plan-type", format!("there is no type `{type_name}`"), type_name, "", help));
    };
    let from = zone.find(owner.as_ref()).and_then(|node| node.rrset(rtype));
    let from = from.map(|rrset| (rrset.ttl(), rrset.rdatas().collect()));
    match (verb, &from) {
        (Verb::Add, Some(_)) => {
            let message = format!("the zone has {owner} {rtype} already");
            let help = "say --flip to replace all its data".to_owned();
            return Err(words.fault("plan-rrset-exists", message, name, "", help));
        }
        (Verb::Add, None) if !has_ttl_after => {
            let message = format!("{owner} {rtype} is new: there is no old TTL to go back to");
            let help = "say which TTL it is to have in the end: --ttl-after 1h".to_owned();
            return Err(words.fault("plan-ttl-after-missing", message, name, "", help));
        }
        (Verb::Flip | Verb::Remove, None) => return Err(missing(zone, verb, words, (name, type_name), &owner, rtype)),
        _ => {}
    }
    let to: Vec<_> = if verb == Verb::Remove { Vec::new() } else { records(data) };
    for record in &to {
        text::parse_rdata(rtype, record, apex).map_err(|fault| {
            let message = format!("this is not the data of a record of type {rtype}");
            let part = record.get(fault.span()).filter(|part| !part.is_empty()).unwrap_or(record);
            let help = fault.help.as_ref().map(ToString::to_string);
            let help = help.unwrap_or_else(|| "several records are separated by a comma and a blank".to_owned());
            words.fault("plan-rdata", message, part, &fault.to_string(), help)
        })?;
    }
    Ok(Asked { owner, rtype, name, from, to })
}

/// What to say if the zone has no such RRset.
fn missing(
    zone: &Zone,
    verb: Verb,
    words: &Words<'_>,
    (name, type_name): (&str, &str),
    owner: &Name,
    rtype: Rtype,
) -> Box<Diagnostic> {
    let add = if verb == Verb::Flip { "; if it is to be new, say --add" } else { "" };
    let node = zone.find(owner.as_ref()).filter(|node| !node.is_empty_non_terminal());
    if let Some(node) = node {
        let types: Vec<_> = node.rrsets().map(|rrset| rrset.rtype()).filter(|rtype| *rtype != Rtype::RRSIG).collect();
        let types: Vec<_> = types.iter().map(Rtype::to_string).collect();
        let message = format!("{owner} has no {rtype} records");
        let help = format!("it has {}{add}", types.join(", "));
        return words.fault("plan-no-such-rrset", message, type_name, "", help);
    }
    let guess = guess(zone, name);
    let help = match guess {
        Some(guess) => format!("did you mean `{guess}`?{}", add.replacen("; if", " If", 1)),
        None => format!("look for it in the zone file{add}"),
    };
    words.fault("plan-no-such-name", format!("the zone has no name {owner}"), name, "", help)
}

/// The name in the zone that was probably meant.
fn guess(zone: &Zone, name: &str) -> Option<String> {
    // A full name without its final dot.
    let full = format!("{name}.");
    let is_there = |owner: Name| zone.find(owner.as_ref()).is_some_and(|node| !node.is_empty_non_terminal());
    if text::name_from_text(&full, NameRef::root()).is_ok_and(is_there) {
        return Some(full);
    }
    if zone.node_count() > GUESS_NAMES_MAX {
        return None;
    }
    let owners = zone.nodes_in_order().filter(|node| !node.is_empty_non_terminal());
    let known: Vec<_> = owners.map(|node| crate::timeline::show::relative(&node.name(), zone.apex())).collect();
    similar(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The first word of `text`, and what follows.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// The records of `data`: separated by a comma with white space after it, outside of quotes. (A comma alone stands in
/// the data of HTTPS records.)
fn records(data: &str) -> Vec<&str> {
    let mut records = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in data.char_indices() {
        let ends = c == ',' && !is_quoted && !is_escaped && data[at + 1..].starts_with(char::is_whitespace);
        if ends {
            records.push(data[start..at].trim());
            start = at + 1;
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
    }
    records.push(data[start..].trim());
    records
}

fn write(shown: &str, request: &Request<'_>, asked: &[Asked<'_>]) -> String {
    let low_ttl = request.low_ttl.map_or_else(|| format!("{LOW_TTL_DEFAULT}s"), str::to_owned);
    let ttl_after = match request.ttl_after {
        Some(ttl) => format!("ttl_after = {}", toml_string(ttl)),
        None => "# ttl_after = \"1h\"    # without it, the old TTL".to_owned(),
    };
    let key = |key: &str, value: Option<&str>| value.map(|value| format!("{key} = {}\n", toml_string(value)));
    let arm = key("arm", request.arm)
        .unwrap_or_else(|| "# arm = \"on-load\"    # without it, nothing happens until `watari arm`\n".to_owned());
    let ways =
        [key("lower", request.lower), key("raise", request.raise), key("late", request.late.then_some("accept"))];
    let mut ways = ways.into_iter().flatten().collect::<String>();
    if !ways.is_empty() {
        ways.insert_str(0, "\n# How it goes about it.\n");
    }
    let parent =
        key("ds", request.ds).map_or_else(String::new, |ds| format!("\n# What the parent has of the zone.\n{ds}"));
    let mut text = format!(
        "\
# What changes in {shown}, all of it at one instant, T.
#
#   watari plan show {shown}          each step with its instant and its reason
#   watari plan diff {shown} T-1s T   what the flip changes
#   watari plan check {shown}         what is wrong with this file
#   watari arm {shown}                has the running server obey it
#
# When all is done: write the new data into the zone file, with a serial above the one that is served, and remove
# this file.
version = 1
{arm}
# T. Everything else follows from it.
at = {at}

# What caches may hold around T: this long after it the old data is gone.
low_ttl = {low_ttl}

# The TTL in the end.
{ttl_after}
{ways}{parent}",
        at = toml_string(request.at),
        low_ttl = toml_string(&low_ttl),
    );
    for Asked { rtype, name, from, to, .. } in asked {
        let (comment, from) = match from {
            Some((ttl, rdatas)) => (
                format!("what the zone has, with a TTL of {ttl}; if it has something else, the plan is refused"),
                toml_list(*rtype, rdatas.iter().map(|rdata| &**rdata)),
            ),
            None => ("nothing: it is new".to_owned(), "[]".to_owned()),
        };
        let gone = if to.is_empty() { "    # nothing: it goes" } else { "" };
        let to: Vec<_> = to.iter().map(|record| toml_string(record)).collect();
        text += &format!(
            "\n[[flip]]\nname = {}\ntype = \"{rtype}\"\n# {comment}\nfrom = {from}\nto = [{}]{gone}\n",
            toml_string(name),
            to.join(", "),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_separated_by_a_comma_and_a_blank_outside_of_quotes() {
        for (data, expected) in [
            ("192.0.2.1", &["192.0.2.1"][..]),
            ("192.0.2.1, 192.0.2.2 ,\t192.0.2.3", &["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
            ("1 . alpn=h2,h3, 2 b", &["1 . alpn=h2,h3", "2 b"]),
            (r#""a, b" "c\", d", "e""#, &[r#""a, b" "c\", d""#, r#""e""#]),
            ("a, ", &["a", ""]),
        ] {
            assert_eq!(records(data), expected, "{data}");
        }
    }
}
