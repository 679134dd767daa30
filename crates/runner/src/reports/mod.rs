//! Hands in the reports that a job's steps wrote, one after the other, until each is answered.
//!
//! Does not read what is in them. A report that can't be handed in is a line of the log and never the job's failure:
//! what follows from a report that is missing is the control plane's to decide.

mod search;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use penstock_api::runner::{Accepted, JobRequest, MAX_REPORT_BYTES};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use url::form_urlencoded::byte_serialize;

use crate::backoff::Backoff;
use crate::control::{CALL_TIMEOUT, CallError, Control};
use crate::outbox::Outbox;
use crate::redact::Redactor;
use crate::stop::{Stop, StopCause};
use search::Report;

/// All reports of a job together: whoever waits for the job's end waits for this too.
const MAX_UPLOADS: Duration = Duration::from_secs(5 * 60);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// However long a server asks to be left alone, the next try has to come in time.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// So many bytes of a report prolong a call's patience by a second.
const SLOW_BYTES_PER_SECOND: usize = 1 << 20;
const READ_BYTES: usize = 256 * 1024;

const XML: &str = "application/xml";
const TEXT: &str = "text/plain";
const DEFAULT_TEST_TYPE: &str = "unit";

/// All that is handed in of one attempt.
pub struct Uploads<'a> {
    pub request: &'a JobRequest,
    pub workspace: &'a Path,
    pub control: &'a Control,
    pub outbox: &'a Outbox,
    pub stop: &'a Stop,
}

impl Uploads<'_> {
    /// Returns when every report is answered or left out.
    ///
    /// # Errors
    /// Why the attempt ends before that.
    pub(crate) async fn run(&self) -> Result<(), StopCause> {
        self.run_within(MAX_UPLOADS).await
    }

    async fn run_within(&self, limit: Duration) -> Result<(), StopCause> {
        let handed_in = tokio::select! {
            biased;
            cause = self.stop.raised(StopCause::Cancelled) => return Err(cause),
            handed_in = timeout(limit, self.all()) => handed_in,
        };
        handed_in.unwrap_or_else(|_| {
            let minutes = limit.as_secs() / 60;
            self.say(&format!(
                "The reports took longer than {minutes} minutes; the rest of them is left out."
            ));
            Ok(())
        })
    }

    async fn all(&self) -> Result<(), StopCause> {
        let (workspace, wanted) = (self.workspace.to_owned(), self.request.reports.clone());
        let found = spawn_blocking(move || search::search(&workspace, &wanted)).await.unwrap_or_default();
        found.complaints.iter().for_each(|complaint| self.say(complaint));
        let mut taken = 0;
        for report in found.reports {
            taken += usize::from(self.hand_in(report).await?);
        }
        match taken {
            0 => {}
            1 => self.say("1 report was handed in."),
            _ => self.say(&format!("{taken} reports were handed in.")),
        }
        Ok(())
    }

    /// Whether the report was taken.
    async fn hand_in(&self, report: Report) -> Result<bool, StopCause> {
        let (file, redactor) = (report.file.clone(), self.outbox.redactor().clone());
        let read = spawn_blocking(move || read_masked(&file, &redactor))
            .await
            .unwrap_or_else(|lost| Err(lost.into()));
        let body = match read {
            Ok(Some(body)) => body,
            Ok(None) => {
                let mib = MAX_REPORT_BYTES >> 20;
                self.say(&format!("`{}` has more than {mib} MiB, and is not handed in.", report.path));
                return Ok(false);
            }
            Err(error) => {
                self.say(&format!("`{}` can't be read ({error}), and is not handed in.", report.path));
                return Ok(false);
            }
        };
        let url = self.url(&report);
        let content_type = if report.format == "junit" { XML } else { TEXT };
        let patience = CALL_TIMEOUT + Duration::from_secs((body.len() / SLOW_BYTES_PER_SECOND) as u64);
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let token = &self.request.job.lease.token;
            let called =
                self.control.post::<Accepted>(&url, token, content_type, body.clone(), patience).await;
            match self.after(called, &report.path) {
                After::Taken(taken) => return Ok(taken),
                After::Lost => return Err(StopCause::LeaseLost),
                After::Again(least) => sleep(backoff.next().max(least)).await,
            }
        }
    }

    fn after(&self, called: Result<Option<Accepted>, CallError>, path: &str) -> After {
        match called {
            Ok(answer) => {
                if answer.is_some_and(|answer| answer.cancel) {
                    self.stop.raise(StopCause::Cancelled);
                }
                After::Taken(true)
            }
            // It was taken; only its answer is of another make.
            Err(CallError::Refused { status: 200..=299, .. }) => After::Taken(true),
            Err(CallError::Later { cause, retry_after }) => {
                tracing::debug!(path, cause, "trying again");
                After::Again(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
            }
            Err(CallError::Down { cause }) => {
                tracing::debug!(path, cause, "trying again");
                After::Again(Duration::ZERO)
            }
            Err(CallError::Refused { status: 409, code, .. }) if code == "lease_expired" => {
                self.stop.raise(StopCause::LeaseLost);
                After::Lost
            }
            Err(CallError::Refused { status: 409, .. }) => After::Again(Duration::ZERO),
            // What is no longer this runner's work, the next heartbeat says too.
            Err(CallError::Refused { status, code, detail, .. }) => {
                self.say(&format!("The report `{path}` was not taken ({status} {code}): {detail}"));
                After::Taken(false)
            }
        }
    }

    fn url(&self, report: &Report) -> String {
        let base = self.request.callback_url.trim_end_matches('/');
        let path = self.outbox.redactor().mask(&report.path);
        format!(
            "{base}/api/v1/jobs/{}/reports?type={}&test_type={}&path={}",
            self.request.job.id,
            encoded(&report.format),
            encoded(report.test_type.as_deref().unwrap_or(DEFAULT_TEST_TYPE)),
            encoded(&path),
        )
    }

    fn say(&self, text: &str) {
        self.outbox.say(None, text);
    }
}

enum After {
    Taken(bool),
    Lost,
    Again(Duration),
}

/// For a query. A blank as `%20`, which every reader of one understands.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The file as it may leave the runner; None where it is too large. Blocks.
fn read_masked(file: &Path, redactor: &Redactor) -> io::Result<Option<Bytes>> {
    let mut file = File::open(file)?;
    if file.metadata()?.len() > MAX_REPORT_BYTES as u64 {
        return Ok(None);
    }
    let (mut masked, mut body, mut read) = (redactor.stream(), vec![], 0);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            body.extend(masked.finish());
            return Ok(Some(body.into()));
        }
        read += count;
        if read > MAX_REPORT_BYTES {
            return Ok(None);
        }
        body.extend(masked.push(&buffer[..count]));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use penstock_api::runner::{ExecutionInfo, JobAttempt, JobEnvironment, Lease, ReportRequest};
    use penstock_domain::{ExecutionId, JobId, PipelineId, Timestamp, TriggerEvent};
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;
    use crate::outbox::Due;

    /// Nobody listens there.
    const NOWHERE: &str = "http://127.0.0.1:1/";

    fn request(path: &str) -> JobRequest {
        JobRequest {
            job: JobAttempt {
                id: JobId(Uuid::nil()),
                name: "unit".into(),
                attempt: 1,
                lease: Lease { token: "lease".into(), expires_at: Timestamp::from_millis(0) },
            },
            execution: ExecutionInfo {
                id: ExecutionId(Uuid::nil()),
                number: 1,
                pipeline_id: PipelineId(Uuid::nil()),
                pipeline_name: "web".into(),
                stage: "test".into(),
                event: TriggerEvent::Push,
                repository_url: "https://example.org/web.git".into(),
                commit_sha: None,
                base_branch: None,
                pull_request: None,
                branch: "main".into(),
            },
            environment: JobEnvironment::default(),
            steps: vec![],
            secrets: [("KEY".to_owned(), "hunter2".to_owned())].into(),
            reports: vec![ReportRequest { format: "junit".into(), path: path.into(), test_type: None }],
            outputs: vec![],
            facts: None,
            resources: None,
            timeout_seconds: 1,
            callback_url: NOWHERE.into(),
        }
    }

    struct Scene {
        folder: PathBuf,
        request: JobRequest,
        control: Control,
        outbox: Outbox,
        stop: Stop,
    }

    impl Scene {
        fn new(path: &str) -> Self {
            let name = format!("penstock-uploads-{:x}", crate::backoff::random_u64());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let outbox = Outbox::new(Redactor::new(["hunter2"]), folder.join("log"));
            Self { folder, request: request(path), control: Control::new(), outbox, stop: Stop::new() }
        }

        fn uploads(&self) -> Uploads<'_> {
            let Self { folder, request, control, outbox, stop } = self;
            Uploads { request, workspace: folder, control, outbox, stop }
        }

        fn log(&self) -> String {
            match self.outbox.due(Instant::now() + Duration::from_secs(1)) {
                Due::Logs(batch) => String::from_utf8(batch.ndjson).unwrap(),
                other => panic!("there is no log: {other:?}"),
            }
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[tokio::test]
    async fn a_server_that_stays_away_does_not_hold_up_the_end_for_ever() {
        let scene = Scene::new("a.xml");
        std::fs::write(scene.folder.join("a.xml"), "<testsuite/>").unwrap();
        let limit = Duration::from_millis(200);
        assert_eq!(scene.uploads().run_within(limit).await, Ok(()), "the job's result stays what it is");
        assert!(scene.log().contains("the rest of them is left out"));
    }

    #[tokio::test]
    async fn who_is_stopped_already_hands_in_nothing() {
        let scene = Scene::new("missing.xml");
        scene.stop.raise(StopCause::Cancelled);
        assert_eq!(scene.uploads().run().await, Err(StopCause::Cancelled));
        assert_eq!(scene.outbox.due(Instant::now()), Due::Wait(None), "and looks for nothing");
    }

    #[test]
    fn an_address_bears_no_secret_and_nothing_that_a_query_would_misread() {
        let scene = Scene::new("");
        let report = |format: &str, test_type: Option<&str>, path: &str| Report {
            format: format.into(),
            test_type: test_type.map(Into::into),
            path: path.into(),
            file: PathBuf::new(),
        };
        let base = "http://127.0.0.1:1/api/v1/jobs/00000000-0000-0000-0000-000000000000/reports";
        for (report, query) in [
            (report("junit", None, "a/b.xml"), "type=junit&test_type=unit&path=a%2Fb.xml"),
            (
                report("lcov", Some("e2e"), "ä b+c&d=%"),
                "type=lcov&test_type=e2e&path=%C3%A4%20b%2Bc%26d%3D%25",
            ),
            (report("lcov", None, "of-hunter2"), "type=lcov&test_type=unit&path=of-***"),
        ] {
            assert_eq!(scene.uploads().url(&report), format!("{base}?{query}"));
        }
    }
}
