//! From a file and a run to a plan.

use expect_test::{Expect, expect};
use penstock_domain::TriggerEvent;
use penstock_pipeline::{Definition, Plan, RunContext, limits, parse, plan};

fn definition(text: &str) -> Definition {
    let parsed = parse(text);
    assert_eq!(parsed.errors().collect::<Vec<_>>(), [] as [&penstock_pipeline::Diagnostic; 0]);
    parsed.definition.expect("there is a definition where there is no error")
}

fn push_to_main() -> RunContext {
    RunContext { commit_message: "Say \"hello\"; rm -rf /".to_owned(), ..crate::told::push_to_main() }
}

fn with_parameters(parameters: &[(&str, &str)]) -> RunContext {
    let variables =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RunContext { event: TriggerEvent::Manual, variables, ..push_to_main() }
}

fn planned(text: &str, context: &RunContext) -> Plan {
    plan(&definition(text), context).expect("the file can be planned")
}

fn check(text: &str, context: &RunContext, expected: Expect) {
    let plan = planned(text, context);
    let json = serde_json::to_string_pretty(&plan).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a stored plan can be read"), plan);
    expected.assert_eq(&json);
}

fn check_refused(text: &str, context: &RunContext, expected: Expect) {
    let definition = parse(text).definition.expect("the file itself is fine");
    let refused = plan(&definition, context).expect_err("the run is refused");
    let line = |d: &penstock_pipeline::Diagnostic| {
        format!("{}:{} {} {}: {}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    expected.assert_eq(&refused.iter().map(line).collect::<String>());
}

#[test]
fn the_smallest_file_is_one_line_and_its_plan_leaves_defaults_out() {
    check(
        "stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]",
        &push_to_main(),
        expect![[r#"
        {
          "stages": [
            {
              "name": "build",
              "stage_type": "build",
              "jobs": [
                {
                  "name": "app",
                  "steps": [
                    {
                      "name": "make",
                      "run": "make"
                    }
                  ]
                }
              ]
            }
          ]
        }"#]],
    );
}

#[test]
fn everything_that_a_file_can_say_is_in_the_plan() {
    check(
        r#"
name: web
on: { push: { branches: [main] }, manual: {} }
variables: { NODE: 1.10, GREETING: "hello ${{ author }}" }
timeout: 1h30m
concurrency: { limit: 3 }
stages:
  - name: build
    type: security_scan
    timeout: 20m
    variables: { NODE: "22", LEVEL: stage }
    if: branch != "gh-pages"
    jobs:
      - name: app
        runs_on: [linux, gpu]
        if: ${{ always() }}
        variables: { LEVEL: job, SHORT: "${{ variables.LEVEL }}-${{ variables.NODE }}" }
        timeout: 10m
        retry: { max: 2, delay: 1m, backoff: 3, on: [runner_lost] }
        checkout: false
        steps:
          - npm ci
          - name: unit tests
            run: |
              # comment
              npm test -- ${{ number }} ${{ commit }}
            env: { LEVEL: step }
            working_directory: ./packages//web/
            timeout: 5m
            continue_on_error: true
          - run: ./never.sh
            if: event == "tag"
  - name: Deploy it
    depends_on: build
    jobs: [{ name: ship, runs_on: linux, retry: 1, steps: [./ship.sh] }]
"#,
        &push_to_main(),
        expect![[r##"
            {
              "timeout_ms": 5400000,
              "max_concurrent": 3,
              "variables": {
                "GREETING": "hello Ada",
                "NODE": "1.10"
              },
              "stages": [
                {
                  "name": "build",
                  "stage_type": "security_scan",
                  "condition": "branch != \"gh-pages\"",
                  "timeout_ms": 1200000,
                  "variables": {
                    "LEVEL": "stage",
                    "NODE": "22"
                  },
                  "jobs": [
                    {
                      "name": "app",
                      "runs_on": [
                        "linux",
                        "gpu"
                      ],
                      "condition": "always()",
                      "retry": {
                        "max": 2,
                        "delay_ms": 60000,
                        "backoff": 3.0,
                        "on": [
                          "runner_lost"
                        ]
                      },
                      "timeout_ms": 600000,
                      "checkout": false,
                      "variables": {
                        "GREETING": "hello Ada",
                        "LEVEL": "job",
                        "NODE": "22",
                        "SHORT": "job-22"
                      },
                      "steps": [
                        {
                          "name": "npm ci",
                          "run": "npm ci"
                        },
                        {
                          "name": "unit tests",
                          "run": "# comment\nnpm test -- 7 0123abcd0123abcd0123abcd0123abcd0123abcd\n",
                          "variables": {
                            "LEVEL": "step"
                          },
                          "working_directory": "packages/web",
                          "timeout_ms": 300000,
                          "continue_on_error": true
                        },
                        {
                          "name": "./never.sh",
                          "run": "./never.sh",
                          "skipped": true
                        }
                      ]
                    }
                  ]
                },
                {
                  "name": "Deploy it",
                  "stage_type": "deploy",
                  "depends_on": [
                    "build"
                  ],
                  "jobs": [
                    {
                      "name": "ship",
                      "runs_on": [
                        "linux"
                      ],
                      "retry": {
                        "max": 1
                      },
                      "variables": {
                        "GREETING": "hello Ada",
                        "NODE": "1.10"
                      },
                      "steps": [
                        {
                          "name": "./ship.sh",
                          "run": "./ship.sh"
                        }
                      ]
                    }
                  ]
                }
              ]
            }"##]],
    );
}

#[test]
fn a_parameter_wins_over_every_level() {
    let text = r#"
variables: { WHO: pipeline, OTHER: "for ${{ variables.WHO }}" }
stages:
  - name: a
    variables: { WHO: stage }
    jobs:
      - name: b
        variables: { WHO: job }
        steps: [{ run: make, variables: { WHO: step } }]
"#;
    let plan = planned(text, &with_parameters(&[("WHO", "me"), ("NEW", "1")]));
    let job = &plan.stages[0].jobs[0];
    let all = |names: &[(&str, &str)]| with_parameters(names).variables;
    assert_eq!(plan.variables, all(&[("WHO", "me"), ("NEW", "1"), ("OTHER", "for me")]));
    assert_eq!(job.variables, plan.variables);
    assert_eq!(job.steps[0].variables, all(&[]));

    let plan = planned(text, &push_to_main());
    let job = &plan.stages[0].jobs[0];
    assert_eq!(plan.variables_of(&plan.stages[0])["WHO"], "stage");
    assert_eq!(job.variables, all(&[("WHO", "job"), ("OTHER", "for pipeline")]));
    assert_eq!(job.steps[0].variables, all(&[("WHO", "step")]));
}

#[test]
fn a_value_may_use_what_stands_above_it_and_around_it() {
    let text = r#"
variables:
  A: a
  B: "${{ variables.A }}${{ variables.A }}"
  C: "${{ size(variables.B) }} ${{ number + 1 }} ${{ 1.5 }} ${{ tag == \"\" }} ${{ \"${{\" }}"
  D: ~
  E:
stages: [{ name: a, jobs: [{ name: b, variables: { F: "<${{ variables.C }}>" }, steps: [make] }] }]
"#;
    let job = &planned(text, &push_to_main()).stages[0].jobs[0];
    let values: Vec<&str> = job.variables.values().map(String::as_str).collect();
    assert_eq!(values, ["a", "aa", "2 8 1.5 true ${{", "", "", "<2 8 1.5 true ${{>"]);
}

#[test]
fn what_strangers_write_reaches_a_step_as_data() {
    let text = r#"
stages: [{ name: a, jobs: [{ name: b, steps: [{ run: 'echo "$TITLE"', env: { TITLE: "${{ commit_message }}" } }] }] }]
"#;
    let step = &planned(text, &push_to_main()).stages[0].jobs[0].steps[0];
    assert_eq!(step.run, "echo \"$TITLE\"");
    assert_eq!(step.variables["TITLE"], push_to_main().commit_message);
}

#[test]
fn the_credentials_of_a_repository_stay_out_of_variables() {
    let text =
        "variables: { FROM: '${{ repository }}' }\nstages: [{ name: a, jobs: [{ name: b, steps: [make] }] }]";
    for (url, shown) in [
        ("https://example.org/a@b.git", "https://example.org/a@b.git"),
        ("https://ada:t0ken@example.org:8443/web.git", "https://example.org:8443/web.git"),
        ("https://a@b@example.org", "https://example.org"),
        ("file:///srv/web.git", "file:///srv/web.git"),
        ("git@example.org:web.git", "git@example.org:web.git"),
    ] {
        let context = RunContext { repository_url: url.to_owned(), ..push_to_main() };
        assert_eq!(planned(text, &context).variables["FROM"], shown);
    }
}

#[test]
fn a_commit_that_is_no_hash_is_refused_before_it_gets_into_a_script() {
    check_refused(
        "stages: [{ name: a, jobs: [{ name: b, steps: ['echo ${{ commit }}'] }] }]",
        &RunContext { commit_sha: Some("$(reboot)".to_owned()), ..push_to_main() },
        expect![[r#"
            0:0 /commit_sha bad_value: a commit's name has hexadecimal digits only
        "#]],
    );
}

#[test]
fn parameters_are_checked_as_variables_are() {
    check_refused(
        "stages: [{ name: a, jobs: [{ name: b, steps: [make] }] }]",
        &with_parameters(&[
            ("A-B", "x"),
            ("PENSTOCK_BRANCH", "x"),
            ("LD_PRELOAD", "x"),
            ("PATH", "x"),
            ("FINE", "x"),
            ("ZERO", "a\0b"),
            ("LONG", &"x".repeat(limits::MAX_VALUE_BYTES + 1)),
        ]),
        expect![[r#"
            0:0 /parameters/A-B bad_name: `A-B` can't be a variable: letters, digits and `_` can, not beginning with a digit
            0:0 /parameters/LD_PRELOAD bad_name: `LD_PRELOAD` would change what runs, which a parameter can't
            0:0 /parameters/LONG limit_exceeded: variable `LONG` gets longer than 32 KiB
            0:0 /parameters/PATH bad_name: `PATH` would change what runs, which a parameter can't
            0:0 /parameters/PENSTOCK_BRANCH bad_name: `PENSTOCK_BRANCH`: variables that begin with `PENSTOCK` are set by the runner
            0:0 /parameters/ZERO bad_value: variable `ZERO` would hold a zero byte
        "#]],
    );
}

#[test]
fn what_has_no_answer_for_this_run_is_told_with_its_place() {
    check_refused(
        r#"
stages:
  - name: a
    jobs:
      - name: b
        variables:
          A: "x ${{ variables.GIVEN }}"
        steps:
          - run: make
            if: int(variables.A) > 1
          - run: make ${{ number / (number - number) }}
"#,
        &push_to_main(),
        expect![[r#"
            7:21 /stages/0/jobs/0/variables/A expression_fails: there is no `GIVEN`
            10:17 /stages/0/jobs/0/steps/0/if expression_fails: `int` can't take this value
            11:27 /stages/0/jobs/0/steps/1/run expression_fails: this divides by zero
        "#]],
    );
}

#[test]
fn a_plan_can_not_grow_beyond_its_limit() {
    let large: String = (0..200).map(|n| format!("V{n}: '${{{{ commit_message }}}}',")).collect();
    let jobs: String = (0..900).map(|n| format!("{{ name: j{n}, steps: [make] }},")).collect();
    check_refused(
        &format!("variables: {{ {large} }}\nstages: [{{ name: a, jobs: [{jobs}] }}]"),
        &RunContext { commit_message: "x".repeat(100_000), ..push_to_main() },
        expect![[r#"
            0:0  limit_exceeded: with variables in every job, the plan has more than 4 MiB
        "#]],
    );
    let doubling: String = (1..60)
        .map(|n| format!("V{n}: '${{{{ variables.V{0} }}}}${{{{ variables.V{0} }}}}',", n - 1))
        .collect();
    check_refused(
        &format!(
            "variables: {{ V0: xxxxxxxx, {doubling} }}\nstages: [{{ name: a, jobs: [{{ name: j, steps: [make] }}] }}]"
        ),
        &push_to_main(),
        expect![[r#"
            1:585 /variables/V13 limit_exceeded: variable `V13` gets longer than 32 KiB
        "#]],
    );
}

#[test]
fn json_is_read_as_yaml_is() {
    let json = r#"{"on": "push", "stages": [{"name": "a", "jobs": [{"name": "b", "checkout": false, "steps": ["make"]}]}]}"#;
    let yaml =
        "on: push\nstages:\n- name: a\n  jobs:\n  - name: b\n    checkout: false\n    steps:\n    - make\n";
    assert_eq!(planned(json, &push_to_main()), planned(yaml, &push_to_main()));
}

#[test]
fn anchors_and_merge_keys_save_writing() {
    let text = r#"
x-job: &job
  runs_on: linux
  timeout: 5m
stages:
  - name: a
    jobs:
      - { <<: *job, name: one, steps: &steps [make] }
      - { <<: [*job], name: two, timeout: 7m, steps: *steps }
"#;
    let jobs = &planned(text, &push_to_main()).stages[0].jobs;
    let facts: Vec<_> = jobs.iter().map(|job| (job.name.as_str(), job.timeout_ms, job.steps.len())).collect();
    assert_eq!(facts, [("one", 300_000, 1), ("two", 420_000, 1)]);
    assert!(jobs.iter().all(|job| job.runs_on == ["linux"]));
}

#[test]
fn a_step_without_a_name_shows_its_first_command() {
    let text = "stages: [{ name: a, jobs: [{ name: b, steps: [\"# why\\n\\n  make all \\nx\", 'LONG', '# only'] }] }]"
        .replace("LONG", &"é".repeat(150));
    let steps = &planned(&text, &push_to_main()).stages[0].jobs[0].steps;
    assert_eq!(steps[0].name, "make all");
    assert_eq!(steps[1].name, format!("{}…", "é".repeat(99)));
    assert_eq!(steps[2].name, "# only");
}
