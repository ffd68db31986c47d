//! Where values are refreshed: the steps are cut into spans, and what enters a span is refreshed before it.
//!
//! The cheapest cuts are a shortest path: from the first step to behind the last one, over the spans that fit into the levels there are. A
//! span costs what its steps take at their levels; a cut costs a round trip and the traffic of the ciphertexts that are refreshed.

use he_traits::{Level, Profile, RefreshProfile};

use super::levels::{self, Reads, Span};
use super::{Plan, StepWork};
use crate::error::{Error, Result};
use crate::fold::{Folded, ValueId};
use crate::pack::Layout;

/// Seconds that a plan reckons with for the way to the key's owner and back, whatever is sent.
const ROUND: f64 = 0.05;
/// Bytes a second that a plan reckons with between server and owner: 100 Mbit.
const BYTES_A_SECOND: f64 = 12.5e6;

/// Values that are refreshed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refreshing {
    /// The step before which they are.
    pub(crate) position: usize,
    /// The values.
    pub(crate) values: Vec<ValueId>,
    /// Level of the fresh ones.
    pub(crate) to: Level,
}

/// What cuts are weighed by.
struct Weighing<'a> {
    reads: Vec<Reads>,
    last_reads: Vec<usize>,
    layouts: &'a [Layout],
    work: &'a [StepWork],
    profile: &'a Profile,
    refresh: &'a RefreshProfile,
}

impl Plan {
    /// Levels of the steps, with values refreshed on the way as `profile` allows; without any refresh where it has none, or no levels.
    ///
    /// # Errors
    /// As [`Plan::new`]; [`Error::Levels`] naming a step that needs more levels than the highest there is.
    pub(crate) fn with_refreshes(
        folded: &Folded,
        layouts: &[Layout],
        work: &[StepWork],
        profile: &Profile,
    ) -> Result<Plan> {
        let plan = Plan::new(folded, Some(layouts))?;
        let (Some(refresh), false) = (&profile.refresh, profile.top.is_unbounded()) else { return Ok(plan) };
        let reads = levels::reads(folded, Some(layouts))?;
        let last_reads = levels::last_reads(folded, &reads);
        let weighing = Weighing { reads, last_reads, layouts, work, profile, refresh };
        let top = refresh.highest_output.index() as u32;
        if let Some((index, step)) = weighing.reads.iter().enumerate().find(|(_, step)| step.depth > top) {
            return Err(Error::Levels {
                step: folded.steps.get(index).map(|step| step.name.clone()).unwrap_or_default(),
                needs: step.depth,
                left: top,
                depth: plan.depth,
                top,
                backend: profile.backend.clone(),
            });
        }
        let (seconds, cuts) = weighing.cheapest();
        Ok(weighing.cut(plan, &cuts, seconds))
    }
}

impl Weighing<'_> {
    fn lowest(&self) -> u32 {
        self.refresh.lowest_input.index() as u32
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(&self.reads, from..to, &self.last_reads, self.lowest())
    }

    /// The cheapest way: its seconds, and the steps at which its spans begin, the first left out.
    fn cheapest(&self) -> (f64, Vec<usize>) {
        let count = self.reads.len();
        let top = self.refresh.highest_output.index() as u32;
        // The least seconds to get before each step, and where the last span began.
        let mut best: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); count + 1];
        best.first_mut().into_iter().for_each(|first| first.0 = 0.0);
        for from in 0..count {
            let until = best.get(from).map_or(f64::INFINITY, |(seconds, _)| *seconds);
            for to in from + 1..=count {
                let span = self.span(from, to);
                if span.most().max(self.entering(&span, from).1) > top {
                    break;
                }
                let seconds = until + self.refreshing(&span, from) + self.computing(&span, from);
                match best.get_mut(to) {
                    Some(best) if seconds < best.0 => *best = (seconds, from),
                    _ => {}
                }
            }
        }
        let mut cuts = Vec::new();
        let mut at = count;
        while let Some((_, from)) = best.get(at).filter(|(_, from)| *from > 0) {
            cuts.push(*from);
            at = *from;
        }
        cuts.reverse();
        (best.last().map_or(0.0, |(seconds, _)| *seconds), cuts)
    }

    /// The values to be refreshed before a span, and the level that they need.
    fn entering(&self, span: &Span, from: usize) -> (Vec<usize>, u32) {
        if from == 0 {
            return (Vec::new(), span.need(ValueId::INPUT.index()));
        }
        let low: Vec<(usize, u32)> = span.entering(from).filter(|(_, need)| *need > self.lowest()).collect();
        let to = low.iter().map(|(_, need)| *need).max().unwrap_or(0);
        (low.into_iter().map(|(value, _)| value).collect(), to)
    }

    /// Seconds of the refresh before a span.
    fn refreshing(&self, span: &Span, from: usize) -> f64 {
        let (values, to) = self.entering(span, from);
        if values.is_empty() {
            return 0.0;
        }
        let blocks: usize =
            values.iter().map(|value| self.layouts.get(*value).map_or(1, Layout::blocks)).sum();
        let sizes = &self.profile.sizes;
        let traffic = sizes.sent.at(self.refresh.lowest_input) + sizes.sent_fresh.at(Level::new(to));
        ROUND + blocks as f64 * (self.refresh.seconds + traffic / BYTES_A_SECOND)
    }

    /// Seconds of a span's steps.
    fn computing(&self, span: &Span, from: usize) -> f64 {
        let steps = self.work.iter().skip(from).zip(&span.levels);
        steps.map(|(work, levels)| work.seconds(&self.profile.costs, levels.map(Level::new))).sum()
    }

    fn cut(&self, plan: Plan, cuts: &[usize], seconds: f64) -> Plan {
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([self.reads.len()]);
        let mut plan = Plan { levels: Vec::new(), refreshes: Vec::new(), seconds, ..plan };
        for (from, to) in starts.zip(ends) {
            let span = self.span(from, to);
            let (values, level) = self.entering(&span, from);
            if from == 0 {
                // Later spans refresh the input as they refresh any value: it is there at this level at least.
                plan.input = level.max(self.lowest());
            } else if !values.is_empty() {
                let values = values.into_iter().map(ValueId).collect();
                plan.refreshes.push(Refreshing { position: from, values, to: Level::new(level) });
            }
            plan.levels.extend(span.levels);
        }
        plan
    }
}
