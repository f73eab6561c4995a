//! Compresses the files of the page with zopfli, a gzip encoder that takes its time: the hub carries them so, and neither its start
//! nor a reader pays for it. See `src/http/static_files.rs`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=web/dist");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let gzip = out.join("gzip");
    if gzip.exists() {
        fs::remove_dir_all(&gzip)?;
    }
    compress_folder(Path::new("web/dist"), &gzip)
}

/// Writes each file of a folder, compressed and under the same name, into another; leaves out those that do not get smaller.
fn compress_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            compress_folder(&from, &to)?;
            continue;
        }
        let plain = fs::read(&from)?;
        let mut gzipped = Vec::with_capacity(plain.len() / 3);
        zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, &plain[..], &mut gzipped)?;
        if gzipped.len() < plain.len() {
            fs::write(to, gzipped)?;
        }
    }
    Ok(())
}
