//! Answers that go on: a producer writes pieces until it is done or the client has left.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

/// The client has left; whoever writes to it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the client has left")]
pub struct Gone;

/// Where a producer writes to.
pub struct Sink {
    #[cfg(target_family = "wasm")]
    pub(crate) sender: futures::channel::mpsc::Sender<String>,
    #[cfg(not(target_family = "wasm"))]
    pub written: std::rc::Rc<std::cell::RefCell<String>>,
}

impl Sink {
    /// # Errors
    /// [`Gone`] when nobody reads any more.
    #[cfg(target_family = "wasm")]
    pub async fn write(&mut self, piece: String) -> Result<(), Gone> {
        futures::SinkExt::send(&mut self.sender, piece).await.map_err(|_| Gone)
    }

    /// # Errors
    /// Never, natively: what is written is kept.
    #[cfg(not(target_family = "wasm"))]
    #[allow(clippy::unused_async, reason = "one signature on both platforms")]
    pub async fn write(&mut self, piece: String) -> Result<(), Gone> {
        self.written.borrow_mut().push_str(&piece);
        Ok(())
    }
}

type Produce = dyn FnOnce(Sink) -> Pin<Box<dyn Future<Output = ()>>>;

/// What writes the body of a streamed answer.
pub struct Producer(Box<Produce>);

impl Producer {
    pub fn new<F: Future<Output = ()> + 'static>(produce: impl FnOnce(Sink) -> F + 'static) -> Self {
        Self(Box::new(move |sink| Box::pin(produce(sink))))
    }

    pub fn run(self, sink: Sink) -> Pin<Box<dyn Future<Output = ()>>> {
        (self.0)(sink)
    }
}
