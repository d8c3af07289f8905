//! The `[authority]` of a plan: the name servers as they are, and as they are to be, with what the parent says of them.
//!
//! ```toml
//! [authority]
//! from = ["ns1", "ns2"]                     # the NS records of the zone file
//! to = ["ns1.new.example.", "ns2.new.example."]
//! parent_ttl = "2d"                         # of the NS records at the parent: `watari plan parent NAME` asks it
//! ds = "absent"                             # whether the parent has a DS record
//! ```
//!
//! Here is only what the text alone shows. What it means for resolvers, and for a zone, is the compiler's.

use std::ops::Range;

use toml::de::DeTable;

use super::flip::{self, Data, Flip};
use super::form::{Form, Written};
use super::read_length;
use crate::diag::Diagnostic;
use crate::wire::{NameRef, Rtype};
use crate::zone::Ttl;

const KEYS: &[&str] = &[
    "from",
    "to",
    "parent_ttl",
    "glue_ttl",
    "child_ttl",
    "parent_lag",
    "ds",
    "new_side",
    "old_follows",
    "data",
    "here",
];

/// A change of name servers: who has authority over the zone, and who is to have it.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Where it stands.
    pub heading: Range<usize>,
    /// The NS records as they are.
    pub from: Data,
    /// The NS records as they are to be.
    pub to: Data,
    /// P: the TTL of the NS records at the parent.
    pub parent_ttl: Written<Ttl>,
    /// G: the TTL of the addresses that the parent gives with them.
    pub glue_ttl: Option<Written<Ttl>>,
    /// C: the TTL of the NS records in the zone as the old servers have it; the zone file's if it isn't written.
    pub child_ttl: Option<Written<Ttl>>,
    /// From the registry's change until the parent's last server has it; no time if it isn't written.
    pub parent_lag: Option<Written<Ttl>>,
    /// Whether the parent has a DS record; not known if it isn't written.
    pub ds: Option<Written<bool>>,
    /// Whether the new servers serve the zone signed, with a key that the DS record knows.
    pub new_side_signed: Option<Written<bool>>,
    /// Whether the old servers, too, publish the new NS records from the instant on; no if it isn't written.
    pub old_follows: Option<Written<bool>>,
    /// Whether data may change with it; no if it isn't written.
    pub data_may_change: Option<Written<bool>>,
    /// Whether the zone that is served here switches its NS records; yes if it isn't written.
    pub switches_here: Option<Written<bool>>,
}

impl Authority {
    /// From the registry's change until the parent's last server has it.
    pub fn parent_lag(&self) -> Ttl {
        self.parent_lag.as_ref().map_or(Ttl(0), |lag| lag.value)
    }

    /// Whether the old servers, too, publish the new NS records from the instant on.
    pub fn old_follows(&self) -> bool {
        self.old_follows.as_ref().is_some_and(|follows| follows.value)
    }

    /// Whether data may change with it.
    pub fn data_may_change(&self) -> bool {
        self.data_may_change.as_ref().is_some_and(|may_change| may_change.value)
    }

    /// Whether the zone that is served here switches its NS records.
    pub fn switches_here(&self) -> bool {
        self.switches_here.as_ref().is_none_or(|switches| switches.value)
    }

    /// What it makes of the zone that is served here, as a flip; `None` if that does not change.
    pub(super) fn flip(&self, apex: NameRef<'_>) -> Option<Flip> {
        self.switches_here().then(|| Flip {
            owner: Written { value: apex.to_owned(), span: self.heading.clone() },
            absolute: true,
            rtype: Written { value: Rtype::NS, span: self.heading.clone() },
            from: self.from.clone(),
            to: self.to.clone(),
            ttl_after: None,
        })
    }
}

/// How it is written whether the parent has a DS record.
pub const DS_WRITTEN: &[(&str, bool)] = &[("absent", false), ("present", true)];

const EXAMPLE: &str = "a table [authority] with from, to, parent_ttl and ds";

/// Reads the authority of a plan for the zone `apex`, if there is one.
pub(super) fn read(plan: &mut Form<'_, '_>, apex: NameRef<'_>) -> Option<Authority> {
    let value = plan.optional("authority")?;
    let Some(table) = value.get_ref().as_table() else {
        plan.wrong_type("authority", value, "one table", EXAMPLE);
        return None;
    };
    read_table(plan, apex, table, value.span())
}

fn read_table(
    plan: &mut Form<'_, '_>,
    apex: NameRef<'_>,
    table: &DeTable<'_>,
    heading: Range<usize>,
) -> Option<Authority> {
    let mut form = Form::new(plan.source, plan.faults, table, heading.clone(), ("`[authority]`", KEYS));
    let from = read_servers(&mut form, "from", r#"from = ["ns1", "ns2"], the NS records of the zone file"#, apex);
    let to = read_servers(&mut form, "to", r#"to = ["ns1.new.example.", "ns2.new.example."]"#, apex);
    let asked = r#"parent_ttl = "2d"; `watari plan parent NAME` asks the parent"#;
    let parent_ttl = form.required("parent_ttl", asked).and_then(|_| read_length(&mut form, "parent_ttl"));
    let glue_ttl = read_length(&mut form, "glue_ttl");
    let child_ttl = read_length(&mut form, "child_ttl");
    let parent_lag = read_length(&mut form, "parent_lag");
    let ds = form.choice("ds", DS_WRITTEN);
    let new_side_signed = form.choice("new_side", &[("unsigned", false), ("signed", true)]);
    let old_follows = form.boolean("old_follows");
    let data_may_change = form.choice("data", &[("unchanged", false), ("may-change", true)]);
    let switches_here = form.choice("here", &[("switch", true), ("nothing", false)]);
    check_ds(&mut form, ds.as_ref(), new_side_signed.as_ref());
    let (from, to, parent_ttl) = (from?, to?, parent_ttl?);
    if from.is(Rtype::NS, to.records.iter().map(|record| &*record.value)) {
        let diagnostic = Diagnostic::error("plan-nothing-changes", "the name servers change to what they are")
            .help("write into `to` what they are to be, or leave [authority] out");
        form.fault(diagnostic, &to.span, "the same as `from`");
        return None;
    }
    Some(Authority {
        heading,
        from,
        to,
        parent_ttl,
        glue_ttl,
        child_ttl,
        parent_lag,
        ds,
        new_side_signed,
        old_follows,
        data_may_change,
        switches_here,
    })
}

/// The names of servers: one at least.
fn read_servers(form: &mut Form<'_, '_>, key: &str, example: &str, apex: NameRef<'_>) -> Option<Data> {
    let data = flip::read_data(form, key, Some(Rtype::NS), apex, example)?;
    if data.records.is_empty() {
        let diagnostic = Diagnostic::error("plan-no-name-server", "a zone has a name server at least");
        form.fault(diagnostic.help(format!("write {example}")), &data.span, "");
        return None;
    }
    Some(data)
}

/// A DS record says that the zone is signed: servers that give it unsigned are not believed. Unknown is not a pass.
fn check_ds(form: &mut Form<'_, '_>, ds: Option<&Written<bool>>, new_side_signed: Option<&Written<bool>>) {
    match (ds, new_side_signed) {
        (None, Some(_)) if form.optional("ds").is_none() => {
            form.required("ds", r#"ds = "absent" or ds = "present"; `watari plan parent NAME` asks the parent"#);
        }
        (Some(Written { value: true, .. }), None) if form.optional("new_side").is_none() => {
            let example = r#"new_side = "signed" if the new servers sign the zone with a key that the DS knows, or new_side = "unsigned""#;
            form.required("new_side", example);
        }
        (Some(Written { value: true, span }), Some(Written { value: false, span: new_side })) => {
            let message =
                "the parent's DS record says that the zone is signed, and the new name servers serve it unsigned";
            let diagnostic = Diagnostic::error("plan-ds-left", message)
                .at(
                    form.source.place(new_side),
                    "bogus for everyone who validates, from the first resolver that follows",
                )
                .at(form.source.place(span), "it is left at the parent")
                .help(
                    "have the DS record removed and wait until its TTL is over before the name servers change, then \
                     write ds = \"absent\"; or have the new side sign the zone with the same keys, then write \
                     new_side = \"signed\"",
                );
            form.faults.push(diagnostic);
        }
        _ => {}
    }
}
