//! How long a large file takes. Run by hand: `cargo test -p penstock-pipeline --test it -- speed:: --ignored --nocapture`.

use std::time::Instant;

use penstock_pipeline::parse;

/// Stages one after the other, with what most people write into them.
fn plain(stages: usize) -> String {
    let stage = |n: usize| {
        let depends_on = if n == 0 { String::new() } else { format!("    depends_on: [stage-{}]\n", n - 1) };
        format!(
            "  - name: stage-{n}\n{depends_on}    jobs:\n      - name: app\n        steps: [npm ci, npm test]\n"
        )
    };
    format!("stages:\n{}", (0..stages).map(stage).collect::<String>())
}

/// The same with conditions, a matrix, outputs, inputs and a second job.
fn rich(stages: usize) -> String {
    let mut text = "on: { manual: { inputs: { level: { type: number, default: 1 } } } }\n\
                    variables: { MODE: release }\nstages:\n"
        .to_owned();
    for n in 0..stages {
        let (depends_on, version) = match n.checked_sub(1) {
            None => (String::new(), "none".to_owned()),
            Some(before) => (
                format!("    depends_on: [stage-{before}]\n"),
                format!("${{{{ stages[\"stage-{before}\"].outputs.version }}}}"),
            ),
        };
        text.push_str(&format!(
            r#"  - name: stage-{n}
{depends_on}    if: branch == "main" && event == "push"
    variables: {{ VERSION: '{version}' }}
    jobs:
      - name: app
        outputs: [version]
        runs_on: [linux]
        matrix: {{ node: [18, 20] }}
        timeout: 30m
        steps:
          - npm ci
          - name: unit
            run: npm test -- --mode "$MODE" "$VERSION" ${{{{ number }}}} ${{{{ inputs.level }}}}
            timeout: 5m
      - name: lint
        retry: {{ max: 2, delay: 1m }}
        steps: [npm run lint]
"#
        ));
    }
    text
}

fn measure(what: &str, text: &str) {
    let parsed = parse(text);
    assert!(parsed.errors().next().is_none(), "{:?}", parsed.diagnostics);
    let mut best = u128::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        assert!(parse(text).definition.is_some());
        best = best.min(start.elapsed().as_micros());
    }
    println!("{what}, {} KiB: {best} µs", text.len() / 1024);
}

#[test]
#[ignore = "tells how long it takes, and holds nothing"]
fn a_hundred_plain_stages() {
    measure("100 plain stages", &plain(100));
}

#[test]
#[ignore = "tells how long it takes, and holds nothing"]
fn a_hundred_rich_stages() {
    measure("100 rich stages", &rich(100));
}

#[test]
#[ignore = "tells how long it takes, and holds nothing"]
fn as_many_stages_as_there_may_be() {
    measure("250 rich stages", &rich(250));
}
