//! The socket, the thread, and what happens to a call before and after it is worked on.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

use super::answer::Answer;
use super::faults::{DropAt, Fault, next};
use super::routes::{Call, answer};
use super::state::{RecordedRequest, Shared};

/// GitHub takes no more in one call to its API.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// A client that says nothing has gone.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(address: impl ToSocketAddrs, shared: Shared) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<Infallible>();
        // What still runs when the wait is over ends with the runtime.
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(serve(listener, shared));
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("fake-github".to_owned()).spawn(serve)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it panicked with is on stderr already.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Shared) {
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("it was made non-blocking, on this runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        let service = service_fn(move |request| handle(request, shared.clone()));
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            // An error is a client that went, or a connection that a fault ended.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The connection ends here.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped")]
struct Dropped;

async fn handle(request: Request<Incoming>, shared: Shared) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map(|body| body.to_bytes().to_vec());
    // Whoever sent it died over it: nobody hears of half a request.
    if body.as_ref().is_err_and(|error| !error.is::<LengthLimitError>()) {
        return Err(Dropped);
    }
    let (index, fault) = shared.change(|state| {
        state.requests.push(record(&head, body.as_deref().unwrap_or_default()));
        (state.requests.len() - 1, next(&mut state.faults))
    });
    match &fault {
        Some(Fault::Delay(delay)) => tokio::time::sleep(*delay).await,
        Some(Fault::Drop(DropAt::BeforeWork)) => return Err(Dropped),
        _ => {}
    }
    let answer = match (fault.clone(), body) {
        (_, Err(_)) => Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        (Some(Fault::Answer { status, headers }), _) => headers
            .into_iter()
            .fold(Answer::error(status, "Injected"), |a, (name, value)| a.with_header(name, value)),
        (_, Ok(body)) => shared.change(|state| answer(state, &Call::new(&head, &body))),
    };
    if let Some(Fault::Drop(DropAt::AfterWork)) = fault {
        return Err(Dropped);
    }
    shared.change(|state| state.requests[index].answered = Some(answer.status));
    Ok(response(answer))
}

fn record(head: &http::request::Parts, body: &[u8]) -> RecordedRequest {
    let shown = |name: &HeaderName, value: &HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if *name != header::AUTHORIZATION {
            return value;
        }
        format!("{} [redacted]", value.split_once(' ').map_or("", |(scheme, _)| scheme))
    };
    RecordedRequest {
        method: head.method.clone(),
        path: head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), shown(name, value))).collect(),
        body: body.to_vec(),
        answered: None,
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let content_type = (header::CONTENT_TYPE.as_str(), answer.content_type.to_owned());
    for (name, value) in [content_type].into_iter().chain(answer.headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
