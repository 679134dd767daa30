//! Reports and gates on real SQLite: taken once and whole, read page by page.

use penstock_api::quality::{Coverage, Covered, FailedTest};
use penstock_domain::{ExecutionId, GateId, GateStatus, JobId, TestResultId, TestType, Timestamp};
use penstock_store::{HandedIn, NewReport, NewTestResult, Store, TestResultFilter, TestResults};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{SMALL, World};

/// Two suites and a tracefile in one, of the job's attempt.
pub fn report(world: &World<'_>, execution: ExecutionId, job: JobId, attempt: u32) -> NewReport {
    world.pass(1);
    let mut ids = world.moment().ids();
    let mut row = |name: &str, failed: u64| NewTestResult {
        id: TestResultId::new(&mut ids),
        test_suite: name.into(),
        total_tests: 4,
        passed_tests: 3 - failed,
        failed_tests: failed,
        skipped_tests: 1,
        test_duration_seconds: Some(1.5),
        coverage_percentage: None,
        coverage_details: None,
        test_files: vec!["a.rs".into()],
        failed_test_details: vec![],
        flaky_tests: vec![],
    };
    let failure = FailedTest {
        name: "adds".into(),
        class_name: None,
        file: Some("a.rs".into()),
        line: Some(7),
        message: "1 is not 2".into(),
        details: "\"quoted\"\nand more".into(),
    };
    let first = NewTestResult { failed_test_details: vec![failure], ..row("first", 1) };
    let second = NewTestResult { flaky_tests: vec!["b".into()], ..row("second", 0) };
    let snapshot = now_or_never(world.store.snapshot(None, Some(job), false)).unwrap().unwrap();
    NewReport {
        execution,
        stage: snapshot.jobs[0].stage_id,
        job,
        attempt,
        format: "junit".into(),
        path: "reports/unit.xml".into(),
        test_type: TestType::Unit,
        results: vec![first, second],
    }
}

fn coverage(mut report: NewReport) -> NewReport {
    let details = Coverage {
        lines: Some(Covered { covered: 1, total: 3 }),
        branches: None,
        functions: None,
        files: vec![],
        files_omitted: 0,
    };
    report.format = "lcov".into();
    report.results.truncate(1);
    let row = &mut report.results[0];
    (row.total_tests, row.passed_tests, row.failed_tests, row.skipped_tests) = (0, 0, 0, 0);
    row.failed_test_details = vec![];
    row.coverage_percentage = Some(100.0 / 3.0);
    row.coverage_details = Some(details);
    report
}

struct Scene<'a> {
    world: World<'a>,
    execution: ExecutionId,
    job: JobId,
}

impl<'a> Scene<'a> {
    fn new(database: &'a Database) -> Self {
        let world = World::new(database);
        let execution = world.start(SMALL);
        let job = world.assign_all()[0];
        Self { world, execution, job }
    }

    fn report(&self, attempt: u32) -> NewReport {
        report(&self.world, self.execution, self.job, attempt)
    }

    fn store(&self) -> &Store<&'a Database> {
        &self.world.store
    }

    fn hand_in(&self, report: &NewReport) -> HandedIn {
        now_or_never(self.store().hand_in_report(report, 500, self.world.now())).unwrap()
    }

    fn page(&self, filter: TestResultFilter, after: Option<TestResultId>, limit: u32) -> TestResults {
        now_or_never(self.store().test_results(self.execution, filter, after, limit)).unwrap()
    }

    fn names(&self, filter: TestResultFilter) -> Vec<String> {
        self.page(filter, None, 100).results.into_iter().map(|row| row.test_suite).collect()
    }
}

#[test]
fn a_report_reads_as_it_was_handed_in() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    let report = at.report(1);
    assert_eq!(at.hand_in(&report), HandedIn::Stored);
    assert_eq!(at.hand_in(&coverage(at.report(1))), HandedIn::Stored);
    let rows = at.page(TestResultFilter::default(), None, 100).results;
    assert_eq!(rows.len(), 3);
    for (row, given) in rows.iter().zip(&report.results) {
        assert_eq!(
            (row.id, &row.test_suite, row.failed_tests),
            (given.id, &given.test_suite, given.failed_tests)
        );
        assert_eq!(row.failed_test_details, given.failed_test_details);
        assert_eq!((&row.test_files, &row.flaky_tests), (&given.test_files, &given.flaky_tests));
        assert_eq!((row.test_duration_seconds, row.coverage_details.as_ref()), (Some(1.5), None));
        assert_eq!((row.stage_name.as_str(), row.job_name.as_str(), row.superseded), ("build", "app", false));
    }
    assert_eq!(rows[2].coverage_details.as_ref().unwrap().lines, Some(Covered { covered: 1, total: 3 }));
    // The engine's facts are summed over these members.
    let absent = "SELECT count(*) FROM test_results WHERE format = 'lcov'
      AND coverage_details -> 'lines' -> 'total' = '3' AND coverage_details -> 'branches' = 'null'
      AND coverage_details -> 'functions' = 'null' AND coverage_details ->> '$.branches.total' IS NULL";
    assert_eq!(at.world.count(absent), 1);
    assert_eq!(at.world.count("SELECT count(*) FROM test_results WHERE coverage_details IS NULL"), 2);
}

#[test]
fn a_report_is_taken_once_whatever_it_says_the_second_time() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    assert_eq!(at.hand_in(&at.report(1)), HandedIn::Stored);
    let mut other = at.report(1);
    let mut third = other.results[1].clone();
    third.id = TestResultId(penstock_domain::id::uuid_v7(at.world.now(), [9; 10]));
    other.results.push(third);
    let HandedIn::Known { test_results, summary } = at.hand_in(&other) else { panic!("it was known") };
    assert_eq!((test_results, summary.total, summary.failed), (2, 8, 1), "what is here is what was first");
    assert_eq!(at.world.count("SELECT count(*) FROM test_results"), 2);
}

#[test]
fn an_attempt_hands_in_only_so_many_reports() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    let hand_in =
        |report: &NewReport| now_or_never(at.store().hand_in_report(report, 2, at.world.now())).unwrap();
    for (path, expected) in [("a", HandedIn::Stored), ("b", HandedIn::Stored), ("c", HandedIn::TooMany)] {
        assert_eq!(hand_in(&NewReport { path: path.into(), ..at.report(1) }), expected, "{path}");
    }
    let again = hand_in(&NewReport { path: "a".into(), ..at.report(1) });
    assert!(matches!(again, HandedIn::Known { .. }), "what is here is still known");
    assert_eq!(hand_in(&at.report(2)), HandedIn::Stored, "each attempt has its own");
}

#[test]
fn what_an_earlier_attempt_reported_counts_nowhere() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    at.hand_in(&at.report(1));
    let mut later = at.report(2);
    later.results.truncate(1);
    later.results[0].test_suite = "again".into();
    at.hand_in(&later);
    at.hand_in(&coverage(at.report(2)));
    database.raw().execute("UPDATE jobs SET attempt = 2", []).unwrap();
    assert_eq!(at.names(TestResultFilter::default()), ["again", "first"]);
    let all = at.page(TestResultFilter { superseded: true, test_type: None }, None, 100).results;
    assert_eq!(all.iter().map(|r| r.superseded).collect::<Vec<_>>(), [true, true, false, false]);
    let summary = now_or_never(at.store().test_summary(at.execution, None)).unwrap();
    assert_eq!((summary.total, summary.passed, summary.failed, summary.skipped), (4, 2, 1, 1));
    assert_eq!(summary.success_rate, Some(200.0 / 3.0));
    assert_eq!((summary.coverage_percentage, summary.flaky), (Some(100.0 / 3.0), 0));
}

#[test]
fn a_type_of_tests_is_asked_for_alone_with_its_own_sums() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    at.hand_in(&at.report(1));
    at.hand_in(&NewReport { path: "e2e.xml".into(), test_type: TestType::E2e, ..at.report(1) });
    let only = |test_type| at.names(TestResultFilter { test_type: Some(test_type), superseded: false }).len();
    assert_eq!((only(TestType::E2e), only(TestType::Unit), only(TestType::Visual)), (2, 2, 0));
    let of = |test_type| now_or_never(at.store().test_summary(at.execution, test_type)).unwrap();
    assert_eq!((of(None).total, of(None).flaky), (16, 2));
    assert_eq!((of(Some(TestType::E2e)).total, of(Some(TestType::Visual)).success_rate), (8, None));
}

#[test]
fn pages_follow_each_other_without_gaps_and_none_is_too_large() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    for path in 0..3 {
        at.hand_in(&NewReport { path: path.to_string(), ..at.report(1) });
    }
    let walk = |limit| {
        let (mut seen, mut pages, mut after) = (vec![], 0, None);
        loop {
            let page = at.page(TestResultFilter::default(), after, limit);
            seen.extend(page.results.iter().map(|row| row.id));
            pages += 1;
            after = page.next;
            if after.is_none() {
                return (seen, pages);
            }
        }
    };
    let (all, _) = walk(100);
    assert!(all.len() == 6 && all.is_sorted());
    for (limit, pages) in [(1, 6), (2, 3), (4, 2), (6, 1)] {
        assert_eq!(walk(limit), (all.clone(), pages), "{limit}");
    }
    let large = format!("[\"{}\"]", "x".repeat(3 << 20));
    database.raw().execute("UPDATE test_results SET test_files = ?1", [large]).unwrap();
    assert_eq!(walk(100), (all, 3), "two large ones a page");
}

#[test]
fn what_was_carried_over_counts_where_it_was_carried_to() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    at.hand_in(&at.report(1));
    let retry = at.world.start(SMALL);
    let carried = "UPDATE jobs SET carried_from = ?1 WHERE execution_id = ?2";
    database.raw().execute(carried, [at.job.to_string(), retry.to_string()]).unwrap();
    let page = now_or_never(at.store().test_results(retry, TestResultFilter::default(), None, 10)).unwrap();
    assert_eq!(page.results.iter().map(|row| row.execution_id).collect::<Vec<_>>(), [at.execution; 2]);
    assert_eq!(now_or_never(at.store().test_summary(retry, None)).unwrap().total, 8);
}

#[test]
fn gates_read_in_the_order_of_their_stages() {
    let database = Database::in_memory();
    let at = Scene::new(&database);
    let gates = |execution| now_or_never(at.store().gates_of_execution(execution)).unwrap();
    assert_eq!(gates(at.execution), Some(vec![]), "it has none");
    let nobody = ExecutionId(penstock_domain::id::uuid_v7(at.world.now(), [3; 10]));
    assert_eq!(gates(nobody), None);
    let config = r#"{"metric": "line_coverage", "overridable": true}"#;
    let insert = "INSERT INTO quality_gate_evaluations (id, execution_id, stage_id, gate_name, gate_type,
        threshold_config, actual_value, threshold_value, comparison_operator, status, evaluated_at,
        evaluation_details, blocker, created_at)
      SELECT ?1, execution_id, id, ?2, 'test_coverage', ?3, 79.99, 80, '>=', ?4, ?5, ?6, 1, ?5 FROM pipeline_stages";
    let ids: Vec<_> =
        (0..2).map(|n| GateId(penstock_domain::id::uuid_v7(Timestamp::from_millis(9), [n; 10]))).collect();
    let now = at.world.now().to_string();
    for (id, name, status, reasons) in
        [(ids[1], "b", "pending", None), (ids[0], "a", "failed", Some(r#"["79.99 %"]"#))]
    {
        let row = (id.to_string(), name, config, status, &now, reasons);
        database.raw().execute(insert, row).unwrap();
    }
    let found = gates(at.execution).unwrap();
    assert_eq!(found.iter().map(|gate| gate.id).collect::<Vec<_>>(), ids);
    let first = &found[0];
    assert_eq!((first.status, first.blocker, first.overridable), (GateStatus::Failed, true, true));
    assert_eq!(
        (first.metric.as_str(), first.actual_value, first.threshold_value),
        ("line_coverage", Some(79.99), 80.0)
    );
    assert_eq!((first.reasons.as_slice(), found[1].reasons.len()), (&["79.99 %".to_owned()][..], 0));
    assert_eq!(now_or_never(at.store().gate(ids[0])).unwrap().as_ref(), Some(first));
    assert_eq!(now_or_never(at.store().gate(GateId(nobody.0))).unwrap(), None);
}
