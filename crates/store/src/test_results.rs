//! What reports say. Rows are only ever added: nothing is decided by them until a stage's jobs have ended.

use penstock_api::quality::{Coverage, FailedTest, ReportSummary, TestResult, TestSummary};
use penstock_domain::{ExecutionId, JobId, StageId, TestResultId, TestType, Timestamp};
use serde::Serialize;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id, optional, text};

/// The most bytes of details in one page: the result that goes beyond is the last one.
const MAX_PAGE_BYTES: u32 = 4 * 1024 * 1024;

/// A report that is handed in, and the attempt that it is of.
#[derive(Debug, Clone)]
pub struct NewReport {
    pub execution: ExecutionId,
    pub stage: StageId,
    pub job: JobId,
    pub attempt: u32,
    /// `junit` or `lcov`.
    pub format: String,
    pub path: String,
    pub test_type: TestType,
    /// In the report's order; not empty.
    pub results: Vec<NewTestResult>,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewTestResult {
    pub id: TestResultId,
    pub test_suite: String,
    pub total_tests: u64,
    pub passed_tests: u64,
    pub failed_tests: u64,
    pub skipped_tests: u64,
    pub test_duration_seconds: Option<f64>,
    pub coverage_percentage: Option<f64>,
    pub coverage_details: Option<Coverage>,
    pub test_files: Vec<String>,
    pub failed_test_details: Vec<FailedTest>,
    pub flaky_tests: Vec<String>,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum HandedIn {
    Stored,
    /// It was here before, as so many results that say this: it stays.
    Known {
        test_results: u64,
        summary: ReportSummary,
    },
    /// The attempt has as many as it may have.
    TooMany,
}

/// What a list of results may be narrowed to, and whether it has those of earlier attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestResultFilter {
    pub test_type: Option<TestType>,
    pub superseded: bool,
}

/// A page of results; `next` is where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResults {
    pub results: Vec<TestResult>,
    pub next: Option<TestResultId>,
}

/// One statement for all rows, so that there is never half a report.
const INSERT: &str = "INSERT INTO test_results (
    id, execution_id, stage_id, job_id, attempt, format, report_path, suite_order, test_suite, test_type,
    total_tests, passed_tests, failed_tests, skipped_tests, test_duration_seconds, coverage_percentage,
    coverage_details, test_files, failed_test_details, flaky_tests, created_at)
  SELECT c.value ->> '$.id', ?1, ?2, ?3, ?4, ?5, ?6, c.key, c.value ->> '$.test_suite', ?7,
    c.value ->> '$.total_tests', c.value ->> '$.passed_tests', c.value ->> '$.failed_tests',
    c.value ->> '$.skipped_tests', c.value ->> '$.test_duration_seconds', c.value ->> '$.coverage_percentage',
    c.value ->> '$.coverage_details', c.value -> '$.test_files', c.value -> '$.failed_test_details',
    c.value -> '$.flaky_tests', ?9
  FROM json_each(?8) AS c
  WHERE NOT EXISTS (SELECT 1 FROM test_results
      WHERE job_id = ?3 AND attempt = ?4 AND format = ?5 AND report_path = ?6)
    AND (SELECT count(*) FROM test_results WHERE job_id = ?3 AND attempt = ?4 AND suite_order = 0) < ?10
  ON CONFLICT DO NOTHING RETURNING 1";

/// The results that count in an execution: its own, and those of the jobs that were carried over into it.
const OF_EXECUTION: &str = "jobs AS j JOIN test_results AS t ON t.job_id = COALESCE(j.carried_from, j.id)
  JOIN jobs AS r ON r.id = t.job_id
  WHERE j.execution_id = ?1 AND (?2 IS NULL OR t.test_type = ?2)";

const RESULT: &str = "json_object('id', t.id, 'execution_id', t.execution_id, 'stage_id', t.stage_id,
    'stage_name', s.stage_name, 'job_id', t.job_id, 'job_name', r.job_name, 'attempt', t.attempt,
    'superseded', json(iif(t.attempt < r.attempt, 'true', 'false')), 'format', t.format,
    'report_path', t.report_path, 'test_suite', t.test_suite, 'test_type', t.test_type,
    'total_tests', t.total_tests, 'passed_tests', t.passed_tests, 'failed_tests', t.failed_tests,
    'skipped_tests', t.skipped_tests, 'test_duration_seconds', t.test_duration_seconds,
    'coverage_percentage', t.coverage_percentage, 'coverage_details', json(t.coverage_details),
    'test_files', json(t.test_files), 'failed_test_details', json(t.failed_test_details),
    'flaky_tests', json(t.flaky_tests), 'created_at', t.created_at)";

impl<C: Connection> Store<C> {
    /// Takes a report once: the same attempt, format and path again changes nothing, whatever it says.
    ///
    /// # Errors
    /// As every write.
    pub async fn hand_in_report(
        &self,
        report: &NewReport,
        max_reports: u32,
        now: Timestamp,
    ) -> Result<HandedIn, StoreError> {
        let parameters = vec![
            id(report.execution),
            id(report.stage),
            id(report.job),
            report.attempt.into(),
            Value::Text(report.format.clone()),
            Value::Text(report.path.clone()),
            report.test_type.as_str().into(),
            Value::Text(serde_json::to_string(&report.results)?),
            text(now),
            max_reports.into(),
        ];
        if !self.connection.query(INSERT, parameters).await?.is_empty() {
            return Ok(HandedIn::Stored);
        }
        self.known_report(report).await
    }

    async fn known_report(&self, report: &NewReport) -> Result<HandedIn, StoreError> {
        let sql = "SELECT count(*), json_object('total', COALESCE(sum(total_tests), 0),
            'passed', COALESCE(sum(passed_tests), 0), 'failed', COALESCE(sum(failed_tests), 0),
            'skipped', COALESCE(sum(skipped_tests), 0), 'coverage_percentage', max(coverage_percentage))
          FROM test_results WHERE job_id = ?1 AND attempt = ?2 AND format = ?3 AND report_path = ?4";
        let parameters = vec![
            id(report.job),
            report.attempt.into(),
            Value::Text(report.format.clone()),
            Value::Text(report.path.clone()),
        ];
        let rows = self.connection.query(sql, parameters).await?;
        let Some(row) = rows.first() else { return Ok(HandedIn::TooMany) };
        match row.unsigned(0)? {
            0 => Ok(HandedIn::TooMany),
            test_results => Ok(HandedIn::Known { test_results, summary: row.json(1)? }),
        }
    }

    /// What the reports of an execution say, the oldest first, from behind `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn test_results(
        &self,
        execution: ExecutionId,
        filter: TestResultFilter,
        after: Option<TestResultId>,
        limit: u32,
    ) -> Result<TestResults, StoreError> {
        // One more than asked for, to know whether there is more; of their details only the sizes, until it is known
        // which ones fit the page.
        let sql = format!(
            "SELECT {RESULT}, p.found FROM (
               SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS found,
                 sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before
               FROM (SELECT t.id, octet_length(t.failed_test_details) + octet_length(t.test_files)
                   + octet_length(t.flaky_tests) + COALESCE(octet_length(t.coverage_details), 0) AS bytes
                 FROM {OF_EXECUTION} AND (?3 OR t.attempt >= r.attempt) AND (?4 IS NULL OR t.id > ?4)
                 ORDER BY t.id LIMIT ?5 + 1)
             ) AS p JOIN test_results AS t ON t.id = p.id JOIN jobs AS r ON r.id = t.job_id
             JOIN pipeline_stages AS s ON s.id = t.stage_id
             WHERE p.place <= ?5 AND p.bytes_before < {MAX_PAGE_BYTES} ORDER BY t.id"
        );
        let parameters = vec![
            id(execution),
            optional(filter.test_type.map(TestType::as_str)),
            u32::from(filter.superseded).into(),
            after.map_or(Value::Null, id),
            limit.into(),
        ];
        let rows = self.connection.query(&sql, parameters).await?;
        let results: Vec<TestResult> = rows.iter().map(|row| row.json(0)).collect::<Result<_, _>>()?;
        let found: usize = rows.first().map_or(Ok(0), |row| row.unsigned(1))?;
        let next = results.last().filter(|_| found > results.len()).map(|last| last.id);
        Ok(TestResults { results, next })
    }

    /// What the reports of an execution add up to, without those of earlier attempts.
    ///
    /// # Errors
    /// As every read.
    pub async fn test_summary(
        &self,
        execution: ExecutionId,
        test_type: Option<TestType>,
    ) -> Result<TestSummary, StoreError> {
        let sql = format!(
            "SELECT COALESCE(sum(t.total_tests), 0), COALESCE(sum(t.passed_tests), 0),
               COALESCE(sum(t.failed_tests), 0), COALESCE(sum(t.skipped_tests), 0),
               COALESCE(sum(json_array_length(t.flaky_tests)), 0),
               COALESCE(sum(t.coverage_details ->> '$.lines.covered'), 0),
               COALESCE(sum(t.coverage_details ->> '$.lines.total'), 0)
             FROM {OF_EXECUTION} AND t.attempt >= r.attempt"
        );
        let parameters = vec![id(execution), optional(test_type.map(TestType::as_str))];
        let rows = self.connection.query(&sql, parameters).await?;
        rows.first().map_or_else(|| Ok(TestSummary::default()), summary)
    }
}

fn summary(row: &Row) -> Result<TestSummary, StoreError> {
    let (total, passed, failed, skipped): (u64, u64, u64, u64) =
        (row.unsigned(0)?, row.unsigned(1)?, row.unsigned(2)?, row.unsigned(3)?);
    Ok(TestSummary {
        total,
        passed,
        failed,
        skipped,
        success_rate: percent(passed, total.saturating_sub(skipped)),
        coverage_percentage: percent(row.unsigned(5)?, row.unsigned(6)?),
        flaky: row.unsigned(4)?,
    })
}

/// None where there is nothing to be a part of.
fn percent(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 * 100.0 / of as f64)
}
