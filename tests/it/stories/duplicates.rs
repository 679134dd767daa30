//! The same happening, told more than once.

use crate::harness::{Installation, Project, one_job};

#[test]
fn a_delivery_told_many_times_at_once_starts_one_run() {
    let at = Installation::start();
    let mark = at.note("ran");
    let project = Project::new(&at, &one_job(&[&format!("echo ran >> {}", mark.display())]));
    let payload = project.push_payload("main", &project.head());
    let deliver = || at.deliver_as("6fd3cb80-1111-11f0-8000-0a0b0c0d0e0f", "push", &payload).expect(202);
    let mut told: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(deliver)).collect();
        all.into_iter().map(|one| one.join().expect("it is answered")["status"].to_string()).collect()
    });
    told.sort_unstable();
    let mut expected = vec!["\"duplicate\""; 7];
    expected.push("\"received\"");
    assert_eq!(told, expected);
    at.at_rest();
    assert_eq!(deliver()["status"], "duplicate");
    at.at_rest();
    assert_eq!(project.executions().len(), 1);
    assert_eq!(std::fs::read_to_string(mark).expect("it ran"), "ran\n");
    assert_eq!(project.statuses(&project.head()).len(), 2);
}

#[test]
fn a_push_that_two_hooks_tell_of_under_two_ids_starts_one_run() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["true"]));
    let sha = project.head();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(project.push(&sha).expect(202)["status"], "received"));
        }
    });
    at.at_rest();
    assert_eq!(project.executions().len(), 1);
}
