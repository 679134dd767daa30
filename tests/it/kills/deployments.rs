//! SIGKILL for the server, while executions race for one environment.

use std::fs;

use serde_json::json;

use crate::harness::{
    AFTER_A_LEASE, Installation, Project, SOON, Says, Service, has_ended, job, one_deployment, wait_for,
};

#[test]
fn however_often_the_server_dies_one_environment_never_has_two_deployments_and_all_of_them_end() {
    let at = Installation::start();
    at.wait_for_runner("local");
    at.environment(&json!({}));
    let (lock, runs) = (at.note("lock"), at.note("runs"));
    let leave = |version: &str| at.note(&format!("leave-{version}"));
    // `mkdir` fails where another has the environment, and the step with it.
    let step = format!(
        "mkdir {0}; echo $PENSTOCK_VERSION >> {1}; until [ -e {2}$PENSTOCK_VERSION ]; do sleep 0.05; done; rmdir {0}",
        lock.display(),
        runs.display(),
        leave("").display()
    );
    let projects = [0, 1].map(|_| Project::in_database(&at, &one_deployment(&[&step])));
    let versions = ["1", "2", "3", "4"];
    let start = |n: usize| projects[n % 2].execute(&json!({ "parameters": { "VERSION": versions[n] } }));
    let ids = [0, 1, 2, 3].map(start);
    let begun = || {
        let text = fs::read_to_string(&runs).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let again = || {
        at.kill9();
        at.restart();
    };
    for n in 0..versions.len() {
        wait_for("a deployment to begin", AFTER_A_LEASE, || (begun().len() > n).then_some(()));
        again();
        fs::write(leave(&begun()[n]), "").expect("a note can be written");
        if n % 2 == 0 {
            // Somewhere between the end of this one and the beginning of the next.
            let database = at.database();
            let ended = "deployments WHERE status = 'deployed'";
            wait_for("a deployment to end", SOON, || (database.count(ended) as usize > n).then_some(()));
            again();
        }
    }
    for id in &ids {
        let ended = at.wait_long_for_execution(id, "to end", AFTER_A_LEASE, has_ended);
        assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}");
        assert_eq!(job(&ended, "ship", "app")["attempt"], 1);
    }
    let mut once = begun();
    once.sort_unstable();
    assert_eq!(once, versions, "each ran once");
    assert!(!lock.exists());
    at.at_rest();
    let database = at.database();
    assert_eq!(database.count("deployment_environments WHERE holder_deployment_id IS NOT NULL"), 0);
    assert_eq!(database.count("deployments WHERE status = 'deployed'"), 4);
}

#[test]
fn killed_while_it_checks_the_health_of_what_is_live_it_checks_it_anew() {
    let at = Installation::start();
    let well = at.note("well");
    let is_well = well.clone();
    let service = Service::start(move |_| Says::Status(if is_well.exists() { 200 } else { 503 }));
    let check = json!({ "url": service.url(), "interval_seconds": 0.1, "attempts": 100, "successes": 2 });
    let environment = at.environment(&json!({ "health_check": check }));
    let runs = at.note("runs");
    let project = Project::in_database(&at, &one_deployment(&[&format!("echo ran >> {}", runs.display())]));
    let id = project.start();
    wait_for("its health to be asked for", SOON, || (service.asked().len() > 1).then_some(()));
    at.kill9();
    fs::write(well, "").expect("a note can be written");
    let before = service.asked().len();
    at.restart();
    let ended = at.wait_long_for_execution(&id, "to end", AFTER_A_LEASE, has_ended);
    assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}");
    assert_eq!(service.asked().len(), before + 2, "half of a check proves nothing");
    assert_eq!(fs::read_to_string(runs).expect("it ran"), "ran\n", "it was not deployed again");
    assert_eq!(at.deployment_of(&id)["health_check_passed"], true);
    at.freed(&environment);
    at.at_rest();
}
