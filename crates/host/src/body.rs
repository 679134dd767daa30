//! Bodies with a bound on them, and what they hold until they end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// A whole body of known bytes.
pub fn full(bytes: impl Into<Bytes>) -> WasiBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A request's body that may not be longer than a limit.
pub struct Capped<B> {
    pub inner: B,
    pub left: u64,
    pub limit: u64,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Capped<B>
where
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else { return Poll::Pending };
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What ends a body before its own end.
pub enum Until {
    /// Each frame has to come within the time.
    Pause(Duration),
    /// The whole has to come within the time, else it breaks off as an error.
    End,
    /// At the deadline, or once `stopping` is done, the stream ends as if it had nothing more to say.
    Stream { stopping: Pin<Box<dyn Future<Output = ()> + Send>> },
}

/// A body that keeps something (permits, counts) until it ends, and ends in time.
pub struct Held<B, H> {
    inner: Option<B>,
    held: Option<H>,
    until: Until,
    sleep: Pin<Box<Sleep>>,
}

impl<B, H> Held<B, H> {
    pub fn new(inner: B, held: H, until: Until, time: Duration) -> Self {
        Self { inner: Some(inner), held: Some(held), until, sleep: Box::pin(tokio::time::sleep(time)) }
    }

    fn let_go(&mut self) {
        self.inner = None;
        self.held = None;
    }
}

impl<B, H: Unpin> Body for Held<B, H>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            match (&frame, &self.until) {
                (Some(Ok(_)), Until::Pause(time)) => {
                    let next = Instant::now() + *time;
                    self.sleep.as_mut().reset(next);
                }
                (Some(Ok(_)), _) => {}
                _ => self.let_go(),
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let late = self.sleep.as_mut().poll(cx).is_ready();
        let ended = match &mut self.until {
            Until::Stream { stopping } => (late || stopping.as_mut().poll(cx).is_ready()).then_some(None),
            Until::Pause(_) => late.then_some(Some(Err(Error::ConnectionReadTimeout))),
            Until::End => late.then_some(Some(Err(Error::HttpResponseTimeout))),
        };
        let Some(end) = ended else { return Poll::Pending };
        self.let_go();
        Poll::Ready(end)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
