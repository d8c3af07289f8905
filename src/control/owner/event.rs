//! What happens to the owner, and what it has done about it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::Notified;
use crate::control::catalog_zone::{Draw, Drawn, Noted};
use crate::control::fingerprint::Fingerprint;
use crate::control::herald::Notice;
use crate::control::history::Passage;
use crate::control::load::{Loaded, Request};
use crate::control::lookout::Look;
use crate::control::notifier::{self, Heard};
use crate::control::portfolio::Reading;
use crate::control::promotion::{Prepared, Preparing, Promote, Refused, Settled};
use crate::control::registry::Count;
use crate::control::report::Report;
use crate::control::running::Running;
use crate::control::secondary::{Fed, Fetch, Fetched};
use crate::control::socket::Reply;
use crate::control::store::Record;
use crate::control::store::promotion::{Ended, Promotion};
use crate::control::tree::{Files, Tree};
use crate::control::updates::keep::{Keep, Sync};
use crate::control::updates::{Job, Petitioned, Said, Updated, Written};
use crate::control::watch::Seen;
use crate::timeline::conduct::{Decided, Decision, Refusal};
use crate::timeline::{Serial, Timeline, Verdict};
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
    /// Zones are to be updated.
    Petitioned(Vec<Petitioned>),
    /// What comes of updates was worked out.
    Updated(Box<Updated>),
    /// A person asks for a zone that is updated to be frozen, thawed or synced.
    Keep(Keep),
    /// Its file is written, or can't be.
    Synced(Keep, Result<(), String>),
    /// A person asks for something to be done with a plan, or to be shown it.
    Asked(Asked),
    /// That was worked out.
    Considered(Box<Considered>),
    /// A person asks for a zone that is fetched to become ours.
    Promote(Promote),
    /// What that takes is worked out, or what stands against it.
    Prepared(Result<Box<Prepared>, Refused>),
    /// Its files are as they should be, or could not be made so.
    Settled(Box<Prepared>, Result<Settled, String>),
    /// A secondary said which serial it serves, or why it can't.
    Said {
        /// The zone.
        apex: Name,
        /// Who.
        server: SocketAddr,
        /// What.
        said: Result<Serial, String>,
    },
    /// Somebody has looked at what a plan has looked at.
    Looked {
        /// The zone.
        apex: Name,
        /// Which look it was.
        number: u64,
        /// What it came to.
        verdict: Verdict,
    },
    /// A secondary was told of a change, and that came of it.
    Informed(notifier::Notice, Heard),
    /// Primaries say that zones have changed which are fetched from them.
    Notified(Vec<Notified>),
    /// A zone was asked for.
    Fetched(Box<Fetched>),
    /// A catalog zone of ours was made, and is kept.
    Drawn(Box<Drawn>),
    /// The file of a portfolio was read.
    PortfolioRead(Arc<Path>, Reading),
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
    /// Whether it is to be done.
    pub act: Act,
}

/// Whether a decision is to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is only shown.
    No,
    /// If what was shown still stands, which has this token.
    If(String),
    /// As things are.
    Yes,
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
    /// The zone is fetched from others: it has no plans.
    Secondary,
    /// There is no such zone, or nothing is served of it.
    NotServed,
    /// What is to be said is worked out.
    Told(Box<Reply>),
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
    /// Read this portfolio's file.
    ReadPortfolio(Arc<Path>),
    /// Load these zones, one after the other.
    Load(Vec<Request>),
    /// Put this into the journal, for good.
    Journal(Vec<Record>),
    /// The same, with what updates have made of zones.
    Write(Vec<Record>, Vec<Written>),
    /// Work out what comes of updates.
    Update(Job),
    /// Write a zone file with updates in it.
    Sync(Sync),
    /// Work out what it takes for a zone to become ours.
    Prepare(Box<Preparing>),
    /// Put into the journal that it becomes ours; nothing that updates made of it before counts any more.
    BeginPromotion(Promotion),
    /// Write its zone file, and put aside the one that said from whom it was fetched.
    Settle(Box<Prepared>),
    /// Put into the journal what became of that.
    EndPromotion(Name, Ended),
    /// Answer what asked for updates.
    Say(Vec<(Petitioned, Said)>),
    /// Steps of plans were served until this instant: put into the journal that it was reached, so that no clock which
    /// is set back takes them back after a restart.
    Reached(crate::clock::Instant),
    /// Work out what a decision would come to.
    Consider(Consider),
    /// Ask a secondary which serial of the zone it serves.
    AskSerial(Name, SocketAddr),
    /// Ask for a zone.
    Fetch(Fetch),
    /// From now on zones are fetched from those, or from nobody.
    Feed(Vec<Fed>),
    /// Make a catalog zone of ours, and keep it.
    Draw(Draw),
    /// Put down who is a member of which catalog zone.
    NoteMembers(Vec<(Name, Noted)>),
    /// Let go of what is kept of a zone that was fetched.
    Forget(Name),
    /// Look at what a plan has looked at.
    Look(Look),
    /// Tell a secondary of a change.
    Inform(notifier::Notice),
    /// Tell who asked.
    Answer(Ticket, Answer),
    /// What is published next goes from one edition to another; or a plan has taken a step.
    Pass(Box<Passage>),
    /// Serve this from now on.
    Publish(Vec<(Name, Service)>),
    /// Tell a person.
    Report(Report),
    /// Tell who wants to be told what becomes of plans.
    Notify(Notice),
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
    /// The same, but only to who may have it transferred.
    Closed(Arc<Timeline>),
    /// With SERVFAIL.
    Failed,
    /// Not at all.
    Gone,
}
