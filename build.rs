//! Tells Cargo to embed the page again when its build has changed: see `src/http/static_files.rs`.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
}
