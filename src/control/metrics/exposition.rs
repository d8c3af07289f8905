//! The figures in the form that Prometheus reads. `docs/metrics.md` lists them.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::figures::{Figures, PlanFigures};
use crate::answer::noted::{Asked, Told};
use crate::clock::Instant;
use crate::net::Meter;
use crate::net::meter::{Ending, Totals, Transferred};
use crate::wire::{Rcode, Rtype};

/// All of it.
pub(super) fn text(figures: Figures, meter: &Meter) -> Result<String, fmt::Error> {
    let (totals, transfers) = (meter.totals(), [false, true].map(|incremental| meter.transfers(incremental)));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition { figures, totals, transfers }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposition {
    figures: Figures,
    totals: Totals,
    /// Those that were asked for by AXFR, and by IXFR.
    transfers: [Transferred; 2],
}

/// One number, and what tells it from others of its family.
type Sample<N> = (Vec<(&'static str, String)>, N);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.answers(&mut encoder)?;
        self.transfers(&mut encoder)?;
        self.times(&mut encoder)?;
        self.server(&mut encoder)?;
        self.updates(&mut encoder)?;
        self.fetches(&mut encoder)?;
        self.notices(&mut encoder)?;
        self.plans(&mut encoder)
    }
}

impl Exposition {
    /// The counts of answers by what `label` says of each.
    fn by(&self, label: impl Fn(&Told) -> Option<Vec<(&'static str, String)>>) -> Vec<Sample<u64>> {
        let mut sums = BTreeMap::new();
        for (transport, told, count) in self.totals.kinds() {
            if let Some(mut labels) = label(&told) {
                labels.push(("transport", transport.to_owned()));
                *sums.entry(labels).or_insert(0) += count;
            }
        }
        sums.into_iter().collect()
    }

    fn answers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of_type = |told: &Told| {
            let name = match told.asked {
                Asked::Type(rtype) => rtype.to_string(),
                Asked::Other => "other".to_owned(),
                Asked::Nothing => "none".to_owned(),
            };
            Some(vec![("type", name)])
        };
        counter(encoder, "watari_queries", "Requests by the type that was asked for", self.by(of_type))?;
        let of_rcode = |told: &Told| told.rcode.map(|rcode| vec![("rcode", rcode.to_string())]);
        counter(encoder, "watari_responses", "Responses by RCODE", self.by(of_rcode))?;
        let truncated = |told: &Told| told.truncated.then(Vec::new);
        counter(encoder, "watari_truncated", "Responses that were truncated", self.by(truncated))?;
        let edns = |told: &Told| told.edns.then(|| vec![("dnssec_ok", told.dnssec_ok.to_string())]);
        counter(encoder, "watari_edns_queries", "Requests with EDNS, by whether DO was set", self.by(edns))
    }

    fn transfers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let asked = [Rtype::AXFR, Rtype::IXFR].into_iter().zip(&self.transfers);
        let endings = asked.clone().flat_map(|(rtype, transferred)| {
            let of =
                move |outcome: &str, count| (vec![("type", rtype.to_string()), ("outcome", outcome.to_owned())], count);
            let ended = Ending::ALL.map(|ending| of(outcome(ending), transferred.count(ending)));
            ended.into_iter().chain([of("refused", self.refused(rtype))])
        });
        counter(encoder, "watari_transfers", "Transfers out by what was asked for and what became of them", endings)?;
        let octets = asked.map(|(rtype, transferred)| (vec![("type", rtype.to_string())], transferred.octets));
        counter(encoder, "watari_transfer_octets", "How many octets of transfers were sent", octets)
    }

    /// How many requests for a transfer got an error.
    fn refused(&self, rtype: Rtype) -> u64 {
        let is_refusal =
            |told: &Told| told.asked == Asked::Type(rtype) && told.rcode.is_some_and(|rcode| rcode != Rcode::NOERROR);
        self.totals.kinds().filter(|(_, told, _)| is_refusal(told)).map(|(_, _, count)| count).sum()
    }

    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (times, sum) = self.totals.times();
        let times: Vec<(f64, u64)> = times.collect();
        let count = times.iter().map(|(_, count)| count).sum();
        let help = "How long batches of requests over UDP took, from their receipt until all responses were sent; one \
                    batch of 64 is timed";
        let mut histogram = encoder.encode_descriptor("watari_batch_seconds", help, None, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(sum, count, &times, None)
    }

    fn server(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Figures { ready, count, loads, rereads, held_back, states, .. } = &self.figures;
        let one = |name: &'static str, value: &str, number: usize| (vec![(name, value.to_owned())], number as f64);
        let zones = [
            one("state", "served", count.served - count.stale.min(count.served)),
            one("state", "stale", count.stale),
            one("state", "failed", count.failed),
        ];
        gauge(encoder, "watari_zones", "Zones by how they stand", zones)?;
        let load = |outcome: &str, count| (vec![("outcome", outcome.to_owned())], count);
        let loads = [
            load("ready", loads.ready),
            load("unchanged", loads.unchanged),
            load("unusable", loads.unusable),
            load("gone", loads.gone),
        ];
        counter(encoder, "watari_zone_loads", "How often zones were read, by what came of it", loads)?;
        counter(encoder, "watari_reloads", "How often every file was asked for again (SIGHUP)", [(vec![], *rereads)])?;
        let ready = [(vec![], f64::from(u8::from(*ready)))];
        gauge(encoder, "watari_ready", "Whether every zone that was there at the start was read", ready)?;
        let behind = [(vec![], held_back.as_secs_f64())];
        let help = "How far the system's clock is behind what is served by; nothing is due meanwhile";
        gauge(encoder, "watari_clock_held_back_seconds", help, behind)?;
        let version = [(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)];
        gauge(encoder, "watari_build_info", "The version that runs", version)?;
        let states = states.iter().map(|(state, count)| one("state", state, *count));
        gauge(encoder, "watari_plans", "Plans by how they stand", states)
    }

    fn updates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let answered = self.figures.updates.0.iter();
        let answered = answered.map(|(rcode, count)| (vec![("rcode", rcode.to_string())], *count));
        let help = "Requests for updates that some rule lets in, by the RCODE with which they were answered";
        counter(encoder, "watari_updates", help, answered)
    }

    fn fetches(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Figures { fetches, fetched: [served, expired, never], .. } = &self.figures;
        let came = |outcome: &str, count| (vec![("outcome", outcome.to_owned())], count);
        let outcomes = [
            came("whole", fetches.whole),
            came("differences", fetches.differences),
            came("current", fetches.current),
            came("failed", fetches.failed),
        ];
        counter(encoder, "watari_fetches", "How often zones were asked for at their primaries", outcomes)?;
        let stand = |state: &str, count: usize| (vec![("state", state.to_owned())], count as f64);
        let states = [stand("served", *served), stand("expired", *expired), stand("missing", *never)];
        gauge(encoder, "watari_fetched_zones", "Zones that are fetched, by how they stand", states)
    }

    fn notices(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Figures { notices, notices_waiting, .. } = &self.figures;
        let help = "Notices of changes (NOTIFY) that were sent to secondaries, again and again ones included";
        counter(encoder, "watari_notices", help, [(vec![], notices.sent)])?;
        let came = |outcome: &str, count| (vec![("outcome", outcome.to_owned())], count);
        let outcomes = [
            came("acknowledged", notices.acknowledged),
            came("refused", notices.refused),
            came("unanswered", notices.unanswered),
        ];
        counter(encoder, "watari_notice_outcomes", "What came of them", outcomes)?;
        let help = "Notices that wait to be sent, or are under way";
        gauge(encoder, "watari_notices_waiting", help, [(vec![], *notices_waiting as f64)])
    }

    fn plans(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let plans = &self.figures.plans;
        let zone = |plan: &PlanFigures| ("zone", plan.zone.clone());
        let instant = |figure: fn(&PlanFigures) -> Option<Instant>| {
            plans.iter().filter_map(move |plan| figure(plan).map(|at| (vec![zone(plan)], seconds(at))))
        };
        let help = "The instant of the flip, in seconds since 1970";
        gauge(encoder, "watari_plan_at_seconds", help, instant(|plan| Some(plan.at)))?;
        let help = "When no conforming cache holds old data any more, as the plan predicts it";
        gauge(encoder, "watari_plan_horizon_predicted_seconds", help, instant(|plan| plan.horizon))?;
        let help = "The same of the answers that really left: of each the instant and its TTL, and of these the latest";
        gauge(encoder, "watari_plan_horizon_observed_seconds", help, instant(|plan| plan.reading.old.kept_until))?;
        let help = "When the last old answer left";
        let last = instant(|plan| plan.reading.old.last.map(|(at, _)| at));
        gauge(encoder, "watari_plan_last_old_answer_seconds", help, last)?;
        let both = |figure: fn(&PlanFigures) -> [u64; 2]| {
            plans.iter().flat_map(move |plan| {
                let of = |side: &str, count| (vec![zone(plan), ("side", side.to_owned())], count);
                let [old, new] = figure(plan);
                [of("old", old), of("new", new)]
            })
        };
        let help = "Answers with data that the plan flips, by whether it was the old or the new";
        let answers = both(|plan| [plan.reading.old.answers, plan.reading.new.answers]);
        counter(encoder, "watari_plan_answers", help, answers)?;
        let help = "How many networks they went to, about";
        let networks = both(|plan| [plan.reading.old.networks, plan.reading.new.networks]);
        gauge(encoder, "watari_plan_networks", help, networks.map(|(labels, count)| (labels, count as f64)))?;
        let followed = plans.iter().map(|plan| (vec![zone(plan)], plan.reading.followed as f64));
        let help = "How many of the networks that got old data have fetched the new, about";
        gauge(encoder, "watari_plan_networks_followed", help, followed)?;
        let missing = plans.iter().map(|plan| (vec![zone(plan)], plan.reading.missing.len() as f64));
        let help = "How many names are asked for that do not exist and may well be missed; `watari status` names them";
        gauge(encoder, "watari_plan_missing_names", help, missing)
    }
}

fn outcome(ending: Ending) -> &'static str {
    match ending {
        Ending::Whole => "whole",
        Ending::Differences => "differences",
        Ending::Broken => "broken",
        Ending::Busy => "busy",
    }
}

fn seconds(at: Instant) -> f64 {
    at.unix_nanos() as f64 / 1e9
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = Sample<u64>>,
) -> fmt::Result {
    family(encoder, (name, help, MetricType::Counter), samples, |count, encoder| {
        ConstCounter::new(count).encode(encoder)
    })
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = Sample<f64>>,
) -> fmt::Result {
    family(encoder, (name, help, MetricType::Gauge), samples, |value, encoder| ConstGauge::new(value).encode(encoder))
}

fn family<N>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, kind): (&str, &str, MetricType),
    samples: impl IntoIterator<Item = Sample<N>>,
    encode: impl Fn(N, MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, number) in samples {
        encode(number, family.encode_family(&labels)?)?;
    }
    Ok(())
}
