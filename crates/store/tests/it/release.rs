//! Environments, approvals and deployments as they are read, over rows that deployments leave behind.

use std::collections::BTreeMap;

use penstock_api::release::{
    ApprovalRules, Deployment, DeploymentSummary, Environment, EnvironmentHealthCheck,
};
use penstock_domain::{
    ApprovalStatus, ApprovalType, DeploymentId, DeploymentStatus, EnvironmentId, EnvironmentType,
    ExecutionId, OutboxId, StageId, Timestamp, id::uuid_v7,
};
use penstock_store::{ApprovalFilter, DeploymentFilter, StoreError};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{World, cause};

/// Stages of an execution that deploys something.
const THREE: &str = "
name: three
on: push
stages:
  - { name: a, jobs: [{ name: a, runs_on: linux, steps: [{ run: a }] }] }
  - { name: b, jobs: [{ name: b, runs_on: linux, steps: [{ run: b }] }] }
  - { name: c, jobs: [{ name: c, runs_on: linux, steps: [{ run: c }] }] }
";

fn uuid(n: u8) -> uuid::Uuid {
    uuid_v7(Timestamp::from_millis(1_000_000 + i64::from(n)), [n; 10])
}

pub fn environment(n: u8, name: &str, now: Timestamp) -> Environment {
    Environment {
        id: EnvironmentId(uuid(n)),
        environment_name: name.into(),
        environment_type: EnvironmentType::Production,
        deployment_url: Some("https://app.example".into()),
        environment_variables: BTreeMap::from([("REGION".into(), "north".into())]),
        resource_limits: None,
        monitoring_config: serde_json::from_str(r#"{"dashboards":[1,2]}"#).unwrap(),
        infrastructure_config: None,
        approval_required: true,
        approval: ApprovalRules {
            approval_type: ApprovalType::Conditional,
            required_approvals: 2,
            approvers: vec!["grace".into(), "linus".into()],
            expires_in_seconds: 3600,
        },
        auto_promote_from: vec![],
        rollback_enabled: false,
        health_check: Some(EnvironmentHealthCheck {
            url: "https://app.example/healthz".into(),
            expect_status: 204,
            timeout_seconds: 2.5,
            interval_seconds: 0.1,
            attempts: 7,
            successes: 3,
        }),
        is_active: true,
        held_by: None,
        live: vec![],
        quarantined: vec![],
        created_by: "ada".into(),
        created_at: now,
        updated_at: now,
    }
}

fn save(world: &World<'_>, environment: &Environment, expect: i64) -> Result<(), StoreError> {
    now_or_never(world.store.save_environment(environment, expect, &cause(), world.now()))
}

fn read(world: &World<'_>, id: EnvironmentId) -> Environment {
    now_or_never(world.store.environment(id)).unwrap().unwrap()
}

/// A deployment's row, as the engine's changes leave it.
pub struct Row<'a> {
    pub n: u8,
    pub execution: ExecutionId,
    pub stage: StageId,
    pub environment: EnvironmentId,
    pub version: &'a str,
    pub status: &'a str,
    pub completed_at: Option<&'a str>,
}

pub fn insert(world: &World<'_>, row: &Row<'_>) -> DeploymentId {
    let id = DeploymentId(uuid(row.n));
    let text = |id: &dyn std::fmt::Display| id.to_string();
    let sql = "INSERT INTO deployments (id, execution_id, stage_id, pipeline_id, environment_id,
        deployment_strategy, version, previous_version, status, initiated_at, completed_at, health_check_passed,
        created_at)
      VALUES (?1, ?2, ?3, ?4, ?5, 'rolling', ?6, 'before', ?7, ?8, ?9, 1, ?8)";
    let at = world.now().to_string();
    let (execution, stage, pipeline) = (text(&row.execution), text(&row.stage), text(&world.pipeline));
    let environment = text(&row.environment);
    let parameters = rusqlite::params![
        text(&id),
        execution,
        stage,
        pipeline,
        environment,
        row.version,
        row.status,
        at,
        row.completed_at
    ];
    world.database.raw().execute(sql, parameters).unwrap();
    id
}

pub fn stages(world: &World<'_>, execution: ExecutionId) -> Vec<StageId> {
    let detail = now_or_never(world.store.execution_stages(execution)).unwrap().unwrap();
    detail.stages.into_iter().map(|s| s.id).collect()
}

#[test]
fn an_environment_reads_back_as_it_was_saved_and_its_name_is_its_own() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let production = environment(1, "production", world.now());
    save(&world, &production, 0).unwrap();
    assert_eq!(read(&world, production.id), production);

    let namesake = environment(2, "production", world.now());
    assert!(matches!(save(&world, &namesake, 0), Err(StoreError::Exists(_))));
    assert!(matches!(save(&world, &production, 0), Err(StoreError::Conflict)));

    let mut plain = Environment {
        health_check: None,
        deployment_url: None,
        monitoring_config: None,
        is_active: false,
        auto_promote_from: vec!["staging".into()],
        environment_name: "prod".into(),
        ..production.clone()
    };
    save(&world, &plain, 1).unwrap();
    assert_eq!(read(&world, plain.id), plain);
    let promotions = now_or_never(world.store.promotions(10)).unwrap();
    assert_eq!(
        (promotions.len(), promotions[0].auto_promote_from.as_slice()),
        (1, ["staging".into()].as_slice())
    );

    // Who wrote the first version stays who made it.
    plain.created_by = "somebody else".into();
    save(&world, &plain, 2).unwrap();
    assert_eq!(read(&world, plain.id).created_by, "ada");
}

#[test]
fn what_people_decide_is_kept_in_the_shapes_that_the_engine_reads() {
    let database = Database::in_memory();
    let world = World::new(&database);
    save(&world, &environment(1, "production", world.now()), 0).unwrap();
    let column = |name: &str| -> String {
        let sql = format!("SELECT {name} FROM deployment_environments");
        database.raw().query_row(&sql, [], |r| r.get(0)).unwrap()
    };
    let check: penstock_pipeline::HealthCheck = serde_json::from_str(&column("health_check_config")).unwrap();
    assert_eq!((check.timeout_ms, check.interval_ms, check.successes), (2_500, 100, 3));
    let rules: penstock_release::ApprovalRules = serde_json::from_str(&column("approval_config")).unwrap();
    assert_eq!((rules.required_approvals, rules.expires_in_seconds), (2, 3600));
    // An environment of the oldest kind, without any rules, has the defaults.
    database.raw().execute("UPDATE deployment_environments SET approval_config = '{}'", []).unwrap();
    let read = read(&world, EnvironmentId(uuid(1)));
    assert_eq!((read.approval.required_approvals, read.approval.expires_in_seconds), (1, 604_800));
}

#[test]
fn what_is_live_is_the_newest_that_stayed_and_what_was_rolled_back_is_kept_out() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let here = environment(1, "production", world.now());
    let there = environment(2, "staging", world.now());
    save(&world, &here, 0).unwrap();
    save(&world, &there, 0).unwrap();
    let execution = world.start(THREE);
    let stages = stages(&world, execution);
    let row = |n: u8, stage: usize, version, status, completed_at| Row {
        n,
        execution,
        stage: stages[stage],
        environment: here.id,
        version,
        status,
        completed_at: Some(completed_at),
    };
    let old = insert(&world, &row(10, 0, "1.0", "deployed", "2024-01-01T00:00:00.000Z"));
    insert(&world, &row(12, 1, "2.0", "rolled_back", "2024-03-01T00:00:00.000Z"));
    let newest = insert(&world, &row(11, 2, "1.1", "deployed", "2024-02-01T00:00:00.000Z"));
    database
        .raw()
        .execute(
            "INSERT INTO quarantined_versions SELECT environment_id, pipeline_id, version, id, '1.1', 'it was bad',
               created_at FROM deployments WHERE version = '2.0'",
            [],
        )
        .unwrap();
    database
        .raw()
        .execute("UPDATE deployment_environments SET holder_deployment_id = ?1 WHERE environment_name = 'production'", [
            old.to_string(),
        ])
        .unwrap();

    let all = now_or_never(world.store.environments(None, 10)).unwrap();
    assert_eq!(
        all.iter().map(|e| e.environment_name.as_str()).collect::<Vec<_>>(),
        ["staging", "production"]
    );
    assert!(all[0].live.is_empty() && all[0].quarantined.is_empty());
    let production = &all[1];
    let live: Vec<_> =
        production.live.iter().map(|l| (l.pipeline_name.as_str(), l.version.as_str())).collect();
    assert_eq!(live, [("web", "1.1")]);
    assert_eq!((production.live[0].deployment_id, production.held_by), (newest, Some(old)));
    let quarantined = &production.quarantined[0];
    assert_eq!((quarantined.version.as_str(), quarantined.pinned_version.as_deref()), ("2.0", Some("1.1")));
    assert_eq!(*production, read(&world, here.id));
    assert_eq!(now_or_never(world.store.environments(Some(there.id), 10)).unwrap().len(), 1);
    assert!(now_or_never(world.store.has_deployments(here.id)).unwrap());
    assert!(!now_or_never(world.store.has_deployments(there.id)).unwrap());
}

#[test]
fn deployments_are_listed_newest_first_by_what_is_asked_and_counted() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let here = environment(1, "production", world.now());
    save(&world, &here, 0).unwrap();
    let execution = world.start(THREE);
    let stages = stages(&world, execution);
    let statuses = ["deployed", "failed", "deployed"];
    let ids: Vec<DeploymentId> = (0..3_u8)
        .map(|n| {
            let (stage, status) = (stages[usize::from(n)], statuses[usize::from(n)]);
            let environment = here.id;
            insert(
                &world,
                &Row { n: 10 + n, execution, stage, environment, version: "1", status, completed_at: None },
            )
        })
        .collect();
    let list = |filter: DeploymentFilter, after| -> Vec<Deployment> {
        now_or_never(world.store.deployments(&filter, after, 2)).unwrap()
    };
    let all = DeploymentFilter::default();
    let of = |found: Vec<Deployment>| found.into_iter().map(|d| d.id).collect::<Vec<_>>();
    assert_eq!(of(list(all, None)), [ids[2], ids[1]]);
    assert_eq!(of(list(all, Some(ids[1]))), [ids[0]]);
    let failed = DeploymentFilter { status: Some(DeploymentStatus::Failed), ..all };
    assert_eq!(of(list(failed, None)), [ids[1]]);
    let narrow = DeploymentFilter {
        environment_id: Some(here.id),
        execution_id: Some(execution),
        pipeline_id: Some(world.pipeline),
        ..all
    };
    assert_eq!(of(list(narrow, None)), [ids[2], ids[1]]);
    let elsewhere = DeploymentFilter { environment_id: Some(EnvironmentId(uuid(9))), ..all };
    assert!(list(elsewhere, None).is_empty());

    let summary = now_or_never(world.store.deployment_summary(&all)).unwrap();
    assert_eq!(summary, DeploymentSummary { counted: 3, deployed: 2, failed: 1, ..Default::default() });
    let summary = now_or_never(world.store.deployment_summary(&failed)).unwrap();
    assert_eq!(summary, DeploymentSummary { counted: 1, failed: 1, ..Default::default() });

    let one = now_or_never(world.store.deployment(ids[0])).unwrap().unwrap();
    assert_eq!((one.environment_name.as_str(), one.pipeline_name.as_str()), ("production", "web"));
    assert_eq!((one.execution_number, one.branch_name.as_str()), (1, "main"));
    assert_eq!((one.health_check_passed, one.smoke_tests_passed, one.metrics), (Some(true), None, None));
}

#[test]
fn an_approval_tells_what_it_asks_for_and_who_has_said_yes() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let here = environment(1, "production", world.now());
    save(&world, &here, 0).unwrap();
    let execution = world.start(THREE);
    let stages = stages(&world, execution);
    for (n, status) in [(0_u8, "pending"), (1, "approved")] {
        let stage = stages[usize::from(n)];
        let row = Row {
            n: 10 + n,
            execution,
            stage,
            environment: here.id,
            version: "1.2",
            status: "initiated",
            completed_at: None,
        };
        let deployment = insert(&world, &row);
        let sql = "INSERT INTO pipeline_approvals (id, execution_id, stage_id, deployment_id, environment_id,
            approval_type, status, requested_at, approval_criteria, votes, created_at)
          VALUES (?1, ?2, ?3, ?4, ?5, 'manual', ?6, ?7,
            '{\"required\":2,\"approvers\":[\"grace\"],\"authors\":[\"ada\"]}',
            '[{\"by\":\"grace\",\"forge_login\":null,\"at\":\"2024-01-01T00:00:00.000Z\"}]', ?7)";
        let at = world.now().to_string();
        let texts = [
            uuid(20 + n).to_string(),
            execution.to_string(),
            stage.to_string(),
            deployment.to_string(),
            here.id.to_string(),
            status.to_owned(),
            at,
        ];
        database.raw().execute(sql, texts).unwrap();
    }
    let list = |filter| now_or_never(world.store.approvals(&filter, None, 10)).unwrap();
    let all = list(ApprovalFilter::default());
    assert_eq!(all.iter().map(|a| a.status.as_str()).collect::<Vec<_>>(), ["approved", "pending"]);
    let pending =
        list(ApprovalFilter { status: Some(ApprovalStatus::Pending), execution_id: Some(execution) });
    assert_eq!(pending, [all[1].clone()]);
    let one = now_or_never(world.store.approval(pending[0].id)).unwrap().unwrap();
    assert_eq!(
        (one.version.as_str(), one.environment_name.as_str(), one.required_approvals),
        ("1.2", "production", 2)
    );
    assert_eq!(
        (one.approvers.as_slice(), one.authors.as_slice()),
        (["grace".into()].as_slice(), ["ada".into()].as_slice())
    );
    assert_eq!((one.votes[0].by.as_str(), &one.votes[0].notes), ("grace", &None));
    let none = ApprovalFilter { status: Some(ApprovalStatus::Expired), execution_id: None };
    assert!(list(none).is_empty());
}

#[test]
fn a_claim_is_prolonged_only_by_who_has_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let execution = world.start(THREE);
    let payload = serde_json::json!({
        "deployment_id": uuid(1),
        "check": { "url": "http://h", "expect_status": 200, "timeout_ms": 1, "interval_ms": 1, "attempts": 1, "successes": 1 },
    });
    let sql = "INSERT INTO outbox (id, kind, topic, execution_id, payload, due_at, created_at)
      VALUES (?1, 'health_check', 't', ?2, ?3, ?4, ?4)";
    let texts =
        [OutboxId(uuid(3)).to_string(), execution.to_string(), payload.to_string(), world.now().to_string()];
    database.raw().execute(sql, texts).unwrap();
    let claim = |until_ms: i64| {
        let (now, until) = (world.now(), world.now().plus_ms(until_ms));
        now_or_never(world.store.claim_effects(&["health_check"], now, until, 9)).unwrap()
    };
    let prolong =
        |claimed, ms| now_or_never(world.store.prolong_effect(claimed, world.now().plus_ms(ms))).unwrap();
    let first = claim(1_000).remove(0);
    assert!(prolong(&first, 5_000));
    world.pass(4_999);
    assert!(claim(1_000).is_empty(), "it is the first one's still");
    world.pass(1);
    let second = claim(1_000).remove(0);
    assert!(!prolong(&first, 5_000), "the first one lost it");
    assert!(prolong(&second, 5_000));
    now_or_never(world.store.finish_effect(second.id, "healthy", world.now())).unwrap();
    assert!(!prolong(&second, 5_000), "it is done");
}
