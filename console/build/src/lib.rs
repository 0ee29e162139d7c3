//! Builds the console with nothing but cargo: Rust to wasm by one nested build, and by another the tool (`console-pack`) that makes of
//! it what a browser loads. Neither trunk, wasm-bindgen's program, wasm-opt nor Node is needed.
//!
//! Called by the build script of the program, and by `cargo xtask console`.
#![expect(
    clippy::disallowed_methods,
    reason = "the edge of a build: cargo tells build scripts everything by the environment"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// What is built for.
const WASM: &str = "wasm32-unknown-unknown";

/// A result; the error is for people, in one or more lines.
pub type Result<T> = std::result::Result<T, String>;

/// What to build, and where.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The workspace, with its `Cargo.lock`.
    pub workspace: &'a Path,
    /// The nested builds' own folder; never the outer build's target folder, whose lock is taken.
    pub work: &'a Path,
    /// Small and compressed; otherwise quick to build.
    pub release: bool,
}

/// What was built.
#[derive(Debug)]
pub struct Dist {
    /// The folder of the files.
    pub folder: PathBuf,
    /// The files.
    pub files: Vec<File>,
    /// What they were made from.
    pub inputs: Vec<PathBuf>,
    /// How long it took in all.
    pub took: Duration,
}

/// A file to be served.
#[derive(Debug)]
pub struct File {
    /// Its path in URLs, with a slash before it.
    pub url: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Where it lies.
    pub plain: PathBuf,
    /// Where its brotli copy lies, if there is one.
    pub brotli: Option<PathBuf>,
    /// Where its gzip copy lies, if there is one.
    pub gzip: Option<PathBuf>,
    /// Whether its path names its content, so that it may be kept for ever.
    pub immutable: bool,
}

/// Builds the console.
pub fn build(options: Options<'_>) -> Result<Dist> {
    let begun = Instant::now();
    have_target()?;
    let host = rustc(&["--print", "host-tuple"])?;
    let (profile, folder, copies) = if options.release {
        ("console-release", options.work.join("release"), "compress")
    } else {
        ("console-dev", options.work.join("dev"), "plain")
    };
    let (wasm_target, tool_target) = (options.work.join("wasm"), options.work.join("tool"));

    // Side by side, each in a target folder of its own. Both take part in the outer build's job server, so that -j holds for all.
    thread::scope(|scope| {
        let tool = scope.spawn(|| {
            // Named although it is the host: somebody's configuration may name another one.
            let arguments = [
                "--package=console-pack",
                "--profile=console-pack",
                "--target",
                &host,
            ];
            cargo(options.workspace, &tool_target, &arguments, &[])
        });
        let arguments = [
            "--package=console",
            "--bin=console",
            "--target",
            WASM,
            "--profile",
            profile,
        ];
        let wasm = cargo(
            options.workspace,
            &wasm_target,
            &arguments,
            &flags(options.workspace),
        );
        let tool = tool
            .join()
            .unwrap_or_else(|_| Err("the build of console-pack panicked".to_owned()));
        wasm.and(tool)
    })?;

    let compiled = wasm_target.join(WASM).join(profile);
    let packer = tool_target
        .join(&host)
        .join("console-pack")
        .join(format!("console-pack{}", env::consts::EXE_SUFFIX));
    run(Command::new(packer)
        .arg(compiled.join("console.wasm"))
        .arg(options.workspace.join("console/style"))
        .arg(&folder)
        .arg(copies))?;

    let mut inputs = sources(&compiled.join("console.d"))?;
    // Folders as well: a file that is new is no source of the last build.
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "console",
        "proto/src",
    ] {
        inputs.push(options.workspace.join(path));
    }
    Ok(Dist {
        files: files(&folder)?,
        folder,
        inputs,
        took: begun.elapsed(),
    })
}

/// The flags of the compiler for the wasm: for whoever checks it as well, in the same folder.
pub fn flags(workspace: &Path) -> Vec<String> {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo")));
    vec![
        // Views of one type: half the time to compile, and smaller.
        "--cfg=erase_components".to_owned(),
        // The same bytes on every machine, and nobody's home folder in them.
        format!("--remap-path-prefix={}=/cargo", home.unwrap_or_default()),
        format!("--remap-path-prefix={}=/src", workspace.display()),
    ]
}

fn cargo(workspace: &Path, target: &Path, arguments: &[&str], flags: &[String]) -> Result<()> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What is set for the outer build is for that: its RUSTFLAGS name a linker or a processor that wasm does not have, clippy would lint
    // in place of compiling, and with one CARGO_TARGET_DIR two cargos would wait for each other's lock for ever.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| !is_handed_on(name)) {
            command.env_remove(&name);
        }
    }
    // Likewise a build folder that somebody's configuration names.
    command.env("CARGO_BUILD_BUILD_DIR", target);
    // Set although it may be empty: only the environment goes before the flags of somebody's configuration.
    if arguments.contains(&WASM) {
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    }
    run(command
        .current_dir(workspace)
        .args(["build", "--locked"])
        .args(arguments)
        .arg("--target-dir")
        .arg(target))
}

/// Whether a nested build gets this variable of the outer one.
fn is_handed_on(name: &str) -> bool {
    const OF_BUILDS: [&str; 4] = ["CARGO_", "RUST", "DEP_", "CLIPPY_"];
    const HANDED_ON: [&str; 9] = [
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_PROFILE_CONSOLE_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_UNSTABLE_",
        "RUSTUP_",
    ];
    if OF_BUILDS.iter().any(|prefix| name.starts_with(prefix)) {
        return matches!(
            name,
            "CARGO_HOME" | "CARGO_MAKEFLAGS" | "CARGO_BUILD_JOBS" | "RUST_BACKTRACE"
        ) || HANDED_ON.iter().any(|prefix| name.starts_with(prefix));
    }
    !matches!(
        name,
        "TARGET"
            | "HOST"
            | "PROFILE"
            | "OPT_LEVEL"
            | "DEBUG"
            | "NUM_JOBS"
            | "OUT_DIR"
            | "LD_LIBRARY_PATH"
            | "DYLD_FALLBACK_LIBRARY_PATH"
            | "LLVM_PROFILE_FILE"
    )
}

/// Makes sure that Rust can compile to wasm: without the target there are a hundred errors about `core`. It is installed where it can be,
/// else said once.
pub fn have_target() -> Result<()> {
    let is_there = || {
        rustc(&["--print", "target-libdir", "--target", WASM]).is_ok_and(|folder| Path::new(&folder).is_dir())
    };
    if is_there() {
        return Ok(());
    }
    let added = run(Command::new("rustup").args(["target", "add", WASM]));
    if is_there() {
        return Ok(());
    }
    Err(format!(
        "the Rust target {WASM} is missing, to which the console is compiled{}\n\
         install it:          rustup target add {WASM}\n\
         or do without it:    CONSOLE=skip cargo run --release",
        added
            .err()
            .map(|error| format!(" ({})", error.lines().next().unwrap_or_default()))
            .unwrap_or_default()
    ))
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("rustc cannot be run: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "the console cannot be built ({}):\n{said}",
        output.status
    ))
}

/// The files in a folder that was built.
pub fn files(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    gather(folder, folder, &mut files)?;
    files.sort_by(|a, b| a.url.cmp(&b.url));
    Ok(files)
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            gather(root, &path, files)?;
            continue;
        }
        // The others are copies, and the packer's own.
        let Some(media_type) = media_type(&path) else {
            continue;
        };
        let parts: Vec<_> = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        let copy =
            |end: &str| Some(PathBuf::from(format!("{}.{end}", path.display()))).filter(|copy| copy.exists());
        files.push(File {
            url: format!("/{}", parts.join("/")),
            media_type,
            brotli: copy("br"),
            gzip: copy("gz"),
            immutable: parts.first().is_some_and(|first| first == "assets"),
            plain: path,
        });
    }
    Ok(())
}

fn media_type(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// The sources, as cargo tells them beside what it made.
fn sources(dep_info: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(dep_info).map_err(|error| format!("{}: {error}", dep_info.display()))?;
    let (_, list) = text
        .split_once(": ")
        .ok_or_else(|| format!("{} is not understood", dep_info.display()))?;
    let escaped = list.trim().replace("\\ ", "\0");
    Ok(escaped
        .split_whitespace()
        .map(|path| path.replace('\0', " ").into())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_builds_get_nothing_that_is_meant_for_the_outer_one() {
        for (name, handed_on) in [
            ("RUSTFLAGS", false),
            ("CARGO_ENCODED_RUSTFLAGS", false),
            ("CARGO_TARGET_DIR", false),
            ("RUSTC_WORKSPACE_WRAPPER", false),
            ("CLIPPY_ARGS", false),
            ("OUT_DIR", false),
            ("CARGO_HOME", true),
            ("CARGO_MAKEFLAGS", true),
            ("CARGO_REGISTRIES_CRATES_IO_PROTOCOL", true),
            ("RUSTUP_TOOLCHAIN", true),
            ("PATH", true),
            ("HTTPS_PROXY", true),
        ] {
            assert_eq!(is_handed_on(name), handed_on, "{name}");
        }
    }

    #[test]
    fn what_is_served_is_known_by_its_end() {
        assert_eq!(media_type(Path::new("a/b.wasm")), Some("application/wasm"));
        for copy in ["stamp", "b.wasm.br", "index.html.gz"] {
            assert_eq!(media_type(Path::new(copy)), None, "{copy}");
        }
    }
}
