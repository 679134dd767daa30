//! Just enough of a platform: a database, key-value, a clock that stands, and nothing else, as `spin.toml` gives it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use penstock_domain::{Role, Timestamp, TokenId};
use penstock_guest::{
    Answer, Background, Body, Clock, Database, KeyValue, Outbound, Random, ResponseBody, SendError, Variables,
};
use penstock_store::{Cause, Store, StoreError, Token};
use penstock_testkit::database::{self, now_or_never};
use serde_json::Value;

/// The header of a viewer, who is known from the start.
pub const VIEWER: &str = "Bearer viewer";

#[derive(Clone)]
pub struct Native {
    pub database: &'static database::Database,
    pub now: Rc<Cell<i64>>,
    kept: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
}

impl Native {
    pub fn new(now: Timestamp) -> Self {
        // Handlers hold their platform for as long as they like.
        let database = Box::leak(Box::new(database::Database::in_memory()));
        now_or_never(database::migrated(database));
        let native = Self { database, now: Rc::new(Cell::new(now.as_millis())), kept: Rc::default() };
        native.admit("viewer", None);
        native
    }

    /// Makes a viewer's token of this name and text, with an end in the past where one is named.
    pub fn admit(&self, token: &str, end: Option<&str>) {
        let id = TokenId(penstock_domain::id::uuid_v7(self.now(), [token.len() as u8; 10]));
        let past = |member: &str| (end == Some(member)).then(|| self.now().plus_ms(-1));
        let token = Token {
            id,
            token_name: token.to_owned(),
            role: Role::Viewer,
            forge_login: None,
            token_hash: penstock_guest::token_hash(token),
            created_by: "ada".to_owned(),
            created_at: self.now(),
            expires_at: past("expires_at"),
            revoked_at: past("revoked_at"),
        };
        let store = Store::new(self.database);
        now_or_never(store.save_token(&token, 0, &Cause::new("ada", "test"), self.now())).unwrap();
    }

    pub fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, Some(VIEWER))
    }

    pub fn ask(&self, method: &str, path: &str, authorization: Option<&str>) -> Answered {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some(authorization) = authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        let request = request.body(Body::Whole(Bytes::new())).unwrap();
        answered(now_or_never(penstock_metrics_component::routes::handle(self.clone(), request)))
    }
}

pub struct Answered {
    pub status: u16,
    pub content_type: String,
    pub text: String,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

fn answered(answer: Answer) -> Answered {
    let response = answer.unwrap_or_else(|failure| failure.respond("-"));
    let content_type = response.headers()[http::header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let ResponseBody::Whole(body) = response.into_body() else { panic!("nothing here is a stream") };
    Answered { status, content_type, text: String::from_utf8(body.to_vec()).unwrap() }
}

impl Clock for Native {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }
}

impl Random for Native {
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

impl Variables for Native {
    async fn variable(&self, name: &str) -> Option<String> {
        panic!("this component has no variable, and asks for {name}")
    }
}

impl KeyValue for Native {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(key).cloned()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        self.kept.borrow_mut().insert(key.to_owned(), value.to_vec());
    }
}

impl Outbound for Native {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: u64,
        _: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        panic!("this component may call nobody, and calls {}", request.uri())
    }
}

impl Background for Native {
    fn spawn(&self, _: impl Future<Output = ()> + 'static) {
        panic!("this component does nothing after its answer")
    }

    async fn sleep(&self, _: u64) {}
}

impl Database for Native {
    type Connection = &'static database::Database;

    async fn store(&self) -> Result<Store<Self::Connection>, StoreError> {
        Ok(Store::new(self.database))
    }
}
