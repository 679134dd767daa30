//! The service that is deployed: a little HTTP server, whose version is whatever lies in its folder.
//!
//! It looks anew at each request, so that a deployment is a folder put in another's place. `/healthz` is 200 where the
//! deployed tree has all that it says it needs (`service/needs`), else 503; any other path tells the version.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// For a request's first line, and for its other end to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_HEAD_BYTES: u64 = 8 * 1024;

/// It listens for as long as the program lives.
pub struct Service {
    address: SocketAddr,
    folder: TempDir,
}

impl Service {
    /// # Errors
    /// Where there is no folder or no free port for it.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("penstock-demo-service-").tempdir();
        let folder = folder.context("can't make a folder for the service")?;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no port for the service")?;
        let address = listener.local_addr().context("the system does not say which port it gave")?;
        let current = folder.path().join("current");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever breaks off has no use for the answer.
                let _ = answer(&stream, &current);
            }
        });
        Ok(Self { address, folder })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where versions are put, as `current`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn answer(mut stream: &TcpStream, current: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream.take(MAX_HEAD_BYTES)).lines();
    let request = head.next().transpose()?.unwrap_or_default();
    // What is left unread would break the connection before the answer has arrived.
    for line in head {
        if line?.is_empty() {
            break;
        }
    }
    let is_health = request.split(' ').nth(1) == Some("/healthz");
    let (status, body) = if is_health { health(current) } else { version(current) };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

const WELL: &str = "200 OK";
const NOT_WELL: &str = "503 Service Unavailable";

fn version(current: &Path) -> (&'static str, String) {
    match std::fs::read_to_string(current.join("VERSION")) {
        Ok(version) => (WELL, format!("greeter {}\n", version.trim())),
        Err(_) => (NOT_WELL, "nothing is deployed\n".to_owned()),
    }
}

fn health(current: &Path) -> (&'static str, String) {
    let Ok(needs) = std::fs::read_to_string(current.join("service/needs")) else {
        return (NOT_WELL, "nothing is deployed\n".to_owned());
    };
    match needs.lines().find(|needed| !current.join(needed).exists()) {
        Some(missing) => (NOT_WELL, format!("{missing} is missing\n")),
        None => (WELL, "well\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(needs: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("service")).unwrap();
        std::fs::write(folder.path().join("service/needs"), needs).unwrap();
        std::fs::write(folder.path().join("VERSION"), "1.1\n").unwrap();
        folder
    }

    #[test]
    fn a_tree_with_all_that_it_needs_is_well_and_one_without_is_not() {
        assert_eq!(health(deployed("VERSION\n").path()).0, WELL);
        let broken = deployed("VERSION\ntable\n");
        assert_eq!(health(broken.path()), (NOT_WELL, "table is missing\n".to_owned()));
        assert_eq!(health(&broken.path().join("nowhere")).0, NOT_WELL);
    }

    #[test]
    fn it_answers_the_version_that_lies_in_its_folder() {
        assert_eq!(version(deployed("").path()), (WELL, "greeter 1.1\n".to_owned()));
    }
}
