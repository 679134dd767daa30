//! One component as others see it: requests in, responses out, within its share of the machine.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler};

use crate::body::{Held, Until};
use crate::instance::{Maker, OpenStream, Slot};
use crate::limits::Limits;
use crate::server::until_set;

pub struct Component {
    pub id: String,
    /// Whether a trigger names it.
    pub triggered: bool,
    /// Where its code is mapped from a file.
    mapped: Option<wasmtime::component::Component>,
    handler: ProxyHandler<Maker>,
    limits: Arc<Limits>,
    requests: Arc<Semaphore>,
    waiting: AtomicUsize,
    streams: Arc<Semaphore>,
    instances: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

/// Why there is no response of the component's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("as many requests wait for the component as may")]
    QueueFull,
    #[error("the component did not get to the request in time")]
    QueueTimeout,
    #[error("the component has as many event streams open as it may")]
    TooManyStreams,
    #[error("the component did not answer in time")]
    TimedOut,
    #[error("the component failed")]
    Failed,
}

impl Component {
    /// `mapped`: the code, where it is mapped from a file.
    pub fn new(triggered: bool, maker: Maker, mapped: Option<wasmtime::component::Component>) -> Self {
        let limits = maker.limits.clone();
        Self {
            id: maker.grants.component.clone(),
            triggered,
            mapped,
            requests: maker.grants.requests.clone(),
            waiting: AtomicUsize::new(0),
            streams: Arc::new(Semaphore::new(limits.streams_per_component)),
            instances: maker.permits.clone(),
            stopping: maker.stopping.clone(),
            handler: ProxyHandler::new(maker),
            limits,
        }
    }

    /// Sends the request into an instance and waits for the head of the response.
    pub(crate) async fn call(
        &self,
        request: http::Request<WasiBody>,
    ) -> Result<http::Response<WasiBody>, Failure> {
        let permit = self.permit().await?;
        let slot = Arc::new(Slot::default());
        // The instance sees to the time itself. This is for where it can't: it was never made, or got stuck.
        let at_most = self.limits.queue_time + self.limits.request_time + self.limits.busy_time;
        let (handler, taken) = (self.handler.clone(), slot.clone());
        // A task of its own, because the guest works on, and has to be counted, where the client left.
        let answered = tokio::spawn(async move {
            (tokio::time::timeout(at_most, handler.handle(taken, request)).await, permit)
        });
        match answered.await {
            Ok((Ok(Ok(response)), permit)) => self.bound(response, permit, &slot),
            Ok((Ok(Err(e)), _)) => Err(self.failure(&e)),
            Ok((Err(_), _)) => Err(Failure::TimedOut),
            Err(_) => Err(Failure::Failed),
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = self.requests.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting, self.limits.queue_per_component).ok_or(Failure::QueueFull)?;
        let permit =
            tokio::time::timeout(self.limits.queue_time, self.requests.clone().acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(Failure::QueueTimeout)
    }

    /// The body keeps its permit until it ends: a request's, or one of the fewer for event streams.
    fn bound(
        &self,
        response: http::Response<WasiBody>,
        permit: OwnedSemaphorePermit,
        slot: &Slot,
    ) -> Result<http::Response<WasiBody>, Failure> {
        let time = self.limits.stream_time;
        let (permit, until, open): (_, _, Option<OpenStream>) = if is_event_stream(&response) {
            let permit = self.streams.clone().try_acquire_owned().map_err(|_| Failure::TooManyStreams)?;
            let mut stopping = self.stopping.clone();
            let stopping = Box::pin(async move { until_set(&mut stopping).await });
            (permit, Until::Stream { stopping }, slot.open_stream())
        } else {
            (permit, Until::End, None)
        };
        Ok(response.map(|body| Held::new(body, (permit, open), until, time).boxed_unsync()))
    }

    fn failure(&self, error: &wasmtime::Error) -> Failure {
        let component = self.id.as_str();
        if error.downcast_ref::<ExpirationError>().is_some() {
            tracing::error!(component, "no answer within {} s", self.limits.request_time.as_secs_f32());
            return Failure::TimedOut;
        }
        if let Some(e) = error.downcast_ref::<InstantiationError<Arc<Slot>>>() {
            tracing::error!(component, "no instance could be made: {:#}", e.error);
            return Failure::QueueTimeout;
        }
        tracing::error!(component, "no response: {:#}", error.root_cause());
        Failure::Failed
    }

    /// The addresses of its code, where that is mapped from a file.
    pub fn mapped_image(&self) -> Option<Range<usize>> {
        let image = self.mapped.as_ref()?.image_range();
        Some(image.start.expose_provenance()..image.end.expose_provenance())
    }

    /// Until no instance is left.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.limits.instances_per_component).unwrap_or(u32::MAX);
        _ = self.instances.acquire_many(all).await;
    }
}

fn is_event_stream(response: &http::Response<WasiBody>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

/// A place in a queue of bounded length, until dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
