//! Polls futures one at a time, on one thread: the seed picks which of those that could go on does.
//!
//! Time stands still while anything can go on, and jumps to the next sleeper when nothing can.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::random::Random;

/// Whose task it is: when a process dies, its tasks go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process(pub u64);

/// The network, the forge and people: they never die.
pub const OUTSIDE: Process = Process(0);

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    process: Process,
    /// None while it is polled.
    work: Option<Work>,
}

/// Wakers have to be sendable, although nothing here is ever sent.
#[derive(Default)]
struct Woken(Mutex<Vec<u64>>);

struct TaskWaker {
    id: u64,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ids = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !ids.contains(&self.id) {
            ids.push(self.id);
        }
    }
}

/// Somebody who wants to be woken; the tie of two at the same time is broken by the seed.
struct Sleeper {
    due_ms: i64,
    tie: u64,
    waker: Waker,
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        (self.due_ms, self.tie) == (other.due_ms, other.tie)
    }
}

impl Eq for Sleeper {}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due_ms, self.tie).cmp(&(other.due_ms, other.tie))
    }
}

pub struct Executor {
    now_ms: Cell<i64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    started: Cell<u64>,
    woken: Arc<Woken>,
    sleepers: RefCell<BinaryHeap<Reverse<Sleeper>>>,
    random: RefCell<Random>,
    dead: RefCell<BTreeSet<Process>>,
    processes: Cell<u64>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Polled,
    /// Nothing could go on, and time has passed.
    Passed,
    /// Nobody waits for anything.
    Done,
}

impl Executor {
    pub fn new(seed: u64, now_ms: i64) -> Self {
        Self {
            now_ms: Cell::new(now_ms),
            tasks: RefCell::default(),
            started: Cell::new(0),
            woken: Arc::default(),
            sleepers: RefCell::default(),
            random: RefCell::new(Random::of(seed, "executor")),
            dead: RefCell::default(),
            processes: Cell::new(0),
        }
    }

    pub const fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    pub fn new_process(&self) -> Process {
        self.processes.set(self.processes.get() + 1);
        Process(self.processes.get())
    }

    pub fn is_dead(&self, process: Process) -> bool {
        self.dead.borrow().contains(&process)
    }

    /// Its tasks are dropped before anything else goes on.
    pub fn kill(&self, process: Process) {
        self.dead.borrow_mut().insert(process);
    }

    /// Drops everything: tasks know the world that they are in, and would keep it for ever.
    pub fn clear(&self) {
        loop {
            let task = self.tasks.borrow_mut().pop_first();
            if task.is_none() {
                break;
            }
        }
        self.sleepers.borrow_mut().clear();
    }

    pub fn spawn(&self, process: Process, work: impl Future<Output = ()> + 'static) {
        if self.is_dead(process) {
            return;
        }
        let id = self.started.get() + 1;
        self.started.set(id);
        self.tasks.borrow_mut().insert(id, Task { process, work: Some(Box::pin(work)) });
        self.wake(id);
    }

    fn wake(&self, id: u64) {
        Arc::new(TaskWaker { id, woken: self.woken.clone() }).wake();
    }

    pub fn sleep_until(&self, due_ms: i64, waker: Waker) {
        let tie = self.random.borrow_mut().number();
        self.sleepers.borrow_mut().push(Reverse(Sleeper { due_ms, tie, waker }));
    }

    /// When somebody wants to be woken next.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.sleepers.borrow().peek().map(|sleeper| sleeper.0.due_ms)
    }

    /// Lets time pass to the next sleeper. False where there is none.
    pub fn pass(&self) -> bool {
        let Some(Reverse(sleeper)) = self.sleepers.borrow_mut().pop() else { return false };
        self.now_ms.set(self.now_ms.get().max(sleeper.due_ms));
        sleeper.waker.wake();
        true
    }

    /// One task goes on as far as it gets, or time passes.
    pub fn step(&self) -> Step {
        self.bury();
        let Some(id) = self.next() else { return if self.pass() { Step::Passed } else { Step::Done } };
        let work = self.tasks.borrow_mut().get_mut(&id).and_then(|task| task.work.take());
        let Some(mut work) = work else { return Step::Polled };
        let waker = Waker::from(Arc::new(TaskWaker { id, woken: self.woken.clone() }));
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        if polled == Poll::Pending {
            if let Some(task) = self.tasks.borrow_mut().get_mut(&id) {
                task.work = Some(work);
            }
        } else {
            self.tasks.borrow_mut().remove(&id);
        }
        self.bury();
        Step::Polled
    }

    fn next(&self) -> Option<u64> {
        let mut ids = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match ids.len() {
            0 => return None,
            1 => 0,
            count => self.random.borrow_mut().index(count),
        };
        Some(ids.remove(index))
    }

    /// Drops what the dead have left. Dropping may wake others, and may find more dead.
    fn bury(&self) {
        if self.dead.borrow().is_empty() {
            return;
        }
        loop {
            let dead = self.dead.borrow();
            let mut tasks = self.tasks.borrow_mut();
            let found = tasks.iter().find(|(_, task)| dead.contains(&task.process)).map(|(id, _)| *id);
            let task = found.and_then(|id| tasks.remove(&id));
            drop((dead, tasks));
            if task.is_none() {
                return;
            }
        }
    }
}
