//! The contract of the gRPC API: from `proto/posthaste/v1/*.proto` to the committed code in `proto/src/grpc`, without a `protoc`.
//!
//! The code is committed so that nobody who builds Posthaste pays for making it, and so that a change of the contract shows as one.

mod lint;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::checkout::{Checkout, output};

/// The package of the contract. Its name is that of the generated file, too.
const PACKAGE: &str = "posthaste.v1";

/// The root of the `.proto` files, and the folder of those of the package.
const ROOT: &str = "proto";
const SOURCES: &str = "proto/posthaste/v1";

/// Where the generated files lie.
const GENERATED: &str = "proto/src/grpc";

/// Writes the generated files anew.
///
/// # Errors
/// When the contract does not compile or breaks a rule.
pub(crate) fn write(checkout: &Checkout) -> Result<()> {
    for (name, bytes) in generate(checkout)? {
        let path = checkout.root.join(GENERATED).join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Makes sure that the contract keeps the rules, and that the committed files are what it gives.
///
/// # Errors
/// When it does not, or they are not.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    for (name, bytes) in generate(checkout)? {
        let path = checkout.root.join(GENERATED).join(&name);
        let committed = fs::read(&path)
            .with_context(|| format!("cannot read {}; run: cargo xtask proto", path.display()))?;
        ensure!(
            committed == bytes,
            "{GENERATED}/{name} is not what {SOURCES} gives; run: cargo xtask proto"
        );
    }
    Ok(())
}

/// The generated files by name.
fn generate(checkout: &Checkout) -> Result<BTreeMap<String, Vec<u8>>> {
    let set = compile(&checkout.root)?;
    let complaints = lint::complaints(&set, PACKAGE);
    ensure!(
        complaints.is_empty(),
        "the contract breaks rules:\n{}",
        complaints.join("\n")
    );
    println!("{} files keep the rules", sources(&checkout.root)?.len());

    let folder = Folder(output(std::process::Command::new("mktemp").arg("--directory"))?.into());
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::grpc::Codec")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc-client\")]")
        // Payloads are taken out of the request's buffer, and headers have one order.
        .bytes(".")
        .btree_map(".")
        .out_dir(&folder.0)
        .compile_fds(set.clone())
        .context("the code cannot be generated")?;
    let mut files = BTreeMap::from([("descriptors.binpb".to_owned(), set.encode_to_vec())]);
    let code = format!("{PACKAGE}.rs");
    files.insert(code.clone(), fs::read(folder.0.join(&code))?);
    Ok(files)
}

/// The contract and what it imports, with its comments.
fn compile(root: &Path) -> Result<FileDescriptorSet> {
    let mut compiler = protox::Compiler::new([root.join(ROOT)])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(sources(root)?)?;
    Ok(compiler.file_descriptor_set())
}

/// The `.proto` files, in the order of their names.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(SOURCES)).with_context(|| format!("cannot read {SOURCES}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
