//! A control plane that fits in a test: it registers runners, takes call backs, and can go away and come back.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use penstock_api::problem::Problem;
use penstock_api::runner::{JobEvent, JobEvents, JobRequest, LogLine, LogStream, RegisterRunner};
use penstock_domain::{JobId, Reason, WorkStatus};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub const RUNNER_TOKEN: &str = "registration-token";

/// However slow the machine is, what is awaited comes within this.
const BOUND: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct State {
    pub registrations: Vec<RegisterRunner>,
    pub jobs: HashMap<JobId, Told>,
    pub claims: VecDeque<JobRequest>,
    /// So many claims were asked.
    pub claimed: usize,
    /// Runner ids that are no longer known are those of earlier registrations.
    pub forgets: bool,
    /// So many call backs are taken and then not answered.
    pub swallow_answers: u32,
    /// No report is taken: 503.
    pub is_busy_with_reports: bool,
    /// The lease is lost when the first report comes.
    pub loses_lease_at_report: bool,
    /// What is answered to the reports of these paths.
    pub refused_reports: HashMap<String, Problem>,
    /// Lines with this in them are not taken, nor is what comes with them.
    pub refused_words: Option<String>,
    /// What is answered to jobs that a step wants to add.
    pub refused_jobs: Option<Problem>,
    /// Heartbeats are not taken (503), and counted.
    pub is_busy_with_heartbeats: bool,
    pub refused_heartbeats: u32,
    pub heartbeat_seconds: u32,
    pub lease_seconds: u32,
    /// Requests are read, and nothing comes back.
    pub is_silent: bool,
}

/// What was told of one job.
#[derive(Default, Clone)]
pub struct Told {
    pub lines: BTreeMap<u64, LogLine>,
    pub events: Vec<JobEvent>,
    /// By path and type.
    pub reports: BTreeMap<(String, String), HandedIn>,
    /// Calls that bore a report, whatever was answered.
    pub report_calls: usize,
    /// How many reports were here when the end was told.
    pub reports_at_end: usize,
    /// The jobs that steps wanted added, by the step's index.
    pub added_jobs: BTreeMap<String, String>,
    /// Calls that wanted to add jobs, whatever was answered.
    pub jobs_calls: usize,
    /// `logs`, `reports`, `jobs` and `events`, each call back that was taken in order.
    pub calls: Vec<String>,
    pub cancel: bool,
    pub lease_lost: bool,
    pub heartbeats: usize,
    /// Call backs that came with the lease lost.
    pub fenced: usize,
}

/// A report as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    pub test_type: String,
    pub content_type: String,
    pub body: String,
}

impl Told {
    pub fn text(&self, stream: LogStream) -> Vec<&str> {
        self.lines.values().filter(|line| line.stream == stream).map(|line| line.text.as_str()).collect()
    }

    pub fn stdout(&self) -> Vec<&str> {
        self.text(LogStream::Stdout)
    }

    pub fn end(&self) -> Option<(WorkStatus, Option<Reason>)> {
        self.events.iter().find_map(|event| match event {
            JobEvent::JobFinished { status, reason, .. } => Some((*status, *reason)),
            _ => None,
        })
    }

    /// What the job hands on.
    pub fn outputs(&self) -> Vec<(&str, &str)> {
        let outputs = self.events.iter().find_map(|event| match event {
            JobEvent::JobFinished { outputs, .. } => Some(outputs),
            _ => None,
        });
        outputs.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub fn message(&self) -> String {
        let message = self.events.iter().find_map(|event| match event {
            JobEvent::JobFinished { message, .. } => message.clone(),
            _ => None,
        });
        message.unwrap_or_default()
    }

    /// Each step's last state, in order.
    pub fn steps(&self) -> Vec<(WorkStatus, Option<i32>, Option<Reason>)> {
        let mut ends: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match event {
                JobEvent::StepFinished { step, status, exit_code, reason, .. } => {
                    Some((*step, (*status, *exit_code, *reason)))
                }
                _ => None,
            })
            .collect();
        ends.sort_by_key(|(step, _)| *step);
        ends.into_iter().map(|(_, end)| end).collect()
    }
}

pub struct Plane {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    server: Option<JoinHandle<()>>,
}

impl Plane {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State { heartbeat_seconds: 60, lease_seconds: 120, ..State::default() };
        let mut plane = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(state)),
            changed: watch::Sender::new(0),
            server: None,
        };
        plane.serve(listener);
        plane
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gone: its port is closed, and so are all its connections.
    pub async fn go_away(&mut self) {
        let server = self.server.take().unwrap();
        server.abort();
        let _ = server.await;
    }

    pub async fn come_back(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.serve(listener);
    }

    pub fn with<T>(&self, apply: impl FnOnce(&mut State) -> T) -> T {
        apply(&mut self.state.lock().unwrap())
    }

    /// Wakes what waits for a change of the state that a test made itself.
    pub fn nudge(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    pub fn told(&self, job: JobId) -> Told {
        self.with(|state| state.jobs.get(&job).cloned().unwrap_or_default())
    }

    /// Waits for the state to be as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        let met = async {
            while !self.with(|state| wanted(state)) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(BOUND, met).await.is_err() {
            let jobs = self.with(|state| {
                state
                    .jobs
                    .values()
                    .map(|told| format!("{:?} {:?}", told.events, told.lines))
                    .collect::<Vec<_>>()
            });
            panic!("waited in vain until {what}; told were {jobs:#?}");
        }
    }

    pub async fn until_told(&self, job: JobId, what: &str, wanted: impl Fn(&Told) -> bool) -> Told {
        self.until(what, |state| state.jobs.get(&job).is_some_and(&wanted)).await;
        self.told(job)
    }

    /// Waits for the job's end, and checks what must hold of every end.
    pub async fn finished(&self, job: JobId) -> Told {
        let told = self.until_told(job, "the job ends", |told| told.end().is_some()).await;
        let numbers: Vec<u64> = told.lines.keys().copied().collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "no line is missing");
        assert!(
            matches!(told.events.last(), Some(JobEvent::JobFinished { .. })),
            "the end is the last event"
        );
        assert_eq!(told.calls.last().map(String::as_str), Some("events"), "the log is told before the end");
        told
    }

    fn serve(&mut self, listener: TcpListener) {
        let (state, changed) = (Arc::clone(&self.state), self.changed.clone());
        self.server = Some(tokio::spawn(async move {
            // Dropped with the task, and with it every connection.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, changed) = (Arc::clone(&state), changed.clone());
                connections.spawn(async move {
                    let service = service_fn(|request| answer(request, Arc::clone(&state), changed.clone()));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }));
    }
}

type Answer = Response<Full<Bytes>>;

/// An error closes the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
) -> Result<Answer, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    if state.lock().unwrap().is_silent {
        std::future::pending::<()>().await;
    }
    let bearer = parts.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    let path: Vec<&str> = parts.uri.path().trim_start_matches("/api/v1/").split('/').collect();
    let given = match path.as_slice() {
        ["runners"] => Ok(register(&bearer, &body, &mut state.lock().unwrap())),
        ["runners", id, "claim"] => {
            let waits = !parts.uri.query().is_some_and(|query| query.starts_with("wait=0"));
            Ok(claim(id, waits, &state, &changed).await)
        }
        ["jobs", id, what] => {
            let id = id.parse().unwrap();
            let mut state = state.lock().unwrap();
            let refusal = match *what {
                "logs" => refuse_lines(id, &body, &mut state),
                "reports" => refuse_report(id, &parts, &mut state),
                "jobs" => refuse_jobs(id, &mut state),
                "heartbeat" => refuse_heartbeat(&mut state),
                _ => None,
            };
            match refusal {
                Some(problem) => Ok(self::problem(&problem)),
                None => call_back(id, what, &bearer, &parts, &body, &mut state),
            }
        }
        _ => Ok(problem(&Problem::not_found("route"))),
    };
    changed.send_modify(|version| *version += 1);
    given
}

fn register(bearer: &str, body: &[u8], state: &mut State) -> Answer {
    if bearer != RUNNER_TOKEN {
        return problem(&Problem::unauthorized("that is not the runner token"));
    }
    state.registrations.push(serde_json::from_slice(body).unwrap());
    state.forgets = false;
    let number = state.registrations.len();
    json(&serde_json::json!({
        "success": true,
        "runner": { "id": runner_id(number) },
        "token": format!("token-{number}"),
        "heartbeat_seconds": state.heartbeat_seconds,
        "lease_seconds": state.lease_seconds,
    }))
}

fn runner_id(number: usize) -> String {
    format!("01890000-0000-7000-8000-{number:012}")
}

async fn claim(id: &str, waits: bool, state: &Mutex<State>, changed: &watch::Sender<u64>) -> Answer {
    let mut news = changed.subscribe();
    state.lock().unwrap().claimed += 1;
    changed.send_modify(|version| *version += 1);
    loop {
        {
            let mut state = state.lock().unwrap();
            if state.forgets || id != runner_id(state.registrations.len()) {
                return problem(&Problem::not_found("runner"));
            }
            if let Some(job) = state.claims.pop_front() {
                return json(&job);
            }
        }
        if !waits {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            return answer;
        }
        news.changed().await.unwrap();
    }
}

fn call_back(
    id: JobId,
    what: &str,
    bearer: &str,
    parts: &Parts,
    body: &[u8],
    state: &mut State,
) -> Result<Answer, std::io::Error> {
    let told = state.jobs.entry(id).or_default();
    assert_eq!(bearer, crate::job::LEASE_TOKEN);
    if told.lease_lost {
        told.fenced += 1;
        return Ok(problem(&Problem::conflict("lease_expired", "someone else has it")));
    }
    match what {
        "heartbeat" => {
            told.heartbeats += 1;
            return Ok(json(&serde_json::json!({
                "success": true, "cancel": told.cancel, "lease_expires_at": "2099-01-01T00:00:00.000Z",
            })));
        }
        "logs" => std::str::from_utf8(body).unwrap().lines().for_each(|line| take_line(told, line)),
        "events" => {
            serde_json::from_slice::<JobEvents>(body)
                .unwrap()
                .events
                .into_iter()
                .for_each(|e| take_event(told, e));
        }
        "reports" => take_report(told, parts, body),
        "jobs" => take_jobs(told, parts, body),
        other => panic!("{other} is no call back"),
    }
    told.calls.push(what.to_owned());
    let cancel = told.cancel;
    if state.swallow_answers > 0 {
        state.swallow_answers -= 1;
        return Err(std::io::Error::other("the answer is lost on its way"));
    }
    Ok(json(&match what {
        "jobs" => serde_json::json!({ "success": true, "added": 2 }),
        _ => serde_json::json!({ "success": true, "cancel": cancel }),
    }))
}

fn refuse_heartbeat(state: &mut State) -> Option<Problem> {
    if !state.is_busy_with_heartbeats {
        return None;
    }
    state.refused_heartbeats += 1;
    Some(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Service unavailable", "not now"))
}

/// What the test wants to be answered instead.
fn refuse_report(id: JobId, parts: &Parts, state: &mut State) -> Option<Problem> {
    let told = state.jobs.entry(id).or_default();
    told.report_calls += 1;
    told.lease_lost |= state.loses_lease_at_report;
    if state.is_busy_with_reports {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        return Some(Problem::new(busy, "busy", "Busy", "not now"));
    }
    state.refused_reports.get(&query(parts, "path")).cloned()
}

fn refuse_lines(id: JobId, body: &[u8], state: &mut State) -> Option<Problem> {
    let first = body.split(|byte| *byte == b'\n').next().map(serde_json::from_slice::<LogLine>);
    let told = state.jobs.entry(id).or_default();
    let next = told.lines.keys().last().map_or(1, |last| last + 1);
    match first {
        Some(Ok(line)) if line.seq > next => Some(Problem::conflict("log_gap", "lines are missing")),
        Some(Ok(_)) => {
            let words = state.refused_words.as_deref()?;
            let is_refused = String::from_utf8_lossy(body).contains(words);
            is_refused.then(|| Problem::bad_request("bad_log_line", "not that"))
        }
        _ => Some(Problem::bad_request("bad_log_line", "that is no line")),
    }
}

fn refuse_jobs(id: JobId, state: &mut State) -> Option<Problem> {
    state.jobs.entry(id).or_default().jobs_calls += 1;
    state.refused_jobs.clone()
}

fn take_jobs(told: &mut Told, parts: &Parts, body: &[u8]) {
    assert_eq!(parts.headers["content-type"], "application/yaml");
    let (upload, text) = (query(parts, "upload"), String::from_utf8(body.to_vec()).unwrap());
    let is_end =
        |event: &JobEvent| matches!(event, JobEvent::StepFinished { step, .. } if step.to_string() == upload);
    assert!(!told.events.iter().any(is_end), "jobs come after the end of their step");
    if let Some(earlier) = told.added_jobs.insert(upload, text.clone()) {
        assert_eq!(earlier, text, "jobs that are sent again are the same");
    }
}

fn take_report(told: &mut Told, parts: &Parts, body: &[u8]) {
    assert!(told.end().is_none(), "a report comes after the end");
    let handed_in = HandedIn {
        test_type: query(parts, "test_type"),
        content_type: parts.headers["content-type"].to_str().unwrap().to_owned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let key = (query(parts, "path"), query(parts, "type"));
    if let Some(earlier) = told.reports.insert(key, handed_in.clone()) {
        assert_eq!(earlier, handed_in, "a report that is sent again is the same");
    }
}

fn query(parts: &Parts, name: &str) -> String {
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    pairs.into_owned().find(|(key, _)| key == name).expect("the query has it").1
}

fn take_line(told: &mut Told, line: &str) {
    let line: LogLine = serde_json::from_str(line).unwrap();
    if let Some(earlier) = told.lines.insert(line.seq, line.clone()) {
        assert_eq!(earlier, line, "a line that is sent again is the same");
    }
}

fn take_event(told: &mut Told, event: JobEvent) {
    if !told.events.contains(&event) {
        assert!(told.end().is_none(), "{event:?} comes after the end");
        told.reports_at_end = told.reports.len();
        told.events.push(event);
    }
}

fn json(body: &impl serde::Serialize) -> Answer {
    Response::new(Full::new(serde_json::to_vec(body).unwrap().into()))
}

fn problem(problem: &Problem) -> Answer {
    let mut answer = json(problem);
    *answer.status_mut() = StatusCode::from_u16(problem.status).unwrap();
    answer
}
