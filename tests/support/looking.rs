//! What the look-out does as time passes: looks come back at once, with what the script says that they see.

use std::collections::BTreeMap;

use watari::clock::Instant;
use watari::control::lookout::{Due, Look, Lookout};
use watari::timeline::Verdict;
use watari::timeline::conduct::{self, Decision, HEADWAY};
use watari::wire::Name;

use super::{Files, name};

/// The look-out of all zones, and what there is to be seen.
#[derive(Default)]
pub(crate) struct Looking {
    lookout: Lookout,
    seen: BTreeMap<String, Verdict>,
}

impl Looking {
    /// From now on `probe` is seen so: `pass`, `fail WHY` or `unknown WHY`.
    pub(crate) fn see(&mut self, probe: &str, verdict: &str) {
        let (kind, why) = verdict.split_once(' ').unwrap_or((verdict, "as the script says"));
        let verdict = match kind {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail(why.to_owned()),
            "unknown" => Verdict::Unknown(why.to_owned()),
            _ => panic!("unknown verdict {kind}"),
        };
        self.seen.insert(probe.to_owned(), verdict);
    }

    /// After a restart nothing is known of what was seen.
    pub(crate) fn forget(&mut self) {
        self.lookout = Lookout::default();
    }

    /// Takes note of where the plan of `apex` stands.
    pub(crate) fn keep(&mut self, apex: &Name, files: &Files, now: Instant) {
        match &files.running {
            Some(running) => {
                let guard = running.itinerary.as_ref().and_then(|plan| plan.guard.as_ref());
                self.lookout.keep(apex, guard, &running.run, now);
            }
            None => self.lookout.forget(apex),
        }
    }

    /// Does what is due until `until`, each thing at its instant.
    pub(crate) fn pass_until(&mut self, files: &mut BTreeMap<String, Files>, from: Instant, until: Instant) {
        let mut now = from;
        while let Some(next) = self.lookout.next().filter(|&next| next <= until) {
            now = now.max(next);
            let mut due = self.lookout.due(now);
            let mut turns = 0;
            while let Some(one) = due.pop() {
                turns += 1;
                assert!(turns < 10_000, "the look-out comes to rest");
                due.extend(self.attend(one, files, now));
            }
        }
    }

    fn attend(&mut self, due: Due, files: &mut BTreeMap<String, Files>, now: Instant) -> Vec<Due> {
        let (apex, decision, by) = match due {
            Due::Look(Look { apex, number, probe }) => {
                let verdict = self.seen.get(&probe.name).cloned();
                let verdict = verdict.unwrap_or_else(|| Verdict::Unknown("nobody has said".to_owned()));
                return self.lookout.looked(&apex, number, verdict, now);
            }
            Due::Tell { apex, found } => {
                let files = of(files, &apex);
                let guard = self.lookout.guard(&apex).expect("it is looked out for").clone();
                let running = files.running.as_mut().expect("it runs");
                let (entries, run) = conduct::tell(&running.run, &guard, &found, now);
                running.run = run;
                files.journal.tell(entries);
                self.keep(&apex, files, now);
                return Vec::new();
            }
            Due::Pass { apex, before } => (apex, Decision::Pass { before }, "its gates".to_owned()),
            Due::Hold { apex, why } => (apex, Decision::Hold { why }, "its gates".to_owned()),
            Due::RollBack { apex, by } => (apex, Decision::RollBack, by),
        };
        let zone = of(files, &apex);
        let reply = zone.decide(apex.to_string().trim_end_matches('.'), decision, true, now.after(HEADWAY), &by);
        assert!(reply.token.is_none(), "what the look-out asks for can be done: {}", reply.text);
        self.keep(&apex, zone, now);
        Vec::new()
    }
}

fn of<'f>(files: &'f mut BTreeMap<String, Files>, apex: &Name) -> &'f mut Files {
    files.iter_mut().find(|(known, _)| name(known) == *apex).map(|(_, files)| files).expect("a zone")
}
