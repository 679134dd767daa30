//! The ports that the components' handlers are generic over, in the simulated world.
//!
//! Every store call and every request is a place where others may come between, and where the process may die.

use std::future::Future;
use std::rc::Rc;

use bytes::Bytes;
use penstock_domain::Timestamp;
use penstock_guest::{
    Answer, Background, Clock, Database, KeyValue, Outbound, Random, Request, SendError, Variables,
};
use penstock_store::{Connection, DbError, Row, Store, StoreError, Value};

use crate::choices::Fault;
use crate::executor::Process;
use crate::network;
use crate::world::World;

pub const RUNNER_TOKEN: &str = "runner-token";
pub const INTERNAL_TOKEN: &str = "internal-token";
pub const WEBHOOK_SECRET: &str = "webhook-secret";
const SECRET_KEY: &str = "c2ltdWxhdGlvbiBzaW11bGF0aW9uIHNpbXVsYXRpb24=";

/// What a request may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    Webhooks,
    Scheduler,
    Forge,
    Gates,
    Approvals,
}

impl Component {
    /// By the host of an inner call, or by the path of one from outside, as the manifest routes it.
    pub fn of(host: &str, path: &str) -> Option<Self> {
        match host {
            "scheduler.spin.internal" => Some(Self::Scheduler),
            "forge.spin.internal" => Some(Self::Forge),
            "approvals.spin.internal" => Some(Self::Approvals),
            "penstock.sim" if path.starts_with("/hooks/") => Some(Self::Webhooks),
            "penstock.sim" if path.ends_with("/reports") || path.starts_with("/api/v1/quality-gates/") => {
                Some(Self::Gates)
            }
            "penstock.sim"
                if ["/api/v1/approvals", "/api/v1/environments", "/api/v1/deployments"]
                    .iter()
                    .any(|p| path.starts_with(p)) =>
            {
                Some(Self::Approvals)
            }
            "penstock.sim" => Some(Self::Scheduler),
            _ => None,
        }
    }

    pub async fn handle(self, platform: SimPlatform, request: Request) -> Answer {
        match self {
            Self::Webhooks => penstock_webhooks::routes::handle(platform, request).await,
            Self::Scheduler => penstock_scheduler::routes::handle(platform, request).await,
            Self::Forge => penstock_forge_component::routes::handle(platform, request).await,
            Self::Gates => penstock_gates_component::routes::handle(platform, request).await,
            Self::Approvals => penstock_approvals::routes::handle(platform, request).await,
        }
    }
}

/// What one process of the server sees of the world.
#[derive(Clone)]
pub struct SimPlatform {
    pub world: Rc<World>,
    pub process: Process,
}

impl Clock for SimPlatform {
    fn now(&self) -> Timestamp {
        self.world.now(self.process)
    }
}

impl Random for SimPlatform {
    fn random(&self) -> [u8; 16] {
        self.world.random(crate::random::Random::bytes)
    }
}

impl Variables for SimPlatform {
    async fn variable(&self, name: &str) -> Option<String> {
        let value = match name {
            "public_url" => "http://penstock.sim",
            "runner_token" => RUNNER_TOKEN,
            "internal_token" => INTERNAL_TOKEN,
            "secret_key" => SECRET_KEY,
            "github_webhook_secret" => WEBHOOK_SECRET,
            "github_api_url" => "http://api.github.sim",
            "github_token" => "github-token",
            _ => return None,
        };
        Some(value.to_owned())
    }
}

impl KeyValue for SimPlatform {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.world.kept.borrow().get(key).cloned()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        self.world.kept.borrow_mut().insert(key.to_owned(), value.to_vec());
    }
}

impl Outbound for SimPlatform {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        _max_bytes: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        if self.world.happens(Fault::DiesBeforeSend) {
            self.world.die(self.process).await;
        }
        let reply = network::send(&self.world, self.process, request, timeout_ms).await;
        if self.world.happens(Fault::DiesAfterSend) {
            self.world.die(self.process).await;
        }
        reply
    }
}

impl Background for SimPlatform {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.world.spawn(self.process, task);
    }

    async fn sleep(&self, ms: u64) {
        self.world.sleep(ms).await;
    }
}

impl Database for SimPlatform {
    type Connection = SimConnection;

    async fn store(&self) -> Result<Store<SimConnection>, StoreError> {
        Ok(Store::new(SimConnection { world: self.world.clone(), process: self.process }))
    }
}

/// A connection of one process.
#[derive(Clone)]
pub struct SimConnection {
    world: Rc<World>,
    process: Process,
}

impl Connection for SimConnection {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let world = &self.world;
        // Between what was read and what is written others come.
        world.give_way().await;
        if world.happens(Fault::DiesBeforeQuery) {
            world.die(self.process).await;
        }
        if world.happens(Fault::QueryBusy) {
            return Err(DbError::Busy);
        }
        if world.happens(Fault::QueryFails) {
            return Err(DbError::Other("the connection was lost".to_owned()));
        }
        let rows = world.database.run(sql, parameters);
        if sql.starts_with("INSERT INTO journal") && rows.is_ok() {
            world.has_news.set(true);
        }
        if world.happens(Fault::DiesAfterQuery) {
            world.die(self.process).await;
        }
        if world.happens(Fault::QueryAnswerLost) {
            return Err(DbError::Other("the connection was lost after the statement".to_owned()));
        }
        rows.map_err(|error| {
            let error = DbError::from_message(&error.to_string());
            if let DbError::Other(why) = &error {
                world.violated("statements", format!("the database refused a statement: {why}\n{sql}"));
            }
            error
        })
    }
}
