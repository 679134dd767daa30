//! What is wrong with a report: what, where, and what to do next.

use thiserror::Error;

use crate::format::ReportFormat;
use crate::limits::{MAX_CASES, MAX_DEPTH, MAX_FILES, MAX_REPORT_BYTES};

/// Why a report can't be used. Lines count from 1; text out of the report is short and has no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    #[error(
        "the {format} report is empty; see in the job's log whether the tool that writes it ran to its end, \
         and whether `reports` names its file"
    )]
    Empty { format: ReportFormat },
    #[error(
        "the report has {bytes} bytes, and {MAX_REPORT_BYTES} are taken; have it written as several files"
    )]
    TooLarge { bytes: usize },
    #[error("this is {found}, and not {}; {}", .format.described(), .format.how_to_write())]
    WrongFormat { format: ReportFormat, found: String },
    #[error(
        "line {line}: the report has a document type declaration (`<!DOCTYPE`), and none is read, because it can \
         hide any amount of text; have it written without"
    )]
    Doctype { line: u64 },
    #[error("line {line}: {problem}; mend what writes the report, or upload the file as the tool wrote it")]
    Malformed { line: u64, problem: String },
    #[error(
        "line {line}: the report ends within {inside}; see in the job's log whether what writes it was \
         ended early, and run it again"
    )]
    CutOff { line: u64, inside: String },
    #[error("line {line}: elements lie deeper than {MAX_DEPTH}; have the suites written less nested")]
    TooDeep { line: u64 },
    #[error("line {line}: the report has more than {MAX_CASES} tests; have it written as several files")]
    TooManyCases { line: u64 },
    #[error(
        "line {line}: the report has more than {MAX_FILES} source files; have it written as several files"
    )]
    TooManyFiles { line: u64 },
}

impl ReportError {
    /// Where in the report it is, from 1; None where it is the whole.
    pub const fn line(&self) -> Option<u64> {
        match self {
            Self::Doctype { line }
            | Self::Malformed { line, .. }
            | Self::CutOff { line, .. }
            | Self::TooDeep { line }
            | Self::TooManyCases { line }
            | Self::TooManyFiles { line } => Some(*line),
            Self::Empty { .. } | Self::TooLarge { .. } | Self::WrongFormat { .. } => None,
        }
    }
}
