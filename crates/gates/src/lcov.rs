//! LCOV's tracefile: one record a line, between `SF:` (a source file) and `end_of_record`.
//!
//! Counts come from the records of lines, branches and functions. The sums that follow them (`LF:`, `LH:`, …) are
//! used only for a file that has none of these, because filters forget to correct them. The same line, branch or
//! function of the same file is one, and covered if any of its records says so; test names (`TN:`) don't matter.
//! Records that nobody knows are passed over.

mod marks;
mod record;
mod source;

use std::collections::BTreeMap;

use crate::coverage::CoverageReport;
use crate::error::ReportError;
use crate::format::ReportFormat;
use crate::limits::{MAX_FILES, MAX_FILES_KEPT};
use crate::text::{decode, shown};
use record::Record;
use source::Source;

/// # Errors
/// [`ReportError`]: the bytes are no whole tracefile, or larger than its limits.
pub fn parse(bytes: &[u8]) -> Result<CoverageReport, ReportError> {
    let text = decode(ReportFormat::Lcov, bytes)?;
    if text.trim_start().starts_with('<') {
        return Err(wrong_format("XML"));
    }
    let mut reading = Reading::default();
    for (line, number) in text.lines().zip(1..) {
        reading.line = number;
        reading.read(line.trim())?;
    }
    reading.finish()
}

#[derive(Default)]
struct Reading<'a> {
    line: u64,
    sources: Vec<Source<'a>>,
    by_path: BTreeMap<&'a str, usize>,
    /// The source file whose record is open, and the line that opened it.
    open: Option<(usize, u64)>,
}

impl<'a> Reading<'a> {
    fn read(&mut self, line: &'a str) -> Result<(), ReportError> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let record = Record::read(line).map_err(|problem| self.malformed(&problem))?;
        match (record, self.open) {
            (Record::Source(path), None) => self.open(path),
            (Record::Source(_), Some((_, since))) => Err(self.malformed(&format!(
                "`SF:` begins before the record of line {since} has its `end_of_record`"
            ))),
            (Record::End, Some(_)) => {
                self.open = None;
                Ok(())
            }
            (Record::Unknown, None) if self.sources.is_empty() && !line.contains(':') => {
                Err(wrong_format(&format!("text that begins with `{}`", shown(line))))
            }
            // Between two files anything may stand: the end of a shell's here-document, a tool's own notes.
            (Record::Unknown, None) | (Record::TestName, _) => Ok(()),
            (Record::Unknown, Some(_)) if !line.contains(':') => {
                Err(self.malformed(&format!("`{}` is no record", shown(line))))
            }
            (Record::Unknown, Some(_)) => Ok(()),
            (record, Some((index, _))) => {
                self.sources[index].add(&record);
                Ok(())
            }
            (_, None) => {
                Err(self.malformed(&format!("`{}` stands outside of a file's record (`SF:`)", shown(line))))
            }
        }
    }

    fn open(&mut self, path: &'a str) -> Result<(), ReportError> {
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None if self.sources.len() >= MAX_FILES => {
                return Err(ReportError::TooManyFiles { line: self.line });
            }
            None => {
                self.sources.push(Source::of(path));
                self.by_path.insert(path, self.sources.len() - 1);
                self.sources.len() - 1
            }
        };
        self.sources[index].begin();
        self.open = Some((index, self.line));
        Ok(())
    }

    fn malformed(&self, problem: &str) -> ReportError {
        ReportError::Malformed { line: self.line, problem: problem.to_owned() }
    }

    fn finish(self) -> Result<CoverageReport, ReportError> {
        if let Some((index, since)) = self.open {
            let path = shown(self.sources[index].path());
            let inside = format!("the record of `{path}`, which line {since} begins");
            return Err(ReportError::CutOff { line: self.line, inside });
        }
        if self.sources.is_empty() {
            return Err(wrong_format("text without a record of any file (`SF:`)"));
        }
        let mut report = CoverageReport::default();
        for source in self.sources {
            let file = source.close();
            report.lines.add(file.lines);
            report.branches.add(file.branches);
            report.functions.add(file.functions);
            if report.files.len() < MAX_FILES_KEPT {
                report.files.push(file);
            } else {
                report.files_omitted += 1;
            }
        }
        Ok(report)
    }
}

fn wrong_format(found: &str) -> ReportError {
    ReportError::WrongFormat { format: ReportFormat::Lcov, found: found.to_owned() }
}
