//! Waiting for work, for several tasks at once too, but not for ever.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::ports::Background;

#[derive(Default)]
struct Left {
    count: Cell<usize>,
    waker: Cell<Option<Waker>>,
}

/// One task's share of [`Left`]; counted down when it ends, in whatever way.
struct Share(Rc<Left>);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

/// Starts the tasks, and returns when all have ended or `at_most_ms` have passed; the rest of them go on.
pub async fn run_together<T: Future<Output = ()> + 'static>(
    platform: &impl Background,
    tasks: impl IntoIterator<Item = T>,
    at_most_ms: u64,
) {
    let left = Rc::new(Left::default());
    for task in tasks {
        left.count.set(left.count.get() + 1);
        let share = Share(left.clone());
        platform.spawn(async move {
            task.await;
            drop(share);
        });
    }
    let mut timeout = pin!(platform.sleep(at_most_ms));
    poll_fn(|context| {
        if left.count.get() == 0 || timeout.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left.waker.set(Some(context.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// What the work comes to; None where that takes longer than `ms`, and then it ends.
pub async fn within<T>(platform: &impl Background, ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut timeout = pin!(platform.sleep(ms));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => timeout.as_mut().poll(context).map(|()| None),
    })
    .await
}
