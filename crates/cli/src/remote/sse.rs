//! Server-Sent Events, as the HTML standard defines them.

use std::io::{BufRead, Read};

/// The longest line that is read; a log line is far shorter.
const LINE_MAX_BYTES: u64 = 1024 * 1024;
/// The most text that one event may have.
const EVENT_MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Empty for the default, `message`.
    pub kind: String,
    pub data: String,
    /// The last id seen so far: where to go on after a loss.
    pub id: Option<String>,
}

pub struct Events<R> {
    from: R,
    last_id: Option<String>,
}

impl<R: BufRead> Events<R> {
    pub fn new(from: R) -> Self {
        Self { from, last_id: None }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = std::io::Result<Event>;

    /// None where the stream ended; an event that it cut off is dropped, as the standard demands.
    fn next(&mut self) -> Option<Self::Item> {
        let mut event = Event::default();
        let mut has_data = false;
        loop {
            let line = match line(&mut self.from) {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            if line.is_empty() {
                if !has_data {
                    event = Event::default();
                    continue;
                }
                event.id.clone_from(&self.last_id);
                return Some(Ok(event));
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event.kind),
                "id" if !value.contains('\0') => self.last_id = Some(value.to_owned()),
                "data" => {
                    if has_data {
                        event.data.push('\n');
                    }
                    has_data = true;
                    event.data.push_str(value);
                }
                _ => {}
            }
            if event.data.len() > EVENT_MAX_BYTES {
                return Some(Err(std::io::Error::other("the server sent an event that is too large")));
            }
        }
    }
}

fn line(from: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        Some(b'\n') => {
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Some(_) if bytes.len() as u64 + 1 == LINE_MAX_BYTES => {
            Err(std::io::Error::other("the server sent a line that is too long"))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_standard_has_them() {
        let text = ": hello\n\nid: 7\ndata: one\ndata:two\n\nevent: end\r\ndata\r\n\r\nid: 8\n\nretry: 5\n\ndata: cut";
        let events: Vec<_> = Events::new(text.as_bytes()).map(|event| event.unwrap()).collect();
        let event =
            |kind: &str, data: &str| Event { kind: kind.into(), data: data.into(), id: Some("7".into()) };
        assert_eq!(events, [event("", "one\ntwo"), event("end", "")]);
    }

    #[test]
    fn a_line_without_end_is_an_error_and_not_a_full_memory() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert!(Events::new(endless).next().unwrap().is_err());
    }
}
