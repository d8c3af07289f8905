//! Show, ask, act: what was shown is what is done, or nothing.

use clap::Args;

use super::person::{Operator, Person};
use super::{Place, RunError};
use crate::cli::{Exit, style};
use crate::control::socket::{AskError, Outcome, Reply, Request, Verb, ask};

/// How often something else may have to be shown, because things changed while somebody thought.
const ROUNDS_MAX: usize = 16;

/// What the commands that act have in common.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// The zone: example.com, or with U-labels; or a portfolio, and all its zones are meant: spring.portfolio
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wish: Wish,
}

/// What is wished.
#[derive(Clone, Copy, Debug, Default, Args)]
struct Wish {
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would be done, and leave it at that
    #[arg(long)]
    dry_run: bool,
    /// Print JSON for programs, and never ask
    #[arg(long)]
    json: bool,
}

/// What follows when something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// Nothing: it was only to be shown.
    Leave,
    /// It can't be done.
    Impossible,
    /// It is done.
    Act,
    /// Somebody is asked whether to do it.
    Ask,
    /// Nobody can be asked, and nobody said yes.
    Refrain,
}

fn decide(wish: Wish, can_be_done: bool, can_be_asked: bool) -> Decision {
    match wish {
        Wish { dry_run: true, .. } => Decision::Leave,
        _ if !can_be_done => Decision::Impossible,
        Wish { yes: true, .. } => Decision::Act,
        Wish { json: false, .. } if can_be_asked => Decision::Ask,
        _ => Decision::Refrain,
    }
}

fn question(verb: Verb) -> &'static str {
    match verb {
        Verb::Arm => "Arm it?",
        Verb::Hold => "Hold it?",
        Verb::Resume => "Resume it?",
        Verb::Approve => "Approve it?",
        Verb::Rollback => "Roll it back?",
        Verb::Abort => "Give it up?",
        Verb::Freeze => "Freeze it?",
        Verb::Thaw => "Thaw it?",
        Verb::Sync => "Write it anew?",
        Verb::Promote => "Make it ours?",
        Verb::Status => "Go on?",
    }
}

/// Asks the server for `request` about the zone that was named, as it is wished.
pub(super) fn run(request: Request, acting: &Acting) -> Result<Exit, RunError> {
    let request = Request { zone: Some(super::zone(&acting.name)?), styled: style::stdout_is_styled(), ..request };
    let state = super::state_folder(&acting.place)?;
    carry_out(request, acting.wish, &mut Operator, |request| ask(&state, request))
}

fn carry_out(
    mut request: Request,
    wish: Wish,
    person: &mut impl Person,
    mut ask: impl FnMut(&Request) -> Result<Reply, AskError>,
) -> Result<Exit, RunError> {
    let question = question(request.verb);
    let mut reply = ask(&request)?;
    for _ in 0..ROUNDS_MAX {
        let has_changed = request.act.is_some();
        if reply.outcome != Outcome::Shown {
            person.show(&reply, wish.json).map_err(RunError::Print)?;
            return Ok(super::exit(&reply));
        }
        let decision = match decide(wish, reply.token.is_some(), person.can_be_asked()) {
            // What somebody said yes to is no more.
            Decision::Act if has_changed => Decision::Refrain,
            decision => decision,
        };
        if has_changed {
            person.tell("nothing was done, because things have changed meanwhile; this would be done now:");
        }
        // For programs one document comes out: that of what was done.
        if !(wish.json && decision == Decision::Act) {
            let error = if decision == Decision::Leave { RunError::Print } else { RunError::Show };
            person.show(&reply, wish.json).map_err(error)?;
        }
        match decision {
            Decision::Leave => return Ok(Exit::Fine),
            Decision::Act => {}
            Decision::Ask if person.agrees(question).map_err(RunError::Answer)? => {}
            Decision::Ask => {
                person.tell("nothing was done");
                return Ok(Exit::Faults);
            }
            Decision::Impossible => {
                let help = reply.help.map(|help| format!(": {help}")).unwrap_or_default();
                person.tell(&format!("nothing was done, nor can it be{help}"));
                return Ok(Exit::Faults);
            }
            Decision::Refrain => {
                let again = if has_changed { "the same command" } else { "--yes" };
                person.tell(&format!("nothing was done; {again} does it"));
                return Ok(Exit::Faults);
            }
        }
        request.act = reply.token;
        reply = ask(&request)?;
    }
    person.tell("nothing was done: it changes again and again");
    Ok(Exit::Faults)
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::*;

    const YES: Wish = Wish { yes: true, dry_run: false, json: false };
    const DRY: Wish = Wish { yes: false, dry_run: true, json: false };
    const JSON: Wish = Wish { yes: false, dry_run: false, json: true };
    const ASK: Wish = Wish { yes: false, dry_run: false, json: false };

    #[test]
    fn nothing_is_done_that_nobody_agreed_to() {
        // What is wished, whether it can be done, whether somebody can be asked.
        for (wish, can_be_done, can_be_asked, decision) in [
            (ASK, true, true, Decision::Ask),
            (ASK, true, false, Decision::Refrain),
            (ASK, false, true, Decision::Impossible),
            (ASK, false, false, Decision::Impossible),
            (YES, true, true, Decision::Act),
            (YES, true, false, Decision::Act),
            (YES, false, true, Decision::Impossible),
            (DRY, true, true, Decision::Leave),
            (DRY, true, false, Decision::Leave),
            (DRY, false, true, Decision::Leave),
            (JSON, true, true, Decision::Refrain),
            (JSON, true, false, Decision::Refrain),
            (JSON, false, true, Decision::Impossible),
            (Wish { json: true, ..YES }, true, true, Decision::Act),
            (Wish { json: true, ..DRY }, true, true, Decision::Leave),
        ] {
            assert_eq!(decide(wish, can_be_done, can_be_asked), decision, "{wish:?} {can_be_done} {can_be_asked}");
        }
    }

    /// Says yes so often, and no ever after; writes down what it sees.
    #[derive(Default)]
    struct Witness {
        yeses: usize,
        is_there: bool,
        is_blind: bool,
        seen: Vec<String>,
    }

    impl Person for Witness {
        fn can_be_asked(&self) -> bool {
            self.is_there
        }
        fn show(&mut self, reply: &Reply, json: bool) -> io::Result<()> {
            if self.is_blind {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.seen.push(if json { reply.data.to_string() } else { reply.text.clone() });
            Ok(())
        }
        fn tell(&mut self, text: &str) {
            self.seen.push(format!("! {text}"));
        }
        fn agrees(&mut self, question: &str) -> io::Result<bool> {
            self.seen.push(format!("? {question}"));
            let agrees = self.yeses > 0;
            self.yeses = self.yeses.saturating_sub(1);
            Ok(agrees)
        }
    }

    /// A server at which so much changes between two requests: what is shown is numbered, and its token is the number.
    fn server(changes: usize) -> impl FnMut(&Request) -> Result<Reply, AskError> {
        let (mut number, mut left) = (1, changes);
        move |request| {
            if request.act.is_some() && left > 0 {
                (number, left) = (number + 1, left - 1);
            }
            Ok(match &request.act {
                Some(token) if *token == number.to_string() => Reply::done("done", json!("did")),
                _ => Reply::shown(format!("show {number}"), json!(number)).token(number.to_string()),
            })
        }
    }

    fn seen(wish: Wish, mut person: Witness, changes: usize) -> (Exit, Vec<String>) {
        let exit = carry_out(Request::new(Verb::Rollback), wish, &mut person, server(changes)).unwrap();
        (exit, person.seen)
    }

    fn present(yeses: usize) -> Witness {
        Witness { yeses, is_there: true, ..Witness::default() }
    }

    #[test]
    fn it_is_shown_then_asked_then_done() {
        let (exit, seen) = seen(ASK, present(1), 0);
        assert_eq!((exit, seen), (Exit::Fine, ["show 1", "? Roll it back?", "done"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn no_is_no() {
        let (exit, seen) = seen(ASK, present(0), 0);
        assert_eq!(exit, Exit::Faults);
        assert_eq!(seen, ["show 1", "? Roll it back?", "! nothing was done"]);
    }

    #[test]
    fn what_changed_meanwhile_is_shown_and_asked_again() {
        let again = "! nothing was done, because things have changed meanwhile; this would be done now:";
        let (exit, seen) = seen(ASK, present(2), 1);
        assert_eq!(exit, Exit::Fine);
        assert_eq!(seen, ["show 1", "? Roll it back?", again, "show 2", "? Roll it back?", "done"]);
    }

    #[test]
    fn yes_given_beforehand_is_for_what_was_shown() {
        let (exit, done) = seen(YES, Witness::default(), 0);
        assert_eq!((exit, done), (Exit::Fine, vec!["show 1".to_owned(), "done".to_owned()]));
        let (exit, changed) = seen(YES, Witness::default(), 1);
        assert_eq!(exit, Exit::Faults);
        assert_eq!(changed[2..], ["show 2", "! nothing was done; the same command does it"]);
    }

    #[test]
    fn a_script_is_told_how_to_do_it() {
        let (exit, told) = seen(ASK, Witness::default(), 0);
        assert_eq!(exit, Exit::Faults);
        assert_eq!(told, ["show 1", "! nothing was done; --yes does it"]);
        assert_eq!(seen(DRY, Witness::default(), 0), (Exit::Fine, vec!["show 1".to_owned()]));
    }

    #[test]
    fn for_programs_one_document_comes_out() {
        assert_eq!(seen(Wish { json: true, ..YES }, present(0), 0), (Exit::Fine, vec!["\"did\"".to_owned()]));
        let (exit, told) = seen(JSON, present(9), 0);
        assert_eq!((exit, &*told[0]), (Exit::Faults, "1"));
    }

    #[test]
    fn what_changes_for_ever_is_given_up() {
        let (exit, seen) = seen(ASK, present(99), 99);
        assert_eq!(exit, Exit::Faults);
        assert_eq!(seen.last().unwrap(), "! nothing was done: it changes again and again");
    }

    #[test]
    fn what_nobody_saw_is_not_done() {
        let mut asked = 0;
        let mut person = Witness { is_blind: true, ..Witness::default() };
        let done = carry_out(Request::new(Verb::Arm), YES, &mut person, |request| {
            asked += 1;
            server(0)(request)
        });
        assert!(matches!(done, Err(RunError::Show(_))));
        assert_eq!(asked, 1);
    }

    #[test]
    fn what_can_not_be_done_is_shown_with_the_reason() {
        let mut person = present(1);
        let reply = || Reply::shown("over", json!(null)).help("it has ended");
        let exit = carry_out(Request::new(Verb::Hold), ASK, &mut person, |_| Ok(reply())).unwrap();
        assert_eq!(exit, Exit::Faults);
        assert_eq!(person.seen, ["over", "! nothing was done, nor can it be: it has ended"]);
    }
}
