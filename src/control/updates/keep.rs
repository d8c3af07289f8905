//! What a person has done with updates that lie over a zone file: freeze, thaw, sync.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Overlaid, Standing};
use crate::clock::Instant;
use crate::control::load::{Loader, Outcome, Request};
use crate::control::names::{self, Role};
use crate::control::owner::Ticket;
use crate::control::registry::Content;
use crate::control::running::Running;
use crate::control::socket::Reply;
use crate::control::tree::Files;
use crate::control::write;
use crate::timeline::{Digest, Timeline};
use crate::wire::Name;
use crate::zone::text::print_pretty;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Take no updates, and write the zone file anew with those that there were.
    Freeze,
    /// Take them again.
    Thaw,
    /// Write the zone file anew with them.
    Sync,
}

/// A question of a person.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The way back.
    pub ticket: Ticket,
    /// The zone.
    pub apex: Name,
    /// What is to be done.
    pub verb: Verb,
    /// The token of what was shown, if it is to be done.
    pub act: Option<String>,
}

/// A zone file that is to be written anew.
#[derive(Debug)]
pub struct Sync {
    /// Who asked for it.
    pub keep: Keep,
    /// The zone's files.
    pub files: Files,
    /// What they said when they were read.
    pub content: Content,
    /// Where its plan stands.
    pub running: Option<Arc<Running>>,
    /// What updates have made of it.
    pub overlaid: Option<Arc<Overlaid>>,
}

impl Keep {
    /// What would be done, and what it costs; a refusal if there is nothing to do.
    pub fn shown(&self, file: &str, overlaid: Option<&Overlaid>) -> Reply {
        let zone = names::shown(self.apex.as_ref());
        let standing = overlaid.map(|overlaid| overlaid.standing);
        let is_frozen = standing.is_some_and(|standing| standing.is_frozen);
        let has_updates = overlaid.is_some_and(|overlaid| !overlaid.overlay.is_empty());
        let written = format!(
            "{file} is written anew{}: all records as they are served, without its comments, $INCLUDE and $GENERATE",
            overlaid.map_or_else(String::new, |overlaid| format!(", with {}", counted(overlaid))),
        );
        let text = match self.verb {
            Verb::Freeze if is_frozen => return Reply::refused(format!("{zone} is frozen already")),
            Verb::Thaw if !is_frozen => return Reply::refused(format!("{zone} is not frozen")),
            Verb::Sync if !has_updates => {
                return Reply::refused(format!("the file of {zone} has all that is served"))
                    .help("there is nothing to do");
            }
            Verb::Freeze if has_updates => format!("{zone}: updates are REFUSED until it is thawed\n{written}\n"),
            Verb::Freeze => format!("{zone}: updates are REFUSED until it is thawed\n"),
            Verb::Thaw => format!("{zone}: updates are taken again\n"),
            Verb::Sync => format!("{zone}: {written}\n"),
        };
        Reply::shown(text, as_json(&self.apex, overlaid)).token(self.token(standing))
    }

    fn token(&self, standing: Option<Standing>) -> String {
        Digest::of([format!("{:?} {standing:?}", self.verb).as_bytes()]).short()
    }

    /// Whether what was shown is what would be done now.
    pub fn is_agreed(&self, overlaid: Option<&Overlaid>) -> bool {
        self.act.is_some() && self.act == Some(self.token(overlaid.map(|overlaid| overlaid.standing)))
    }

    /// That it is done.
    pub fn done(&self, overlaid: Option<&Overlaid>) -> Reply {
        let zone = names::shown(self.apex.as_ref());
        let text = match self.verb {
            Verb::Freeze => format!("{zone} is frozen: edit its file, then `watari zone thaw {zone}`"),
            Verb::Thaw => format!("{zone} takes updates again"),
            Verb::Sync => format!("the file of {zone} has what is served"),
        };
        Reply::done(text, as_json(&self.apex, overlaid))
    }
}

impl Sync {
    /// Writes the file, if it is still what it was when it was read.
    ///
    /// # Errors
    /// Why not.
    pub fn write(&self, served: &Timeline, loader: &Loader, now: Instant) -> Result<PathBuf, String> {
        let Sync { keep, files, content, running, overlaid } = self;
        let apex = keep.apex.clone();
        let path = files.path(&apex, Role::Zone);
        let request = Request {
            apex,
            files: files.clone(),
            serving: Some(*content),
            running: running.clone(),
            overlaid: overlaid.clone(),
            base: None,
            member: None,
        };
        if !matches!(loader.load(request, now).outcome, Outcome::Unchanged) {
            return Err(format!("{} is not what is served: it was edited meanwhile, or can't be used", path.display()));
        }
        let mut text = String::new();
        let view = if running.is_some() { served.zone().view() } else { served.transferred(*served.first()) };
        print_pretty(view, &mut text).map_err(|error| error.to_string())?;
        let shown = |error: std::io::Error| format!("{} can't be written: {error}", path.display());
        let mode = path.metadata().map_err(shown)?.permissions();
        write::whole(&path, text.as_bytes(), true).map_err(shown)?;
        std::fs::set_permissions(&path, mode).map_err(shown)?;
        Ok(path)
    }
}

fn counted(overlaid: &Overlaid) -> String {
    let (added, removed) = overlaid.overlay.counts();
    format!("what {} updates have made of it: {added} records added, {removed} removed", overlaid.standing.updates)
}

fn as_json(apex: &Name, overlaid: Option<&Overlaid>) -> Value {
    let updates = overlaid.map(|overlaid| {
        let (added, removed) = overlaid.overlay.counts();
        let Standing { serial, updates, is_frozen, .. } = overlaid.standing;
        json!({ "updates": updates, "added": added, "removed": removed, "serial": serial.0, "frozen": is_frozen })
    });
    json!({ "zone": apex.to_string(), "updates": updates })
}

/// `reply`, which says where a zone's plan stands, with what updates have made of it.
pub fn told(mut reply: Reply, apex: &Name, overlaid: Option<&Overlaid>) -> Reply {
    let Some(overlaid) = overlaid else { return reply };
    let serial = overlaid.standing.serial;
    if !overlaid.overlay.is_empty() {
        reply.text.push_str(&format!("\n  over the file lies {}; serial {serial}\n", counted(overlaid)));
    }
    if overlaid.standing.is_frozen {
        let zone = names::shown(apex.as_ref());
        reply.text.push_str(&format!("\n  frozen: updates are REFUSED until `watari zone thaw {zone}`\n"));
    }
    if let (Value::Object(data), Value::Object(mut own)) = (&mut reply.data, as_json(apex, Some(overlaid))) {
        data.extend(own.remove("updates").map(|updates| ("updates".to_owned(), updates)));
    }
    reply
}
