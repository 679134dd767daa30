//! The HTTP/1.1 front: connections in, bounded in number, time and size.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::app::App;
use crate::body::Capped;

/// After an error of `accept`, such as too many open files: until something may have changed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stopping`; then gives the running requests `grace` to end.
pub(crate) async fn run(
    listener: TcpListener,
    app: Arc<App>,
    mut stopping: watch::Receiver<bool>,
    grace: watch::Receiver<Duration>,
) {
    let permits = Arc::new(Semaphore::new(app.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = until_set(&mut stopping) => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, client, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!("no connection could be accepted: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (app, stopping) = (app.clone(), stopping.clone());
        connections.spawn(async move {
            serve(stream, client, app, stopping).await;
            drop(permit);
        });
    }
    drop(listener);
    let grace = *grace.borrow();
    let ended = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("{} connections were cut off, with requests still running", connections.len());
        connections.shutdown().await;
    }
}

/// Until the flag is set, or nobody is left to set it.
pub(crate) async fn until_set(flag: &mut watch::Receiver<bool>) {
    _ = flag.wait_for(|set| *set).await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, client) = listener.accept().await?;
    // Responses and events are small writes; waiting to fill packets costs 40 ms.
    stream.set_nodelay(true)?;
    Ok((stream, client, permit))
}

async fn serve(stream: TcpStream, client: SocketAddr, app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    let client: Arc<str> = client.to_string().into();
    let limits = app.limits.clone();
    let stream = Draining { stream, time: limits.write_time, stuck: None };
    let body_bytes = limits.body_bytes;
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (app, client) = (app.clone(), client.clone());
        async move {
            let body = |inner| Capped { inner, left: body_bytes, limit: body_bytes }.boxed_unsync();
            Ok::<_, std::convert::Infallible>(app.serve(request.map(body), &client).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.header_count)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until_set(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!("a connection ended early: {e}");
    }
}

/// A connection that breaks where its client does not take what is written.
struct Draining {
    stream: TcpStream,
    time: Duration,
    /// Since a write has been waiting.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Draining {
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let time = self.time;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        stuck.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Draining {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Draining {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
