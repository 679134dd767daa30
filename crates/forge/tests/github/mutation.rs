//! Payloads that nobody sends: whatever is in them, reading them ends in an event, a reason or an error.

use penstock_forge::github::{parse, status_request};
use penstock_forge::{CommitState, CommitStatus, ForgeEvent, ParseError, Parsed};
use serde_json::{Value, json};

use crate::corpora::every_payload_on_disk;
use crate::payloads::{bytes, pull_request, push, tag_create, tag_push};

/// Of each kind of mutation, on each payload written here.
const ROUNDS: usize = 3_000;
/// On each payload found on disk.
const ROUNDS_ON_DISK: usize = 60;
const EVENTS: [&str; 4] = ["push", "pull_request", "create", "star"];

/// xorshift: the same sequence at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).expect("it is below a usize")
    }
}

fn payloads() -> Vec<(Value, usize)> {
    let written = [push(), tag_push(), tag_create(), pull_request()].map(|payload| (payload, ROUNDS));
    let found = every_payload_on_disk().into_iter().map(|payload| (payload, ROUNDS_ON_DISK));
    written.into_iter().chain(found).collect()
}

#[test]
fn bytes_changed_at_random_never_panic() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for (payload, rounds) in payloads() {
        let whole = bytes(&payload);
        for _ in 0..rounds {
            let mut body = whole.clone();
            for _ in 0..=numbers.below(3) {
                mutate_bytes(&mut body, &mut numbers);
            }
            let name = EVENTS[numbers.below(EVENTS.len())];
            assert_whole(name, &body);
        }
    }
}

#[test]
fn values_changed_at_random_stay_json_and_what_comes_through_is_whole() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for (payload, rounds) in payloads() {
        for _ in 0..rounds {
            let mut changed = payload.clone();
            for _ in 0..=numbers.below(2) {
                mutate_value(&mut changed, &mut numbers);
            }
            let body = bytes(&changed);
            assert!(matches!(parse("star", &body), Ok(Parsed::Ignored(_))), "{changed}");
            for name in EVENTS {
                assert_whole(name, &body);
                assert!(!matches!(parse(name, &body), Err(ParseError::NotJson(_))), "{name} {changed}");
            }
        }
    }
}

fn assert_whole(name: &str, body: &[u8]) {
    match parse(name, body) {
        Ok(Parsed::Event(event)) => assert_event(&event),
        Ok(Parsed::Ignored(reason)) => assert!(!reason.as_str().is_empty()),
        Err(error) => assert!(error.to_string().len() < 500, "{error}"),
    }
}

fn assert_event(event: &ForgeEvent) {
    assert!(!event.ref_name().is_empty());
    assert!(!event.repository.clone_urls.is_empty());
    assert_eq!(event.dedup_key().is_some(), event.commit_sha().is_some());
    if let Some(sha) = event.commit_sha() {
        let status = CommitStatus::new(CommitState::Pending, "ci", event.ref_name(), None);
        let request = status_request("https://api.github.com", &event.repository.full_name, sha, &status);
        assert!(request.is_ok(), "{event:?}");
    }
    let text = serde_json::to_string(event).unwrap();
    assert_eq!(&serde_json::from_str::<ForgeEvent>(&text).unwrap(), event);
}

fn mutate_bytes(body: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(body.len());
    match numbers.below(5) {
        0 => body[at] = u8::try_from(numbers.below(256)).expect("it is below 256"),
        1 => body.truncate(at.max(1)),
        2 => drop(body.drain(at..(at + numbers.below(40)).min(body.len()))),
        3 => body.insert(at, b"{}[]\",:\\0-e\xff"[numbers.below(12)]),
        _ => {
            let end = (at + numbers.below(200)).min(body.len());
            let copy = body[at..end].to_vec();
            body.splice(at..at, copy);
        }
    }
    if body.is_empty() {
        body.push(b'{');
    }
}

/// Walks to a random member and makes it something else.
fn mutate_value(value: &mut Value, numbers: &mut Numbers) {
    let deeper = numbers.below(4) > 0;
    match value {
        Value::Object(members) if deeper && !members.is_empty() => {
            let at = numbers.below(members.len());
            let key = members.keys().nth(at).expect("it is below the length").clone();
            if numbers.below(12) == 0 {
                members.remove(&key);
            } else {
                mutate_value(&mut members[&key], numbers);
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = numbers.below(items.len());
            mutate_value(&mut items[at], numbers);
        }
        _ => *value = odd(numbers),
    }
}

fn odd(numbers: &mut Numbers) -> Value {
    match numbers.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(1e300),
        6 => json!(""),
        7 => json!("\u{0}"),
        8 => json!("é😀".repeat(numbers.below(3_000))),
        9 => json!("0".repeat(40)),
        10 => json!("refs/heads/"),
        11 => json!("../.."),
        12 => json!([]),
        _ => json!({}),
    }
}
