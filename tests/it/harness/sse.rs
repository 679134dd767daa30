//! Server-Sent Events, as they come.

use std::io::{BufRead, BufReader};
use std::time::Instant;

use serde_json::Value;

use super::http::Body;
use super::wait::SOON;

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

/// The events of a stream that is open; ends where the stream does.
pub struct Events(BufReader<Body>);

impl Events {
    pub fn new(body: Body) -> Self {
        Self(BufReader::new(body))
    }

    /// Everything up to the end that the server tells; the event `end` is the last.
    #[track_caller]
    pub fn until_the_end(self) -> Vec<Event> {
        let mut events = vec![];
        for event in self {
            let has_ended = event.name == "end";
            events.push(event);
            if has_ended {
                return events;
            }
        }
        panic!("the stream broke off before its end, after {events:?}");
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (mut id, mut name, mut data) = (None, None, String::new());
        let (mut line, until) = (String::new(), Instant::now() + SOON);
        loop {
            // A stream that only says that it lives tells nothing.
            assert!(Instant::now() < until, "waited {} s in vain for an event", SOON.as_secs());
            line.clear();
            if self.0.read_line(&mut line).expect("the stream can be read") == 0 {
                return None;
            }
            match line.trim_end_matches(['\r', '\n']).split_once(':') {
                Some(("id", value)) => id = Some(value.trim_start().to_owned()),
                Some(("event", value)) => name = Some(value.trim_start().to_owned()),
                Some(("data", value)) => data += value.trim_start(),
                None if line.trim().is_empty() => {
                    if let Some(name) = name.take() {
                        let data = serde_json::from_str(&data).expect("events carry JSON");
                        return Some(Event { id, name, data });
                    }
                }
                // Comments, and how soon to come back.
                _ => {}
            }
        }
    }
}
