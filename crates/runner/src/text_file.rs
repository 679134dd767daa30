//! Short text files that steps write: read whole, and never waited for.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use thiserror::Error;

/// Why a file can't be used, as the end of a sentence.
#[derive(Debug, Error)]
pub enum TextFileError {
    #[error("the file can't be read ({0})")]
    Unreadable(#[from] io::Error),
    #[error("there is something else in the place of the file")]
    NoFile,
    #[error("the file has more than {} KiB", max_bytes >> 10)]
    TooLong { max_bytes: usize },
    #[error("the file is no text in UTF-8")]
    NotUtf8,
}

/// None where there is no file.
///
/// # Errors
/// [`TextFileError`]
pub fn read(path: &Path, max_bytes: usize) -> Result<Option<String>, TextFileError> {
    // Opening a pipe would wait for somebody who writes into it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(TextFileError::NoFile);
    }
    let mut bytes = vec![];
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes {
        return Err(TextFileError::TooLong { max_bytes });
    }
    String::from_utf8(bytes).map(Some).map_err(|_| TextFileError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_short_text_is_read_and_nothing_holds_it_up() {
        let folder = std::env::temp_dir().join(format!("penstock-text-{:x}", crate::backoff::random_u64()));
        fs::create_dir_all(folder.join("folder")).unwrap();
        for (name, bytes) in [("text", &b"12345678"[..]), ("long", b"123456789"), ("noise", b"\xff")] {
            fs::write(folder.join(name), bytes).unwrap();
        }
        assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
        let read = |name: &str| read(&folder.join(name), 8).map_err(|error| error.to_string());
        assert_eq!(read("text"), Ok(Some("12345678".to_owned())));
        assert_eq!(read("missing"), Ok(None));
        for (name, complaint) in [
            ("long", "the file has more than 0 KiB"),
            ("noise", "the file is no text in UTF-8"),
            ("folder", "there is something else in the place of the file"),
            ("pipe", "there is something else in the place of the file"),
        ] {
            assert_eq!(read(name), Err(complaint.to_owned()));
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
