//! CI files that were written for other systems, and files that nobody would write.

use std::path::{Path, PathBuf};

use crate::told::push_to_main;
use penstock_domain::Timestamp;
use penstock_pipeline::{
    Facts, Parsed, Plan, RunContext, Severity, StepFacts, fill_late, fill_parameters, fill_version,
    may_start, may_step_run, next_run, parse, parse_action, parse_jobs, plan, plan_jobs,
};

/// Everything that holds for any text at all.
fn holds(text: &str, name: &str) -> Parsed {
    let parsed = parse(text);
    let lines = text.lines().count().max(1) as u32 + 1;
    assert_eq!(parsed.definition.is_some(), parsed.errors().next().is_none(), "{name}");
    let places: Vec<(u32, u32)> = parsed.diagnostics.iter().map(|d| (d.line, d.column)).collect();
    assert!(places.is_sorted(), "{name}: {places:?}");
    for diagnostic in &parsed.diagnostics {
        assert!((1..=lines).contains(&diagnostic.line) && diagnostic.column >= 1, "{name}: {diagnostic:?}");
        assert!(
            !diagnostic.message.is_empty() && !diagnostic.message.contains(char::is_control),
            "{name}: {diagnostic:?}"
        );
        assert!(
            diagnostic.pointer.is_empty() || diagnostic.pointer.starts_with('/'),
            "{name}: {diagnostic:?}"
        );
        let _ = diagnostic.render(&penstock_pipeline::Source { text, origin: name });
    }
    parsed
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn files_of_other_systems_get_diagnostics_with_their_places() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/ci");
    if !folder.is_dir() {
        eprintln!("skipped: there are no CI files in ../shared/corpora/ci");
        return;
    }
    let mut files = vec![];
    yaml_files(&folder, &mut files);
    assert!(files.len() > 500, "only {} files", files.len());
    for file in files {
        let bytes = std::fs::read(&file).expect("the file can be read");
        let name = file.display().to_string();
        let parsed = holds(&String::from_utf8_lossy(&bytes), &name);
        assert!(parsed.definition.is_none(), "{name} would run as it is");
    }
}

/// Small, even and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

const VALID: [&str; 6] = [
    r#"
name: web
on:
  push: { branches: [main, "release/**", "!release/0"], paths: ["src/**"] }
  tag: ["v*"]
  manual: {}
variables: { NODE: "20", NAME: "x-${{ branch }}" }
concurrency: { limit: 2 }
stages:
  - name: build
    jobs:
      - name: app
        runs_on: [linux]
        retry: { max: 2, delay: 1m, backoff: 2.0, on: [runner_lost] }
        steps:
          - npm ci
          - name: unit
            run: |
              npm test -- --sha ${{ commit }}
              echo ${{ number + 1 }} "$NODE" "$NAME"
            if: branch == "main" && has(variables.NODE)
            timeout: 5m
  - name: deploy
    depends_on: [build]
    if: always() && stages.build.status == "succeeded" && ["main"].exists(b, b == branch)
    jobs: [{ name: ship, steps: [{ run: ./deploy.sh, working_directory: ops }] }]
"#,
    r#"{"on": ["push"], "stages": [{"name": "a", "if": "size(branch) > 3 ? true : false", "jobs": [{"name": "b",
"variables": {"A": "\u0041${{ string(number) }}"}, "steps": ["make $A", {"run": "x", "if": "tag.startsWith(\"v\")"}]}]}]}"#,
    r#"
stages:
  - name: test
    jobs:
      - name: unit
        reports: { junit: ["a/**/*.xml", "b-{1,2}.xml"], lcov: lcov.info, test_type: e2e }
        steps: [make]
  - name: quality
    depends_on: test
    gates:
      coverage: { type: test_coverage, metric: branch_coverage, operator: ">", threshold: 79.5, blocker: false }
      tests: { type: custom, metric: failed_tests, overridable: false }
  - name: ship
    depends_on: [quality]
    deploy:
      environment: staging-1
      strategy: recreate
      version: "v${{ number }}-${{ tag }}"
      health_check: { url: "http://[::1]:80/h?x=1", expect_status: 204, timeout: 3s, interval: 250ms, attempts: 3, successes: 3 }
    jobs: [{ name: ship, steps: [./ship.sh] }]
"#,
    r##"
name: everything
on:
  pull_request: { types: [opened, synchronize] }
  schedule:
    - { cron: "*/15 3-5,7 1,15 jan-mar mon", timezone: Europe/Berlin, branch: main, inputs: { level: 2 } }
  webhook: { events: [deploy, "release-*"] }
  manual:
    inputs:
      level: { type: number, default: 1, description: How far }
      where: { type: choice, options: [a, b], default: a }
      dry: { type: boolean }
      note:
priority: -3
concurrency: { group: "web-${{ branch }}", limit: 2, cancel_in_progress: true }
variables: { LATE: "${{ stages.build.outputs.version + branch }}" }
stages:
  - name: build
    continue_on_error: true
    jobs:
      - name: "app ${{ matrix.node }}"
        matrix:
          node: [18, 20]
          os: [linux, mac]
          include: [{ node: 22, os: linux }, { os: mac, extra: x }]
          exclude: [{ node: 18, os: mac }]
          max_parallel: 2
          fail_fast: true
        runs_on: ["${{ matrix.os }}", "n-${{ matrix.node }}"]
        if: matrix.extra != "x" || changed("src/**", "!src/docs/**")
        outputs: [version]
        priority: 5
        steps:
          - { id: one, run: 'make ${{ matrix.node }} ${{ inputs.level }} ${{ inputs.where }} $note', shell: bash }
          - { script: "#!/bin/sh\necho $MATRIX_OS", type: script, if: failure() && steps.one.exit_code == 2 }
          - { uses: ./act, with: { tag: "v${{ number }}" }, if: always() || steps.one.outputs.x == "1" }
  - name: ship
    depends_on: build
    if: stages.build.outputs.version.startsWith("v") && !inputs.dry
    variables: { V: "${{ variables.LATE }}-${{ inputs.note }}" }
    deploy: { environment: e, version: "${{ stages.build.outputs.version }}" }
    jobs: [{ name: ship, steps: [{ run: 'ship $V $W', variables: { W: "${{ variables.V }}" }, if: 'variables.V != ""' }] }]
  - { name: down, type: cleanup, if: number > 1, jobs: [{ name: down, enabled: true, steps: [make] }] }
then:
  - { pipeline: next, if: 'stages.ship.status == "succeeded"', branch: "r/${{ number }}", parameters: { V: "${{ variables.LATE }}" } }
"##,
    "jobs:\n- {name: a, matrix: {s: [1, 2]}, steps: ['t ${{ matrix.s }}'], if: 'stages.x.outputs.y == \"\"'}\n",
    "x-defaults: &d\n  timeout: 1h\nstages:\n  - <<: *d\n    name: ä\n    jobs:\n    - {name: 'b', steps: [\"a\"]}\n",
];

/// Bytes that mean something to YAML, to expressions or to UTF-8.
const TELLING: &[u8] = b" \n\t:-[]{}&*!|>'\"%@`#,?.()$=<+\\/0a\x00\x7f\xc3\xa4\xff~";

fn mutate(dice: &mut Dice, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match dice.below(5) {
            0 if !bytes.is_empty() => bytes[at] = TELLING[dice.below(TELLING.len())],
            1 => bytes.insert(at, TELLING[dice.below(TELLING.len())]),
            2 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            3 => bytes.truncate(at),
            _ => {
                let end = (at + dice.below(40)).min(bytes.len());
                let piece = bytes[at.min(end)..end].to_vec();
                let to = dice.below(bytes.len().max(1)).min(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_mutation_of_a_valid_file_makes_it_panic() {
    let context = context();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut planned = 0;
    for text in VALID.iter().filter(|text| !text.starts_with("jobs:")) {
        assert_eq!(parse(text).diagnostics, [], "{text}");
    }
    for round in 0..6_000 {
        let text = mutate(&mut dice, VALID[round % VALID.len()]);
        if let Some(definition) = holds(&text, &format!("round {round}")).definition {
            for schedule in &definition.triggers.schedule {
                let next = next_run(schedule, Timestamp::from_millis(1_700_000_000_000));
                assert!(next.is_some(), "round {round}: {schedule:?} is never due");
            }
            let plan = plan(&definition, &context);
            planned += usize::from(plan.is_ok());
            plan.iter().for_each(fill_in);
        }
        let jobs = parse_jobs(&text, &context, &context.variables, &[]);
        assert_eq!(jobs.jobs.is_some(), jobs.diagnostics.iter().all(|d| d.severity == Severity::Warning));
        let _ = jobs.jobs.map(|jobs| plan_jobs(&jobs, &context, &context.variables, &[], 0));
        let _ = parse_action(&text);
    }
    assert!(planned > 100, "the mutations are too wild to reach the planner: {planned}");
}

/// All that waits for outputs, with outputs that nobody expects.
fn fill_in(plan: &Plan) {
    let context = context();
    let strange = [("version".to_owned(), "${{ '\"$(x)\0".to_owned())].into();
    let (outputs, none) = ([("build".to_owned(), strange)].into(), Default::default());
    let stages = [("build".to_owned(), penstock_domain::WorkStatus::Succeeded)].into();
    let (run, outputs, stages, matrix) = (&context, &outputs, &stages, &none);
    let (success, failure, cancelled) = (true, false, false);
    let facts =
        Facts { success, failure, cancelled, stages, outputs, run, matrix, variables: &context.variables };
    for stage in &plan.stages {
        let _ = may_start(stage.condition.as_deref(), &facts);
        for job in &stage.jobs {
            let mut variables = job.variables.clone();
            let _ = fill_late(&job.late, &mut variables, &facts);
            let facts = Facts { variables: &variables, matrix: &job.matrix, ..facts };
            for step in &job.steps {
                let facts = StepFacts { facts, steps: &Default::default() };
                let _ = may_step_run(step.condition.as_deref(), &facts);
            }
        }
        let version = stage.deploy.iter().filter_map(|deploy| deploy.late_version.as_ref());
        version.for_each(|version| drop(fill_version(version, &facts)));
    }
    plan.then.iter().for_each(|next| drop(fill_parameters(next, &facts)));
}

#[test]
fn no_row_of_words_makes_an_expression_panic() {
    const WORDS: &[&str] = &[
        "branch",
        "variables",
        "stages",
        ".",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "\"a\"",
        "'",
        "\"",
        "1",
        "1u",
        "0x",
        "9223372036854775807",
        "-",
        "!",
        "+",
        "*",
        "/",
        "%",
        "&&",
        "||",
        "==",
        "<",
        "in",
        "?",
        ":",
        ",",
        "has",
        "exists",
        "all",
        "map",
        "size",
        "string",
        "int",
        "always",
        "success",
        "true",
        "null",
        "r'",
        "b'\\377'",
        "'\\u00'",
        "'\\U00110000'",
        "'\\x'",
        "`a`",
        "1e999",
        "1.",
        ".5",
        "-9223372036854775808",
        "//",
        "ä",
        "\n",
        "\u{0}",
        "x",
        "startsWith",
        "double",
        "'''",
        "a.?b",
        "[?",
        "0xFFFFFFFFFFFFFFFFFF",
        "T{",
        "@in",
        "_",
        "matrix",
        "inputs",
        "steps",
        "outputs",
        "changed",
        "\"**\"",
        "event_name",
    ];
    let context = context();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let facts_stages = [("a".to_owned(), penstock_domain::WorkStatus::Failed)].into();
    let facts = penstock_pipeline::Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &facts_stages,
        outputs: &penstock_pipeline::Outputs::new(),
        matrix: &Default::default(),
        run: &context,
        variables: &context.variables,
    };
    let mut answered = 0;
    for _ in 0..20_000 {
        let blank = [" ", ""][dice.below(2)];
        let expression: Vec<&str> = (0..1 + dice.below(9)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
        let answer = penstock_pipeline::evaluate(&expression.join(blank), &facts);
        answered += usize::from(!matches!(answer, Err(penstock_pipeline::ExpressionError::Syntax { .. })));
    }
    assert!(answered > 500, "the words make no sense together: {answered}");
}

fn context() -> RunContext {
    RunContext { variables: [("GIVEN".to_owned(), "yes".to_owned())].into(), ..push_to_main() }
}
