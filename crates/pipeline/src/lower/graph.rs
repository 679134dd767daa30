//! Which stage waits for which: every name exists, and nothing waits for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::reach;
use super::read::Reader;
use super::stage::Lowered;
use crate::diagnostic::code;
use crate::suggest::nearest;
use crate::tree::shown;

pub(super) fn check(reader: &mut Reader<'_>, stages: &mut [Lowered], events: &reach::Events) {
    check_cleanup(reader, stages);
    check_order(reader, stages);
    reach::report_unreachable(reader, stages, events);
}

/// What cleans up comes after everything that it cleans up after, and nothing comes after it.
fn check_cleanup(reader: &mut Reader<'_>, stages: &mut [Lowered]) {
    let cleans_up: BTreeSet<String> =
        stages.iter().filter(|other| other.stage.always).map(|other| other.stage.name.clone()).collect();
    if cleans_up.is_empty() {
        return;
    }
    let others: Vec<String> = stages
        .iter()
        .map(|other| &other.stage.name)
        .filter(|name| !cleans_up.contains(*name))
        .cloned()
        .collect();
    for lowered in stages {
        for (name, span, pointer) in lowered.dependencies.iter().filter(|(name, ..)| cleans_up.contains(name))
        {
            let message = format!("nothing can wait for `{name}`, which cleans up");
            reader
                .out
                .error(*span, pointer.clone(), code::CONFLICT, message)
                .hint("wait for a stage that it waits for, or take `type: cleanup` from it");
        }
        if lowered.stage.always && lowered.dependencies.is_empty() {
            lowered.stage.depends_on.clone_from(&others);
        }
    }
}

fn check_order(reader: &mut Reader<'_>, stages: &[Lowered]) {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, lowered) in stages.iter().enumerate().filter(|(_, lowered)| !lowered.stage.name.is_empty()) {
        let name = lowered.stage.name.as_str();
        match index.get(name) {
            Some(first) => {
                let message =
                    format!("a stage `{name}` is here already, on line {}", stages[*first].span.line);
                reader
                    .out
                    .error(lowered.span, format!("{}/name", lowered.pointer), code::DUPLICATE_NAME, message)
                    .hint("call one of them something else");
            }
            None => {
                index.insert(name, at);
            }
        }
    }
    let refused: BTreeSet<&str> =
        stages.iter().filter_map(|lowered| lowered.refused_name.as_deref()).collect();
    for lowered in stages {
        for (name, span, pointer) in &lowered.dependencies {
            // Where a stage's name can't be one, that is told where it is given.
            if !index.contains_key(name.as_str()) && !refused.contains(name.as_str()) {
                let others = index.keys().copied().filter(|other| *other != lowered.stage.name);
                let hint = match (nearest(name, others.clone()), others.clone().next()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, Some(_)) => {
                        format!("the other stages are {}", others.collect::<Vec<_>>().join(", "))
                    }
                    (None, None) => "there is no other stage".to_owned(),
                };
                let message = format!("there is no stage `{}`", shown(name));
                reader.out.error(*span, pointer.clone(), code::UNKNOWN_STAGE, message).hint(hint);
            }
        }
    }
    let edges: Vec<Vec<usize>> = stages
        .iter()
        .map(|lowered| {
            lowered.stage.depends_on.iter().filter_map(|name| index.get(name.as_str()).copied()).collect()
        })
        .collect();
    // What cleans up waits for others without having said so, and closes no circle.
    let written: Vec<Vec<usize>> = stages
        .iter()
        .zip(&edges)
        .map(|(lowered, edges)| if lowered.dependencies.is_empty() { vec![] } else { edges.clone() })
        .collect();
    report_cycles(reader, stages, &written);
}

/// Each cycle once, by the stage of it that comes first in the file.
fn report_cycles(reader: &mut Reader<'_>, stages: &[Lowered], edges: &[Vec<usize>]) {
    let mut told: BTreeSet<usize> = BTreeSet::new();
    for start in never_ready(edges) {
        if told.contains(&start) {
            continue;
        }
        let Some(path) = shortest_way_back(start, edges) else { continue };
        told.extend(&path);
        let way: Vec<&str> =
            path.iter().chain([&start]).map(|stage| stages[*stage].stage.name.as_str()).collect();
        let next = path.get(1).unwrap_or(&start);
        let closing = stages[start].dependencies.iter().find(|(name, ..)| *name == stages[*next].stage.name);
        let (span, pointer) = closing
            .map_or((stages[start].span, stages[start].pointer.clone()), |(_, span, pointer)| {
                (*span, pointer.clone())
            });
        let message = format!("stages wait for each other in a circle: {}", way.join(" → "));
        reader
            .out
            .error(span, pointer, code::DEPENDENCY_CYCLE, message)
            .hint("take one of these out of `depends_on`");
    }
}

/// The stages that are in a circle, or behind one.
fn never_ready(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut behind: Vec<Vec<usize>> = vec![vec![]; edges.len()];
    let mut awaited: Vec<usize> = edges.iter().map(Vec::len).collect();
    edges
        .iter()
        .enumerate()
        .for_each(|(stage, edges)| edges.iter().for_each(|next| behind[*next].push(stage)));
    let mut ready: Vec<usize> = (0..edges.len()).filter(|stage| awaited[*stage] == 0).collect();
    while let Some(stage) = ready.pop() {
        for next in &behind[stage] {
            awaited[*next] -= 1;
            if awaited[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    (0..edges.len()).filter(|stage| awaited[*stage] > 0).collect()
}

/// The stages from `start` on, each depending on the next, the last on `start`.
fn shortest_way_back(start: usize, edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut front = std::collections::VecDeque::from([start]);
    while let Some(stage) = front.pop_front() {
        for next in &edges[stage] {
            if *next == start {
                let mut path = vec![stage];
                while let Some(earlier) =
                    path.last().filter(|last| **last != start).and_then(|last| came_from.get(last))
                {
                    path.push(*earlier);
                }
                path.reverse();
                return Some(path);
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, stage);
                front.push_back(*next);
            }
        }
    }
    None
}
