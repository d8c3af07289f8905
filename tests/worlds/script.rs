//! What happens in a world, and when: drawn from a seed, or written down.

use std::time::Duration;

use crate::chance::Chance;
use crate::files::{PlanEdit, PlanFile, ZoneEdit, ZoneFile};

/// A world from its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// What chance has left to it: how long loaders, disks and people take.
    pub(crate) seed: u64,
    /// When the server is started, in seconds from T.
    pub(crate) starts: i64,
    pub(crate) zone: ZoneFile,
    pub(crate) plan: Option<PlanFile>,
    pub(crate) happenings: Vec<Happening>,
}

#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) wait: Wait,
    pub(crate) what: What,
}

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    For(Duration),
    /// So long before the next edition, if there is one and it is not too late for that.
    BeforeChange(Duration),
    /// So many milliseconds from T, if that is not past.
    UntilT(i64),
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Arm,
    Hold,
    Resume,
    /// With the flip so many seconds later than the plan says.
    ResumeLater(i64),
    RollBack,
    Abort,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Ask(Ask),
    Zone(ZoneEdit),
    Plan(PlanEdit),
    PlanRemoved,
    PlanBack,
    Restart {
        down: Duration,
    },
    /// After so many effects everything in memory is lost.
    Crash {
        effects: u32,
        down: Duration,
    },
    /// The next so many appends fail.
    JournalFails(u32),
    /// The system's clock is set, by so many seconds.
    Clock(i64),
    /// From here on loaders and the journal's disk take so long at most.
    Slow {
        load: Duration,
        journal: Duration,
    },
    Nothing,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Script {
    pub(crate) fn drawn(seed: u64) -> Script {
        let mut chance = Chance::new(seed);
        let plan = PlanFile::drawn(&mut chance).guarded(&mut Chance::new(!seed));
        let by_hand = !plan.on_load;
        let mut script = Script {
            seed: chance.number(),
            starts: -chance.one_of(&[7000, 5100, 3000, 700, 100, 20, -50]),
            zone: ZoneFile::drawn(&mut chance),
            plan: chance.percent(90).then_some(plan),
            happenings: Vec::new(),
        };
        if by_hand {
            script.happenings.push(Happening { wait: Wait::drawn(&mut chance), what: What::Ask(Ask::Arm) });
        }
        for _ in 0..chance.below(12) {
            let what = What::drawn(&mut chance);
            script.happenings.push(Happening { wait: Wait::drawn(&mut chance), what });
        }
        script
    }
}

impl Wait {
    fn drawn(chance: &mut Chance) -> Wait {
        match chance.below(10) {
            0..3 => Wait::For(millis(chance.one_of(&[0, 1, 3, 10, 200, 2500]))),
            3..5 => Wait::For(secs(chance.one_of(&[10, 40, 100, 400, 2000]))),
            5..8 => Wait::BeforeChange(millis(chance.one_of(&[0, 1, 6, 500, 1999, 2001, 2500, 3500, 5000]))),
            _ => Wait::UntilT(chance.one_of(&[-60_000, -3500, -2500, -900, -5, 0, 1, 500, 30_000, 700_000])),
        }
    }
}

impl What {
    fn drawn(chance: &mut Chance) -> What {
        let down = |chance: &mut Chance| millis(chance.one_of(&[0, 5, 1000, 60_000, 900_000]));
        match chance.below(100) {
            0..6 => What::Ask(Ask::Arm),
            6..17 => What::Ask(Ask::Hold),
            17..27 => What::Ask(Ask::Resume),
            27..30 => What::Ask(Ask::ResumeLater(chance.one_of(&[5, 100, 3000, 20_000]))),
            30..38 => What::Ask(Ask::RollBack),
            38..44 => What::Ask(Ask::Abort),
            44..56 => What::Zone(ZoneEdit::drawn(chance)),
            56..64 => What::Plan(PlanEdit::drawn(chance)),
            64..67 => What::PlanRemoved,
            67..70 => What::PlanBack,
            70..75 => What::Restart { down: down(chance) },
            75..86 => What::Crash { effects: chance.below(14) as u32, down: down(chance) },
            86..89 => What::JournalFails(chance.below(3) as u32 + 1),
            89..93 => What::Clock(chance.one_of(&[-3600, -100, -3, 3, 100, 3600])),
            93..98 => What::Slow {
                load: millis(chance.one_of(&[1, 1, 500, 4000])),
                journal: millis(chance.one_of(&[1, 1, 500, 1500, 5000])),
            },
            _ => What::Nothing,
        }
    }
}
