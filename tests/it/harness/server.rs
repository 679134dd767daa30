//! One `penstock up`, as a process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::Signal;

use super::processes::{self, children_of};
use super::programs;
use super::wait::{SOON, wait_for};

/// The first start of all compiles the components to machine code, beside whatever else the machine does.
const READY_WITHIN: Duration = Duration::from_secs(180);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts it, and returns once it says that it is ready.
    pub fn start(
        data: &Path,
        log: &Path,
        listen: Option<SocketAddr>,
        slots: u32,
        variables: &[(&str, String)],
    ) -> Self {
        let listen = listen.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
        let log = File::options().append(true).create(true).open(log).expect("the log can be opened");
        let mut command = Command::new(programs::penstock());
        forget_settings(&mut command);
        let mut child = command
            .args(["up", "--stop-when-orphaned", "--listen", &listen])
            .args(["--runner-slots", &slots.to_string()])
            .arg("--data")
            .arg(data)
            .arg("--manifest")
            .arg(programs::manifest())
            .env("PENSTOCK_COMPILED_DIR", programs::compiled_components())
            .env("PENSTOCK_LOG", "info")
            .envs(variables.iter().map(|(name, value)| (format!("SPIN_VARIABLE_{name}"), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("`penstock up` can be started");
        let said = child.stdout.take().expect("its output is piped");
        let announced = announced_address(BufReader::new(said)).recv_timeout(READY_WITHIN);
        match announced {
            Ok(address) => Self { child, address },
            Err(_) => {
                let _ = child.kill();
                panic!("`penstock up` did not become ready: {:?}", child.wait());
            }
        }
    }

    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("ids of processes fit")
    }

    /// The process of its local runner, where one lives.
    pub fn runner(&self) -> Option<i32> {
        let is_runner = |arguments: &[String]| arguments.get(1).is_some_and(|argument| argument == "runner");
        children_of(self.id()).into_iter().find(|child| is_runner(&child.arguments)).map(|child| child.id)
    }

    /// SIGKILL: nothing is told to anybody.
    pub fn kill9(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, as whoever stops a service sends it.
    pub fn terminate(mut self) -> ExitStatus {
        processes::signal(self.id(), Signal::TERM);
        let ended = || self.child.try_wait().expect("a child can be waited for");
        wait_for("`penstock up` to end after SIGTERM", SOON, ended)
    }
}

/// What the one who runs the tests has set for another server.
pub fn forget_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SPIN_VARIABLE_") || name.starts_with("PENSTOCK_") {
            command.env_remove(&*name);
        }
    }
}

/// Reads all that is said, so that the pipe never fills, and tells the address when it is named.
fn announced_address(said: impl BufRead + Send + 'static) -> Receiver<SocketAddr> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            let url = line.trim().strip_prefix("listening").map(str::trim);
            if let Some(address) = url.and_then(|url| url.strip_prefix("http://")?.parse().ok()) {
                let _ = tell.send(address);
            }
        }
    });
    told
}
