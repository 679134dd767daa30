//! A platform of tests: SQLite in memory, a clock that moves with each request, and sends that are recorded.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, StatusCode};
use penstock_api::problem::Problem;
use penstock_domain::Timestamp;
use penstock_gates_component::routes::handle;
use penstock_guest::{
    Background, Body, Clock, Database as Port, KeyValue, Outbound, Random, ResponseBody, SendError,
    Variables, token_hash,
};
use penstock_store::{Connection, DbError, Row, Store, StoreError, Value};
use penstock_testkit::database::{Database, migrated, now_or_never};
use serde_json::{Value as Json, json};

pub const EXECUTION: &str = "01890000-0000-7000-8000-000000000001";
pub const STAGE: &str = "01890000-0000-7000-8000-000000000002";
pub const JOB: &str = "01890000-0000-7000-8000-000000000003";
pub const GATE: &str = "01890000-0000-7000-8000-000000000004";
pub const NOBODY: &str = "01890000-0000-7000-8000-00000000000f";
const NOW: &str = "2026-01-01T00:00:00.000Z";

struct Inner {
    database: Database,
    now: Cell<i64>,
    drawn: Cell<u8>,
    sent: RefCell<Vec<http::Request<Bytes>>>,
    answers: RefCell<VecDeque<Result<http::Response<Bytes>, SendError>>>,
}

#[derive(Clone)]
pub struct World(Rc<Inner>);

/// The store's connection, which lives as long as the world.
pub struct Shared(Rc<Inner>);

impl Connection for Shared {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        (&self.0.database).query(sql, parameters).await
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get())
    }
}

impl Random for World {
    fn random(&self) -> [u8; 16] {
        self.0.drawn.set(self.0.drawn.get() + 1);
        [self.0.drawn.get(); 16]
    }
}

impl Variables for World {
    async fn variable(&self, name: &str) -> Option<String> {
        panic!("this component has no variables, and asks for {name}")
    }
}

impl KeyValue for World {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        panic!("this component has no such store, and asks for {key}")
    }

    async fn set(&self, key: &str, _: &[u8]) {
        panic!("this component has no such store, and keeps {key}")
    }
}

impl Outbound for World {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: u64,
        _: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        self.0.sent.borrow_mut().push(request);
        self.0.answers.borrow_mut().pop_front().expect("an answer was written for this send")
    }
}

impl Background for World {
    fn spawn(&self, _: impl Future<Output = ()> + 'static) {
        panic!("nothing goes on after an answer")
    }

    async fn sleep(&self, _: u64) {}
}

impl Port for World {
    type Connection = Shared;

    async fn store(&self) -> Result<Store<Shared>, StoreError> {
        Ok(Store::new(Shared(self.0.clone())))
    }
}

pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub json: Json,
}

impl Answer {
    /// Status and code of a problem.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or("no problem"))
    }
}

impl World {
    /// With an execution of one stage and one job, and tokens that are called like their roles.
    pub fn new() -> Self {
        let database = Database::in_memory();
        now_or_never(migrated(&database));
        let world = Self(Rc::new(Inner {
            database,
            now: Cell::new(1_767_225_600_000),
            drawn: Cell::new(0),
            sent: RefCell::default(),
            answers: RefCell::default(),
        }));
        world.run(&format!(
            "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url, repository_key,
               branch_patterns, trigger_events, max_concurrent_executions, public_status, is_active, created_by,
               created_at, updated_at)
             VALUES ('p', 'web', 'test', 'u', 'k', '[]', '[]', 5, 0, 1, 'ada', '{NOW}', '{NOW}');
             INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event, context,
               status, timeout_ms, created_at)
             VALUES ('{EXECUTION}', 'p', 1, 'main', 'push', '{{}}', 'running', 1, '{NOW}');
             INSERT INTO pipeline_stages (id, execution_id, stage_name, stage_type, stage_order, status, jobs_total,
               created_at)
             VALUES ('{STAGE}', '{EXECUTION}', 'test', 'test', 0, 'running', 1, '{NOW}');
             INSERT INTO jobs (id, execution_id, stage_id, job_name, job_order, runs_on, spec, status, created_at)
             VALUES ('{JOB}', '{EXECUTION}', '{STAGE}', 'unit', 0, '[]', '{{}}', 'running', '{NOW}');"
        ));
        for role in ["viewer", "developer", "approver"] {
            let hash = token_hash(role);
            world.run(&format!(
                "INSERT INTO tokens (id, token_name, role, token_hash, created_by, created_at)
                 VALUES ('{}', '{role}', '{role}', '{hash}', 'ada', '{NOW}')",
                NOBODY.replace('f', &role.len().to_string())
            ));
        }
        world
    }

    pub fn run(&self, sql: &str) {
        self.0.database.raw().execute_batch(sql).unwrap();
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.0.database.raw().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub fn answers_with(&self, status: u16, body: &Json) {
        let mut answer = http::Response::new(Bytes::from(body.to_string()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        self.0.answers.borrow_mut().push_back(Ok(answer));
    }

    pub fn refuses_with(&self, problem: &Problem) {
        self.answers_with(problem.status, &serde_json::to_value(problem).unwrap());
    }

    pub fn does_not_answer(&self) {
        let lost = SendError::NoAnswer("scheduler".into(), "nothing came".into());
        self.0.answers.borrow_mut().push_back(Err(lost));
    }

    /// The scheduler knows the lease of this attempt.
    pub fn leased(&self, attempt: u32) {
        self.answers_with(200, &json!({ "execution_id": EXECUTION, "stage_id": STAGE, "attempt": attempt }));
    }

    /// What was sent since the last time: path, token and body.
    pub fn sent(&self) -> Vec<(String, String, String)> {
        let text = |request: http::Request<Bytes>| {
            let token =
                request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            (request.uri().to_string(), token.unwrap_or_default(), body)
        };
        self.0.sent.take().into_iter().map(text).collect()
    }

    /// Asks with this token as Bearer, or without any where it is empty.
    pub fn ask(&self, method: Method, path: &str, token: &str, body: impl Into<Bytes>) -> Answer {
        self.0.now.set(self.0.now.get() + 1);
        let body = body.into();
        let mut request = http::Request::builder().method(method).uri(path);
        request = request.header("content-length", body.len());
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::Whole(body)).unwrap();
        let response = now_or_never(handle(self.clone(), request)).unwrap_or_else(|told| told.respond("-"));
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        let ResponseBody::Whole(body) = response.into_body() else { panic!("nothing is streamed") };
        Answer { status, retry_after, json: serde_json::from_slice(&body).unwrap() }
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, token, "")
    }

    pub fn hand_in(&self, query: &str, body: impl Into<Bytes>) -> Answer {
        self.ask(Method::POST, &format!("/api/v1/jobs/{JOB}/reports?{query}"), "lease", body)
    }
}
