//! Builds the console, or leaves it out, and writes the list of its files for `src/console.rs`. Here and not in `gateway`, so that the gateway
//! compiles meanwhile.
//!
//! `CONSOLE` says what is done: `auto` (or nothing), it is built in a release build and left out elsewhere; `build`, it is built (in a
//! debug build quickly, and large); `skip`, a page that says so takes its place; or the absolute path of a folder that was built elsewhere.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts everything by the environment"
)]

use std::{
    env,
    fmt::Write,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use console_build::{File, Options};

/// What stands in the console's place.
const LEFT_OUT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Posthaste</title>\
<p>This server was built without its console, as debug builds are unless they are asked. \
<p>With it: <code>cargo run --release</code>, or <code>CONSOLE=build cargo run</code>. \
<p>The API is at <code>/v1</code>, and <a href=/docs>described here</a>.";

fn main() {
    println!("cargo::rerun-if-env-changed=CONSOLE");
    println!("cargo::rerun-if-env-changed=CLIPPY_ARGS");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let written = choose(&out).and_then(|files| {
        let table = table(&files).map_err(|error| error.to_string())?;
        fs::write(out.join("console.rs"), table).map_err(|error| error.to_string())
    });
    if let Err(error) = written {
        error.lines().for_each(|line| println!("cargo::error={line}"));
    }
}

fn choose(out: &Path) -> Result<Vec<File>, String> {
    let release = env::var("PROFILE").as_deref() == Ok("release");
    let linted = env::var_os("CLIPPY_ARGS").is_some();
    match env::var("CONSOLE").unwrap_or_default().as_str() {
        "skip" => left_out(out),
        "" | "auto" if !release || linted => left_out(out),
        "" | "auto" | "build" => build(out, release),
        folder if Path::new(folder).is_absolute() => {
            println!("cargo::rerun-if-changed={folder}");
            console_build::files(Path::new(folder))
        }
        other => Err(format!(
            "CONSOLE={other}: auto, build, skip or the absolute path of a folder is expected"
        )),
    }
}

fn build(out: &Path, release: bool) -> Result<Vec<File>, String> {
    let workspace = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets it")?);
    // In the outer build's target folder, which is known by a tag; so it outlives this build script's own folder.
    let is_target = |path: &&Path| path.join("CACHEDIR.TAG").exists();
    let target = out
        .ancestors()
        .skip_while(|path| !is_target(path))
        .take_while(is_target)
        .last()
        .unwrap_or(out);
    let dist = console_build::build(Options {
        workspace: &workspace,
        work: &target.join("console"),
        release,
    })?;
    for input in &dist.inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    Ok(dist.files)
}

fn left_out(out: &Path) -> Result<Vec<File>, String> {
    let folder = out.join("left-out");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    fs::write(folder.join("index.html"), LEFT_OUT).map_err(|error| error.to_string())?;
    console_build::files(&folder)
}

/// The list, in Rust.
fn table(files: &[File]) -> io::Result<String> {
    let included = |path: Option<&PathBuf>| match path {
        Some(path) => format!("Some(include_bytes!({:?}))", path.display().to_string()),
        None => "None".to_owned(),
    };
    let mut table = String::from("&[\n");
    for file in files {
        let mut hasher = DefaultHasher::new();
        fs::read(&file.plain)?.hash(&mut hasher);
        // The gzip copy is unpacked for the rare client that takes no coding.
        let plain = file.gzip.is_none().then_some(&file.plain);
        let _ = writeln!(
            table,
            "    ConsoleFile {{ url: {:?}, media_type: {:?}, immutable: {}, tag: \"\\\"{:016x}\\\"\", brotli: {}, gzip: {}, plain: {} }},",
            file.url,
            file.media_type,
            file.immutable,
            hasher.finish(),
            included(file.brotli.as_ref()),
            included(file.gzip.as_ref()),
            included(plain),
        );
    }
    table += "]\n";
    Ok(table)
}
