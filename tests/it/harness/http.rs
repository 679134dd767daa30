//! The least HTTP client that does: one call, one connection, every byte of it under the test's control.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer that takes longer does not come. Quiet streams say that they live every 15 s.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Of a status line, a header, or a chunk's size.
const MAX_LINE_BYTES: u64 = 64 * 1024;

pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub body: &'a [u8],
}

/// The status and headers of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Reply {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("answers are UTF-8")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error} in the answer {}: {}", self.status(), self.text()))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{}", self.text());
        self.json()
    }
}

/// Sends the call and reads the whole answer.
///
/// # Errors
/// Where there is no answer, or it breaks off.
pub fn send(to: SocketAddr, call: &Call<'_>) -> io::Result<Reply> {
    let (head, mut stream) = open(to, call)?;
    let mut body = vec![];
    stream.read_to_end(&mut body)?;
    Ok(Reply { head, body })
}

/// Sends the call and reads the answer's head; its body can be read as it comes.
///
/// # Errors
/// As [`send`].
pub fn open(to: SocketAddr, call: &Call<'_>) -> io::Result<(Head, Body)> {
    let stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    // An answer may come before the body has gone out, as a refusal does: so one writes while the other reads.
    let head = std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = writer.write_all(&head_of(to, call)).and_then(|()| writer.write_all(call.body));
        });
        read_head(&mut reader)
    })?;
    let is_empty = matches!(head.status, 204 | 304) || call.method == "HEAD";
    let framing = match (head.header("transfer-encoding"), head.header("content-length")) {
        _ if is_empty => Framing::Length(0),
        (Some(_), _) => Framing::Chunked { left: 0, has_begun: false },
        (None, Some(length)) => Framing::Length(length.parse().map_err(io::Error::other)?),
        (None, None) => Framing::UntilClosed,
    };
    Ok((head, Body { reader, framing }))
}

fn head_of(to: SocketAddr, call: &Call<'_>) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n", call.method, call.path);
    for (name, value) in &call.headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !call.body.is_empty() || call.method != "GET" {
        text += &format!("content-length: {}\r\n", call.body.len());
    }
    (text + "\r\n").into_bytes()
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Head> {
    let first = line(reader)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("`{first}` is no status line")))?;
    let mut headers = vec![];
    loop {
        match line(reader)? {
            end if end.is_empty() => return Ok(Head { status, headers }),
            header => headers
                .extend(header.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))),
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.take(MAX_LINE_BYTES).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// A body that is still coming.
pub struct Body {
    reader: BufReader<TcpStream>,
    framing: Framing,
}

enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked {
        left: u64,
        has_begun: bool,
    },
    Ended,
    UntilClosed,
}

impl Body {
    /// The next chunk's size, once the chunk before it has been read.
    fn next_chunk(&mut self, has_begun: bool) -> io::Result<u64> {
        if has_begun {
            line(&mut self.reader)?;
        }
        let size = line(&mut self.reader)?;
        let size = size.split(';').next().unwrap_or_default();
        u64::from_str_radix(size, 16).map_err(io::Error::other)
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunked { left: 0, has_begun } = self.framing {
            let left = self.next_chunk(has_begun)?;
            self.framing =
                if left == 0 { Framing::Ended } else { Framing::Chunked { left, has_begun: true } };
        }
        match &mut self.framing {
            Framing::Ended | Framing::Length(0) => Ok(0),
            Framing::UntilClosed => self.reader.read(buffer),
            Framing::Length(left) | Framing::Chunked { left, .. } => {
                let read = (&mut self.reader).take(*left).read(buffer)?;
                *left -= read as u64;
                if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
            }
        }
    }
}
