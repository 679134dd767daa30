//! What goes wrong on purpose.

use std::collections::VecDeque;
use std::time::Duration;

use http::StatusCode;

pub(super) struct Injected {
    pub times: usize,
    pub fault: Fault,
}

#[derive(Clone)]
pub(super) enum Fault {
    Answer { status: StatusCode, headers: Vec<(&'static str, String)> },
    Delay(Duration),
    Drop(DropAt),
}

/// When a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropAt {
    /// Nothing was done.
    BeforeWork,
    /// All was done; only the answer is lost.
    AfterWork,
}

/// The fault for this call: those given first come first, each as often as was asked for.
pub(super) fn next(faults: &mut VecDeque<Injected>) -> Option<Fault> {
    while let Some(first) = faults.front_mut() {
        if first.times > 0 {
            first.times -= 1;
            return Some(first.fault.clone());
        }
        faults.pop_front();
    }
    None
}
