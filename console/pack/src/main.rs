//! `console-pack WASM STYLE DIST plain|compress`: turns the compiled console into the files that a browser loads.
//!
//! The JavaScript that loads the wasm is made by wasm-bindgen, as a library; a hash of everything is put into the path; and brotli and
//! gzip copies are laid beside.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

type Result<T> = std::result::Result<T, String>;

/// The largest window of brotli that every browser takes, as a power of two of bytes.
const BROTLI_WINDOW: i32 = 22;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let [_, wasm, style, dist, mode] = arguments.as_slice() else {
        eprintln!("usage: console-pack WASM STYLE DIST plain|compress");
        return ExitCode::FAILURE;
    };
    match pack(wasm.as_ref(), style.as_ref(), dist.as_ref(), mode == "compress") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("console-pack: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pack(wasm: &Path, style: &Path, dist: &Path, compress: bool) -> Result<()> {
    let mut statics = BTreeMap::new();
    for entry in fs::read_dir(style).map_err(|error| told(style, &error))? {
        let path = entry.map_err(|error| told(style, &error))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        statics.insert(name, read(&path)?);
    }
    // Everything that decides what comes out. (The version of wasm-bindgen is in the wasm.)
    let mut hasher = DefaultHasher::new();
    read(wasm)?.hash(&mut hasher);
    statics.hash(&mut hasher);
    compress.hash(&mut hasher);
    include_str!("main.rs").hash(&mut hasher);
    let hash = format!("{:016x}", hasher.finish());
    let stamp = dist.join("stamp");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(&hash) {
        return Ok(());
    }

    if dist.exists() {
        fs::remove_dir_all(dist).map_err(|error| told(dist, &error))?;
    }
    // One folder named by the hash: what the files say of each other's places stays right.
    let assets = dist.join("assets").join(&hash);
    fs::create_dir_all(&assets).map_err(|error| told(&assets, &error))?;
    bind(wasm, &assets, compress)?;
    for (name, bytes) in &statics {
        if Path::new(name).extension().is_some_and(|end| end == "html") {
            let text = String::from_utf8_lossy(bytes).replace("{{hash}}", &hash);
            write(&dist.join(name), text.as_bytes())?;
        } else {
            write(&assets.join(name), bytes)?;
        }
    }
    if compress {
        let mut files = Vec::new();
        list(dist, &mut files)?;
        thread::scope(|scope| {
            let running: Vec<_> = files.iter().map(|file| scope.spawn(|| squeeze(file))).collect();
            running
                .into_iter()
                .try_for_each(|one| one.join().unwrap_or_else(|_| Err("a copy failed".to_owned())))
        })?;
    }
    write(&stamp, hash.as_bytes())
}

/// Writes the wasm as browsers take it, with the JavaScript that loads it.
fn bind(wasm: &Path, assets: &Path, small: bool) -> Result<()> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    let made = bindgen
        .input_path(wasm)
        .out_name("console")
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .typescript(false)
                .omit_default_module_path(true)
                .remove_name_section(small)
                .remove_producers_section(small)
                .generate(assets)
        });
    made.map_err(|error| format!("wasm-bindgen: {error:#}"))
}

/// Brotli for https and localhost; gzip as well, for browsers do not offer brotli over plain http.
fn squeeze(file: &Path) -> Result<()> {
    let bytes = read(file)?;
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: BROTLI_WINDOW,
        ..Default::default()
    };
    let mut brotli = Vec::new();
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut brotli, &parameters)
        .map_err(|error| told(file, &error))?;
    write(&beside(file, "br"), &brotli)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&bytes).map_err(|error| told(file, &error))?;
    write(
        &beside(file, "gz"),
        &gzip.finish().map_err(|error| told(file, &error))?,
    )
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| told(folder, &error))? {
        let path = entry.map_err(|error| told(folder, &error))?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| told(path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
