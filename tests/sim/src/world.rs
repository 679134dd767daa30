//! The world of one run: its time, its processes, its faults, and what is known of it from outside.
//!
//! What the components do is theirs; here is only what they stand in.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use penstock_domain::Timestamp;

use crate::choices::{Choices, Fault};
use crate::database::Database;
use crate::executor::{Executor, OUTSIDE, Process};
use crate::facts::Facts;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::trace::Trace;

/// When every run begins: some morning.
pub const BEGINNING_MS: i64 = 1_700_000_000_000;

/// One of the two places where the server runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Server {
    /// None while it is down.
    pub process: Option<Process>,
    pub clock_ms: i64,
}

pub struct World {
    pub seed: u64,
    pub scenario: Scenario,
    pub executor: Executor,
    pub database: Database,
    pub facts: RefCell<Facts>,
    pub trace: RefCell<Trace>,
    pub servers: RefCell<[Server; 2]>,
    pub kept: RefCell<BTreeMap<String, Vec<u8>>>,
    choices: RefCell<Choices>,
    random: RefCell<Random>,
    /// Entries of the journal since they were last looked at.
    pub has_news: Cell<bool>,
    is_calm: Cell<bool>,
    /// By how much all clocks are wrong.
    jumped_ms: Cell<i64>,
    /// By how much they jumped forward, in all.
    pub leapt_ms: Cell<i64>,
    /// The furthest that any clock ever went back, or differed from another.
    pub unsteady_ms: Cell<i64>,
    pub unwell_until_ms: Cell<i64>,
    /// Set when something that can't be was seen where nobody can answer for it.
    pub seen_wrong: RefCell<Option<crate::Violation>>,
}

impl World {
    pub fn new(
        seed: u64,
        scenario: Scenario,
        choices: Choices,
        trace: Trace,
        database: Database,
    ) -> Rc<Self> {
        Rc::new(Self {
            seed,
            scenario,
            executor: Executor::new(seed, BEGINNING_MS),
            database,
            facts: RefCell::default(),
            trace: RefCell::new(trace),
            servers: RefCell::default(),
            kept: RefCell::default(),
            choices: RefCell::new(choices),
            random: RefCell::new(Random::of(seed, "world")),
            has_news: Cell::new(false),
            is_calm: Cell::new(false),
            jumped_ms: Cell::new(0),
            leapt_ms: Cell::new(0),
            unsteady_ms: Cell::new(0),
            unwell_until_ms: Cell::new(0),
            seen_wrong: RefCell::default(),
        })
    }

    /// The time as it is.
    pub const fn true_ms(&self) -> i64 {
        self.executor.now_ms()
    }

    /// The time as a process believes it to be.
    pub fn now(&self, process: Process) -> Timestamp {
        let own = self.servers.borrow().iter().find(|s| s.process == Some(process)).map_or(0, |s| s.clock_ms);
        Timestamp::from_millis(self.true_ms() + self.jumped_ms.get() + own)
    }

    /// The time by the clocks that all share.
    pub fn common_now(&self) -> Timestamp {
        Timestamp::from_millis(self.true_ms() + self.jumped_ms.get())
    }

    pub fn jump(&self, ms: i64) {
        self.jumped_ms.set(self.jumped_ms.get() + ms);
        if ms < 0 {
            self.unsteady_ms.set(self.unsteady_ms.get() - ms);
        } else {
            self.leapt_ms.set(self.leapt_ms.get() + ms);
        }
        self.note(|| format!("clocks jump by {ms} ms"));
    }

    pub fn is_calm(&self) -> bool {
        self.is_calm.get()
    }

    pub fn calm(&self) {
        self.is_calm.set(true);
        self.choices.borrow_mut().calm();
        self.note(|| "from here on nothing goes wrong".to_owned());
    }

    pub fn happens(&self, fault: Fault) -> bool {
        let happens = self.choices.borrow_mut().happens(fault);
        if happens {
            self.note(|| format!("fault: {fault:?}"));
        }
        happens
    }

    pub fn taken(&self) -> Vec<(Fault, u64)> {
        self.choices.borrow().taken.clone()
    }

    pub fn random<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.borrow_mut())
    }

    pub fn note(&self, words: impl FnOnce() -> String) {
        self.trace.borrow_mut().note(self.true_ms() - BEGINNING_MS, words);
    }

    pub fn spawn(&self, process: Process, work: impl Future<Output = ()> + 'static) {
        self.executor.spawn(process, work);
    }

    pub fn spawn_outside(&self, work: impl Future<Output = ()> + 'static) {
        self.spawn(OUTSIDE, work);
    }

    pub async fn sleep(&self, ms: u64) {
        let due_ms = self.true_ms().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
        let mut is_set = false;
        poll_fn(|context| {
            if self.true_ms() >= due_ms && is_set {
                return Poll::Ready(());
            }
            // Also where no time is to pass: others come first.
            if !is_set {
                is_set = true;
                self.executor.sleep_until(due_ms, context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Lets others go on first.
    pub async fn give_way(&self) {
        let mut is_second = false;
        poll_fn(|context| {
            if is_second {
                return Poll::Ready(());
            }
            is_second = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// The process ends here, and with it whoever waits for this.
    pub async fn die(&self, process: Process) {
        self.note(|| format!("process {} dies", process.0));
        self.executor.kill(process);
        for server in self.servers.borrow_mut().iter_mut() {
            if server.process == Some(process) {
                server.process = None;
            }
        }
        std::future::pending::<()>().await;
    }

    /// The servers that are up.
    pub fn living(&self) -> Vec<Process> {
        self.servers.borrow().iter().filter_map(|s| s.process).collect()
    }

    pub fn violated(&self, invariant: &'static str, message: String) {
        self.seen_wrong.borrow_mut().get_or_insert(crate::Violation { invariant, message });
    }
}

/// Kinds of faults without which a run is made.
pub type Without = BTreeSet<Fault>;
