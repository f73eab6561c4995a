//! What a process uses, as `/proc` tells it.

use std::fs;
use std::io;

/// The kernel counts CPU time for `/proc` in hundredths of a second (`USER_HZ`) on every machine that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the CPU time that a process has used, in seconds.
///
/// # Errors
/// If there is no such process.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets, which may hold anything; utime and stime are the 14th and 15th.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = |index: usize| fields.split_ascii_whitespace().nth(index).and_then(|field| field.parse::<u32>().ok());
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        return Err(io::Error::other("/proc/<pid>/stat has another form"));
    };
    Ok((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

/// Returns the resident memory of a process, in KB.
///
/// # Errors
/// If there is no such process.
pub fn resident_kb(pid: u32) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&status, "VmRSS:").ok_or_else(|| io::Error::other("/proc/<pid>/status has no VmRSS"))
}

/// Returns how many files a process may have open.
///
/// # Errors
/// If there is no such process.
pub fn file_limit(pid: u32) -> io::Result<u32> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
    Ok(field(&limits, "Max open files").unwrap_or(u32::MAX))
}

/// Returns how many files a process has open.
///
/// # Errors
/// If there is no such process.
pub fn open_files(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

fn field(text: &str, name: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_be_weighed() {
        let me = std::process::id();
        assert!(resident_kb(me).expect("our own status") > 500);
        assert!(file_limit(me).expect("our own limits") >= 64);
        assert!(open_files(me).expect("our own files") >= 1);
        cpu_seconds(me).expect("our own stat");
        cpu_seconds(0).expect_err("there is no process 0");
    }
}
