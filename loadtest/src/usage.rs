//! What a process and the machine use, read from `/proc`.

use std::fs;
use std::time::Duration;

use procfs::process::{LimitValue, Process, Task};
use procfs::{CurrentSI as _, KernelStats, ProcError, ProcResult};

/// Returns the CPU time that a process has used, in seconds.
///
/// # Errors
/// If there is no such process.
pub fn cpu_seconds(pid: u32) -> ProcResult<f64> {
    let stat = process(pid)?.stat()?;
    Ok(seconds(stat.utime) + seconds(stat.stime))
}

/// Returns the resident memory of a process, in KB.
///
/// # Errors
/// If there is no such process.
pub fn resident_kb(pid: u32) -> ProcResult<u32> {
    let resident = process(pid)?.status()?.vmrss;
    resident.map(saturated).ok_or_else(|| ProcError::Other("/proc/<pid>/status has no VmRSS".to_owned()))
}

/// Returns the CPU time of a process with its children, those that have ended included, in seconds, and their resident memory in KB.
/// PostgreSQL has a process for each connection; what they share counts once for each.
///
/// # Errors
/// If there is no such process.
pub fn family(pid: u32) -> ProcResult<(f64, u32)> {
    let parent = process(pid)?;
    let stat = parent.stat()?;
    let ticks = |ticks: i64| seconds(u64::try_from(ticks).unwrap_or_default());
    let mut cpu = seconds(stat.utime) + seconds(stat.stime) + ticks(stat.cutime) + ticks(stat.cstime);
    let mut resident = resident_kb(pid)?;
    let children = parent.tasks()?.flatten().filter_map(|task| task.children().ok()).flatten();
    for child in children {
        // It may end meanwhile.
        cpu += cpu_seconds(child).unwrap_or_default();
        resident = resident.saturating_add(resident_kb(child).unwrap_or_default());
    }
    Ok((cpu, resident))
}

/// Returns how many files a process may have open.
///
/// # Errors
/// If there is no such process.
pub fn file_limit(pid: u32) -> ProcResult<u32> {
    Ok(match process(pid)?.limits()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => saturated(limit),
        LimitValue::Unlimited => u32::MAX,
    })
}

/// Returns how many files a process has open.
///
/// # Errors
/// If there is no such process.
pub fn open_files(pid: u32) -> ProcResult<usize> {
    process(pid)?.fd_count()
}

/// What a process has used since it started, and what it holds now.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// CPU time in user mode, in seconds.
    pub user: f64,
    /// CPU time in kernel mode, in seconds.
    pub system: f64,
    /// Resident memory, in KB.
    pub resident_kb: u32,
    /// Page tables, in KB.
    pub page_tables_kb: u32,
    /// Voluntary context switches: an OS thread waited for something.
    pub voluntary_switches: u64,
    /// Involuntary context switches: the scheduler took the core from an OS thread.
    pub involuntary_switches: u64,
    /// Its OS threads.
    pub threads: Vec<OsThread>,
    /// Bytes that it caused to be written to disks.
    pub written: u64,
}

/// An OS thread. Its times are seconds since it started, or shares of a time: see [`Usage::since`].
#[derive(Debug, Clone, Default)]
pub struct OsThread {
    /// The kernel's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Time on a core.
    pub on_cpu: f64,
    /// Time in the run queue: ready, and without a core; `None` if the kernel does not count it.
    pub in_run_queue: Option<f64>,
    /// Its priority is lower than that of its process.
    pub low_priority: bool,
}

impl Usage {
    /// Returns the usage of two processes together.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.user += other.user;
        self.system += other.system;
        self.resident_kb += other.resident_kb;
        self.page_tables_kb += other.page_tables_kb;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.written += other.written;
        self.threads.extend(other.threads);
        self
    }

    /// Returns what each OS thread did since an earlier sample, as shares of the `seconds` between.
    #[must_use]
    pub fn since(&self, earlier: &Self, seconds: f64) -> Vec<OsThread> {
        let mut threads = self.threads.clone();
        for thread in &mut threads {
            if let Some(before) = earlier.threads.iter().find(|before| before.id == thread.id) {
                thread.on_cpu -= before.on_cpu;
                thread.in_run_queue = thread.in_run_queue.zip(before.in_run_queue).map(|(now, before)| now - before);
            }
            thread.on_cpu /= seconds;
            thread.in_run_queue = thread.in_run_queue.map(|waited| waited / seconds);
        }
        threads
    }
}

/// Returns what a process has used and holds.
///
/// # Errors
/// If there is no such process.
pub fn usage(pid: u32) -> ProcResult<Usage> {
    let process = process(pid)?;
    let (stat, status) = (process.stat()?, process.status()?);
    let mut usage = Usage {
        user: seconds(stat.utime),
        system: seconds(stat.stime),
        resident_kb: status.vmrss.map(saturated).unwrap_or_default(),
        page_tables_kb: status.vmpte.map(saturated).unwrap_or_default(),
        // The kernel does not show it for the process of another user.
        written: process.io().map(|io| io.write_bytes).unwrap_or_default(),
        ..Usage::default()
    };
    // OS threads start and end while they are read; those that have ended are left out.
    for task in process.tasks()?.flatten() {
        let Ok(status) = task.status() else { continue };
        usage.voluntary_switches += status.voluntary_ctxt_switches.unwrap_or_default();
        usage.involuntary_switches += status.nonvoluntary_ctxt_switches.unwrap_or_default();
        usage.threads.extend(os_thread(&task, stat.nice));
    }
    Ok(usage)
}

fn os_thread(task: &Task, nice_of_process: i64) -> Option<OsThread> {
    let stat = task.stat().ok()?;
    Some(OsThread {
        id: u32::try_from(task.tid).ok()?,
        on_cpu: seconds(stat.utime) + seconds(stat.stime),
        in_run_queue: task.schedstat().ok().map(|stat| Duration::from_nanos(stat.run_delay).as_secs_f64()),
        low_priority: stat.nice > nice_of_process,
        name: stat.comm,
    })
}

/// Returns the memory of all TCP sockets of the machine, in KB: bytes that were sent and not read yet. The crate `procfs` does
/// not read `/proc/net/sockstat`.
#[must_use]
pub fn socket_memory_kb() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "mem");
    words.nth(1)?.parse::<u64>().ok().map(|pages| pages * procfs::page_size() / 1024)
}

/// The idle time of all cores since the machine started, in seconds.
///
/// The busy time of `/proc/stat` is not used: the kernel samples it at its ticks and misses what runs between two of them. 2,000
/// pages per second used a fifth of two cores, and less than a hundredth by that count. Idle time is measured by the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdleTime {
    /// Idle, and no task waits for a disk.
    idle: f64,
    /// Idle, and a task waits for a disk.
    io_wait: f64,
}

impl IdleTime {
    /// Reads the idle time of this machine.
    #[must_use]
    pub fn read() -> Option<Self> {
        let total = KernelStats::current().ok()?.total;
        Some(Self { idle: seconds(total.idle), io_wait: seconds(total.iowait?) })
    }

    /// Returns the busy share, and the share that waited for disks, of `core_seconds` since an earlier reading.
    #[must_use]
    pub fn since(self, before: Self, core_seconds: f64) -> (f64, f64) {
        let io_wait = (self.io_wait - before.io_wait) / core_seconds;
        let idle = (self.idle - before.idle) / core_seconds;
        ((1.0 - idle - io_wait).clamp(0.0, 1.0), io_wait)
    }
}

/// Returns the bytes of all files in a folder and its subfolders.
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

fn process(pid: u32) -> ProcResult<Process> {
    Process::new(i32::try_from(pid).unwrap_or_default())
}

fn seconds(ticks: u64) -> f64 {
    crate::stats::float(ticks) / crate::stats::float(procfs::ticks_per_second())
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_a_process_can_be_read() {
        let own = std::process::id();
        assert!(resident_kb(own).expect("our own status") > 500);
        assert!(file_limit(own).expect("our own limits") >= 64);
        assert!(open_files(own).expect("our own files") >= 1);
        cpu_seconds(own).expect("our own stat");
        assert!(family(own).expect("our own children").1 > 500);
        cpu_seconds(0).expect_err("there is no process 0");
        std::thread::park_timeout(Duration::from_millis(1)); // an OS thread that waits is a voluntary switch
        let usage = usage(own).expect("our own usage");
        assert!(usage.resident_kb > 500 && !usage.threads.is_empty() && usage.voluntary_switches > 0, "{usage:?}");
        assert!(IdleTime::read().expect("a machine").idle > 0.0);
        socket_memory_kb().expect("a kernel with sockets");
    }

    /// The numbers are those of a run of `history`: by the samples at the kernel's ticks, the machine was busy for 0.7 %.
    #[test]
    fn work_between_two_ticks_counts_as_busy() {
        let before = IdleTime { idle: 56_800.33, io_wait: 1_652.66 };
        let after = IdleTime { idle: 56_806.77, io_wait: 1_652.70 };
        let (busy, io_wait) = after.since(before, 8.0);
        assert!((busy - 0.19).abs() < 1e-9 && (io_wait - 0.005).abs() < 1e-9, "{busy} {io_wait}");
    }

    #[test]
    fn os_threads_are_matched_by_their_ids() {
        let thread = |id, on_cpu, in_run_queue| OsThread { id, on_cpu, in_run_queue, ..OsThread::default() };
        let before = Usage { threads: vec![thread(1, 3.0, Some(1.0)), thread(2, 5.0, Some(0.0))], ..Usage::default() };
        let after = Usage { threads: vec![thread(2, 6.0, Some(0.5)), thread(3, 1.5, None)], ..Usage::default() };
        let shares: Vec<_> = after.since(&before, 2.0).iter().map(|t| (t.id, t.on_cpu, t.in_run_queue)).collect();
        assert_eq!(shares, [(2, 0.5, Some(0.25)), (3, 0.75, None)], "one has ended, and one has started");
    }
}
