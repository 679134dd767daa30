//! Steps that use an action of the repository.

use std::collections::BTreeMap;

use penstock_api::runner::JobRequest;
use penstock_domain::{Reason, WorkStatus};

use crate::agent::{self, Scratch};
use crate::job::job;
use crate::plane::{Plane, Told};

const CONFIG_ERROR: Option<(WorkStatus, Option<Reason>)> =
    Some((WorkStatus::Failed, Some(Reason::ConfigError)));

const GREET: &str = "name: greet
inputs:
  who: { required: true }
  how-loud: { default: quietly }
run: |
  echo \"$INPUT_WHO $INPUT_HOW_LOUD\"
  basename \"$PWD\"; cat \"$PENSTOCK_ACTION_PATH/words\"
";

/// A job whose first step writes an action into the workspace, and whose second uses it.
fn using(plane: &Plane, action: &str, uses: &str, with: &[(&str, &str)]) -> JobRequest {
    let write = "mkdir -p actions/greet sub; printf %s \"$ACTION\" > actions/greet/action.yml; \
                 echo words > actions/greet/words; ln -s / out; ln -s /etc actions/etc";
    let mut job = job(plane, &[write, ""]);
    job.environment.variables.insert("ACTION".into(), action.into());
    job.steps[1].uses = Some(uses.into());
    job.steps[1].with = with
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect::<BTreeMap<_, _>>();
    job
}

async fn ran(job: &JobRequest, plane: &Plane) -> Told {
    let scratch = Scratch::new();
    let runner = agent::plain(plane, &scratch).await;
    assert_eq!(runner.push(job).await, 202);
    plane.finished(job.job.id).await
}

#[tokio::test]
async fn an_action_runs_where_its_step_does_with_its_inputs_and_its_own_folder() {
    let plane = Plane::start().await;
    let mut job = using(&plane, GREET, "./actions/greet", &[("who", "you; exit 3")]);
    job.steps[1].working_directory = Some("sub".into());
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)), "{:?}", told.lines);
    assert_eq!(told.stdout(), ["you; exit 3 quietly", "sub", "words"]);
}

#[tokio::test]
async fn an_action_may_be_a_script_and_hand_on_outputs() {
    let plane = Plane::start().await;
    let action =
        "script: |\n  #!/bin/sh\n  echo \"$0\" | grep -c script\n  echo colour=red >> \"$PENSTOCK_OUTPUT\"\n";
    let mut job = using(&plane, action, "actions/greet", &[]);
    job.outputs = vec!["colour".into()];
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), Some((WorkStatus::Succeeded, None)), "{:?}", told.lines);
    assert_eq!((told.stdout(), told.outputs()), (vec!["1"], vec![("colour", "red")]));
}

#[tokio::test]
async fn inputs_that_are_missing_or_unknown_are_named() {
    let plane = Plane::start().await;
    for (with, named) in [(&[("how-loud", "x")][..], "`who`"), (&[("who", "x"), ("hwo", "y")], "`hwo`")] {
        let told = ran(&using(&plane, GREET, "actions/greet", with), &plane).await;
        assert_eq!((told.end(), told.stdout().len()), (CONFIG_ERROR, 0));
        assert!(told.message().contains(named), "{}", told.message());
    }
}

#[tokio::test]
async fn an_action_lies_in_the_workspace_and_nowhere_else() {
    let plane = Plane::start().await;
    for (uses, why) in [
        ("../..", "out of the workspace"),
        ("out/tmp", "out of the workspace"),
        ("actions/etc", "out of the workspace"),
        ("/etc", "out of the workspace"),
        ("actions/missing", "`actions/missing`"),
        ("actions", "no `action.yml`"),
    ] {
        let told = ran(&using(&plane, GREET, uses, &[("who", "x")]), &plane).await;
        assert_eq!(told.end(), CONFIG_ERROR, "{uses}");
        assert!(told.message().contains(why), "{}", told.message());
    }
    let mut job = using(&plane, GREET, "actions/linked", &[]);
    job.steps[0].run.push_str("; mkdir actions/linked; ln -s /etc/hostname actions/linked/action.yml");
    let told = ran(&job, &plane).await;
    assert_eq!(told.end(), CONFIG_ERROR);
    assert!(told.message().contains("out of the workspace"), "{}", told.message());
}

#[tokio::test]
async fn what_is_wrong_with_an_action_is_told_with_its_line() {
    let plane = Plane::start().await;
    let told = ran(&using(&plane, "name: x\nrnu: echo\n", "actions/greet", &[]), &plane).await;
    assert_eq!(told.end(), CONFIG_ERROR);
    let log = told.lines.values().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(log.contains("action.yml:2:1: "), "{log}");
}
