//! What was deployed, as far as a health check sees it: a service that answers by a script.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// One answer.
pub enum Says {
    Status(u16),
    /// With `302` to that path of its own.
    Redirect(&'static str),
    /// Takes the request, and says nothing as long as it lives.
    Nothing,
}

/// Ends when dropped.
pub struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// `script` is given how often it was asked before.
    pub fn start(mut script: impl FnMut(usize) -> Says + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port for the service");
        let address = listener.local_addr().expect("it has an address");
        let (asked, is_over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (paths, over) = (asked.clone(), is_over.clone());
        let thread = std::thread::spawn(move || {
            let mut silent = vec![];
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Some(path) = path_of(&stream) else { continue };
                let before = {
                    let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
                    paths.push(path);
                    paths.len() - 1
                };
                silent.extend(answer(stream, &script(before)));
            }
        });
        Self { address, asked, is_over, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/healthz", self.address)
    }

    /// The paths that it was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for somebody to come.
        drop(TcpStream::connect(self.address));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads a request without a body.
fn path_of(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty).map(|_| path)
}

/// The stream, where it has to stay open.
fn answer(mut stream: TcpStream, says: &Says) -> Option<TcpStream> {
    let (status, location) = match says {
        Says::Status(status) => (*status, String::new()),
        Says::Redirect(to) => (302, format!("location: {to}\r\n")),
        Says::Nothing => return Some(stream),
    };
    let head = format!("HTTP/1.1 {status} Said\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    None
}
