//! Handing in reports.

use http::{Method, StatusCode};
use penstock_api::problem::Problem;
use penstock_api::runner::MAX_REPORT_BYTES;
use penstock_gates_component::routes::handle;
use penstock_guest::Body;
use serde_json::json;

use crate::platform::{JOB, World};

const UNIT: &str = "type=junit&test_type=unit&path=reports%2Funit.xml";
const XML: &str = "<testsuites>
  <testsuite name='sums'>
    <testcase name='adds'/><testcase name='divides'><failure message='by zero'>at sums.rs:7</failure></testcase>
  </testsuite>
  <testsuite name='strings' time='0.25'><testcase name='trims'/><testcase name='pads'><skipped/></testcase></testsuite>
</testsuites>";
const LCOV: &str = "SF:a.rs\nDA:1,1\nDA:2,0\nBRDA:1,0,0,1\nend_of_record\n";

fn rows(at: &World) -> i64 {
    at.count("SELECT count(*) FROM test_results")
}

#[test]
fn a_report_is_stored_once_and_answered_alike_the_second_time() {
    let at = World::new();
    let summary = json!({ "total": 4, "passed": 2, "failed": 1, "skipped": 1, "coverage_percentage": null });
    for status in [201, 200, 200] {
        at.leased(1);
        let answer = at.hand_in(UNIT, XML);
        assert_eq!(answer.status, status, "{}", answer.json);
        assert_eq!(answer.json, json!({ "success": true, "test_results": 2, "summary": summary }));
        assert_eq!(rows(&at), 2);
    }
    let is_there = "SELECT count(*) FROM test_results WHERE test_suite = 'sums' AND suite_order = 0
      AND failed_test_details ->> '$[0].message' = 'by zero' AND performance_metrics IS NULL
      AND report_path = 'reports/unit.xml' AND test_type = 'unit' AND attempt = 1";
    assert_eq!(at.count(is_there), 1);
}

#[test]
fn a_report_of_which_nobody_says_where_it_lay_is_known_by_what_it_says() {
    let at = World::new();
    for (body, status, stored) in [(XML, 201, 2), (XML, 200, 2), (&*XML.replace("sums", "more"), 201, 4)] {
        at.leased(1);
        assert_eq!((at.hand_in("type=junit", body.to_owned()).status, rows(&at)), (status, stored));
    }
}

#[test]
fn the_lease_is_the_schedulers_to_check() {
    let at = World::new();
    at.leased(1);
    at.hand_in(UNIT, XML);
    let path = format!("http://scheduler.spin.internal/internal/jobs/{JOB}/lease");
    assert_eq!(at.sent(), [(path, "Bearer lease".to_owned(), String::new())]);
    let expired = Problem::conflict("lease_expired", "somebody else has the work");
    for problem in [Problem::unauthorized("not this one"), Problem::not_found("job"), expired] {
        at.refuses_with(&problem);
        let answer = at.hand_in(UNIT, XML.replace("sums", "other"));
        assert_eq!(answer.refusal(), (problem.status, problem.code.as_str()));
        assert_eq!(answer.json["detail"], problem.detail, "it is handed on as it is");
    }
    at.does_not_answer();
    let answer = at.hand_in(UNIT, XML);
    assert_eq!(answer.refusal(), (503, "scheduler_unavailable"));
    assert!(answer.retry_after.is_some(), "the runner comes again");
    assert_eq!(rows(&at), 2);
}

#[test]
fn who_has_no_lease_does_not_learn_whether_the_body_is_too_large() {
    let at = World::new();
    let large = vec![b' '; MAX_REPORT_BYTES + 1];
    at.refuses_with(&Problem::unauthorized("not this one"));
    assert_eq!(at.hand_in(UNIT, large.clone()).refusal(), (401, "unauthorized"));
    at.leased(1);
    assert_eq!(at.hand_in(UNIT, large).refusal(), (413, "body_too_large"));
    at.leased(1);
    assert_eq!(at.hand_in(UNIT, XML).status, 201, "and there is room again");
}

#[test]
fn a_second_large_report_is_sent_back_until_the_first_is_read() {
    let at = World::new();
    at.leased(1);
    let report = |body| {
        let path = format!("/api/v1/jobs/{JOB}/reports?{UNIT}");
        http::Request::post(path).header("authorization", "Bearer lease").body(body).unwrap()
    };
    let never = Body::Coming(Box::pin(std::future::pending()));
    let mut first = Box::pin(handle(at.clone(), report(never)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        first.as_mut().poll(&mut context).is_pending(),
        "it does not say how large it is, and is awaited"
    );

    at.leased(1);
    let refused = at.hand_in(UNIT, XML);
    assert_eq!((refused.refusal(), refused.retry_after.as_deref()), ((503, "busy"), Some("1")));
    drop(first);
    at.leased(1);
    assert_eq!(at.hand_in(UNIT, XML).status, 201);
}

#[test]
fn coverage_is_one_result_with_what_is_not_known_as_null() {
    let at = World::new();
    at.leased(1);
    let answer = at.hand_in("type=lcov&path=coverage%2Flcov.info", LCOV);
    assert_eq!(answer.status, 201);
    let summary = json!({ "total": 0, "passed": 0, "failed": 0, "skipped": 0, "coverage_percentage": 50.0 });
    assert_eq!(answer.json["summary"], summary);
    let is_there = "SELECT count(*) FROM test_results WHERE test_suite = 'coverage/lcov.info'
      AND coverage_details -> 'lines' = '{\"covered\":1,\"total\":2}'
      AND coverage_details -> 'branches' = '{\"covered\":1,\"total\":1}'
      AND coverage_details -> 'functions' = 'null' AND coverage_percentage = 50.0 AND test_type = 'unit'";
    assert_eq!(at.count(is_there), 1);
}

#[test]
fn a_report_that_cant_be_read_is_refused_with_its_line_and_nothing_is_stored() {
    let at = World::new();
    at.leased(1);
    let answer = at.hand_in(UNIT, "<testsuite name='s'>\n<testcase name='a'>\n</testsuite>");
    assert_eq!(answer.refusal(), (400, "bad_report"));
    assert!(answer.json["errors"][0]["line"].as_u64().is_some_and(|line| line >= 2), "{}", answer.json);
    assert_eq!(answer.json["errors"][0]["message"], answer.json["detail"]);
    for (query, body) in [(UNIT, LCOV), ("type=lcov&path=a", XML), (UNIT, ""), (UNIT, "{}")] {
        at.leased(1);
        assert_eq!(at.hand_in(query, body).refusal(), (400, "bad_report"), "{body}");
    }
    assert_eq!(rows(&at), 0);
    at.leased(1);
    assert_eq!(at.hand_in(UNIT, XML).status, 201, "mended, it is taken");
}

#[test]
fn what_the_query_has_to_say_is_asked_for_by_name() {
    let at = World::new();
    let long = format!("type=junit&path={}", "a".repeat(1_025));
    for (query, said) in [
        ("path=a", "`junit` and `lcov`"),
        ("type=cobertura&path=a", "`cobertura` is not supported; `junit` and `lcov` are"),
        ("type=junit&path=a%0Ab", "`path`"),
        ("type=junit&path=a&test_type=smoke", "`test_type`"),
        (&long, "1024 bytes"),
    ] {
        at.leased(1);
        let answer = at.hand_in(query, XML);
        assert_eq!(answer.refusal(), (400, "invalid_parameter"), "{query}");
        assert!(answer.json["detail"].as_str().unwrap().contains(said), "{query}: {}", answer.json);
    }
    at.leased(1);
    assert_eq!(at.hand_in(&format!("type=junit&path={}", "a".repeat(1_024)), XML).status, 201);
}

#[test]
fn every_attempt_has_its_own_reports() {
    let at = World::new();
    for attempt in [1, 2] {
        at.leased(attempt);
        assert_eq!(at.hand_in(UNIT, XML).status, 201);
    }
    assert_eq!(rows(&at), 4);
}

#[test]
fn a_report_is_only_ever_posted() {
    let at = World::new();
    let answer = at.get(&format!("/api/v1/jobs/{JOB}/reports"), "");
    assert_eq!(answer.refusal(), (StatusCode::METHOD_NOT_ALLOWED.as_u16(), "method_not_allowed"));
    let nowhere = at.ask(Method::POST, "/api/v1/jobs/none/reports?type=junit&path=a", "lease", XML);
    assert_eq!(nowhere.refusal(), (404, "not_found"));
    assert_eq!(at.sent(), [], "the scheduler is not asked about what can't be a job");
}
