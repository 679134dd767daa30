//! A platform for handlers in tests: a real store on SQLite, and everything else decided by the test.
//!
//! The clock stands until it is moved, randomness comes from a seed, and what a handler sends or does after its
//! answer is kept for the test to look at. Nothing here routes: a test calls its component's own `handle`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::StatusCode;
use penstock_domain::Timestamp;
use penstock_guest::{
    Answer, Background, Body, Clock, KeyValue, NO_REQUEST_ID, Outbound, Random, Request, ResponseBody,
    SendError, Sink, Variables,
};
use penstock_store::{Store, StoreError, migrate};
use serde_json::Value;

use crate::database::{Database, Shared, now_or_never};

type Scripted = Result<http::Response<Bytes>, SendError>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What a handler sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub method: http::Method,
    pub uri: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Sent {
    /// # Panics
    /// Where the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("what was sent is JSON")
    }
}

/// Clones are the same platform, as instances of one component are.
#[derive(Clone)]
pub struct TestPlatform {
    pub database: Rc<Database>,
    request_id: Rc<str>,
    now_ms: Rc<Cell<i64>>,
    sleeps_on: Rc<Cell<bool>>,
    drawn: Rc<Cell<u64>>,
    variables: Rc<RefCell<BTreeMap<String, String>>>,
    kept: Rc<RefCell<BTreeMap<String, Vec<u8>>>>,
    answers: Rc<RefCell<VecDeque<Scripted>>>,
    sent: Rc<RefCell<Vec<Sent>>>,
    tasks: Rc<RefCell<Vec<Task>>>,
}

impl TestPlatform {
    /// Over a database that is brought to the newest version.
    pub fn new(database: Database) -> Self {
        now_or_never(migrate(&&database)).expect("the migrations run");
        Self {
            database: Rc::new(database),
            request_id: NO_REQUEST_ID.into(),
            now_ms: Rc::new(Cell::new(1_700_000_000_000)),
            sleeps_on: Rc::default(),
            drawn: Rc::default(),
            variables: Rc::default(),
            kept: Rc::default(),
            answers: Rc::default(),
            sent: Rc::default(),
            tasks: Rc::default(),
        }
    }

    /// Sets a variable; an empty one counts as not set.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.variables.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// The same platform, as the request of this id sees it.
    #[must_use]
    pub fn of_request(&self, id: &str) -> Self {
        Self { request_id: id.into(), ..self.clone() }
    }

    pub fn pass(&self, ms: i64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    /// From now on time passes only where the test lets it: who sleeps goes on when it is polled after that.
    pub fn let_sleepers_wait(&self) {
        self.sleeps_on.set(true);
    }

    /// The answer to the next request that has none yet.
    pub fn answer_next(&self, status: StatusCode, body: &Value) {
        let mut answer = http::Response::new(Bytes::from(body.to_string()));
        *answer.status_mut() = status;
        self.answer_next_with(answer);
    }

    /// As [`Self::answer_next`], with headers, and bytes that need not be JSON.
    pub fn answer_next_with(&self, answer: http::Response<Bytes>) {
        self.answers.borrow_mut().push_back(Ok(answer));
    }

    pub fn fail_next(&self, error: SendError) {
        self.answers.borrow_mut().push_back(Err(error));
    }

    /// What was sent since the last time.
    pub fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.borrow_mut())
    }

    /// Runs what goes on after the answers, and what that starts, to its end.
    pub fn run_tasks(&self) {
        loop {
            let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
            if tasks.is_empty() {
                return;
            }
            tasks.into_iter().for_each(now_or_never);
        }
    }

    /// The store, for looking at what is there.
    pub fn look(&self) -> Store<Shared> {
        Store::new(Shared(self.database.clone()))
    }
}

impl Clock for TestPlatform {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.get())
    }
}

impl Random for TestPlatform {
    /// Never the same twice, and the same in every run.
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for half in bytes.chunks_exact_mut(8) {
            self.drawn.set(self.drawn.get() + 1);
            half.copy_from_slice(&scrambled(self.drawn.get()).to_be_bytes());
        }
        bytes
    }
}

/// Numbers in order, looking as if they were not: the finaliser of SplitMix64.
fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Variables for TestPlatform {
    async fn variable(&self, name: &str) -> Option<String> {
        self.variables.borrow().get(name).cloned().filter(|value| !value.is_empty())
    }
}

impl KeyValue for TestPlatform {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(key).cloned()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        self.kept.borrow_mut().insert(key.to_owned(), value.to_vec());
    }
}

impl Outbound for TestPlatform {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Answers in the order of the script; beyond it, nobody is there.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout_ms: u64,
        max_bytes: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        let (parts, body) = request.into_parts();
        let uri = parts.uri.to_string();
        let nobody = SendError::Unreachable(uri.clone(), "the test gave no answer".to_owned());
        let too_large = SendError::TooLarge(uri.clone(), max_bytes);
        self.sent.borrow_mut().push(Sent { method: parts.method, uri, headers: parts.headers, body });
        match self.answers.borrow_mut().pop_front().unwrap_or(Err(nobody)) {
            Ok(answer) if answer.body().len() > max_bytes => Err(too_large),
            answered => answered,
        }
    }
}

impl Background for TestPlatform {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.borrow_mut().push(Box::pin(task));
    }

    /// Takes no time but on the clock.
    async fn sleep(&self, ms: u64) {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        if !self.sleeps_on.get() {
            return self.pass(ms);
        }
        let until = self.now().plus_ms(ms);
        poll_fn(|_| if self.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl penstock_guest::Database for TestPlatform {
    type Connection = Shared;

    async fn store(&self) -> Result<Store<Shared>, StoreError> {
        Ok(self.look())
    }
}

/// A request with a JSON body, or none where that is null.
///
/// # Panics
/// Where the path is not one, or the token no header's value.
pub fn request(method: &str, path: &str, token: Option<&str>, body: &Value) -> Request {
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    request.body(Body::Whole(bytes)).expect("the test asks for something possible")
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Answered {
    /// Waits for the answer, as the one who serves would, and reads all of its body.
    pub fn of(answer: impl Future<Output = Answer>) -> Self {
        let response = now_or_never(answer).unwrap_or_else(|failure| failure.respond("-"));
        let (parts, body) = response.into_parts();
        let text = match body {
            ResponseBody::Whole(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            ResponseBody::Stream(producer) => {
                let written = Rc::<RefCell<String>>::default();
                now_or_never(producer.run(Sink { written: written.clone() }));
                written.take()
            }
        };
        Self { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// # Panics
    /// Where the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    /// The body, where the answer has this status.
    ///
    /// # Panics
    /// Where it has another one, with what it says.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }
}
