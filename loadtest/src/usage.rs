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
    let (user, system) = times(&fs::read_to_string(format!("/proc/{pid}/stat"))?)?;
    Ok(user + system)
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

/// What a process has used since it began, and holds now.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// CPU time in its own code, in seconds.
    pub user: f64,
    /// CPU time in the kernel, in seconds.
    pub system: f64,
    /// Resident memory, in KB.
    pub resident_kb: u32,
    /// Page tables and other memory that the kernel keeps for it, in KB.
    pub page_tables_kb: u32,
    /// How often its threads have waited for something.
    pub voluntary_switches: u64,
    /// How often its threads were made to wait.
    pub involuntary_switches: u64,
    /// Its threads.
    pub threads: Vec<Thread>,
    /// Bytes that it caused to be written to disks.
    pub written: u64,
}

/// A thread, and its seconds since it began.
#[derive(Debug, Clone, Default)]
pub struct Thread {
    /// The kernel's number for it.
    pub id: u32,
    /// What it is called.
    pub name: String,
    /// On a core.
    pub worked: f64,
    /// Ready to go on, with no core free for it; `None` where the kernel does not say.
    pub kept_waiting: Option<f64>,
    /// It is less urgent than its process is.
    pub gives_way: bool,
}

impl Usage {
    /// Says what each thread has done since an earlier look, as shares of the time between.
    #[must_use]
    pub fn since(&self, earlier: &Self, seconds: f64) -> Vec<Thread> {
        let mut threads = self.threads.clone();
        for thread in &mut threads {
            if let Some(before) = earlier.threads.iter().find(|before| before.id == thread.id) {
                thread.worked -= before.worked;
                thread.kept_waiting = thread.kept_waiting.zip(before.kept_waiting).map(|(now, before)| now - before);
            }
            thread.worked /= seconds;
            thread.kept_waiting = thread.kept_waiting.map(|waited| waited / seconds);
        }
        threads
    }
}

/// Returns what a process has used and holds.
///
/// # Errors
/// If there is no such process.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (user, system) = times(&stat)?;
    let own_nice = nice(&stat);
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mut usage = Usage {
        user,
        system,
        resident_kb: field(&status, "VmRSS:").unwrap_or_default(),
        page_tables_kb: field(&status, "VmPTE:").unwrap_or_default(),
        ..Usage::default()
    };
    // Of a process of somebody else nobody may read it.
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    usage.written = field(&io, "write_bytes:").unwrap_or_default();
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // Threads come and go while they are counted.
        let (Ok(stat), Ok(status)) =
            (fs::read_to_string(task.path().join("stat")), fs::read_to_string(task.path().join("status")))
        else {
            continue;
        };
        usage.voluntary_switches += field::<u64>(&status, "voluntary_ctxt_switches:").unwrap_or_default();
        usage.involuntary_switches += field::<u64>(&status, "nonvoluntary_ctxt_switches:").unwrap_or_default();
        let name = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(name, _)| name);
        let id = task.file_name().to_str().and_then(|id| id.parse().ok()).unwrap_or_default();
        if let Ok((user, system)) = times(&stat) {
            let scheduled = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let kept_waiting = kept_waiting(&scheduled);
            let gives_way = nice(&stat) > own_nice;
            usage.threads.push(Thread { id, name: name.to_owned(), worked: user + system, kept_waiting, gives_way });
        }
    }
    Ok(usage)
}

/// Returns the memory of all TCP sockets of the machine, in KB: what was sent and not read yet.
#[must_use]
pub fn socket_memory_kb() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "mem");
    // In pages, which have 4 KB on the machines that we run on.
    words.nth(1)?.parse::<u64>().ok().map(|pages| pages * 4)
}

/// What the cores of the whole machine had nothing to do for, in seconds since it began, added up over them.
///
/// What they did is no use: Linux looks at its ticks who has the core, and whoever works between two of them is not seen. 2,000
/// pages a second were a fifth of two cores, and less than a hundredth by ticks. What is idle is measured by the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Idle {
    /// Idle, and nothing is waited for.
    idle: f64,
    /// Idle, and a disk is waited for.
    waiting: f64,
}

impl Idle {
    /// Reads it.
    #[must_use]
    pub fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [_user, _nice, _system, idle, waiting, ..] = ticks.as_slice() else { return None };
        Some(Self { idle: idle / TICKS_PER_SECOND, waiting: waiting / TICKS_PER_SECOND })
    }

    /// Returns which share of so many seconds of cores was worked since an earlier reading, and which was waited for disks.
    #[must_use]
    pub fn since(self, before: Self, cores: f64) -> (f64, f64) {
        let waiting = (self.waiting - before.waiting) / cores;
        let idle = (self.idle - before.idle) / cores;
        ((1.0 - idle - waiting).clamp(0.0, 1.0), waiting)
    }
}

/// Returns the bytes of all files of a folder.
#[must_use]
pub fn folder_bytes(folder: &std::path::Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

fn times(stat: &str) -> io::Result<(f64, f64)> {
    // The second field is the program's name in brackets, which may hold anything; utime and stime are the 14th and 15th.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = |index: usize| fields.split_ascii_whitespace().nth(index).and_then(|field| field.parse::<u32>().ok());
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        return Err(io::Error::other("/proc/<pid>/stat has another form"));
    };
    Ok((f64::from(user) / TICKS_PER_SECOND, f64::from(system) / TICKS_PER_SECOND))
}

/// Reads how many seconds a thread has waited for a core: the second of three numbers, in nanoseconds. See
/// <https://docs.kernel.org/scheduler/sched-stats.html>.
fn kept_waiting(schedstat: &str) -> Option<f64> {
    let nanoseconds = schedstat.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}

/// Reads how little urgent a thread or a process is: the 19th field, the 17th behind the name.
fn nice(stat: &str) -> i32 {
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    fields.split_ascii_whitespace().nth(16).and_then(|field| field.parse().ok()).unwrap_or_default()
}

fn field<T: std::str::FromStr>(text: &str, name: &str) -> Option<T> {
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
        let usage = usage(me).expect("our own usage");
        assert!(usage.resident_kb > 500 && !usage.threads.is_empty() && usage.voluntary_switches > 0, "{usage:?}");
        assert!(Idle::read().expect("a machine").idle > 0.0);
        socket_memory_kb().expect("a kernel with sockets");
        assert_eq!(kept_waiting("7000 2500000000 3"), Some(2.5));
        assert_eq!(kept_waiting(""), None, "a kernel that does not count");
        assert_eq!(nice("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 10 1 0"), 10);
    }

    /// The numbers are those of a run of `history`: by what was seen at ticks, the machine was busy for 0.7 %.
    #[test]
    fn what_works_between_two_ticks_is_seen() {
        let before = Idle::parse("cpu  3903846 173630 1322491 5680033 165266 0 349962 3769 0 0\ncpu0 1 2 3 4 5\n");
        let after = Idle::parse("cpu  3903848 173630 1322494 5680677 165270 0 349963 3769 0 0\ncpu0 1 2 3 4 5\n");
        let (busy, waiting) = after.expect("numbers").since(before.expect("numbers"), 8.0);
        assert!((busy - 0.19).abs() < 1e-9 && (waiting - 0.005).abs() < 1e-9, "{busy} {waiting}");
        assert_eq!(Idle::parse("intr 1 2 3"), None);
    }

    #[test]
    fn a_thread_is_told_from_another_by_its_number() {
        let thread = |id, worked, kept_waiting| Thread { id, worked, kept_waiting, ..Thread::default() };
        let before = Usage { threads: vec![thread(1, 3.0, Some(1.0)), thread(2, 5.0, Some(0.0))], ..Usage::default() };
        let after = Usage { threads: vec![thread(2, 6.0, Some(0.5)), thread(3, 1.5, None)], ..Usage::default() };
        let shares: Vec<_> = after.since(&before, 2.0).iter().map(|t| (t.id, t.worked, t.kept_waiting)).collect();
        assert_eq!(shares, [(2, 0.5, Some(0.25)), (3, 0.75, None)], "one has ended, and one has begun");
    }
}
