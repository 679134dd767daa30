//! What is there before anything happens: pipelines, environments, people's tokens. Written by the real store.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use penstock_api::release::{ApprovalRules, Environment, EnvironmentHealthCheck};
use penstock_api::view;
use penstock_domain::{
    EnvironmentId, EnvironmentType, PipelineId, PipelineType, Role, Timestamp, TokenId, id::uuid_v7,
};
use penstock_engine::Moment;
use penstock_guest::token_hash;
use penstock_store::{Cause, Connection, DbError, Pipeline, Row, Store, Token, Value};

use crate::scenario::{PEOPLE, render};
use crate::world::World;

/// A connection at which nothing goes wrong.
pub struct Plain<'a>(pub &'a crate::database::Database);

impl Connection for Plain<'_> {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.0.run(sql, parameters).map_err(|e| DbError::from_message(&e.to_string()))
    }
}

/// Runs a future that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a plain connection never waits"),
    }
}

/// Whose token is whose name; the administrator's is among them.
pub fn token_of(name: &str) -> String {
    format!("pt_{name}")
}

pub const ADMIN: &str = "root";

pub fn begin(world: &Rc<World>) {
    let store = Store::new(Plain(&world.database));
    let now = world.common_now();
    let by = Cause::new("user:root", "create");
    for spec in &world.scenario.pipelines {
        let pipeline = pipeline(world, spec, now);
        let schedules = schedules(world, &pipeline, now);
        at_once(store.save_pipeline(&pipeline, schedules.as_ref(), 0, &by, now))
            .expect("a pipeline can be made");
    }
    for spec in &world.scenario.environments {
        let environment = environment(world, spec, now);
        at_once(store.save_environment(&environment, 0, &by, now)).expect("an environment can be made");
    }
    for name in PEOPLE.into_iter().chain([ADMIN]) {
        let token = Token {
            id: TokenId(id(world, now)),
            token_name: name.to_owned(),
            role: if name == ADMIN { Role::Admin } else { Role::Approver },
            forge_login: (name != ADMIN).then(|| name.to_owned()),
            token_hash: token_hash(&token_of(name)),
            created_by: "root".to_owned(),
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        at_once(store.save_token(&token, 0, &by, now)).expect("a token can be made");
    }
}

fn id(world: &World, now: Timestamp) -> uuid::Uuid {
    let mut random = [0; 10];
    random.copy_from_slice(&world.random(crate::random::Random::bytes)[..10]);
    uuid_v7(now, random)
}

/// As whoever makes a pipeline finds them in its definition.
fn schedules(world: &World, pipeline: &Pipeline, now: Timestamp) -> Option<penstock_engine::Changes> {
    let parsed = pipeline.view.definition.as_deref().map(penstock_pipeline::parse);
    let wanted = parsed.and_then(|p| p.definition).map(|d| d.triggers.schedule).unwrap_or_default();
    let at = Moment { now, seed: world.random(crate::random::Random::bytes) };
    penstock_engine::schedules(pipeline.view.id, &wanted, &[], &at)
}

fn pipeline(world: &World, spec: &crate::scenario::PipelineSpec, now: Timestamp) -> Pipeline {
    let view = view::Pipeline {
        id: PipelineId(id(world, now)),
        pipeline_name: spec.name.clone(),
        pipeline_type: PipelineType::Build,
        repository_url: format!("https://github.com/{}.git", spec.repository),
        definition: (!spec.is_in_forge).then(|| render::pipeline(spec, &world.scenario)),
        definition_path: spec.is_in_forge.then(|| format!("{}.yml", spec.name)),
        branch_patterns: vec![],
        trigger_events: vec![],
        max_concurrent_executions: spec.limit,
        public_status: false,
        is_active: true,
        configuration: Default::default(),
        created_by: "root".to_owned(),
        created_at: now,
        updated_at: now,
    };
    Pipeline {
        view,
        repository_key: format!("github.com/{}", spec.repository),
        forge: None,
        forge_repository: None,
        deleted_at: None,
    }
}

fn environment(world: &World, spec: &crate::scenario::EnvironmentSpec, now: Timestamp) -> Environment {
    let kind = match spec.name.as_str() {
        "production" => EnvironmentType::Production,
        _ => EnvironmentType::Staging,
    };
    Environment {
        id: EnvironmentId(id(world, now)),
        environment_name: spec.name.clone(),
        environment_type: kind,
        deployment_url: None,
        environment_variables: [("REGION".to_owned(), "north".to_owned())].into(),
        resource_limits: None,
        monitoring_config: None,
        infrastructure_config: None,
        approval_required: spec.asks,
        approval: ApprovalRules {
            approval_type: spec.kind.parse().expect("the scenario knows the words"),
            required_approvals: spec.required,
            approvers: vec![],
            expires_in_seconds: spec.expires_in_seconds,
        },
        auto_promote_from: vec![],
        rollback_enabled: spec.rollback_enabled,
        health_check: spec.is_checked.then(|| EnvironmentHealthCheck {
            url: format!("http://{}.app.sim/healthz", spec.name),
            expect_status: 200,
            timeout_seconds: 2.0,
            interval_seconds: 1.0,
            attempts: 4,
            successes: 2,
        }),
        is_active: true,
        held_by: None,
        live: vec![],
        quarantined: vec![],
        created_by: "root".to_owned(),
        created_at: now,
        updated_at: now,
    }
}
