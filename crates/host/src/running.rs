//! A started application, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::app::App;

/// Held by what has to be gone before an application has ended: mapped code, open databases. As the last field of
/// a type it goes after all else in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alive(
    #[expect(dead_code, reason = "only that it is held matters")] Option<mpsc::Sender<()>>,
);

/// Told when everything that was alive is gone.
pub(crate) struct Gone(mpsc::Receiver<()>);

pub(crate) fn alive() -> (Alive, Gone) {
    let (alive, gone) = mpsc::channel(1);
    (Alive(Some(alive)), Gone(gone))
}

/// An application that serves. Dropped without [`Running::stop`], it ends at once.
pub struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) grace: watch::Sender<Duration>,
    pub(crate) server: Task,
    pub(crate) tick: Option<Task>,
    pub(crate) rest: Task,
    pub(crate) gone: Gone,
}

/// A task that ends with its handle.
pub(crate) struct Task(pub JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Task {
    async fn end(mut self, by: Instant) {
        _ = tokio::time::timeout_at(by, &mut self.0).await;
    }
}

impl Running {
    /// Where it listens: the real port, where 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts nothing more, ends event streams, waits for running requests and for what goes on after their
    /// answers. What has not ended within `grace` is cut off. What ended in time has closed its files.
    pub fn stop(self, grace: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.end(grace))
    }

    async fn end(mut self, grace: Duration) {
        let by = Instant::now() + grace;
        self.grace.send_replace(grace);
        self.stopping.send_replace(true);
        // The server needs a moment of its own to cut off what is left.
        self.server.end(by + Duration::from_secs(1)).await;
        if let Some(tick) = self.tick {
            tick.end(by).await;
        }
        self.rest.end(by).await;
        let idle = async {
            for component in &self.app.components {
                component.idle().await;
            }
        };
        let idle = tokio::time::timeout_at(by, idle).await;
        drop(self.app);
        // An instance is counted out a moment before the last of it is gone.
        let gone = tokio::time::timeout_at(by, self.gone.0.recv()).await;
        if idle.is_err() || gone.is_err() {
            tracing::warn!("components were cut off, with work still running");
        }
    }
}
