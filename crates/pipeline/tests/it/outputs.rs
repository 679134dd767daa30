//! What a stage hands on, and who may ask for it.

use std::collections::BTreeMap;

use crate::told::{check, late, planned, planned_for, push_to_main, texts};
use expect_test::expect;
use penstock_domain::WorkStatus;
use penstock_pipeline::{
    Facts, Outputs, RunContext, fill_late, fill_parameters, fill_text, fill_version, may_start,
};

const HANDED_ON: &str = r#"
variables: { ABOVE: "1" }
stages:
  - name: build
    jobs: [{ name: app, outputs: [version, image-tag], steps: [make] }]
  - name: ship
    depends_on: build
    if: stages.build.outputs.version != ""
    variables: { VERSION: "${{ stages.build.outputs.version }}", KNOWN: known }
    deploy: { environment: staging, version: "v${{ variables.VERSION }}" }
    jobs:
      - name: ship
        if: stages.build.outputs["image-tag"].startsWith("a")
        variables:
          BOTH: "${{ variables.VERSION }}-${{ number }}-${{ variables.KNOWN }}"
          ABOVE: "2"
          PLAIN: "${{ variables.ABOVE }}"
        steps:
          - { run: 'echo $BOTH $ABOVE $PLAIN $OWN', if: variables.VERSION != "", variables: { OWN: "${{ stages.build.outputs['image-tag'] }}" } }
"#;

#[test]
fn what_asks_for_outputs_is_filled_in_when_they_are_known() {
    let plan = planned(HANDED_ON);
    let stage = &plan.stages[1];
    assert_eq!(stage.late, late(&[("VERSION", "${{ stages.build.outputs.version }}")]));
    assert_eq!(stage.variables, texts(&[("KNOWN", "known")]));
    let deploy = stage.deploy.as_ref().expect("it deploys");
    assert_eq!(
        (deploy.version.as_deref(), deploy.late_version.as_deref()),
        (None, Some("v${{ variables.VERSION }}"))
    );
    let job = &stage.jobs[0];
    assert_eq!(
        job.late,
        late(&[
            ("VERSION", "${{ stages.build.outputs.version }}"),
            // What is known already is filled in.
            ("BOTH", "${{ variables.VERSION }}-7-known"),
        ])
    );
    assert_eq!(job.variables, texts(&[("ABOVE", "2"), ("KNOWN", "known"), ("PLAIN", "2")]));
    let step = &job.steps[0];
    assert_eq!(step.late, late(&[("OWN", "${{ stages.build.outputs['image-tag'] }}")]));
    assert_eq!((step.condition.as_deref(), step.skipped), (Some("variables.VERSION != \"\""), false));

    let run = push_to_main();
    let outputs = Outputs::from([("build".to_owned(), texts(&[("version", "1.2"), ("other", "x")]))]);
    let stages = BTreeMap::from([("build".to_owned(), WorkStatus::Succeeded)]);
    let (matrix, none) = (BTreeMap::new(), BTreeMap::new());
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &matrix,
        variables: &none,
    };
    let mut variables = job.variables.clone();
    fill_late(&job.late, &mut variables, &facts).expect("it can be filled in");
    assert_eq!((variables["VERSION"].as_str(), variables["BOTH"].as_str()), ("1.2", "1.2-7-known"));
    let with = Facts { variables: &variables, ..facts };
    assert_eq!(fill_text("v${{ variables.VERSION }}", &with).as_deref(), Ok("v1.2"));
    assert_eq!(penstock_pipeline::evaluate(stage.condition.as_deref().expect("it has"), &with), Ok(true));
    // An output that is not there is the empty text.
    assert_eq!(penstock_pipeline::evaluate(job.condition.as_deref().expect("it has"), &with), Ok(false));
    assert_eq!(fill_text("<${{ stages.none.outputs.x }}>", &with).as_deref(), Ok("<>"));
    assert_eq!(
        fill_text("${{ has(stages.build.outputs.y) }} ${{ has(stages.build.outputs.version) }}", &with)
            .as_deref(),
        Ok("false true")
    );
    // A parameter goes before it.
    let run = RunContext { variables: texts(&[("VERSION", "9")]), ..push_to_main() };
    let mut variables = run.variables.clone();
    fill_late(&job.late, &mut variables, &Facts { run: &run, ..facts }).expect("it can be filled in");
    assert_eq!(variables["BOTH"], "9-7-known");
}

#[test]
fn a_version_and_the_parameters_of_what_follows_are_filled_in_last() {
    let run = push_to_main();
    let outputs = Outputs::from([("a".to_owned(), texts(&[("v", " 1.2 "), ("lines", "a\nb")]))]);
    let (stages, none) = (BTreeMap::from([("a".to_owned(), WorkStatus::Failed)]), BTreeMap::new());
    let variables = texts(&[("V", "1")]);
    let facts = Facts {
        success: false,
        failure: true,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &none,
        variables: &variables,
    };
    let version = |text: &str| fill_version(text, &facts).map_err(|error| error.to_string());
    assert_eq!(version("${{ stages.a.outputs.v }}"), Ok(Some("1.2".to_owned())));
    assert_eq!(version("${{ stages.a.outputs.none }}"), Ok(None));
    expect!["`version` would hold a line end or another control character"]
        .assert_eq(&version("${{ stages.a.outputs.lines }}").expect_err("it is refused"));
    let plan = planned(
        "stages: [{ name: a, jobs: [{ name: b, outputs: [v], steps: [make] }] }]\n\
         then: [{ pipeline: next, if: failure(), parameters: { V: '${{ stages.a.status }} ${{ stages.a.outputs.v }}', W: w } }]",
    );
    assert_eq!(may_start(plan.then[0].condition.as_deref(), &facts), Ok(true));
    // Parameters of this run are not those of the next.
    let run = RunContext { variables: texts(&[("V", "mine")]), ..push_to_main() };
    let filled = fill_parameters(&plan.then[0], &Facts { run: &run, ..facts });
    assert_eq!(filled, Ok(texts(&[("V", "failed  1.2 "), ("W", "w")])));
}

#[test]
fn what_is_filled_in_later_sees_what_stood_above_it() {
    let plan = planned(
        r#"
variables:
  X: outer
  MIXED: "${{ stages.build.outputs.v + variables.X }}"
  L: "${{ stages.build.outputs.v }}"
stages:
  - { name: build, jobs: [{ name: app, outputs: [v], steps: ['make $MIXED $L'] }] }
  - name: ship
    depends_on: build
    jobs: [{ name: ship, variables: { X: inner, L: 'fixed ${{ "$" }}{{', AFTER: "${{ variables.L }}" }, steps: ['x $AFTER'] }]
"#,
    );
    let job = &plan.stages[1].jobs[0];
    let mut variables = job.variables.clone();
    let outputs = Outputs::from([("build".to_owned(), texts(&[("v", "1")]))]);
    let (run, stages, none) = (push_to_main(), BTreeMap::new(), BTreeMap::new());
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &none,
        variables: &none,
    };
    fill_late(&job.late, &mut variables, &facts).expect("it can be filled in");
    assert_eq!(
        variables,
        texts(&[("AFTER", "fixed ${{"), ("L", "fixed ${{"), ("MIXED", "1outer"), ("X", "inner")])
    );
    // A parameter makes known what would have been filled in later.
    let plan =
        planned_for(HANDED_ON, &RunContext { variables: texts(&[("VERSION", "9")]), ..push_to_main() });
    let stage = &plan.stages[1];
    assert_eq!(stage.late, []);
    assert_eq!(stage.deploy.as_ref().expect("it deploys").version.as_deref(), Some("v9"));
    assert_eq!(stage.jobs[0].variables["BOTH"], "9-7-known");
}

#[test]
fn an_output_that_is_not_there_by_then_is_refused() {
    let with = |expression: &str, depends_on: &str| {
        format!(
            "stages: [{{ name: build, jobs: [{{ name: a, outputs: [version], steps: [make] }}] }}, \
             {{ name: other, jobs: [{{ name: a, outputs: [x], steps: [make] }}] }}, \
             {{ name: ship, depends_on: [{depends_on}], jobs: [{{ name: a, variables: {{ V: '{expression}' }}, steps: ['x $V'] }}] }}]"
        )
    };
    for (expression, depends_on, expected) in [
        (
            "${{ stages.buidl.outputs.version }}",
            "build",
            expect![[r#"
                1:231 /stages/2/jobs/0/variables/V unknown_stage: there is no stage `buidl` (did you mean `build`?)
            "#]],
        ),
        (
            "${{ stages.build.outputs.versoin }}",
            "build",
            expect![[r#"
                1:245 /stages/2/jobs/0/variables/V unknown_output: stage `build` has no output `versoin` (did you mean `version`?)
            "#]],
        ),
        (
            "${{ stages.build.outputs.image }}",
            "build",
            expect![[r#"
                1:245 /stages/2/jobs/0/variables/V unknown_output: stage `build` has no output `image` (a job of `build` has to declare it: `outputs: [image]`)
            "#]],
        ),
        (
            "${{ stages.build.outputs.version }}",
            "",
            expect![[r#"
            1:226 /stages/2/jobs/0/variables/V not_awaited: this asks for an output of `build`, and does not wait for it (add `build` to the stage's `depends_on`)
        "#]],
        ),
        (
            "${{ stages.ship.outputs.version }}",
            "build",
            expect![[r#"
                1:244 /stages/2/jobs/0/variables/V unknown_output: stage `ship` has no output `version` (a job of `ship` has to declare it: `outputs: [version]`)
            "#]],
        ),
        (
            "${{ size(stages.build.outputs) }}",
            "build",
            expect![[r#"
            1:242 /stages/2/jobs/0/variables/V unknown_name: the outputs of a stage can be asked for by name only (write `stages.name.outputs.version`)
        "#]],
        ),
        (
            "${{ stages.build.output.version }}",
            "build",
            expect![[r#"
            1:237 /stages/2/jobs/0/variables/V unknown_name: a stage has no `output` in expressions (ask for its `status`, or for one of its `outputs`)
        "#]],
        ),
        (
            "${{ stages.exists(s, stages[s].outputs.version == \"\") }}",
            "build",
            expect![[r#"
            1:251 /stages/2/jobs/0/variables/V unknown_name: the outputs of a stage can be asked for by name only (write `stages.name.outputs.version`)
        "#]],
        ),
    ] {
        check(&with(expression, depends_on), expected);
    }
    check(
        r#"
variables: { V: "${{ stages.build.outputs.version }}" }
concurrency: { group: "g-${{ variables.V }}" }
stages:
  - name: build
    jobs:
      - { name: a, outputs: [version, version, '1x'], steps: ['echo ${{ stages.build.outputs.version }}'] }
      - { name: b, outputs: [version], steps: [{ uses: ./act, with: { v: "${{ variables.V }}", w: "${{ stages.build.outputs.version }}" } }] }
      - { name: c, outputs: [each], matrix: { a: [1, 2] }, steps: ['make ${{ steps.x.status }}'] }
"#,
        expect![[r#"
            3:40 /concurrency/group unknown_name: the variable `V` asks for an output, and this is filled in before (every variable is in the environment of a step; use it there)
            7:39 /stages/0/jobs/0/outputs/1 warning redundant: the output `version` is here twice (once is enough)
            7:48 /stages/0/jobs/0/outputs/2 bad_name: `1x` can't be an output (use letters, digits, `_` and `-`, not beginning with a digit)
            7:73 /stages/0/jobs/0/steps/0 untrusted_in_run: `stages` may hold text that others wrote, and in a script text becomes commands (give it to the step as `variables: { VERSION: "${{ stages.build.outputs.version }}" }` and write `"$VERSION"`)
            8:30 /stages/0/jobs/1/outputs/0 duplicate_name: an output `version` is handed on by the job of line 7, too (call one of them something else; later stages could not tell them apart)
            8:89 /stages/0/jobs/1/steps/0/with/v unknown_name: the variable `V` asks for an output, and this is filled in before (every variable is in the environment of a step; use it there)
            8:104 /stages/0/jobs/1/steps/0/with/w unknown_name: `stages` can't be used in this text, which is filled in before anything runs (set a variable from it, and let a step use that)
            9:78 /stages/0/jobs/2/steps/0 unknown_name: `steps` can't be used in `run` (ask for it in the `if` of a later step of the job)
        "#]],
    );
}
