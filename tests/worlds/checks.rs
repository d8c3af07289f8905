//! The rules that hold in every world, held against what was served in one.
//!
//! 1. Serials only rise (RFC 1982), once a zone has a run.
//! 2. One serial never stands for two contents.
//! 3. Replay equals state (checked while the world goes on, as is rule 6).
//! 4. At every instant there is exactly one edition, and what an event comes to changes nothing before it.
//! 5. Caches that obey TTLs hold nothing old after the promised horizon, and nothing new after the promised recovery.
//! 6. Nothing is served, or said to be done, before its record is durable.
//! 7. No flip without arming: no edit of a file changes a plan that was armed by hand, and none is armed again by being
//!    there.
//! 8. After the flip nothing may be kept longer than it has proven itself, or the low TTL.
//! 9. No gate, no flip: gates pass only after it was told that they may, and a run is taken back by itself once at most.

use std::collections::HashMap;
use std::time::Duration;

use watari::clock::Instant;
use watari::timeline::guard::{Before, Sentry};
use watari::timeline::run::{EndingKind, Event};
use watari::timeline::{Data, Edition, Run, Serial, Timeline};

use crate::caches::{Asked, all_asked};
use crate::chance::Chance;
use crate::files::{KINDS, Kind, Told, content, told};
use crate::world::{Broken, Chapter, World, broken};

/// What an edition serves, a countdown as it begins.
fn content_of(timeline: &Timeline, edition: Edition) -> String {
    let way = if edition.cap.counts_down() { "counting down\n" } else { "" };
    format!("{way}{}", content(timeline.view_of(edition, Instant::MIN)))
}

/// Whether two timelines serve the same at an instant.
///
/// # Errors
/// What differs.
pub(crate) fn same_at(mine: &Timeline, theirs: &Timeline, at: Instant) -> Result<(), String> {
    let (one, other) = (mine.at(at), theirs.at(at));
    if one.serial != other.serial {
        return Err(format!("serial {} is {}", one.serial, other.serial));
    }
    let (before, after) = (content_of(mine, one), content_of(theirs, other));
    if before != after {
        return Err(format!("serial {} was\n{before}\nand is\n{after}", one.serial));
    }
    if mine.countdown() != theirs.countdown() && one.cap.counts_down() {
        return Err(format!("the countdown {:?} is {:?}", mine.countdown(), theirs.countdown()));
    }
    Ok(())
}

/// Holds all rules against `world`, which has come to its end.
///
/// # Errors
/// The first that is broken.
pub(crate) fn check(world: &mut World, seed: u64) -> Result<(), Broken> {
    let end = world.now();
    let asked = all_asked(&world.chapters, end, &mut Chance::new(seed));
    serials(world, &asked)?;
    contents(world, &asked)?;
    nothing_past_changes(&world.chapters, world)?;
    // NOTE: by how much longer than its headway the journal took, promises fall short.
    if !world.was_late {
        horizons(&world.chapters, &asked)?;
        recoveries(world, &asked)?;
    }
    arming(world, &asked)?;
    gates(world)?;
    confidence(&world.chapters, &asked)
}

/// Rule 9.
fn gates(world: &World) -> Result<(), Broken> {
    let mut run: Option<Run> = None;
    let mut rollbacks = 0;
    for entry in world.journal.records.iter().map(|record| &record.entry) {
        match &entry.event {
            Event::Armed(_) => rollbacks = 0,
            Event::RolledBack if entry.by.starts_with("the watch") => rollbacks += 1,
            Event::Passed { before, .. } if entry.by == "its gates" => {
                let findings = run.as_ref().and_then(|run| run.findings.as_ref());
                let told = findings.iter().flat_map(|findings| &findings.told);
                if !told.clone().any(|told| matches!(told.of, Sentry::Gate(_)) && told.verdict.is_pass()) {
                    return broken(
                        9,
                        format!("the gates before the {before} passed, and nobody was told that they may"),
                    );
                }
                if run.as_ref().is_some_and(Run::is_held) {
                    return broken(9, "gates passed while the plan was held");
                }
            }
            _ => {}
        }
        if rollbacks > 1 {
            return broken(9, "it was taken back twice");
        }
        run = Run::after(run, entry);
    }
    for chapter in &world.chapters {
        let (Some(schedule), Some(run)) = (&chapter.schedule, &chapter.run) else { continue };
        let gated = schedule.guard.as_ref().is_some_and(|guard| guard.gates_before(Before::Flip).count() > 0);
        let has_passed = run.findings.as_ref().is_some_and(|findings| findings.passed(Before::Flip).is_some());
        if gated && !has_passed && schedule.steps.iter().any(|step| step.state.data == Data::New) {
            return broken(9, "it flips, and its gate has not passed");
        }
    }
    Ok(())
}

/// The first chapter that has a run.
fn first_run(world: &World) -> usize {
    world.chapters.iter().position(|chapter| chapter.run.is_some()).unwrap_or(usize::MAX)
}

/// What was asked of what was served for more than a moment.
fn lasting<'a>(world: &'a World, asked: &'a [Asked]) -> impl Iterator<Item = &'a Asked> {
    asked.iter().filter(|one| !world.chapters[one.chapter].is_overtaken)
}

fn serials(world: &World, asked: &[Asked]) -> Result<(), Broken> {
    let first = first_run(world);
    let asked: Vec<_> = lasting(world, asked).filter(|one| one.chapter + 1 >= first).collect();
    for pair in asked.windows(2).filter(|pair| pair[1].chapter >= first) {
        let (before, after) = (Serial(pair[0].serial), Serial(pair[1].serial));
        if after != before && after.above(before).is_none() {
            return broken(1, format!("serial {before} at {:?} is {after} at {:?}", pair[0].at, pair[1].at));
        }
    }
    Ok(())
}

fn contents(world: &World, asked: &[Asked]) -> Result<(), Broken> {
    // What was served right before there was a run counts too, but for edits that left the serial as it was.
    let mut first = first_run(world);
    let file = |number: usize| {
        let timeline = world.chapters.get(number)?.timeline.as_ref()?;
        Some(content(timeline.zone().view()))
    };
    if first > 0 && file(first).is_some() && file(first - 1) == file(first) {
        first -= 1;
    }
    let mut known: HashMap<u32, (String, Instant)> = HashMap::new();
    let mut last = None;
    for one in lasting(world, asked).filter(|one| one.chapter >= first) {
        let Some(timeline) = &world.chapters[one.chapter].timeline else { continue };
        let edition = timeline.at(one.at);
        if last.replace((one.chapter, edition.from)) == Some((one.chapter, edition.from)) {
            continue;
        }
        let content = content_of(timeline, edition);
        let (before, at) = known.entry(one.serial).or_insert_with(|| (content.clone(), one.at));
        if *before != content {
            let serial = one.serial;
            return broken(2, format!("serial {serial} was at {at:?}\n{before}\nand at {:?}\n{content}", one.at));
        }
    }
    Ok(())
}

fn nothing_past_changes(chapters: &[Chapter], world: &World) -> Result<(), Broken> {
    for pair in chapters.windows(2) {
        let [before, after] = pair else { continue };
        let (Some(old), Some(new)) = (&before.timeline, &after.timeline) else { continue };
        let mut from = None;
        for edition in new.editions() {
            if from.replace(edition.from).map_or(edition.from != Instant::MIN, |from| from >= edition.from) {
                return broken(4, format!("the editions are out of order at {:?}", edition.from));
            }
        }
        let (Some(was), Some(is)) = (&before.run, &after.run) else { continue };
        if (was.plan, was.armed_at, was.based_at) != (is.plan, is.armed_at, is.based_at) || was.base != is.base {
            continue;
        }
        let news = &world.journal.records[before.journalled.min(after.journalled)..after.journalled];
        let at = news.iter().map(|record| record.entry.at).min().unwrap_or(after.from);
        let editions = old.editions().chain(new.editions()).map(|edition| edition.from).filter(|from| *from < at);
        for past in editions.chain([at.before(Duration::from_nanos(1))]) {
            // NOTE: all editions of a timeline share its countdown, also those past, which nobody is served.
            let counts = |timeline: &Timeline| timeline.at(past).cap.counts_down();
            if counts(old) && counts(new) && old.at(past).serial == new.at(past).serial {
                continue;
            }
            same_at(old, new, past)
                .or_else(|how| broken(4, format!("what was at {past:?} is changed at {at:?}: {how}")))?;
        }
    }
    Ok(())
}

/// Whether the zone file has what `kind` flips to.
fn file_has_new(chapter: &Chapter, kind: Kind) -> bool {
    chapter.timeline.as_ref().is_some_and(|timeline| told(timeline.zone().view(), kind).0 == Told::New)
}

fn horizons(chapters: &[Chapter], asked: &[Asked]) -> Result<(), Broken> {
    for kind in KINDS {
        let mut last = Told::Neither;
        for (number, one) in asked.iter().enumerate() {
            let what = one.told[kind as usize].0;
            let flips = std::mem::replace(&mut last, what) != Told::New && what == Told::New;
            let chapter = &chapters[one.chapter];
            let Some(schedule) = chapter.schedule.as_ref().filter(|_| flips && !file_has_new(chapter, kind)) else {
                continue;
            };
            let drains = schedule.drains.iter().filter(|drain| drain.owner == kind.name());
            let Some(horizon) = drains.map(|drain| drain.horizon).max() else {
                return broken(5, format!("{kind:?} flips at {:?} and no horizon is promised", one.at));
            };
            let of_kind = schedule.courses.iter().filter(|course| course.owner == kind.name());
            let held: u32 = of_kind.map(|course| course.held_ttl.0).max().unwrap_or(0);
            for old in asked[..number].iter().filter(|old| old.told[kind as usize].0 == Told::Old) {
                let kept_until = old.told[kind as usize].1;
                let run = chapters[old.chapter].schedule.as_ref().filter(|schedule| !schedule.run.is_over());
                // NOTE: a plan's file that came right before a crash counts from when it came, although nobody obeyed it
                // yet; and what the zone file said of an RRset before a plan flips it, nobody knows any more.
                if schedule.run.on_load && old.at >= schedule.run.armed_at && run.is_none() {
                    continue;
                }
                let is_known = run
                    .is_some_and(|schedule| schedule.courses.iter().any(|course| course.owner == kind.name()))
                    || kept_until.since(old.at).as_secs() <= u64::from(held);
                if is_known && kept_until > horizon {
                    let how = format!(
                        "{kind:?} flipped at {:?}; old data that was given at {:?} is kept until {kept_until:?}, after the \
                         promised horizon {horizon:?}; {:?}",
                        one.at, old.at, schedule.run
                    );
                    return broken(5, how);
                }
            }
        }
    }
    Ok(())
}

fn recoveries(world: &World, asked: &[Asked]) -> Result<(), Broken> {
    for promise in &world.promises {
        for kind in KINDS {
            let given = |one: &&Asked| {
                let chapter = &world.chapters[one.chapter];
                one.told[kind as usize].0 == Told::New && !file_has_new(chapter, kind)
            };
            // Until it was told, and served.
            for one in asked.iter().take_while(|one| one.at <= promise.told_at).filter(given) {
                let kept_until = one.told[kind as usize].1;
                if kept_until > promise.recovered_at {
                    let how = format!(
                        "rolled back, told at {:?}; new data of {kind:?} that was given at {:?} is kept until {kept_until:?}, \
                         after the promised {:?}",
                        promise.told_at, one.at, promise.recovered_at
                    );
                    return broken(5, how);
                }
            }
        }
    }
    Ok(())
}

fn arming(world: &World, asked: &[Asked]) -> Result<(), Broken> {
    for one in asked {
        let chapter = &world.chapters[one.chapter];
        for kind in KINDS {
            if one.told[kind as usize].0 != Told::New || file_has_new(chapter, kind) {
                continue;
            }
            let schedule = chapter.schedule.as_ref().filter(|schedule| !schedule.run.is_over());
            let is_armed = schedule.is_some_and(|schedule| {
                schedule.courses.iter().any(|course| course.owner == kind.name()) && one.at >= schedule.at
            });
            if !is_armed {
                return broken(7, format!("{kind:?} has flipped at {:?}, and no plan that is armed says so", one.at));
            }
        }
        if let (Some(run), Some(timeline)) = (&chapter.run, &chapter.timeline)
            && run.ending.is_some_and(|ending| ending.kind == EndingKind::Aborted)
        {
            let (file, now) = (content(timeline.zone().view()), content(timeline.view_of(timeline.at(one.at), one.at)));
            if file != now {
                return broken(
                    5,
                    format!("it was aborted, and at {:?} this is served:\n{now}\nand not\n{file}", one.at),
                );
            }
        }
    }
    let mut run = None;
    let mut ended = Vec::new();
    for record in &world.journal.records {
        let by_file = record.entry.by == "the plan's file";
        let (was_by_hand, was_over) =
            run.as_ref().map_or((false, true), |run: &watari::timeline::Run| (!run.on_load, run.is_over()));
        let of_plan = !matches!(record.entry.event, Event::Rebased(_));
        if by_file && of_plan && was_by_hand && !was_over {
            return broken(7, format!("a plan that was armed by hand is changed by its file: {:?}", record.entry));
        }
        if let Event::Armed(armed) = &record.entry.event
            && by_file
            && (!armed.on_load || ended.last() == Some(&armed.plan))
        {
            return broken(7, format!("a plan is armed by being there: {:?}", record.entry));
        }
        run = watari::timeline::Run::after(run, &record.entry);
        ended.extend(run.iter().filter(|run| run.is_over()).map(|run| run.plan));
        if run.as_ref().is_some_and(|run| !run.is_over()) {
            ended.clear();
        }
    }
    Ok(())
}

fn confidence(chapters: &[Chapter], asked: &[Asked]) -> Result<(), Broken> {
    for one in asked {
        let chapter = &chapters[one.chapter];
        let Some(schedule) = &chapter.schedule else { continue };
        for kind in KINDS {
            let (what, kept_until) = one.told[kind as usize];
            let is_gone = kind == Kind::Remove;
            if what != Told::New || is_gone || file_has_new(chapter, kind) {
                continue;
            }
            let proven = one.at.since(schedule.at).max(Duration::from_secs(u64::from(schedule.low_ttl.0)));
            if kept_until.since(one.at) > proven {
                return broken(
                    8,
                    format!("{kind:?} at {:?} is kept until {kept_until:?}; T is {:?}", one.at, schedule.at),
                );
            }
        }
    }
    Ok(())
}
