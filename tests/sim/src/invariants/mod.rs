//! What must hold after every step, each rule in a file of its own, judged by what is documented and by what the world
//! outside knows. None of it asks the engine.

mod after_end;
mod applied;
mod approvals;
mod attempts;
mod cleaning_up;
mod conditions;
mod counters;
mod deliveries;
mod deployments;
mod effects;
mod ends;
mod journal;
mod limits;
mod logs;
mod matrices;
mod order;
mod outcomes;
mod priorities;
mod reruns;
mod retries;
mod schedules;
mod states;
mod statuses;
mod successors;
mod superseded;
mod timers;
mod times;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Violation;
use crate::scenario::{JobSpec, PipelineSpec, StageSpec};
use crate::view::{self, Execution, Job, Stage};
use crate::world::World;

/// One entry of the journal.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: i64,
    pub subject: String,
    pub expect: i64,
    pub at_ms: i64,
    pub actor: String,
    pub cause: String,
    pub change: Value,
}

/// An entry that was applied, with the execution that it is about before and after it.
pub struct Change<'a> {
    pub world: &'a World,
    pub entry: &'a Entry,
    pub before: Option<&'a Execution>,
    pub after: &'a Execution,
    pub spec: &'a PipelineSpec,
}

type Rule = fn(&Change<'_>) -> Result<(), String>;

/// In the order in which a person wants to hear of them.
const RULES: &[(&str, Rule)] = &[
    ("applied", applied::check),
    ("states", states::check),
    ("after_end", after_end::check),
    ("order", order::check),
    ("priorities", priorities::check),
    ("reruns", reruns::check),
    ("conditions", conditions::check),
    ("cleaning_up", cleaning_up::check),
    ("matrices", matrices::check),
    ("attempts", attempts::check),
    ("retries", retries::check),
    ("outcomes", outcomes::check),
    ("counters", counters::check),
    ("timers", timers::check),
    ("effects", effects::check),
    ("limits", limits::check),
    ("deployments", deployments::check),
    ("approvals", approvals::check),
    ("times", times::check),
];

type EndRule = fn(&World) -> Result<(), String>;

/// What must hold when everything has ended.
const AT_THE_END: &[(&str, EndRule)] = &[
    ("ends", ends::check),
    ("deliveries", deliveries::check),
    ("successors", successors::check),
    ("superseded", superseded::check),
    ("schedules", schedules::check),
    ("statuses", statuses::check),
    ("logs", logs::check),
    ("replay", crate::replay::check),
];

#[derive(Debug, Default)]
pub struct Invariants {
    seen: i64,
    journal: journal::Versions,
    executions: BTreeMap<String, Execution>,
}

impl Change<'_> {
    /// How the execution is to end, where that is decided already: by a cancel, a newer one, or its deadline.
    pub fn ending(&self) -> Option<(&str, &str)> {
        let of = |execution: &'_ Execution| execution.ending.clone();
        let decided = self.before.and_then(of).or_else(|| of(self.after));
        let (status, reason) = match (decided, self.entry.cause.as_str()) {
            (Some((status, reason)), _) => (status, reason),
            (None, "cancel") => ("cancelled".to_owned(), "cancelled_by_user".to_owned()),
            (None, "supersede") => ("cancelled".to_owned(), "superseded".to_owned()),
            (None, "execution_deadline") => ("timeout".to_owned(), "timed_out".to_owned()),
            _ => return None,
        };
        let status = if status == "timeout" { "timeout" } else { "cancelled" };
        let reason = match reason.as_str() {
            "superseded" => "superseded",
            "timed_out" => "timed_out",
            _ => "cancelled_by_user",
        };
        Some((status, reason))
    }

    /// Each stage, with what it was before and what was written of it.
    pub fn stages(&self) -> impl Iterator<Item = (Option<&Stage>, &Stage, Option<&StageSpec>)> {
        self.after.stages.iter().map(|after| {
            let before = self.before.and_then(|b| b.stage(&after.id));
            (before, after, self.spec.stages.iter().find(|s| s.name == after.name))
        })
    }

    /// Each job, with its stage.
    pub fn jobs(&self) -> impl Iterator<Item = JobChange<'_>> {
        self.stages().flat_map(|(stage_before, stage, spec)| {
            stage.jobs.iter().map(move |after| JobChange {
                before: stage_before.and_then(|s| s.jobs.iter().find(|j| j.id == after.id)),
                after,
                stage,
                spec: spec.and_then(|s| s.job(&after.name)),
            })
        })
    }
}

pub struct JobChange<'a> {
    pub before: Option<&'a Job>,
    pub after: &'a Job,
    pub stage: &'a Stage,
    pub spec: Option<&'a JobSpec>,
}

impl JobChange<'_> {
    pub fn name(&self) -> String {
        format!("job {}/{} ({})", self.stage.name, self.after.name, self.after.id)
    }

    /// The status before this entry; a job that is new was nothing.
    pub fn was(&self) -> &str {
        self.before.map_or("", |b| b.status.as_str())
    }
}

impl Invariants {
    pub fn new(_world: &World) -> Self {
        Self::default()
    }

    /// Looks at what is new in the journal. Answers how many entries that were.
    pub fn look(&mut self, world: &World) -> Result<u64, Violation> {
        let entries = entries_after(world, self.seen);
        for entry in &entries {
            self.seen = entry.seq;
            self.journal.check(world, entry).map_err(|message| named("journal", message, entry))?;
            let Some(id) = entry.subject.strip_prefix("execution:") else {
                note(world, entry, "");
                continue;
            };
            let Some(after) = view::execution(&world.database, id) else {
                return Err(named("journal", format!("execution {id} has no row"), entry));
            };
            let before = self.executions.get(id);
            if world.trace.borrow().is_on() {
                note(world, entry, &told(before, &after));
            }
            let spec = world.scenario.pipelines.iter().find(|p| p.name == after.pipeline);
            let Some(spec) = spec else {
                return Err(named("journal", format!("nobody made the pipeline {}", after.pipeline), entry));
            };
            let change = Change { world, entry, before, after: &after, spec };
            for (name, rule) in RULES {
                rule(&change).map_err(|message| named(name, message, entry))?;
            }
            self.executions.insert(id.to_owned(), after);
        }
        Ok(entries.len() as u64)
    }

    /// Nothing waits for anything any more.
    pub fn has_all_ended(&self, world: &World) -> bool {
        ends::open(world).is_empty()
    }

    pub fn unended(&self, world: &World) -> Violation {
        let message = format!("nothing goes wrong any more, and these do not end: {:?}", ends::open(world));
        Violation { invariant: "ends", message }
    }

    pub fn at_the_end(&mut self, world: &World) -> Result<(), Violation> {
        self.look(world)?;
        for (name, rule) in AT_THE_END {
            rule(world).map_err(|message| Violation { invariant: name, message })?;
        }
        Ok(())
    }
}

fn named(invariant: &'static str, message: String, entry: &Entry) -> Violation {
    let Entry { seq, cause, actor, .. } = entry;
    Violation { invariant, message: format!("{message} (journal {seq}, {cause} by {actor})") }
}

fn entries_after(world: &World, seq: i64) -> Vec<Entry> {
    let rows = world.database.look(
        "SELECT seq, subject, expect, at, actor, cause, change FROM journal WHERE seq > ?1 ORDER BY seq",
        [seq],
    );
    let entry = |r: &penstock_store::Row| Entry {
        seq: r.integer(0).unwrap_or(0),
        subject: r.text(1).unwrap_or_default().to_owned(),
        expect: r.integer(2).unwrap_or(-1),
        at_ms: r.parse::<penstock_domain::Timestamp>(3).map_or(0, penstock_domain::Timestamp::as_millis),
        actor: r.text(4).unwrap_or_default().to_owned(),
        cause: r.text(5).unwrap_or_default().to_owned(),
        change: r.json(6).unwrap_or_default(),
    };
    rows.iter().map(entry).collect()
}

fn note(world: &World, entry: &Entry, what: &str) {
    world.note(|| {
        format!("journal {} {}: {} by {}{what}", entry.seq, entry.subject, entry.cause, entry.actor)
    });
}

/// What has become different, in words.
fn told(before: Option<&Execution>, after: &Execution) -> String {
    let mut words = String::new();
    let mut tell = |name: &str, was: Option<(&str, &Option<String>)>, is: (&str, &Option<String>)| {
        if was != Some(is) {
            let reason = is.1.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            words.push_str(&format!(
                "\n                {name} {} -> {}{reason}",
                was.map_or("new", |w| w.0),
                is.0
            ));
        }
    };
    let number = format!("{} #{}", after.pipeline, after.number);
    tell(&number, before.map(|b| (b.status.as_str(), &b.reason)), (&after.status, &after.reason));
    for stage in &after.stages {
        let was = before.and_then(|b| b.stage(&stage.id));
        tell(
            &format!("stage {}", stage.name),
            was.map(|s| (s.status.as_str(), &s.reason)),
            (&stage.status, &stage.reason),
        );
        for job in &stage.jobs {
            let was = was.and_then(|s| s.jobs.iter().find(|j| j.id == job.id));
            let name = format!("job {}/{} attempt {}", stage.name, job.name, job.attempt);
            tell(&name, was.map(|j| (j.status.as_str(), &j.reason)), (&job.status, &job.reason));
        }
    }
    words
}
