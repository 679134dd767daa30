//! What starts a pipeline, and why something does not.

use std::collections::BTreeMap;

use penstock_domain::TriggerEvent;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::glob::Patterns;

/// The `on` of a file. Without `on`: every push, every pull request, and by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggers {
    pub push: Option<BranchFilter>,
    pub pull_request: Option<BranchFilter>,
    /// None: no tag; `Some(None)`: every tag.
    pub tag: Option<Option<Patterns>>,
    pub manual: bool,
    pub schedule: Vec<Schedule>,
    /// Somebody's own events. None: none; `Some(None)`: every one.
    pub webhook: Option<Option<Patterns>>,
}

/// When the clock starts the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// Of the IANA database.
    pub timezone: String,
    /// None: the repository's default branch, or `main` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What the run is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// What is None lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BranchFilter {
    pub branches: Option<Patterns>,
    /// At least one changed path has to match.
    pub paths: Option<Patterns>,
    /// At least one changed path must not match.
    pub paths_ignore: Option<Patterns>,
    /// Of a pull request: `opened`, `reopened`, `synchronize`, `ready_for_review`. None: all of these.
    pub types: Option<Vec<String>>,
}

/// What happened at the forge, or was asked for by hand.
#[derive(Debug, Clone, Copy)]
pub struct Trigger<'a> {
    pub event: TriggerEvent,
    /// For a pull request the branch that it would go to.
    pub branch: &'a str,
    pub tag: Option<&'a str>,
    /// None: not known, so that filters of paths let it pass.
    pub changed_paths: Option<&'a [String]>,
    /// What happened to the pull request; None: not known, so that filters let it pass.
    pub action: Option<&'a str>,
    /// The name of somebody's own event.
    pub event_name: Option<&'a str>,
}

/// Why a trigger starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the pipeline is not started by `{event}`; its `on` has {}", list(selected.iter().map(|e| e.as_str())))]
    EventNotSelected { event: TriggerEvent, selected: Vec<TriggerEvent> },
    #[error("branch `{branch}` does not match `on.{event}.branches`: {}", list(patterns.iter().map(String::as_str)))]
    BranchNotSelected { event: TriggerEvent, branch: String, patterns: Vec<String> },
    #[error("tag `{tag}` does not match `on.tag`: {}", list(patterns.iter().map(String::as_str)))]
    TagNotSelected { tag: String, patterns: Vec<String> },
    #[error("event `{name}` does not match `on.webhook`: {}", list(patterns.iter().map(String::as_str)))]
    EventNameNotSelected { name: String, patterns: Vec<String> },
    #[error("the pull request was {action}, and `on.pull_request.types` has {}", list(types.iter().map(String::as_str)))]
    TypeNotSelected { action: String, types: Vec<String> },
    #[error("{} changed path matches `on.{event}.{filter}`: {}", if *filter == "paths" { "no" } else { "every" }, list(patterns.iter().map(String::as_str)))]
    PathsNotSelected {
        event: TriggerEvent,
        /// `paths` or `paths_ignore`.
        filter: &'static str,
        patterns: Vec<String>,
    },
}

impl Refusal {
    /// Stable and snake_case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EventNotSelected { .. } => "event_not_selected",
            Self::BranchNotSelected { .. } => "branch_not_selected",
            Self::TagNotSelected { .. } => "tag_not_selected",
            Self::EventNameNotSelected { .. } => "event_name_not_selected",
            Self::TypeNotSelected { .. } => "type_not_selected",
            Self::PathsNotSelected { .. } => "paths_not_selected",
        }
    }
}

impl Default for Triggers {
    fn default() -> Self {
        let everything = Some(BranchFilter::default());
        Self { push: everything.clone(), pull_request: everything, manual: true, ..Self::none() }
    }
}

impl Triggers {
    pub(crate) fn none() -> Self {
        Self { push: None, pull_request: None, tag: None, manual: false, schedule: vec![], webhook: None }
    }

    /// The events that start the pipeline at all.
    pub fn events(&self) -> Vec<TriggerEvent> {
        let events = [
            (TriggerEvent::Push, self.push.is_some()),
            (TriggerEvent::PullRequest, self.pull_request.is_some()),
            (TriggerEvent::Tag, self.tag.is_some()),
            (TriggerEvent::Manual, self.manual),
            (TriggerEvent::Schedule, !self.schedule.is_empty()),
            (TriggerEvent::Webhook, self.webhook.is_some()),
        ];
        events.into_iter().filter(|(_, selected)| *selected).map(|(event, _)| event).collect()
    }

    pub(crate) fn admits(&self, trigger: &Trigger<'_>) -> Result<(), Refusal> {
        let event = trigger.event;
        let admitted = match event {
            TriggerEvent::Push => self.push.as_ref().map(|filter| filter.admits(trigger)),
            TriggerEvent::PullRequest => self.pull_request.as_ref().map(|filter| filter.admits(trigger)),
            TriggerEvent::Tag => self.tag.as_ref().map(|patterns| admits_tag(patterns.as_ref(), trigger)),
            TriggerEvent::Manual => self.manual.then_some(Ok(())),
            // Which of the schedules is due, the clock knows.
            TriggerEvent::Schedule => (!self.schedule.is_empty()).then_some(Ok(())),
            TriggerEvent::Webhook => {
                self.webhook.as_ref().map(|patterns| admits_name(patterns.as_ref(), trigger))
            }
        };
        admitted.unwrap_or_else(|| Err(Refusal::EventNotSelected { event, selected: self.events() }))
    }
}

impl BranchFilter {
    fn admits(&self, trigger: &Trigger<'_>) -> Result<(), Refusal> {
        let event = trigger.event;
        if let Some(patterns) = self.branches.as_ref().filter(|patterns| !patterns.matches(trigger.branch)) {
            let (branch, patterns) = (trigger.branch.to_owned(), patterns.as_slice().to_vec());
            return Err(Refusal::BranchNotSelected { event, branch, patterns });
        }
        if let (Some(types), Some(action)) = (&self.types, trigger.action)
            && !types.iter().any(|known| known == action)
        {
            return Err(Refusal::TypeNotSelected { action: action.to_owned(), types: types.clone() });
        }
        let Some(changed) = trigger.changed_paths else { return Ok(()) };
        let refuse = |filter: &'static str, patterns: &Patterns| {
            Err(Refusal::PathsNotSelected { event, filter, patterns: patterns.as_slice().to_vec() })
        };
        let counts = |path: &&String| self.paths_ignore.as_ref().is_none_or(|ignored| !ignored.matches(path));
        match (&self.paths, &self.paths_ignore) {
            (Some(paths), _) if !changed.iter().filter(counts).any(|path| paths.matches(path)) => {
                refuse("paths", paths)
            }
            // A push without changes ignores nothing.
            (None, Some(ignored)) if !changed.is_empty() && !changed.iter().any(|path| counts(&path)) => {
                refuse("paths_ignore", ignored)
            }
            _ => Ok(()),
        }
    }
}

fn admits_tag(patterns: Option<&Patterns>, trigger: &Trigger<'_>) -> Result<(), Refusal> {
    let tag = trigger.tag.unwrap_or("");
    match patterns {
        Some(patterns) if !patterns.matches(tag) => {
            Err(Refusal::TagNotSelected { tag: tag.to_owned(), patterns: patterns.as_slice().to_vec() })
        }
        _ => Ok(()),
    }
}

fn admits_name(patterns: Option<&Patterns>, trigger: &Trigger<'_>) -> Result<(), Refusal> {
    let name = trigger.event_name.unwrap_or("");
    match patterns {
        Some(patterns) if !patterns.matches(name) => Err(Refusal::EventNameNotSelected {
            name: name.to_owned(),
            patterns: patterns.as_slice().to_vec(),
        }),
        _ => Ok(()),
    }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
