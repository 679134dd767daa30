//! The least client that there is: one call, one connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use penstock_forge::RequestSpec;
use serde_json::Value;

/// No answer of the fake takes as long, unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub fn get(url: &str, headers: &[(&str, &str)]) -> Reply {
    let (address, path) = split(url);
    call(address, "GET", path, headers, &[]).unwrap()
}

/// Sends what `forge` says is to be sent.
pub fn send(request: &RequestSpec, token: Option<&str>) -> io::Result<Reply> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<_> = headers.chain(bearer.as_deref().map(|bearer| ("authorization", bearer))).collect();
    let (address, path) = split(&request.url);
    call(address, request.method.as_str(), path, &headers, &request.body)
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

fn call(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n", body.len());
    stream.write_all(&[text.as_bytes(), body].concat())?;
    let mut reply = vec![];
    stream.read_to_end(&mut reply)?;
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = std::str::from_utf8(&reply[..end]).unwrap();
    let (first, headers) = head.split_once("\r\n").unwrap();
    let pairs = headers.lines().filter_map(|line| line.split_once(": "));
    Ok(Reply {
        status: first.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: pairs
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse::<HeaderValue>().unwrap()))
            .collect(),
        body: reply[end + 4..].to_vec(),
    })
}
