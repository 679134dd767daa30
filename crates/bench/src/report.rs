//! The table.

use std::fmt::Write as _;

use crate::limits::Limits;

#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 4]>,
}

impl Report {
    /// What was measured, how much it is, what it is held against, and the ratio of both.
    pub fn row(&mut self, what: &str, measured: String, limit: String, ratio: String) {
        eprintln!("  {what}: {measured} ({ratio})");
        self.rows.push([what.to_owned(), measured, limit, ratio]);
    }

    pub fn markdown(&self, limits: &Limits) -> String {
        let mut text = format!(
            "bare durable insert: {:.0}/s, p50 {:.3} ms · fork and exec of a shell: {:.2} ms\n\n\
             | what | measured | limit | ratio |\n| --- | --- | --- | --- |\n",
            limits.inserts_per_second, limits.insert_p50_ms, limits.shell_ms
        );
        for [what, measured, limit, ratio] in &self.rows {
            // Writing to a String can't fail.
            let _ = writeln!(text, "| {what} | {measured} | {limit} | {ratio} |");
        }
        text
    }
}

/// The value below which `share` of the sorted samples lie.
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = (last as f64 * share).round() as usize;
    samples.get(index).copied().unwrap_or(f64::NAN)
}
