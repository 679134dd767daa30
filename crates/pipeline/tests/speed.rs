//! How long a large file takes. Run by hand: `cargo test -p penstock-pipeline --test speed -- --ignored --nocapture`.

use std::time::Instant;

use penstock_pipeline::parse;

/// A hundred stages one after the other, with what people write into them.
fn large(stages: usize) -> String {
    let mut text = "on: { manual: { inputs: { level: { type: number, default: 1 } } } }\nvariables: { MODE: release }\nstages:\n".to_owned();
    for n in 0..stages {
        let before = n.saturating_sub(1);
        let depends_on = if n == 0 { String::new() } else { format!("    depends_on: [stage-{before}]\n") };
        let version = if n == 0 {
            "none".to_owned()
        } else {
            format!("${{{{ stages.stage-{before}.outputs.version }}}}")
        }
        .replace(&format!("stages.stage-{before}."), &format!("stages[\"stage-{before}\"]."));
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
          - {{ name: unit, run: 'npm test -- --mode "$MODE" "$VERSION" ${{{{ number }}}} ${{{{ inputs.level }}}}', timeout: 5m }}
      - name: lint
        retry: {{ max: 2, delay: 1m }}
        steps: [npm run lint]
"#
        ));
    }
    text
}

#[test]
#[ignore = "tells how long it takes, and holds nothing"]
fn a_hundred_stages() {
    for stages in [100, 250] {
        let text = large(stages);
        let parsed = parse(&text);
        assert_eq!(parsed.diagnostics.len(), 1, "{:?}", parsed.diagnostics);
        let mut best = u128::MAX;
        for _ in 0..20 {
            let start = Instant::now();
            assert!(parse(&text).definition.is_some());
            best = best.min(start.elapsed().as_micros());
        }
        println!("{stages} stages, {} KiB: {best} µs", text.len() / 1024);
    }
}
