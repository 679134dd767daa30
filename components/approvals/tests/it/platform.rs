//! A platform on which nothing waits: sleeping moves the clock, what is sent is recorded and answered by a script,
//! and what was spawned runs when the test says so.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use penstock_domain::Timestamp;
use penstock_guest::{Background, Clock, Database as _, KeyValue, Outbound, Random, SendError, Variables};
use penstock_store::{Connection, DbError, Row, Store, StoreError, Value};
use penstock_testkit::database::{Database, now_or_never};

/// What comes of a request that is sent.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    Problem(u16, &'static str),
    /// Nothing, for as long as the sender waits.
    Hang,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub body: String,
    pub at: Timestamp,
    /// Until when the effects of then were somebody's own.
    pub claimed_until: Option<String>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Inner {
    database: Database,
    now: Cell<i64>,
    drawn: Cell<u8>,
    sent: RefCell<Vec<Sent>>,
    /// The last one is given again and again.
    scheduler: RefCell<VecDeque<Reply>>,
    deployed: RefCell<VecDeque<Reply>>,
    spawned: RefCell<VecDeque<Task>>,
    /// Done when the scheduler is asked something, as the scheduler would.
    on_decision: RefCell<Option<String>>,
}

#[derive(Clone)]
pub struct TestPlatform(Rc<Inner>);

/// The database, shared.
pub struct Shared(Rc<Inner>);

impl Connection for Shared {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        (&self.0.database).query(sql, parameters).await
    }
}

impl TestPlatform {
    pub fn new() -> Self {
        let database = Database::in_memory();
        now_or_never(penstock_testkit::database::migrated(&database));
        Self(Rc::new(Inner {
            database,
            now: Cell::new(1_700_000_000_000),
            drawn: Cell::new(0),
            sent: RefCell::default(),
            scheduler: RefCell::new(VecDeque::from([Reply::Status(200)])),
            deployed: RefCell::new(VecDeque::from([Reply::Status(200)])),
            spawned: RefCell::default(),
            on_decision: RefCell::default(),
        }))
    }

    pub fn raw(&self) -> &rusqlite::Connection {
        self.0.database.raw()
    }

    pub fn store_now(&self) -> Store<Shared> {
        now_or_never(self.store()).unwrap()
    }

    pub fn pass(&self, ms: i64) {
        self.0.now.set(self.0.now.get() + ms);
    }

    pub fn scheduler_answers(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.0.scheduler.borrow_mut() = replies.into_iter().collect();
    }

    /// What the scheduler does to the database when it says yes.
    pub fn scheduler_does(&self, sql: &str) {
        *self.0.on_decision.borrow_mut() = Some(sql.to_owned());
    }

    pub fn deployed_answers(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.0.deployed.borrow_mut() = replies.into_iter().collect();
    }

    /// Everything that was sent since this was last asked.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.sent.borrow_mut())
    }

    pub fn run_spawned(&self) {
        loop {
            let Some(task) = self.0.spawned.borrow_mut().pop_front() else { return };
            now_or_never(task);
        }
    }

    /// As a process that dies: what was to go on in the background never does.
    pub fn drop_spawned(&self) {
        self.0.spawned.borrow_mut().clear();
    }
}

impl Clock for TestPlatform {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get())
    }
}

impl Random for TestPlatform {
    fn random(&self) -> [u8; 16] {
        self.0.drawn.set(self.0.drawn.get() + 1);
        [self.0.drawn.get(); 16]
    }
}

impl Variables for TestPlatform {
    /// The component is given none.
    async fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

impl KeyValue for TestPlatform {
    async fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    async fn set(&self, _: &str, _: &[u8]) {}
}

impl Background for TestPlatform {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.spawned.borrow_mut().push_back(Box::pin(task));
    }

    async fn sleep(&self, ms: u64) {
        self.pass(i64::try_from(ms).unwrap());
    }
}

impl penstock_guest::Database for TestPlatform {
    type Connection = Shared;

    async fn store(&self) -> Result<Store<Shared>, StoreError> {
        Ok(Store::new(Shared(self.0.clone())))
    }
}

impl Outbound for TestPlatform {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        _: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        let host = request.uri().authority().unwrap().to_string();
        self.0.sent.borrow_mut().push(Sent {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
            at: self.now(),
            claimed_until: self.raw().query_row("SELECT max(due_at) FROM outbox", [], |r| r.get(0)).unwrap(),
        });
        let to_scheduler = host == "scheduler.spin.internal";
        let script = if to_scheduler { &self.0.scheduler } else { &self.0.deployed };
        let reply = {
            let mut script = script.borrow_mut();
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
        };
        match reply.expect("a script has at least one reply") {
            Reply::Status(status) => {
                let decides = to_scheduler && status < 300 && !request.uri().path().ends_with("/settle");
                if let Some(sql) = self.0.on_decision.borrow().as_deref().filter(|_| decides) {
                    self.raw().execute_batch(sql).unwrap();
                }
                Ok(response(status, "{}".to_owned()))
            }
            Reply::Problem(status, code) => {
                let status_code = StatusCode::from_u16(status).unwrap();
                let problem = penstock_api::problem::Problem::new(status_code, code, "No", "not like this");
                Ok(response(status, serde_json::to_string(&problem).unwrap()))
            }
            Reply::Hang => {
                self.pass(i64::try_from(timeout_ms).unwrap());
                Err(SendError::NoAnswer(host, format!("nothing came within {timeout_ms} ms")))
            }
            Reply::Refused => Err(SendError::Unreachable(host, "connection refused".to_owned())),
        }
    }
}

fn response(status: u16, body: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
