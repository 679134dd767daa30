//! The process that started this one, for runners that end with it.

use std::time::Duration;

use rustix::process::{Pid, getppid};
use tokio::time::sleep;

/// How often it is looked for.
const POLL: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy)]
pub struct Parent {
    /// None where it does not matter.
    expected: Option<Option<Pid>>,
}

impl Parent {
    pub fn now(matters: bool) -> Self {
        Self { expected: matters.then(getppid) }
    }

    pub fn is_gone(self) -> bool {
        self.expected.is_some_and(|parent| getppid() != parent)
    }

    /// Resolves when it is gone; never where that does not matter.
    pub(crate) async fn gone(self) {
        if self.expected.is_none() {
            return std::future::pending().await;
        }
        while !self.is_gone() {
            sleep(POLL).await;
        }
    }
}
