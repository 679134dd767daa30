//! What is read while an execution runs: jobs that a step adds, and actions of the repository.

use crate::told::{late, lines, push_to_main, texts};
use expect_test::expect;
use penstock_pipeline::{RunContext, Scalar, parse_action, parse_jobs, plan_jobs};

#[test]
fn a_running_step_may_add_jobs_to_its_stage() {
    let context = RunContext {
        inputs: [("n".to_owned(), Scalar::Number(2.0)), ("t".to_owned(), Scalar::Text(String::new()))].into(),
        ..push_to_main()
    };
    let variables = texts(&[("OUTER", "1"), ("VERSION", "old")]);
    let outer = late(&[("VERSION", "${{ stages.build.outputs.version }}")]);
    let parsed = parse_jobs(
        r#"
jobs:
  - { name: one, steps: ['test ${{ inputs.n }} $A'], if: 'stages.any.status == "succeeded"', variables: { A: "${{ variables.OUTER }}${{ variables.VERSION }}" } }
  - { name: two, matrix: { shard: [1, 2] }, priority: 3, steps: ['test ${{ matrix.shard }}'] }
"#,
        &context,
        &variables,
        &outer,
    );
    assert_eq!(lines(&parsed.diagnostics), "");
    let jobs = plan_jobs(&parsed.jobs.expect("there is no error"), &context, &variables, &outer, 9)
        .expect("they can be planned");
    let facts: Vec<_> =
        jobs.iter().map(|job| (job.name.as_str(), job.priority, job.steps[0].run.as_str())).collect();
    assert_eq!(
        facts,
        [("one", 9, "test 2 $A"), ("two (shard=1)", 3, "test 1"), ("two (shard=2)", 3, "test 2")]
    );
    assert_eq!(jobs[0].late[1..], late(&[("A", "1${{ variables.VERSION }}")]));

    for (text, expected) in [
        (
            "",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "jobs: []",
            expect![[r#"
            1:7 /jobs missing_field: there is no job to add (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "stages: []",
            expect![[r#"
            1:1 /stages unknown_field: an upload of jobs has no `stages` (jobs are added to the stage of the step that adds them; write `jobs` alone)
            1:1  missing_field: an upload of jobs needs `jobs` (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make] }, { name: a, steps: ['x ${{ inputs.t }} ${{ inputs.none }}'] }]",
            expect![[r#"
                1:44 /jobs/1/name duplicate_name: a job `a` is here already, on line 1 (call one of them something else)
                1:69 /jobs/1/steps/0 untrusted_in_run: the input `t` may hold any text, and in a script text becomes commands (every input is in the environment: write `"$t"`)
                1:85 /jobs/1/steps/0 unknown_input: there is no input `none` (declare it in `on.manual.inputs`; known are n, t)
            "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make], if: 'stages.x.outputs.y == variables.NONE', image: x }]",
            expect![[r#"
                1:71 /jobs/0/if warning unset_variable: nothing in the file sets the variable `NONE` here (without a parameter of that name, the run fails; `has(variables.NONE)` asks first)
                1:78 /jobs/0/image not_supported_yet: `image` is not supported yet in a job (choose a runner that has the tools by `runs_on` until then)
            "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make], matrix: { a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] } }]",
            expect![[r#"
                1:7 /jobs limit_exceeded: an upload can add at most 250 jobs, and these are 256 (do several things in one job)
            "#]],
        ),
    ] {
        expected.assert_eq(&lines(&parse_jobs(text, &context, &variables, &outer).diagnostics));
    }
}

#[test]
fn a_local_action_says_what_it_does_and_what_it_is_given() {
    let action = parse_action(
        "name: notify\ndescription: Tells it\ninputs: { channel: { required: true }, dry-run: { default: 'no' }, x: }\n\
         script: |\n  #!/usr/bin/env python3\n  print(1)\nvariables: { A: b }\n",
    )
    .expect("it is right");
    assert_eq!(
        (action.shell.as_str(), action.run.as_str()),
        ("script", "#!/usr/bin/env python3\nprint(1)\n")
    );
    assert_eq!(
        action.environment(&texts(&[("channel", "#ops")])),
        Ok(texts(&[("A", "b"), ("INPUT_CHANNEL", "#ops"), ("INPUT_DRY_RUN", "no"), ("INPUT_X", "")]))
    );
    let problems = action.environment(&texts(&[("chanel", "")])).expect_err("it is wrong");
    let problems: Vec<String> = problems.iter().map(|p| format!("{} {}", p.name, p.message)).collect();
    assert_eq!(
        problems,
        ["chanel is no input of the action; did you mean `channel`?", "channel has to be given by `with`"]
    );
    let plain = parse_action("run: make").expect("it is right");
    assert_eq!((plain.shell.as_str(), plain.run.as_str()), ("sh", "make"));
    for (text, expected) in [
        (
            "",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `run: …`, which is what the action does)
        "#]],
        ),
        (
            "name: x",
            expect![[r#"
            1:1  missing_field: an action needs `run` (begin with `run: …`, which is what the action does)
        "#]],
        ),
        (
            "run: x\nscript: y",
            expect![[r#"
            2:1 /script conflicting_fields: an action has `run` or `script`, not both (make two of it)
        "#]],
        ),
        (
            "run: 'echo ${{ inputs.x }}'\nvariables: { A: '${{ branch }}' }\nshell: zsh",
            expect![[r#"
            1:6 /run interpolation_not_allowed: nothing is filled in within an action (what it is given is in its environment: the input `tag` is `"$INPUT_TAG"`)
            2:12 /variables interpolation_not_allowed: nothing is filled in within an action (what it is given is in its environment: the input `tag` is `"$INPUT_TAG"`)
            3:8 /shell unknown_value: `shell` can't be `zsh` (did you mean `sh`?)
        "#]],
        ),
        (
            "runs: { using: composite }\nrun: x\noutputs: {}\ninputs: { a-b: , a_b: , '1': , c: { type: x } }",
            expect![[r#"
                1:1 /runs unknown_field: an action has no `runs` (write `run` or `script` alone)
                3:1 /outputs not_supported_yet: `outputs` is not supported yet in an action (let the step that uses it hand them on)
                4:18 /inputs/a_b duplicate_name: `a-b` and `a_b` would both be the variable `INPUT_A_B` (call one of them something else)
                4:25 /inputs/1 bad_name: `1` can't be an input of an action (use letters, digits, `_` and `-`, not beginning with a digit)
                4:37 /inputs/c/type not_supported_yet: `type` is not supported yet in an action's input (every input of an action is a text)
            "#]],
        ),
    ] {
        expected.assert_eq(&lines(&parse_action(text).expect_err("it is wrong")));
    }
}
