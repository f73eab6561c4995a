//! A wall clock of processes, which a test can set wrong, also while they run.
//!
//! It needs a C compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The clock of the processes that have its [settings](Clock::settings).
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Makes a clock that is right; its files go into `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let [source, library, file] = ["clock.c", "clock.so", "clock"].map(|name| folder.join(name));
        std::fs::write(&source, include_str!("clock.c")).unwrap();
        let compiled =
            Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).args([&library, &source]).output().unwrap();
        assert!(compiled.status.success(), "cc: {}", String::from_utf8_lossy(&compiled.stderr));
        std::fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
        Self { library, file }
    }

    /// Sets the clock so many seconds ahead of the real time, or behind it if `seconds` is negative.
    pub fn set_offset(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;

        // In place: processes have the file mapped.
        let file = std::fs::File::options().write(true).open(&self.file).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// Returns the environment variables that give a process this clock.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.library.display().to_string()), ("TEST_CLOCK", self.file.display().to_string())]
    }
}
