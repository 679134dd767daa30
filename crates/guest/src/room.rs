//! Room for large bodies in an instance's memory, which all of its requests share.
//!
//! A body has to lie there as a whole to be read, and what is read of it beside it. So many at once would end the
//! instance, and with it every request that it serves.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::ports::Background;

/// How often who waits looks whether there is room: on Wasm one request's task can't wake another's.
const LOOK_AGAIN_MS: u64 = 20;

/// So many bytes, of which each body has its share. Keep it in a `thread_local!`, for an instance has one thread.
#[derive(Debug)]
pub struct Room {
    bytes: usize,
    taken: Cell<usize>,
    /// The numbers of those who wait, in the order in which they came.
    waiting: RefCell<VecDeque<u64>>,
    last_number: Cell<u64>,
}

impl Room {
    pub fn of(bytes: usize) -> Rc<Self> {
        Rc::new(Self { bytes, taken: Cell::new(0), waiting: RefCell::default(), last_number: Cell::new(0) })
    }

    /// A share of so many bytes, where there is room and nobody waits for it. More than all of the room is all of it.
    pub fn take_now(self: &Rc<Self>, bytes: usize) -> Option<Share> {
        if self.waiting.borrow().is_empty() { self.share(bytes) } else { None }
    }

    /// As [`Self::take_now`], after everybody who came before.
    pub async fn take(self: &Rc<Self>, platform: &impl Background, bytes: usize) -> Share {
        let turn = Turn::behind_all(self);
        loop {
            if turn.has_come()
                && let Some(share) = self.share(bytes)
            {
                return share;
            }
            platform.sleep(LOOK_AGAIN_MS).await;
        }
    }

    fn share(self: &Rc<Self>, bytes: usize) -> Option<Share> {
        let bytes = bytes.min(self.bytes);
        let taken = self.taken.get() + bytes;
        (taken <= self.bytes).then(|| {
            self.taken.set(taken);
            Share { room: self.clone(), bytes }
        })
    }
}

/// A part of a [`Room`], until it is dropped.
#[derive(Debug)]
pub struct Share {
    room: Rc<Room>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.set(self.room.taken.get() - self.bytes);
    }
}

/// A place among those who wait, given up when it is dropped.
struct Turn<'a> {
    room: &'a Room,
    number: u64,
}

impl<'a> Turn<'a> {
    fn behind_all(room: &'a Room) -> Self {
        let number = room.last_number.get() + 1;
        room.last_number.set(number);
        room.waiting.borrow_mut().push_back(number);
        Self { room, number }
    }

    fn has_come(&self) -> bool {
        self.room.waiting.borrow().front() == Some(&self.number)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.room.waiting.borrow_mut().retain(|number| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Who sleeps here looks again whenever it is polled.
    struct Restless;

    impl Background for Restless {
        fn spawn(&self, _: impl Future<Output = ()> + 'static) {}

        async fn sleep(&self, _: u64) {
            let mut has_slept = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut has_slept, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    #[test]
    fn many_small_bodies_fit_and_two_large_ones_do_not() {
        let room = Room::of(1_000);
        let small: Vec<_> = (0..10).map(|_| room.take_now(100).unwrap()).collect();
        assert!(room.take_now(1).is_none());
        drop(small);
        let all = room.take_now(usize::MAX).unwrap();
        assert!(room.take_now(1).is_none());
        drop(all);
        assert!(room.take_now(1_000).is_some(), "all of it was given back");
    }

    #[test]
    fn who_waits_is_served_in_the_order_of_coming_and_who_leaves_holds_up_nobody() {
        let room = Room::of(1_000);
        let mut context = Context::from_waker(Waker::noop());
        let held = room.take_now(600).unwrap();
        let mut large = Box::pin(room.take(&Restless, 900));
        let mut small = pin!(room.take(&Restless, 100));
        assert!(large.as_mut().poll(&mut context).is_pending());
        assert!(small.as_mut().poll(&mut context).is_pending(), "it does not push in");
        assert!(room.take_now(100).is_none(), "nor does anybody else");
        drop(large);
        let Poll::Ready(share) = small.as_mut().poll(&mut context) else { panic!("it is its turn") };
        drop((share, held));
        assert!(room.take_now(1_000).is_some());
    }
}
