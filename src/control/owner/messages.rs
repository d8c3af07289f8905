//! What goes into the owner, and what comes out of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::fingerprint::Fingerprint;
use super::super::load::{Loaded, Request};
use super::super::registry::Count;
use super::super::report::Report;
use super::super::running::Running;
use super::super::store::Record;
use super::super::tree::{Files, Tree};
use super::super::watch::Seen;
use crate::timeline::Timeline;
use crate::timeline::conduct::{Decided, Decision, Refusal};
use crate::wire::Name;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The watch saw something.
    Seen(Vec<Seen>),
    /// A folder was read.
    Scanned(Scanned),
    /// Zones were loaded.
    Loaded(Vec<Loaded>),
    /// Zones' events are in the journal, or can't be.
    Journalled {
        /// The zones.
        apexes: Vec<Name>,
        /// Why they are not there.
        failure: Option<String>,
    },
    /// A person asks for something to be done with a plan, or to be shown it.
    Asked(Asked),
    /// That was worked out.
    Considered(Box<Considered>),
    /// Somebody asked to look at every file again.
    Reread,
    /// The grace was set anew.
    Grace(Duration),
    /// Time has passed.
    Tick,
}

/// What a folder held.
#[derive(Debug)]
pub struct Scanned {
    /// The folder.
    pub under: Arc<Path>,
    /// What is in it.
    pub tree: Tree,
    /// What the files that zones include are on the disk.
    pub included: Vec<(Arc<Path>, Fingerprint)>,
}

/// A way back to who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The way back.
    pub ticket: Ticket,
    /// The zone.
    pub apex: Name,
    /// What is to be done.
    pub decision: Decision,
    /// Who asks.
    pub by: String,
    /// The token of what was shown: it is to be done, if that still stands.
    pub act: Option<String>,
}

/// What a decision comes to, and nothing done yet.
#[derive(Debug)]
pub struct Considered {
    /// What was asked.
    pub asked: Asked,
    /// What stands for the state in which it was considered.
    pub token: String,
    /// What it comes to.
    pub result: Result<Decided, Refusal>,
}

/// What who asked is told.
#[derive(Debug)]
pub enum Answer {
    /// What it would come to.
    Shown(Box<Considered>),
    /// It is done.
    Done(Box<Considered>),
    /// Things have changed since it was shown; nothing is done.
    Changed(Box<Considered>),
    /// There is no such zone, or nothing is served of it.
    NotServed,
    /// Too much is asked at once.
    Busy,
    /// It could not be put into the journal; nothing is done.
    NotJournalled(String),
}

/// What must be done.
#[derive(Debug)]
pub enum Effect {
    /// Read the folder, and watch it and all below it first, anew if `anew`.
    Scan {
        /// The folder.
        under: Arc<Path>,
        /// Whether to look at the files too, not only at their names.
        stat: bool,
        /// The files that zones include, to be looked at too.
        included: Vec<Arc<Path>>,
        /// Whether watches that stand already are to be made again.
        anew: bool,
    },
    /// Load these zones, one after the other.
    Load(Vec<Request>),
    /// Put this into the journal, for good.
    Journal(Vec<Record>),
    /// Work out what a decision would come to.
    Consider(Consider),
    /// Tell who asked.
    Answer(Ticket, Answer),
    /// Serve this from now on.
    Publish(Vec<(Name, Service)>),
    /// Tell a person.
    Report(Report),
    /// Every zone that was there at the start has been read: start watching, say so.
    Ready(Count),
    /// Give back the memory that much work has left behind.
    Tidy,
}

/// What a decision is considered about.
#[derive(Debug)]
pub struct Consider {
    /// What was asked.
    pub asked: Asked,
    /// The files of the zone.
    pub files: Files,
    /// The fingerprint of the content that is served.
    pub content: u64,
    /// Where its plan stands.
    pub running: Option<Arc<Running>>,
}

/// How a zone is to be answered for.
#[derive(Clone, Debug)]
pub enum Service {
    /// From its timeline.
    Timeline(Arc<Timeline>),
    /// With SERVFAIL.
    Failed,
    /// Not at all.
    Gone,
}
