//! A server that answers one request after the other from a script, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::JoinHandle;

pub struct ScriptedServer {
    pub url: String,
    asked: JoinHandle<Vec<String>>,
}

impl ScriptedServer {
    /// Gives the answers in this order, each on a connection of its own.
    pub fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            answers.iter().map(|answer| serve(listener.accept().unwrap().0, answer)).collect()
        });
        Self { url, asked }
    }

    /// The requests, each as its text; waits until all of the script was asked for.
    pub fn requests(self) -> Vec<String> {
        self.asked.join().unwrap()
    }
}

fn serve(mut connection: TcpStream, answer: &str) -> String {
    let mut request = String::new();
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while !request.ends_with("\r\n\r\n") {
        reader.read_line(&mut request).unwrap();
    }
    let length =
        request.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    request.push_str(std::str::from_utf8(&body).unwrap());
    connection.write_all(answer.as_bytes()).unwrap();
    request
}

/// Runs the command against the server.
pub fn penstock(server: &ScriptedServer, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_penstock"))
        .args(arguments)
        .env("PENSTOCK_URL", &server.url)
        .env("PENSTOCK_TOKEN", "s3cret")
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env_remove("ALL_PROXY")
        .env_remove("all_proxy")
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A whole answer with a JSON body.
pub fn json(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// A stream of events that ends properly, or breaks off.
pub fn events(text: &str, ends: bool) -> String {
    let last = if ends { "0\r\n\r\n" } else { "" };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n{:x}\r\n{text}\r\n{last}",
        text.len()
    )
}
