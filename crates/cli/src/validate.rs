//! `penstock validate`: everything that is wrong with a pipeline file, before it is pushed.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use penstock_pipeline::{Diagnostic, Parsed, Severity, Source};
use serde_json::json;

use crate::terminal::stderr_takes_colour;

/// Above what a server takes: how much too large a file is, the diagnostics say better.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Check a pipeline file
#[derive(clap::Args)]
pub struct Arguments {
    /// The file; `-` reads the standard input
    #[arg(default_value = ".penstock.yml")]
    file: PathBuf,
    /// Print the diagnostics as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (bytes, origin) = read(&arguments.file)?;
    let (text, parsed) = penstock_pipeline::parse_bytes(&bytes);
    let valid = parsed.errors().next().is_none() && parsed.definition.is_some();
    if arguments.json {
        let errors: Vec<_> = parsed.errors().collect();
        let warnings: Vec<_> = parsed.warnings().collect();
        println!("{:#}", json!({ "valid": valid, "errors": errors, "warnings": warnings }));
    } else {
        show(&parsed, &Source { text: &text, origin: &origin });
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(parsed: &Parsed, source: &Source<'_>) {
    let colour = stderr_takes_colour();
    for diagnostic in &parsed.diagnostics {
        eprintln!("{}", drawn(diagnostic, source, colour));
    }
    println!("{}", verdict(source.origin, parsed.errors().count(), parsed.warnings().count()));
}

fn drawn(diagnostic: &Diagnostic, source: &Source<'_>, colour: bool) -> String {
    let text = diagnostic.render(source);
    let (Some((head, rest)), true) = (text.split_once(':'), colour) else { return text };
    let code = match diagnostic.severity {
        Severity::Error => 31,
        Severity::Warning => 33,
    };
    format!("\u{1b}[1;{code}m{head}\u{1b}[0m:{rest}")
}

fn verdict(origin: &str, errors: usize, warnings: usize) -> String {
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("{origin} is valid"),
        (0, warnings) => format!("{origin} is valid, with {}", counted(warnings, "warning")),
        (errors, 0) => format!("{origin} is not valid: {}", counted(errors, "error")),
        (errors, warnings) => {
            format!("{origin} is not valid: {}, {}", counted(errors, "error"), counted(warnings, "warning"))
        }
    }
}

/// The file's content, and what it is called in diagnostics.
fn read(file: &Path) -> Result<(Vec<u8>, String)> {
    let mut bytes = Vec::new();
    let origin = if file == Path::new("-") {
        std::io::stdin()
            .take(FILE_MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .context("can't read the standard input")?;
        "standard input".to_owned()
    } else {
        let opened =
            std::fs::File::open(file).and_then(|open| open.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes));
        opened.with_context(|| format!("can't read {}; name the pipeline's file", file.display()))?;
        file.display().to_string()
    };
    ensure!(bytes.len() as u64 <= FILE_MAX_BYTES, "{origin} is far too large for a pipeline file");
    Ok((bytes, origin))
}
