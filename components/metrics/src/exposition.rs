//! Prometheus' text format, version 0.0.4. It knows no names and no meanings.

use std::fmt::Write;

#[derive(Clone, Copy)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page, written from its top: each family begun once, then its samples.
#[derive(Default)]
pub struct Exposition(String);

type Labels<'a> = [(&'a str, &'a str)];

impl Exposition {
    pub fn begin(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    pub fn sample(&mut self, name: &str, labels: &Labels<'_>, value: impl std::fmt::Display) {
        self.line(format_args!("{name}{} {value}", written(labels)));
    }

    /// `counts` are cumulative, each with its upper bound; `count` is that of all.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: &Labels<'_>,
        counts: &[(u32, u64)],
        count: u64,
        sum: f64,
    ) {
        let bounds = counts.iter().map(|(bound, count)| (bound.to_string(), *count));
        for (bound, count) in bounds.chain([("+Inf".to_owned(), count)]) {
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.sample(&format!("{name}_bucket"), &labels, count);
        }
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    pub fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn written(labels: &Labels<'_>) -> String {
    let one = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
    format!("{{{}}}", labels.iter().map(one).collect::<Vec<_>>().join(","))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
