//! A `penstock runner` of its own, as a machine behind a firewall would have it: it claims its jobs.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use super::installation::Installation;
use super::server::forget_settings;
use super::{processes, programs};

/// Killed when dropped, with all that it runs.
pub struct Runner(Child);

impl Installation {
    /// Starts one, and returns once the control plane knows it.
    pub fn start_runner(&self, name: &str, labels: &str) -> Runner {
        let folder = self.note(&format!("runner-{name}"));
        std::fs::create_dir(&folder).expect("a folder can be made");
        let log = File::create(folder.with_extension("log")).expect("a log can be made");
        let mut command = Command::new(programs::penstock());
        forget_settings(&mut command);
        let child = command
            .args(["runner", "--server", &self.url(), "--name", name, "--labels", labels, "--slots", "1"])
            .args(["--stop-when-orphaned", "--work-dir"])
            .arg(folder)
            .arg("--token-file")
            .arg(self.data().join("secrets.env"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let runner = Runner(child.expect("`penstock runner` can be started"));
        self.wait_for_runner(name);
        runner
    }
}

impl Runner {
    pub fn id(&self) -> i32 {
        i32::try_from(self.0.id()).expect("ids of processes fit")
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> Option<i32> {
        processes::signal(self.id(), rustix::process::Signal::TERM);
        let ended = || self.0.try_wait().expect("a child can be waited for");
        super::wait_for("the runner to end after SIGTERM", super::SOON, ended).code()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
