//! Reports, gates and deployments that could not be what is meant, and all that is said about them.

use expect_test::{Expect, expect};
use penstock_pipeline::{limits, parse};

/// What is said, one on each line.
fn said(text: &str) -> String {
    let line = |d: &penstock_pipeline::Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {} {}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    let parsed = parse(text);
    assert!(parsed.definition.is_none(), "{text} is refused");
    parsed.diagnostics.iter().map(line).collect()
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&said(text));
}

/// A whole stage with a gate of these members is refused with these words.
fn refuses_gate(members: &str, expected: Expect) {
    check(&format!("stages: [{{ name: a, gates: {{ g: {{ {members} }} }} }}]"), expected);
}

fn refuses_deploy(members: &str, expected: Expect) {
    check(
        &format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [make] }}], deploy: {{ {members} }} }}]"),
        expected,
    );
}

fn refuses_reports(members: &str, expected: Expect) {
    check(
        &format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [make], reports: {{ {members} }} }}] }}]"),
        expected,
    );
}

#[test]
fn a_gate_that_could_not_be_decided_as_meant_is_refused() {
    for (members, expected) in [
        (
            "threshold: 80",
            expect![[r#"
            1:33 /stages/0/gates/g missing_field: a gate needs `type` (write `type: test_coverage`; known are test_coverage, code_quality, custom)
        "#]],
        ),
        (
            "type: tests, metric: lines, operator: at least, threshold: much",
            expect![[r#"
                1:41 /stages/0/gates/g/type unknown_value: a gate's `type` can't be `tests` (known are test_coverage, code_quality, custom)
                1:56 /stages/0/gates/g/metric unknown_value: `metric` can't be `lines` (known are line_coverage, branch_coverage, function_coverage, test_success_rate, failed_tests)
                1:73 /stages/0/gates/g/operator unknown_value: `operator` can't be `at least` (known are >, >=, <, <=, =, !=)
                1:94 /stages/0/gates/g/threshold wrong_type: `threshold` has to be a number from 0 to 1000000000, and this is `much`
            "#]],
        ),
        (
            "type: security_scan",
            expect![[r#"
            1:41 /stages/0/gates/g/type not_supported_yet: a gate's `type` `security_scan` is not supported yet (let a step of a job fail on what it finds until then)
        "#]],
        ),
        (
            "type: custom",
            expect![[r#"
            1:33 /stages/0/gates/g missing_field: a gate of type `custom` needs `metric` (a gate of this type asks for one of line_coverage, branch_coverage, function_coverage, test_success_rate, failed_tests)
        "#]],
        ),
        (
            "type: custom, metric: complexity",
            expect![[r#"
            1:57 /stages/0/gates/g/metric unknown_value: `metric` can't be `complexity` (known are line_coverage, branch_coverage, function_coverage, test_success_rate, failed_tests)
        "#]],
        ),
        (
            "type: test_coverage, metric: failed_tests",
            expect![[r#"
            1:64 /stages/0/gates/g/metric bad_value: a gate of type `test_coverage` can't ask for `failed_tests` (a gate of this type asks for one of line_coverage, branch_coverage, function_coverage; `custom` may ask for any)
        "#]],
        ),
        (
            "type: code_quality, metric: line_coverage",
            expect![[r#"
            1:63 /stages/0/gates/g/metric bad_value: a gate of type `code_quality` can't ask for `line_coverage` (a gate of this type asks for one of test_success_rate, failed_tests; `custom` may ask for any)
        "#]],
        ),
        (
            "type: test_coverage, threshold: 101",
            expect![[r#"
            1:67 /stages/0/gates/g/threshold out_of_range: `threshold` has to be from 0 to 100
        "#]],
        ),
        (
            "type: test_coverage, threshold: 80%",
            expect![[r#"
                1:67 /stages/0/gates/g/threshold wrong_type: `threshold` has to be a number from 0 to 100, and this is `80%` (leave the `%` out)
            "#]],
        ),
        (
            "type: test_coverage, threshold: .nan",
            expect![[r#"
                1:67 /stages/0/gates/g/threshold wrong_type: `threshold` has to be a number from 0 to 100, and this is `.nan`
            "#]],
        ),
        (
            "type: test_coverage, threshold: NaN",
            expect![[r#"
                1:67 /stages/0/gates/g/threshold wrong_type: `threshold` has to be a number from 0 to 100, and this is `NaN`
            "#]],
        ),
        (
            "type: code_quality, metric: failed_tests, threshold: -1",
            expect![[r#"
            1:88 /stages/0/gates/g/threshold out_of_range: `threshold` has to be from 0 to 1000000000
        "#]],
        ),
        (
            "type: code_quality, metric: failed_tests, threshold: inf",
            expect![[r#"
                1:88 /stages/0/gates/g/threshold wrong_type: `threshold` has to be a number from 0 to 1000000000, and this is `inf`
            "#]],
        ),
        (
            "type: test_coverage, operator: '=='",
            expect![[r#"
            1:66 /stages/0/gates/g/operator unknown_value: `operator` can't be `==` (write `operator: "="`)
        "#]],
        ),
        (
            "type: test_coverage, operator: 'about'",
            expect![[r#"
            1:66 /stages/0/gates/g/operator unknown_value: `operator` can't be `about` (known are >, >=, <, <=, =, !=)
        "#]],
        ),
        (
            "type: test_coverage, blocker: sometimes, overridable: 1",
            expect![[r#"
            1:65 /stages/0/gates/g/blocker wrong_type: `blocker` has to be true or false (write `true` or `false`, without quotes)
            1:89 /stages/0/gates/g/overridable wrong_type: `overridable` has to be true or false (write `true` or `false`, without quotes)
        "#]],
        ),
        (
            "type: test_coverage, minimum: 80, tresholt: 3",
            expect![[r#"
            1:56 /stages/0/gates/g/minimum unknown_field: a gate has no `minimum` (write `operator: ">="` and `threshold`)
            1:69 /stages/0/gates/g/tresholt unknown_field: a gate has no `tresholt` (did you mean `threshold`? Known are type, metric, operator, threshold, blocker, overridable)
        "#]],
        ),
    ] {
        refuses_gate(members, expected);
    }
    check(
        "stages: [{ name: a, gates: {} }]",
        expect![[r#"
        1:28 /stages/0/gates missing_field: `gates` holds no gate (write `gates: { coverage: { type: test_coverage, threshold: 80 } }`)
    "#]],
    );
    check(
        "stages: [{ name: a, gates: [coverage] }]",
        expect![[r#"
        1:28 /stages/0/gates wrong_type: `gates` has to be a mapping, and this is a list (write `gates: { coverage: { type: test_coverage, threshold: 80 } }`)
    "#]],
    );
    check(
        "stages: [{ name: a, gates: { '-x': { type: test_coverage }, b: 80 } }]",
        expect![[r#"
            1:30 /stages/0/gates/-x bad_name: a gate's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            1:64 /stages/0/gates/b wrong_type: a gate has to be a mapping, and this is `80` (known are type, metric, operator, threshold, blocker, overridable)
        "#]],
    );
    let many: String = (0..=limits::MAX_GATES).map(|n| format!("g{n}: {{ type: test_coverage }},")).collect();
    check(
        &format!("stages: [{{ name: a, gates: {{ {many} }} }}]"),
        expect![[r#"
        1:28 /stages/0/gates limit_exceeded: a stage can have at most 32 gates, and these are 33 (put some into a stage of their own)
    "#]],
    );
}

#[test]
fn a_deployment_that_could_not_be_made_as_meant_is_refused() {
    for (members, expected) in [
        (
            "strategy: rolling",
            expect![[r#"
            1:65 /stages/0/deploy missing_field: `deploy` needs `environment` (write `environment: staging`)
        "#]],
        ),
        (
            "environment: 'a b', strategy: blue_green",
            expect![[r#"
            1:80 /stages/0/deploy/environment bad_name: `a b` can't be an environment (use up to 100 letters, digits and `_ . -`)
            1:97 /stages/0/deploy/strategy not_supported_yet: `strategy` `blue_green` is not supported yet (use `rolling` or `recreate` until then)
        "#]],
        ),
        (
            "environment: '${{ branch }}', strategy: canary",
            expect![[r#"
                1:80 /stages/0/deploy/environment interpolation_not_allowed: `environment` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
                1:107 /stages/0/deploy/strategy not_supported_yet: `strategy` `canary` is not supported yet (use `rolling` or `recreate` until then)
            "#]],
        ),
        (
            "environment: e, strategy: roling, version: '${{ nope }}', replicas: 3",
            expect![[r#"
                1:93 /stages/0/deploy/strategy unknown_value: `strategy` can't be `roling` (did you mean `rolling`?)
                1:115 /stages/0/deploy/version unknown_name: `nope` means nothing here (a text needs quotes: `"nope"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
                1:125 /stages/0/deploy/replicas not_supported_yet: `replicas` is not supported yet in `deploy` (do it in the stage's jobs until then)
            "#]],
        ),
        (
            "environment: e, version: \"a\\nb\", health_check: https://example.org",
            expect![[r#"
                1:92 /stages/0/deploy/version bad_value: `version` has to be one line of text
                1:114 /stages/0/deploy/health_check wrong_type: `health_check` has to be a mapping, and this is `https://example.org` (write `health_check: { url: … }`)
            "#]],
        ),
        (
            "environment: e, health_check: { path: /healthz }",
            expect![[r#"
            1:97 /stages/0/deploy/health_check missing_field: `health_check` needs `url` (write `url: https://example.org/healthz`)
            1:99 /stages/0/deploy/health_check/path unknown_field: `health_check` has no `path` (write the whole `url`)
        "#]],
        ),
        (
            "environment: e, health_check: { url: ftp://example.org }",
            expect![[r#"
            1:104 /stages/0/deploy/health_check/url bad_value: `url` has to begin with `https://` or `http://` (write it like `https://example.org/healthz`)
        "#]],
        ),
        (
            "environment: e, health_check: { url: 'https://u:p@example.org/' }",
            expect![[r#"
            1:104 /stages/0/deploy/health_check/url bad_value: `url` can't hold credentials, since whoever may read this would read them (write it like `https://example.org/healthz`)
        "#]],
        ),
        (
            "environment: e, health_check: { url: 'https://:80/' }",
            expect![[r#"
                1:104 /stages/0/deploy/health_check/url bad_value: `url` has no host, or a port that there is not (write it like `https://example.org/healthz`)
            "#]],
        ),
        (
            "environment: e, health_check: { url: 'https://example.org:0/' }",
            expect![[r#"
                1:104 /stages/0/deploy/health_check/url bad_value: `url` has no host, or a port that there is not (write it like `https://example.org/healthz`)
            "#]],
        ),
        (
            "environment: e, health_check: { url: 'https://example.org/a b' }",
            expect![[r#"
            1:104 /stages/0/deploy/health_check/url bad_value: `url` can't hold blanks or letters beyond ASCII; write them percent-encoded (write it like `https://example.org/healthz`)
        "#]],
        ),
        (
            "environment: e, health_check: { url: 'http://x', expect_status: 99, timeout: 100ms, interval: 2m, attempts: 101, successes: 11 }",
            expect![[r#"
                1:131 /stages/0/deploy/health_check/expect_status out_of_range: `expect_status` has to be from 100 to 599, and this is 99
                1:144 /stages/0/deploy/health_check/timeout out_of_range: `timeout` has to be from 1s to 1m, and this is 100ms
                1:161 /stages/0/deploy/health_check/interval out_of_range: `interval` has to be from 100ms to 1m, and this is 2m
                1:175 /stages/0/deploy/health_check/attempts out_of_range: `attempts` has to be from 1 to 100, and this is 101
                1:191 /stages/0/deploy/health_check/successes out_of_range: `successes` has to be from 1 to 10, and this is 11
            "#]],
        ),
        (
            "environment: e, health_check: { url: 'http://x', attempts: 2, successes: 3 }",
            expect![[r#"
            1:140 /stages/0/deploy/health_check/successes out_of_range: 2 attempts can't have 3 successes (raise `attempts`, or ask for fewer)
        "#]],
        ),
    ] {
        refuses_deploy(members, expected);
    }
    check(
        "stages: [{ name: a, deploy: staging, jobs: [{ name: b, steps: [make] }] }]",
        expect![[r#"
            1:29 /stages/0/deploy wrong_type: `deploy` has to be a mapping, and this is `staging` (write `deploy: { environment: staging }`)
        "#]],
    );
    check(
        "stages: [{ name: a, deploy: { environment: e } }]",
        expect![[r#"
        1:10 /stages/0 missing_field: a stage needs `jobs` (write `jobs:`, whose steps deploy; `deploy` says only what and where)
    "#]],
    );
    check(
        "stages: [{ name: a, deploy: { environment: e }, jobs: [] }]",
        expect![[r#"
        1:55 /stages/0/jobs missing_field: a stage needs at least one job (write `jobs:`, whose steps deploy; `deploy` says only what and where)
    "#]],
    );
    check(
        "stages: [{ name: a, type: test, deploy: { environment: e }, gates: { g: { type: test_coverage } } }]",
        expect![[r#"
            1:10 /stages/0 missing_field: a stage needs `jobs` (write `jobs:`, whose steps deploy; `deploy` says only what and where)
            1:27 /stages/0/type conflicting_fields: a stage with `deploy` is of type `deploy`, not `test` (leave `type` out)
            1:33 /stages/0/deploy conflicting_fields: a stage has `gates` or `deploy`, not both (put the gates into a stage of their own, and let this one depend on it)
        "#]],
    );
    let name = "e".repeat(limits::MAX_NAME_CHARS + 1);
    assert!(
        said(&format!("stages: [{{ name: a, deploy: {{ environment: {name} }} }}]")).contains("bad_name")
    );
    let long = "x".repeat(limits::MAX_URL_BYTES);
    let health =
        format!("environment: e, health_check: {{ url: 'http://{long}' }}, version: '{}'", "v".repeat(101));
    refuses_deploy(
        &health,
        expect![[r#"
        1:104 /stages/0/deploy/health_check/url limit_exceeded: `url` can have at most 2 KiB (write it like `https://example.org/healthz`)
        1:2174 /stages/0/deploy/version limit_exceeded: `version` can have at most 100 bytes (use something short, such as a tag or a number)
    "#]],
    );
}

#[test]
fn a_report_that_could_not_be_found_or_read_is_refused() {
    for (members, expected) in [
        (
            "",
            expect![[r#"
            1:63 /stages/0/jobs/0/reports missing_field: `reports` names no file (write `reports: { junit: "reports/*.xml", lcov: coverage/lcov.info }`)
        "#]],
        ),
        (
            "test_type: unit",
            expect![[r#"
            1:63 /stages/0/jobs/0/reports missing_field: `reports` names no file (write `reports: { junit: "reports/*.xml", lcov: coverage/lcov.info }`)
        "#]],
        ),
        (
            "x-own: reports/*.xml",
            expect![[r#"
            1:63 /stages/0/jobs/0/reports missing_field: `reports` names no file (write `reports: { junit: "reports/*.xml", lcov: coverage/lcov.info }`)
        "#]],
        ),
        (
            "junit: ~, lcov: []",
            expect![[r#"
            1:81 /stages/0/jobs/0/reports/lcov missing_field: `lcov` names no file (write a path such as `reports/*.xml`, or leave it out)
        "#]],
        ),
        (
            "junit: a.xml, test_type: smoke",
            expect![[r#"
            1:90 /stages/0/jobs/0/reports/test_type unknown_value: `test_type` can't be `smoke` (known are unit, integration, e2e, performance, security, accessibility, visual)
        "#]],
        ),
        (
            "cobertura: coverage.xml",
            expect![[r#"
            1:65 /stages/0/jobs/0/reports/cobertura not_supported_yet: `cobertura` is not supported yet in `reports` (let the tests write `lcov` until then)
        "#]],
        ),
        (
            "junitt: a.xml",
            expect![[r#"
            1:65 /stages/0/jobs/0/reports/junitt unknown_field: `reports` has no `junitt` (did you mean `junit`? Known are junit, lcov, test_type)
        "#]],
        ),
        (
            "junit: [/tmp/a.xml, ../a.xml, '{a,..}/b.xml', '!a.xml', 'c:/a.xml', ~]",
            expect![[r#"
                1:73 /stages/0/jobs/0/reports/junit/0 bad_path: `junit` has to be a path below the workspace (write it like `reports/*.xml`)
                1:85 /stages/0/jobs/0/reports/junit/1 bad_path: `junit` can't leave the workspace by `..` (write it like `reports/*.xml`)
                1:95 /stages/0/jobs/0/reports/junit/2 bad_path: `junit` can't leave the workspace by `..` (write it like `reports/*.xml`)
                1:111 /stages/0/jobs/0/reports/junit/3 bad_path: `junit` can only name files, and `!` would take some out (write it like `reports/*.xml`)
                1:121 /stages/0/jobs/0/reports/junit/4 bad_path: `junit` has to be a path below the workspace (write it like `reports/*.xml`)
                1:133 /stages/0/jobs/0/reports/junit/5 wrong_type: `junit` has to be text, and this is nothing
            "#]],
        ),
        (
            "junit: ['a**.xml', 'a[', reports/, '', 'r-${{ number }}.xml', { path: a }]",
            expect![[r#"
                1:73 /stages/0/jobs/0/reports/junit/0 bad_pattern: `**` has to be a whole segment, such as `release/**` or `**/*.md` (write it like `reports/*.xml`)
                1:84 /stages/0/jobs/0/reports/junit/1 bad_pattern: `[` is never closed; write `\[` if the character is meant (write it like `reports/*.xml`)
                1:90 /stages/0/jobs/0/reports/junit/2 bad_pattern: a pattern that begins or ends with `/` matches nothing; write `reports/**` (write it like `reports/*.xml`)
                1:100 /stages/0/jobs/0/reports/junit/3 bad_pattern: a pattern can't be empty (write it like `reports/*.xml`)
                1:104 /stages/0/jobs/0/reports/junit/4 interpolation_not_allowed: `junit` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
                1:127 /stages/0/jobs/0/reports/junit/5 wrong_type: `junit` has to be text, and this is a mapping
            "#]],
        ),
    ] {
        refuses_reports(members, expected);
    }
    let long = "x".repeat(limits::MAX_REPORT_PATH_BYTES + 1);
    refuses_reports(
        &format!("lcov: {long}"),
        expect![[r#"
        1:71 /stages/0/jobs/0/reports/lcov limit_exceeded: `lcov` can have at most 512 bytes (shorten it with `*` or `**`)
    "#]],
    );
    let list = |n: usize| (0..n).map(|n| format!("r{n},")).collect::<String>();
    refuses_reports(
        &format!("junit: [{}]", list(limits::MAX_REPORTS + 1)),
        expect![[r#"
        1:72 /stages/0/jobs/0/reports/junit limit_exceeded: `junit` can hold at most 16, and these are 17 (split the pipeline, or do several things in one)
    "#]],
    );
    refuses_reports(
        &format!("junit: [{}], lcov: a", list(limits::MAX_REPORTS)),
        expect![[r#"
        1:63 /stages/0/jobs/0/reports limit_exceeded: a job can have at most 16 patterns in `reports` (let one pattern match several files, as `*` does)
    "#]],
    );
    check(
        "stages: [{ name: a, jobs: [{ name: b, steps: [make], reports: a.xml }] }]",
        expect![[r#"
            1:63 /stages/0/jobs/0/reports wrong_type: `reports` has to be a mapping, and this is `a.xml` (known are junit, lcov, test_type)
        "#]],
    );
}

#[test]
fn what_stands_at_the_wrong_level_is_sent_to_its_own() {
    check(
        r#"
gates: {}
deploy: {}
reports: {}
stages:
  - name: a
    reports: {}
    environment: staging
    jobs: [{ name: b, gates: {}, deploy: {}, steps: [{ run: make, reports: {} }] }]
"#,
        expect![[r#"
            2:1 /gates unknown_field: a pipeline has no `gates` (gates belong to a stage: `stages: [{ name: quality, gates: { … } }]`)
            3:1 /deploy unknown_field: a pipeline has no `deploy` (it belongs to a stage: `stages: [{ name: staging, deploy: { … }, jobs: […] }]`)
            4:1 /reports unknown_field: a pipeline has no `reports` (they belong to the job whose steps write them)
            7:5 /stages/0/reports unknown_field: a stage has no `reports` (they belong to the job whose steps write them)
            8:5 /stages/0/environment unknown_field: a stage has no `environment` (write `deploy: { environment: … }`)
            9:23 /stages/0/jobs/0/gates unknown_field: a job has no `gates` (they belong to a stage)
            9:34 /stages/0/jobs/0/deploy unknown_field: a job has no `deploy` (it belongs to the job's stage)
            9:67 /stages/0/jobs/0/steps/0/reports unknown_field: a step has no `reports` (it belongs to the job)
        "#]],
    );
}
