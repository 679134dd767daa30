//! Makes what fails smaller: fewer kinds of faults, fewer deeds, fewer and plainer stages, fewer single faults, as long
//! as the same invariant is violated.

use std::collections::BTreeSet;

use crate::run::{Input, run};
use crate::scenario::{Condition, PipelineSpec, Scenario, StageSpec, Triggers};
use crate::{Report, Violation};

/// Runs that are made for it at the most.
const MAX_RUNS: u32 = 600;

struct Shrinking {
    best: Input,
    invariant: &'static str,
    runs: u32,
}

/// The smallest input that was found to fail in the same way, with what it comes to, traced.
pub fn shrink(input: &Input, violation: &Violation) -> (Input, Report) {
    let mut shrinking = Shrinking {
        best: Input { scenario: Some(input.scenario()), is_traced: false, ..input.clone() },
        invariant: violation.invariant,
        runs: 0,
    };
    loop {
        let before =
            (shrinking.best.scenario.clone(), shrinking.best.without.len(), shrinking.best.muted.len());
        shrinking.fewer_kinds();
        shrinking.plainer();
        shrinking.fewer_faults();
        let after =
            (shrinking.best.scenario.clone(), shrinking.best.without.len(), shrinking.best.muted.len());
        if before == after || shrinking.runs >= MAX_RUNS {
            break;
        }
    }
    let report = run(&Input { is_traced: true, ..shrinking.best.clone() });
    (shrinking.best, report)
}

impl Shrinking {
    /// Keeps the candidate if it still fails in the same way.
    fn try_out(&mut self, candidate: Input) -> bool {
        if self.runs >= MAX_RUNS {
            return false;
        }
        self.runs += 1;
        let fails = run(&candidate).violation.is_some_and(|v| v.invariant == self.invariant);
        if fails {
            self.best = candidate;
        }
        fails
    }

    fn fewer_kinds(&mut self) {
        let kinds: BTreeSet<_> = run(&self.best).taken.iter().map(|(fault, _)| *fault).collect();
        let all: BTreeSet<_> = self.best.without.union(&kinds).copied().collect();
        if !kinds.is_empty() && self.try_out(Input { without: all, ..self.best.clone() }) {
            return;
        }
        for kind in kinds {
            let mut candidate = self.best.clone();
            candidate.without.insert(kind);
            self.try_out(candidate);
        }
    }

    fn plainer(&mut self) {
        let mut at = 0;
        loop {
            let Some(scenario) = self.best.scenario.clone() else { return };
            let mut candidates = plainer(&scenario);
            if at >= candidates.len() {
                return;
            }
            let scenario = Some(candidates.swap_remove(at));
            if !self.try_out(Input { scenario, ..self.best.clone() }) {
                at += 1;
            }
            if self.runs >= MAX_RUNS {
                return;
            }
        }
    }

    /// Halves first, then single ones.
    fn fewer_faults(&mut self) {
        let mut size = run(&self.best).taken.len().div_ceil(2);
        while size > 0 && self.runs < MAX_RUNS {
            let taken = run(&self.best).taken;
            for piece in taken.chunks(size) {
                let mut candidate = self.best.clone();
                candidate.muted.extend(piece.iter().copied());
                self.try_out(candidate);
            }
            size /= 2;
        }
    }
}

/// The scenario with one thing less, in every way, the largest things first.
fn plainer(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = vec![];
    for half in [1, 0] {
        let (keep, deeds) = (scenario.deeds.len().div_ceil(2), &scenario.deeds);
        let part = if half == 0 { &deeds[keep..] } else { &deeds[..keep] };
        if deeds.len() > 1 && !part.is_empty() {
            found.push(Scenario { deeds: part.to_vec(), ..scenario.clone() });
        }
    }
    for deed in 0..scenario.deeds.len() {
        let mut less = scenario.clone();
        less.deeds.remove(deed);
        found.push(less);
    }
    for runner in (1..scenario.runners.len()).rev() {
        let mut less = scenario.clone();
        less.runners.remove(runner);
        found.push(less);
    }
    for (index, pipeline) in scenario.pipelines.iter().enumerate() {
        for less in plainer_pipelines(pipeline) {
            let mut plainer = scenario.clone();
            plainer.pipelines[index] = less;
            found.push(plainer);
        }
    }
    found
}

fn plainer_pipelines(pipeline: &PipelineSpec) -> Vec<PipelineSpec> {
    let mut found = vec![];
    let mut push = |change: &dyn Fn(&mut PipelineSpec)| {
        let mut less = pipeline.clone();
        change(&mut less);
        if less != *pipeline {
            found.push(less);
        }
    };
    if pipeline.stages.len() > 1 {
        for stage in (0..pipeline.stages.len()).rev() {
            push(&|p| drop_stage(p, stage));
        }
    }
    for stage in 0..pipeline.stages.len() {
        for job in (0..pipeline.stages[stage].jobs.len()).rev() {
            if pipeline.stages[stage].jobs.len() > 1 {
                push(&|p| {
                    forget_output(p, stage, job);
                    p.stages[stage].jobs.remove(job);
                });
            }
            push(&|p| p.stages[stage].jobs[job].steps.truncate(1));
            push(&|p| p.stages[stage].jobs[job].condition = None);
            push(&|p| p.stages[stage].jobs[job].matrix = None);
            push(&|p| p.stages[stage].jobs[job].adds = None);
            push(&|p| p.stages[stage].jobs[job].asks_for = None);
            push(&|p| forget_output(p, stage, job));
            push(&|p| p.stages[stage].jobs[job].continue_on_error = false);
            push(&|p| p.stages[stage].jobs[job].priority = None);
            push(&|p| p.stages[stage].jobs[job].retry = None);
            push(&|p| p.stages[stage].jobs[job].report = None);
            push(&|p| p.stages[stage].jobs[job].runs_on.clear());
        }
        push(&|p| p.stages[stage].condition = None);
        push(&|p| p.stages[stage].cleans_up = false);
        push(&|p| p.stages[stage].continue_on_error = false);
        push(&|p| p.stages[stage].timeout_seconds = None);
        push(&|p| p.stages[stage].deploy = None);
        if !pipeline.stages[stage].jobs.is_empty() {
            push(&|p| p.stages[stage].gates.clear());
        }
    }
    push(&|p| {
        if let Triggers::Scheduled(minutes) = &mut p.on {
            minutes.truncate(1);
        }
    });
    push(&|p| p.own_limit = None);
    push(&|p| p.group = None);
    push(&|p| p.priority = 0);
    push(&|p| p.then = None);
    push(&|p| p.timeout_seconds = None);
    push(&|p| p.is_in_forge = false);
    found
}

/// Those that depended on it depend on nothing in its place.
fn drop_stage(pipeline: &mut PipelineSpec, gone: usize) {
    pipeline.stages.remove(gone);
    for stage in &mut pipeline.stages {
        stage.depends_on.retain(|d| *d != gone);
        stage.depends_on.iter_mut().filter(|d| **d > gone).for_each(|d| *d -= 1);
        forget(stage, gone);
    }
}

/// It hands nothing on, and nobody asks for it.
fn forget_output(pipeline: &mut PipelineSpec, stage: usize, job: usize) {
    let gone = &mut pipeline.stages[stage].jobs[job];
    gone.hands_on = false;
    let gone = Some((stage, gone.name.clone()));
    let jobs = pipeline.stages.iter_mut().flat_map(|s| &mut s.jobs);
    jobs.filter(|j| j.asks_for == gone).for_each(|j| j.asks_for = None);
}

fn forget(stage: &mut StageSpec, gone: usize) {
    for asked in stage.jobs.iter_mut().map(|j| &mut j.asks_for) {
        match asked {
            Some((stage, _)) if *stage == gone => *asked = None,
            Some((stage, _)) if *stage > gone => *stage -= 1,
            _ => {}
        }
    }
    stage.condition.iter_mut().for_each(|c| forget_in(c, gone));
    stage.jobs.iter_mut().filter_map(|j| j.condition.as_mut()).for_each(|c| forget_in(c, gone));
}

fn forget_in(condition: &mut Condition, gone: usize) {
    match condition {
        Condition::StageIs(stage, _) if *stage == gone => *condition = Condition::Literal(true),
        Condition::StageIs(stage, _) if *stage > gone => *stage -= 1,
        Condition::Not(inner) => forget_in(inner, gone),
        Condition::And(left, right) | Condition::Or(left, right) => {
            forget_in(left, gone);
            forget_in(right, gone);
        }
        _ => {}
    }
}
