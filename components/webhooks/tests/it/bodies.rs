//! Bodies of strangers, who may be slow and many.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use penstock_guest::{Answer, Body};
use penstock_testkit::platform::{Answered, TestPlatform};
use penstock_webhooks::routes::handle;

use crate::asking::{deliver, receiver};

const MIB: usize = 1024 * 1024;
const WELL_FORMED: &str = "sha256=0000000000000000000000000000000000000000000000000000000000000000";

type Asked = Pin<Box<dyn Future<Output = Answer>>>;

/// Somebody who signs with what looks like a signature, and of whose body nothing comes. `read` counts those of
/// whom something is wanted.
fn stranger(platform: &TestPlatform, announced: Option<usize>, read: &Rc<Cell<u32>>) -> Asked {
    let mut request = http::Request::post("/hooks/github").header("x-hub-signature-256", WELL_FORMED);
    if let Some(bytes) = announced {
        request = request.header("content-length", bytes);
    }
    let read = read.clone();
    let body = Body::Coming(Box::pin(async move {
        read.set(read.get() + 1);
        pending().await
    }));
    Box::pin(handle(platform.clone(), request.body(body).unwrap()))
}

/// The answer's status, where there is one by now.
fn status(asked: &mut Asked) -> Option<u16> {
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(Answered::of(ready(answer)).status),
        Poll::Pending => None,
    }
}

fn statuses(asked: &mut [Asked]) -> Vec<Option<u16>> {
    asked.iter_mut().map(status).collect()
}

/// A ping with a body of this size.
fn ping(bytes: usize) -> Vec<u8> {
    let mut body = br#"{"zen":""#.to_vec();
    body.resize(bytes - 2, b'z');
    body.extend(br#""}"#);
    body
}

#[test]
fn many_slow_large_bodies_fill_no_more_than_the_room_that_there_is_for_them() {
    let platform = receiver();
    platform.let_sleepers_wait();
    let read = Rc::default();
    let mut asked: Vec<_> = (0..16).map(|_| stranger(&platform, Some(20 * MIB), &read)).collect();
    assert_eq!(statuses(&mut asked), [None; 16]);
    assert_eq!(read.get(), 3, "the others wait for 64 MiB to have room");

    platform.pass(9_999);
    assert_eq!(statuses(&mut asked), [None; 16]);
    platform.pass(1);
    assert_eq!(statuses(&mut asked), [Some(408); 16], "none waits for longer, and none for nothing");
    let late = deliver(&platform, "ping", "largest", &ping(25 * MIB));
    assert_eq!(late.expect(202)["status"], "ignored", "the room was given back");
}

#[test]
fn who_gets_room_is_read() {
    let platform = receiver();
    platform.let_sleepers_wait();
    let read = Rc::default();
    let mut first: Vec<_> = (0..2).map(|_| stranger(&platform, Some(25 * MIB), &read)).collect();
    statuses(&mut first);
    platform.pass(5_000);
    let mut next = stranger(&platform, Some(25 * MIB), &read);
    assert_eq!((status(&mut next), read.get()), (None, 2));
    platform.pass(5_000);
    assert_eq!(statuses(&mut first), [Some(408); 2]);
    assert_eq!((status(&mut next), read.get()), (None, 3));
}

#[test]
fn a_body_that_does_not_say_how_large_it_is_counts_as_the_largest() {
    let platform = receiver();
    platform.let_sleepers_wait();
    let read = Rc::default();
    let mut asked: Vec<_> = (0..3).map(|_| stranger(&platform, None, &read)).collect();
    statuses(&mut asked);
    assert_eq!(read.get(), 2);
}

#[test]
fn small_deliveries_pass_by_those_that_wait_and_come_in_time_or_not_at_all() {
    let platform = receiver();
    platform.let_sleepers_wait();
    let read = Rc::default();
    let mut large: Vec<_> = (0..16).map(|_| stranger(&platform, Some(20 * MIB), &read)).collect();
    statuses(&mut large);
    assert_eq!(deliver(&platform, "ping", "small", &ping(MIB)).expect(202)["status"], "ignored");
    let mut slow = stranger(&platform, Some(10), &read);
    assert_eq!(status(&mut slow), None);
    platform.pass(10_000);
    assert_eq!(status(&mut slow), Some(408));
}

#[test]
fn what_is_larger_than_any_delivery_is_refused_before_it_waits() {
    let platform = receiver();
    let read = Rc::default();
    assert_eq!(status(&mut stranger(&platform, Some(25 * MIB + 1), &read)), Some(413));
    assert_eq!(read.get(), 0);
}
