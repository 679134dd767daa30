//! Nothing is unbounded, and each limit says what to do instead.

use penstock_pipeline::{code, limits, parse};

fn first_error(text: &str) -> (&'static str, String) {
    let parsed = parse(text);
    assert!(parsed.definition.is_none());
    let error = parsed.errors().next().expect("there is an error where there is no definition");
    (error.code, error.message.clone())
}

fn refuses(text: &str, message: &str) {
    let (code, said) = first_error(text);
    assert_eq!(code, code::LIMIT, "{said}");
    assert!(said.contains(message), "{said}");
}

fn stages(stages: &str) -> String {
    format!("stages:\n{stages}")
}

const JOBS: &str = "jobs: [{ name: j, steps: [make] }]";

#[test]
fn a_file_can_not_be_larger_than_its_limit() {
    refuses(&format!("# {}", "x".repeat(limits::MAX_SOURCE_BYTES)), "the file has 256 KiB");
}

#[test]
fn aliases_can_not_multiply_without_end() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    refuses(&bomb, "with every alias written out");
    let fat = format!("a: &a {}\nb: [{}]\n", "x".repeat(60_000), vec!["*a"; 100].join(", "));
    refuses(&fat, "with every alias written out");
    let mut chain = "a0: &a0 [x]\n".to_owned();
    (1..50).for_each(|n| chain.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1)));
    refuses(&chain, "nested deeper than");
}

#[test]
fn nesting_can_not_exhaust_the_stack() {
    for open in ["[", "{a: ", "- ", "? "] {
        let (code, message) = first_error(&open.repeat(10_000));
        assert!(code == code::YAML || code == code::LIMIT, "{message}");
    }
}

#[test]
fn stages_jobs_steps_and_variables_are_counted() {
    let many: String = (0..251).map(|n| format!("  - {{ name: s{n}, {JOBS} }}\n")).collect();
    refuses(&stages(&many), "`stages` can hold at most 250, and these are 251");

    let jobs: String = (0..300).map(|n| format!("{{ name: j{n}, steps: [make] }},")).collect();
    let four: String = (0..4).map(|n| format!("  - {{ name: s{n}, jobs: [{jobs}] }}\n")).collect();
    refuses(&stages(&four), "at most 1000 jobs");

    let steps = "make,".repeat(101);
    refuses(
        &stages(&format!("  - {{ name: s, jobs: [{{ name: j, steps: [{steps}] }}] }}")),
        "`steps` can hold at most 100",
    );

    let variables: String = (0..257).map(|n| format!("A{n}: x,")).collect();
    refuses(&format!("variables: {{{variables}}}\nstages: [{{ name: s, {JOBS} }}]"), "at most 256 variables");
}

#[test]
fn expressions_are_short_shallow_and_few() {
    let with = |condition: &str| format!("stages: [{{ name: s, if: '{condition}', {JOBS} }}]");
    for (condition, message) in [
        (format!("branch == \"{}\"", "x".repeat(1_000)), "at most 1000 characters"),
        (format!("{}true{}", "(".repeat(33), ")".repeat(33)), "nested too deeply"),
        (format!("{}true", "!".repeat(40)), "nested too deeply"),
        (format!("number {} == 1", "+ 1 ".repeat(40)), "nested too deeply"),
        (format!("number in [{}1]", "1,".repeat(120)), "at most 200 words and signs"),
    ] {
        let (_, said) = first_error(&with(&condition));
        assert!(said.contains(message), "{condition}: {said}");
    }
    let many = "${{ number }}".repeat(65);
    refuses(
        &format!("variables: {{ A: '{many}' }}\nstages: [{{ name: s, {JOBS} }}]"),
        "at most 64 expressions",
    );
    let steps = format!("'{}',", "${{ number }}".repeat(64)).repeat(40);
    refuses(
        &stages(&format!("  - {{ name: s, jobs: [{{ name: j, steps: [{steps}] }}] }}")),
        "at most 2000 expressions",
    );
}

#[test]
fn a_matrix_can_not_multiply_without_end() {
    let job = |members: &str| {
        let steps = if members.contains("steps:") { "" } else { "steps: [make], " };
        format!("stages: [{{ name: s, jobs: [{{ name: j, {steps}{members} }}] }}]")
    };
    let values = |count: usize| (0..count).map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ");
    let axes = |count: usize, values: &str| {
        (0..count).map(|n| format!("a{n}: [{values}]")).collect::<Vec<_>>().join(", ")
    };
    refuses(&job(&format!("matrix: {{ {} }}", axes(17, "1"))), "values of at most 16 names");
    refuses(&job(&format!("matrix: {{ {} }}", axes(5_000, "1"))), "values of at most 16 names");
    refuses(&job(&format!("matrix: {{ {} }}", axes(16, &values(250)))), "at most 256 combinations");
    refuses(&job(&format!("matrix: {{ a: [{}] }}", values(257))), "at most 256 values");
    let included: String = (0..200)
        .map(|n| format!("{{ {} }},", (0..16).map(|k| format!("k{k}: {n}")).collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(parse(&job(&format!("matrix: {{ include: [{included}] }}"))).definition.is_some());
    let runs = format!("'{}',", "${{ matrix.a }}".repeat(60)).repeat(2);
    refuses(
        &job(&format!("matrix: {{ a: [{}] }}, steps: [{runs}]", values(200))),
        "with every job of its matrices written out",
    );
    let labels = format!("'l{}',", "${{ size(matrix.a) }}".repeat(60)).repeat(2);
    refuses(
        &job(&format!("matrix: {{ a: [{}] }}, runs_on: [{labels}]", values(200))),
        "with every job of its matrices written out",
    );
}

#[test]
fn what_a_job_hands_on_and_a_run_is_given_are_counted() {
    let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<String>();
    let names = many(33, &|n| format!("o{n},"));
    refuses(
        &format!("stages: [{{ name: s, jobs: [{{ name: j, outputs: [{names}], steps: [make] }}] }}]"),
        "`outputs` can hold at most 32",
    );
    let with = |member: &str| format!("{member}\nstages: [{{ name: s, {JOBS} }}]");
    let inputs = many(65, &|n| format!("i{n}: ,"));
    refuses(&with(&format!("on: {{ manual: {{ inputs: {{ {inputs} }} }} }}")), "at most 64 inputs");
    let schedules = many(17, &|n| format!("{{ cron: '{n} 1 * * *' }},"));
    refuses(&with(&format!("on: {{ schedule: [{schedules}] }}")), "`schedule` can hold at most 16");
    let patterns = (0..65).map(|n| format!("\"p{n}\"")).collect::<Vec<_>>().join(", ");
    refuses(&format!("stages: [{{ name: s, if: 'changed({patterns})', {JOBS} }}]"), "at most 64 patterns");
    let parameters = many(257, &|n| format!("P{n}: x,"));
    refuses(
        &with(&format!("then: [{{ pipeline: p, parameters: {{ {parameters} }} }}]")),
        "at most 256 parameters",
    );
}

#[test]
fn no_more_is_told_than_anybody_reads_and_the_first_of_it() {
    let wrong: String = (0..200).map(|n| format!("wrong_{n}: x\n")).collect();
    let parsed = parse(&format!("{wrong}stages: [{{ name: s, {JOBS} }}]"));
    assert_eq!(parsed.diagnostics.len(), limits::MAX_DIAGNOSTICS);
    assert!(parsed.diagnostics.iter().enumerate().all(|(n, d)| d.line as usize == n + 1));
}

#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let deep = [
        format!("{}true{}", "(".repeat(15), ")".repeat(15)),
        format!("{}true", "!".repeat(30)),
        format!("number {} > 0", "+ 1 ".repeat(28)),
        format!("{}1{} == [1]", "[".repeat(12), "]".repeat(12)),
        format!("branch{} == \"\"", ".a".repeat(28)),
        format!("{} true", "true ? true : ".repeat(12)),
    ];
    let small_stack = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small_stack.spawn(move || {
        for condition in deep {
            let parsed = parse(&format!("stages: [{{ name: s, if: '{condition}', {JOBS} }}]"));
            assert!(!parsed.diagnostics.iter().any(|d| d.message.contains("deep")), "{condition}");
        }
    });
    thread.expect("a thread starts").join().expect("the stack is large enough");
}
