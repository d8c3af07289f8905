//! What a promotion would do, worked out by a loader's thread: the file, what stands against it, and what is shown.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};
use serde_json::{Value, json};

use super::bridge::Bridge;
use super::{Heard, Listens, Promote, Refused, Settled, aside, digest, settle};
use crate::answer::Rights;
use crate::clock::Instant;
use crate::control::config::secondary::Secondary;
use crate::control::fingerprint::Fingerprint;
use crate::control::history::Since;
use crate::control::load::Loader;
use crate::control::names::{self, Role};
use crate::control::notifier::Told;
use crate::control::report::shown_instant;
use crate::control::secondary::Copy;
use crate::control::socket::Reply;
use crate::control::store::promotion::Promotion;
use crate::control::tree::Files;
use crate::timeline::{Digest, Serial};
use crate::wire::NameRef;
use crate::zone::Zone;
use crate::zone::delta::Delta;
use crate::zone::text::{self, print_pretty};

/// A promotion that is to be worked out.
#[derive(Debug)]
pub struct Preparing {
    /// What was asked.
    pub promote: Promote,
    /// The zone's files.
    pub files: Files,
    /// What is served.
    pub copy: Arc<Copy>,
    /// From whom it is fetched.
    pub from: Arc<Secondary>,
    /// What was heard of them now.
    pub heard: Heard,
    /// The plan that will be obeyed, if there is one.
    pub plan: Option<PathBuf>,
}

/// What is known where it is worked out.
#[derive(Debug)]
pub struct Surroundings {
    /// The folder of zones.
    pub top: Arc<Path>,
    /// Who may have zones transferred.
    pub rights: Arc<Rights>,
    /// Who is told of changes.
    pub told: Told,
    /// Where we listen.
    pub listens: Listens,
    /// Now.
    pub now: Instant,
}

/// A promotion of which everything is known but whether it is wanted.
#[derive(Debug)]
pub struct Prepared {
    /// What was asked.
    pub promote: Promote,
    /// What is shown, with its token.
    pub shown: Reply,
    /// What the journal is to have.
    pub promotion: Promotion,
    /// The zone as its file says.
    pub zone: Zone,
    /// The fingerprint of the file's content.
    pub content: Fingerprint,
    /// What it differs from the zone as it came whole.
    pub since: Since,
    text: String,
    paths: (PathBuf, PathBuf),
}

impl Preparing {
    /// Works it out.
    ///
    /// # Errors
    /// What stands against it.
    pub fn prepare(self, loader: &Loader, around: &Surroundings) -> Result<Box<Prepared>, Refused> {
        match self.prepared(loader, around) {
            Ok(prepared) => Ok(Box::new(Prepared { promote: self.promote, ..prepared })),
            Err(reply) => Err(Box::new((self.promote, *reply))),
        }
    }

    fn prepared(&self, loader: &Loader, around: &Surroundings) -> Result<Prepared, Box<Reply>> {
        let Preparing { promote, files, copy, from, heard, plan } = self;
        let apex = &promote.apex;
        let paths = (files.path(apex, Role::Zone), files.path(apex, Role::Secondary));
        unobstructed(&paths)?;
        let text = text_of(copy).map_err(|why| Box::new(Reply::failed(why)))?;
        if text.len() as u64 > loader.size_max() {
            let why = format!("its zone file would have {} octets, more than `zone-file-size` allows", text.len());
            return Err(Box::new(Reply::refused(why).help("raise it in watari.toml, then SIGHUP")));
        }
        let zone = read_back(apex.as_ref(), copy, &paths.0, &text).map_err(|why| {
            let why = format!("what would be written is not what is served: {why}");
            Box::new(Reply::failed(why).help("please report it, with the zone"))
        })?;
        let (serial, digest) = (Serial(copy.serial()), digest(&text));
        let promotion = Promotion {
            apex: apex.clone(),
            at: around.now,
            by: promote.by.clone(),
            serial,
            source: heard.source.clone(),
            file: paths.0.strip_prefix(&*around.top).unwrap_or(&paths.0).to_owned(),
            digest,
            ended: None,
        };
        let bridges: Vec<_> = from.primaries.iter().map(|primary| Bridge::to(apex, primary, around)).collect();
        let told = Telling { preparing: self, zone: &zone, serial, paths: &paths, plan: plan.as_deref() };
        let bridge = bridges.iter().map(Bridge::to_string).collect::<String>();
        let shown = told.text() + "\n" + &bridge;
        let data = told.data(&bridges);
        let wish: &[u8] = if heard.is_expired { b"expired" } else { b"served" };
        let token = Digest::of([b"promote".as_slice(), wish, &digest.0]).short();
        Ok(Prepared {
            promote: promote.clone(),
            shown: Reply::shown(shown, data).token(token),
            promotion,
            content: Fingerprint::default().with_bytes(text.as_bytes()),
            since: loader.since(copy.zone(), &zone),
            zone,
            text,
            paths,
        })
    }
}

impl Prepared {
    /// Whether what was shown is what would be done now.
    pub fn is_agreed(&self) -> bool {
        self.promote.act.is_some() && self.promote.act == self.shown.token
    }

    /// Does what the files need.
    ///
    /// # Errors
    /// Why not; then they are as they were.
    pub fn settle(&self) -> Result<Settled, String> {
        settle(&self.paths.0, &self.paths.1, &self.text)
    }

    /// That it is done.
    pub fn done(&self, settled: &Settled) -> Reply {
        let (zone, serial) = (names::shown(self.promote.apex.as_ref()), self.promotion.serial);
        let text = format!(
            "{zone} is ours, with serial {serial}; its file is {}\n  {} has what said from whom it was fetched\n\
             Do not edit it on the old side any longer.\n",
            self.paths.0.display(),
            settled.aside.display(),
        );
        let mut data = self.shown.data.clone();
        if let Value::Object(fields) = &mut data {
            fields.insert("aside".to_owned(), settled.aside.display().to_string().into());
        }
        Reply::done(text, data)
    }
}

/// Whether files can be put where they must be.
fn unobstructed((zone, secondary): &(PathBuf, PathBuf)) -> Result<(), Box<Reply>> {
    let refused = |why: String, help: &str| Err(Box::new(Reply::refused(why).help(help)));
    if zone.symlink_metadata().is_ok() {
        let why = format!("{} is in the way, and is not what is served", zone.display());
        return refused(why, "take it away: what is served is written there");
    }
    if secondary.symlink_metadata().is_err() {
        return refused(format!("{} has gone", secondary.display()), "the zone is about to go: put it back");
    }
    let folder = zone.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let why = format!("the folder {} can't be written to: {}", folder.display(), std::io::Error::from(error));
        return refused(why, "let the server's user write there, for as long as this takes");
    }
    Ok(())
}

/// The zone file of what is served.
pub(super) fn text_of(copy: &Copy) -> Result<String, String> {
    let mut text = String::new();
    print_pretty(copy.view(), &mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The zone as `text` has it, if that is what is served, record by record.
fn read_back(apex: NameRef<'_>, copy: &Copy, path: &Path, text: &str) -> Result<Zone, String> {
    let path: Arc<str> = path.to_string_lossy().into();
    let loaded = text::load(apex, &path, text.as_bytes(), &text::NoInclude);
    let Some(zone) = loaded.zone else {
        let fault = loaded.diagnostics.iter().find(|fault| fault.is_error());
        return Err(fault.map_or_else(|| "it can't be read".to_owned(), |fault| fault.message.clone()));
    };
    let differs = Delta::between(copy.view(), zone.view());
    match differs.removed.first().or(differs.added.first()) {
        None => Ok(zone),
        Some(record) => Err(format!("{} {} differs", record.owner, record.rtype)),
    }
}

/// What is shown of a promotion.
struct Telling<'a> {
    preparing: &'a Preparing,
    zone: &'a Zone,
    serial: Serial,
    paths: &'a (PathBuf, PathBuf),
    plan: Option<&'a Path>,
}

impl Telling<'_> {
    fn text(&self) -> String {
        let Preparing { promote, heard, .. } = self.preparing;
        let (zone, serial) = (names::shown(promote.apex.as_ref()), self.serial);
        let aside = aside(&self.paths.1);
        let aside = aside.file_name().unwrap_or_default().display();
        let mut text = format!("{zone} becomes ours, with serial {serial} and {} records\n", self.zone.record_count());
        if let Some(at) = heard.at {
            let news = if heard.error.is_none() { ", and nothing newer is there" } else { "" };
            _ = writeln!(text, "  {} was heard of at {}{news}", heard.source, shown_instant(at));
        }
        _ = writeln!(text, "  {} is written: all records as they are served", self.paths.0.display());
        _ = writeln!(text, "  {} is renamed to {aside}", self.paths.1.display());
        if heard.is_expired {
            text += "  it has expired, and is served again\n";
        } else {
            text += "  no answer changes, nor the serial; our secondaries go on with differences\n";
        }
        text += "  from then on its file, plans and updates change it, and NOTIFY from its primary is answered with NOTAUTH\n";
        for warning in self.warnings() {
            _ = write!(text, "\nwarning: {warning}\n");
        }
        text += "\nDo not edit it on the old side any longer: what is changed there does not come here.\n";
        _ = writeln!(
            text,
            "While a plan changes its name servers, `watari zone freeze {zone}` has its data stand still."
        );
        text
    }

    fn warnings(&self) -> Vec<String> {
        let heard = &self.preparing.heard;
        let mut warnings = heard.remarks.clone();
        if let Some(error) = &heard.error {
            warnings.push(format!("whether there is anything newer is not known: {error}"));
        }
        if self.zone.is_signed() {
            let text =
                "the zone is signed, and nothing here signs it anew: it stays as it is until its signatures expire";
            warnings.push(text.to_owned());
        }
        if let Some(plan) = self.plan {
            warnings.push(format!("{} is the zone's plan from then on; look at it first", plan.display()));
        }
        warnings
    }

    fn data(&self, bridges: &[Bridge]) -> Value {
        let Preparing { promote, heard, .. } = self.preparing;
        json!({
            "zone": promote.apex.to_string(),
            "serial": self.serial.0,
            "records": self.zone.record_count(),
            "file": self.paths.0.display().to_string(),
            "source": heard.source,
            "heard_at": heard.at.map(crate::timeline::show::rfc3339),
            "expired": heard.is_expired,
            "warnings": self.warnings(),
            "bridges": bridges.iter().map(Bridge::data).collect::<Vec<_>>(),
        })
    }
}

/// The address of ours that `other` sees, and the port on which we listen there.
pub(super) fn seen_from(other: std::net::SocketAddr, listens: &[std::net::SocketAddr]) -> std::net::SocketAddr {
    let own: Option<IpAddr> = crate::net::ask::own_address(other);
    let is_ours = |listen: &&std::net::SocketAddr| Some(listen.ip()) == own;
    let of_family = |listen: &&std::net::SocketAddr| listen.is_ipv4() == other.is_ipv4();
    let listen = listens.iter().find(is_ours).or_else(|| listens.iter().find(of_family)).or(listens.first()).copied();
    match (listen, own) {
        (Some(listen), Some(own)) if listen.ip().is_unspecified() => (own, listen.port()).into(),
        (Some(listen), _) => listen,
        (None, own) => (own.unwrap_or(other.ip()), crate::net::ask::DNS_PORT).into(),
    }
}
