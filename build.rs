//! Tells Cargo to embed the page again when a file is added to its folders: see `src/http/static_files.rs`.

fn main() {
    println!("cargo::rerun-if-changed=web/admin");
    println!("cargo::rerun-if-changed=web/client");
    println!("cargo::rerun-if-changed=web/page");
}
