//! Puts the built pages of `web/built` into the program. Where they are not built yet the server says so.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo says")).join("../../web/built");
    println!("cargo::rerun-if-changed={}", built.display());
    let mut names: Vec<String> = fs::read_dir(&built)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let mut text = String::from("pub static PAGES: &[(&str, &[u8])] = &[\n");
    for name in names {
        let path = built.join(&name);
        let _ = writeln!(text, "    ({name:?}, include_bytes!({path:?})),");
    }
    text.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo says")).join("pages.rs");
    fs::write(out, text).expect("its own folder is writable");
}
