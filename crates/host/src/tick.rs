//! The clock of an application: a component is called again and again, one call after the other.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http_body_util::{BodyExt, Limited};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::body::full;
use crate::server::until_set;

/// A call to make from within: `POST path` into the component, with the token as Bearer.
#[derive(Clone)]
pub struct Tick {
    pub component: String,
    pub path: String,
    pub token: String,
    /// From the start of one call to that of the next; a longer call puts the next off.
    pub every: Duration,
}

impl std::fmt::Debug for Tick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { component, path, every, token: _ } = self;
        f.debug_struct("Tick")
            .field("component", component)
            .field("path", path)
            .field("every", every)
            .finish()
    }
}

/// The answer has no data; what is longer is not read.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Ticks until `stopping`. A call that runs then is left to end. `ticked` hears of the end of each.
pub(crate) async fn run(app: Arc<App>, tick: Tick, ticked: Arc<Notify>, mut stopping: watch::Receiver<bool>) {
    let mut clock = tokio::time::interval(tick.every.max(Duration::from_millis(1)));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut state = Ok(());
    loop {
        tokio::select! {
            () = until_set(&mut stopping) => return,
            _ = clock.tick() => {}
        }
        let now = call(&app, &tick).await;
        ticked.notify_one();
        if now != state {
            match &now {
                Err(failure) => tracing::error!(component = tick.component, "the tick fails: {failure}"),
                Ok(()) => tracing::warn!(component = tick.component, "the tick works again"),
            }
            state = now;
        }
    }
}

async fn call(app: &App, tick: &Tick) -> Result<(), String> {
    let request = http::Request::post(format!("http://{}.spin.internal{}", tick.component, tick.path))
        .header(AUTHORIZATION, format!("Bearer {}", tick.token))
        .body(full(""))
        .map_err(|_| "its path or token can't be sent".to_owned())?;
    let response = app.chain(&tick.component, request).await.map_err(|e| e.to_string())?;
    let status = response.status();
    Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(|e| e.to_string())?;
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}
