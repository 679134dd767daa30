//! An execution's story: what each entry of its journal changed, in words.
//!
//! It reads the change as the journal keeps it, leniently: an entry of an older version is told as far as it is
//! understood. Only the words; who reads the journal, and how it is shown, is elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names that later entries know by their ids alone; filled by telling the entries in their order.
#[derive(Debug, Clone, Default)]
pub struct Story {
    stages: BTreeMap<String, String>,
    /// Each with the name of its stage before it.
    jobs: BTreeMap<String, String>,
    runners: BTreeMap<String, String>,
}

/// Steps told one by one in an entry; more are counted.
const MAX_STEPS: usize = 20;

impl Story {
    /// `runners`: names by ids.
    pub fn new(runners: BTreeMap<String, String>) -> Self {
        Self { runners, ..Self::default() }
    }

    /// What the entry changed: a line each, in the order in which things depend on each other.
    pub fn tell(&mut self, change: &Value) -> Vec<String> {
        let mut lines = vec![];
        self.created(change, &mut lines);
        lines.extend(rows(change, "executions").map(|row| format!("the execution {}", state(row))));
        for row in rows(change, "stages") {
            self.learn_stage(row);
            lines.push(format!("stage {} {}", text(row, "name"), state(row)));
        }
        lines.extend(rows(change, "waiting").map(|row| self.waiting(row)));
        for row in rows(change, "jobs") {
            self.learn_job(row);
            lines.push(self.job(row));
        }
        steps(change, &mut lines);
        for row in rows(change, "gates") {
            let name = row.pointer("/gate/name").and_then(Value::as_str).unwrap_or("?");
            lines.push(format!("gate {name} {}", state(row)));
        }
        for row in rows(change, "deployments") {
            lines.push(format!("the deployment of {} {}", text(row, "version"), state(row)));
        }
        lines.extend(rows(change, "approvals").map(|row| format!("the approval {}", state(row))));
        lines.extend(rows(change, "environments_taken").map(|_| "its environment is taken".to_owned()));
        lines.extend(rows(change, "environments_freed").map(|_| "its environment is free".to_owned()));
        lines.extend(
            rows(change, "quarantined").map(|row| format!("{} is quarantined", text(row, "version"))),
        );
        lines.extend(rows(change, "outbox").filter_map(|row| self.effect(row)));
        lines
    }

    fn created(&mut self, change: &Value, lines: &mut Vec<String>) {
        let Some(created) = change.get("created") else { return };
        rows(created, "stages").for_each(|row| self.learn_stage(row));
        rows(created, "jobs").for_each(|row| self.learn_job(row));
        let (stages, jobs) = (rows(created, "stages").count(), rows(created, "jobs").count());
        for row in rows(created, "executions") {
            let number = row.get("execution_number").and_then(Value::as_u64).unwrap_or_default();
            let event = text(row, "trigger_event");
            lines.push(format!("#{number} is created for {event}: {stages} stages, {jobs} jobs"));
            if let Some(group) = row.get("concurrency_group").and_then(Value::as_str) {
                lines.push(format!("it is of the concurrency group {group}"));
            }
        }
        if rows(created, "executions").next().is_none() && jobs > 0 {
            let names: Vec<_> = rows(created, "jobs").map(|row| text(row, "name")).collect();
            lines.push(format!("{jobs} jobs are added: {}", names.join(", ")));
        }
    }

    fn learn_stage(&mut self, row: &Value) {
        self.stages.insert(text(row, "id").to_owned(), text(row, "name").to_owned());
    }

    fn learn_job(&mut self, row: &Value) {
        let stage = self.stages.get(text(row, "stage_id")).map_or("?", String::as_str);
        self.jobs.insert(text(row, "id").to_owned(), format!("{stage}/{}", text(row, "name")));
    }

    fn job_name(&self, id: &str) -> &str {
        self.jobs.get(id).map_or("?", String::as_str)
    }

    fn waiting(&self, row: &Value) -> String {
        let stage = self.stages.get(text(row, "stage_id")).map_or("?", String::as_str);
        match row.get("ready_at").and_then(Value::as_str) {
            Some(_) => format!("the jobs of {stage} are ready"),
            None => format!("the jobs of {stage} that wait are {}", because(text(row, "status"), row)),
        }
    }

    fn job(&self, row: &Value) -> String {
        let name = self.job_name(text(row, "id"));
        let attempt = row.get("attempt").and_then(Value::as_u64).unwrap_or(1);
        let attempt = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let status = text(row, "status");
        let what = match (status, row.get("ready_at").and_then(Value::as_str)) {
            ("running", _) if row["started_at"].is_null() => {
                let runner = text(row, "runner_id");
                format!("is given to {}", self.runners.get(runner).map_or(runner, String::as_str))
            }
            ("pending", Some(at)) => format!("is ready at {at}{}", reason(row)),
            _ => format!("is {}", because(status, row)),
        };
        format!("job {name}{attempt} {what}")
    }

    fn effect(&self, row: &Value) -> Option<String> {
        let payload = row.get("payload")?;
        Some(match text(row, "kind") {
            "forge_status" => {
                format!("the forge is told: {}, {}", text(payload, "state"), text(payload, "description"))
            }
            "cancel" => format!("the runner of {} is told to end it", self.job_name(text(payload, "job_id"))),
            "health_check" => "its health is going to be checked".to_owned(),
            "rollback" => "the version before is going to be brought back".to_owned(),
            "supersede" => format!("{} is going to be ended for it", text(payload, "execution_id")),
            "start_pipeline" => format!("the pipeline {} is going to be started", text(payload, "pipeline")),
            // That a job is given to a runner is said of the job.
            _ => return None,
        })
    }
}

fn steps(change: &Value, lines: &mut Vec<String>) {
    let told = rows(change, "steps").take(MAX_STEPS).map(|row| {
        let order = row.get("order").and_then(Value::as_u64).unwrap_or_default() + 1;
        let code = row.get("exit_code").and_then(Value::as_i64).filter(|code| *code != 0);
        let code = code.map(|code| format!(", exit code {code}")).unwrap_or_default();
        format!("step {order} is {}{code}", because(text(row, "status"), row))
    });
    lines.extend(told);
    let more = rows(change, "steps").count().saturating_sub(MAX_STEPS);
    if more > 0 {
        lines.push(format!("and {more} further steps"));
    }
}

fn rows<'v>(change: &'v Value, kind: &str) -> impl Iterator<Item = &'v Value> {
    change.get(kind).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row.get(member).and_then(Value::as_str).unwrap_or("?")
}

fn state(row: &Value) -> String {
    let details = row.get("error_details").and_then(Value::as_str);
    let details = details.map(|details| format!(": {details}")).unwrap_or_default();
    format!("is {}{details}", because(text(row, "status"), row))
}

fn because(status: &str, row: &Value) -> String {
    format!("{status}{}", reason(row))
}

/// The reason, and what is said of it.
fn reason(row: &Value) -> String {
    let said = row.get("message").and_then(Value::as_str).map(|message| format!(": {message}"));
    match row.get("reason").and_then(Value::as_str) {
        Some(reason) => format!(" ({reason}{})", said.unwrap_or_default()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_journal_reads_as_a_story() {
        let mut story = Story::new(BTreeMap::from([("r1".to_owned(), "local".to_owned())]));
        let entries = [
            json!({
                "created": {
                    "executions": [{"execution_number": 7, "trigger_event": "push", "concurrency_group": "web-main"}],
                    "stages": [{"id": "s1", "name": "build"}],
                    "jobs": [{"id": "j1", "stage_id": "s1", "name": "app"}], "steps": []},
                "executions": [{"status": "running", "reason": null}],
                "stages": [{"id": "s1", "name": "build", "status": "running", "reason": null}],
                "waiting": [{"stage_id": "s1", "status": "pending", "ready_at": "2026-01-01T00:00:00.000Z"}],
                "outbox": [{"kind": "forge_status", "payload": {"state": "pending", "description": "#7 is running"}}]}),
            json!({"jobs": [{"id": "j1", "stage_id": "s1", "name": "app", "status": "running", "attempt": 1,
                "runner_id": "r1", "started_at": null}], "outbox": [{"kind": "dispatch", "payload": {}}]}),
            json!({
                "jobs": [{"id": "j1", "stage_id": "s1", "name": "app", "status": "pending", "attempt": 2,
                    "reason": "retry_backoff", "message": "exit code 1", "ready_at": "2026-01-01T00:00:10.000Z"}],
                "steps": [{"order": 0, "status": "failed", "exit_code": 1, "reason": "exit_code"}]}),
            json!({"something": "of a later version"}),
        ];
        let told: Vec<_> = entries.iter().map(|entry| story.tell(entry).join("\n")).collect();
        expect![[r#"
            #7 is created for push: 1 stages, 1 jobs
            it is of the concurrency group web-main
            the execution is running
            stage build is running
            the jobs of build are ready
            the forge is told: pending, #7 is running
            ---
            job build/app is given to local
            ---
            job build/app, attempt 2 is ready at 2026-01-01T00:00:10.000Z (retry_backoff: exit code 1)
            step 1 is failed (exit_code), exit code 1
            ---
        "#]]
        .assert_eq(&(told.join("\n---\n") + "\n").replace("---\n\n", "---\n"));
    }
}
