//! The producers in `examples/producers`: each makes a queue with one endpoint, enqueues tasks, and prints the id of each on a line of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::receivers::build_typescript;
use crate::checkout::{Checkout, output, run};
use crate::node::Node;
use crate::sdks;

/// Those that run here on no machine, for what they need comes from neither Debian nor a registry.
pub(super) const NOT_RUN: &[&str] = &["examples/producers/grpcurl.sh"];

/// The package of the producer in TypeScript.
const TYPESCRIPT_PRODUCER: &str = "examples/producers/typescript";

/// Where the contract of the gRPC API lies, and the files that the Python stubs are made of.
const CONTRACT: &str = "proto";
const CONTRACT_FILES: &str = "proto/posthaste/v1";

/// The producers, ready to run.
pub(super) struct Producers {
    python: PathBuf,
    stubs: PathBuf,
    rust: PathBuf,
}

impl Producers {
    /// Installs what they need, the two in Python into the environment of the receiver there.
    pub(super) fn prepare(checkout: &Checkout, folder: &Path) -> Result<Self> {
        let bin = folder.join("python/bin");
        let mut pip = checkout.command(bin.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        for requirements in [
            "examples/producers/python-grpc/requirements.txt",
            sdks::PYTHON_REQUIREMENTS,
        ] {
            pip.args(["--requirement", requirements]);
        }
        run(&mut pip)?;
        let python = bin.join("python");
        let stubs = python_stubs(checkout, folder, &python)?;

        // The producer's package names the library by its path, and finds there what it is compiled to.
        for folder in [sdks::TYPESCRIPT, TYPESCRIPT_PRODUCER] {
            build_typescript(checkout, folder)?;
        }

        run(&mut checkout.cargo([
            "build",
            "--locked",
            "--package=posthaste-client",
            "--example=producer",
        ]))?;
        Ok(Self {
            python,
            stubs,
            rust: checkout.target.join("debug/examples/producer"),
        })
    }

    /// Lets curl, or all of them, enqueue for this receiver, which is registered with this secret: the ids of their tasks.
    pub(super) fn enqueue(
        &self,
        checkout: &Checkout,
        server: &Node,
        receiver: (&str, &str),
        name: &str,
        all: bool,
    ) -> Result<Vec<String>> {
        let curl = checkout.command("examples/producers/curl.sh");
        let mut producers = vec![("curl", curl, 1)];
        if all {
            let mut grpc = checkout.command(&self.python);
            grpc.arg("examples/producers/python-grpc/producer.py");
            grpc.env("PYTHONPATH", &self.stubs);
            let mut python = checkout.command(&self.python);
            python.arg("examples/producers/python/producer.py");
            python.env("PYTHONPATH", checkout.root.join(sdks::PYTHON_SOURCES));
            let mut typescript = checkout.command("node");
            typescript.arg(format!("{TYPESCRIPT_PRODUCER}/producer.js"));
            producers.extend([
                ("python-grpc", grpc, 6),
                ("python", python, 6),
                ("typescript", typescript, 6),
                ("rust", checkout.command(&self.rust), 6),
            ]);
        }
        let mut ids = Vec::new();
        for (producer, command, count) in producers {
            let queue = format!("orders-{name}-{producer}");
            let printed = produce(command, server, receiver, &queue)
                .with_context(|| format!("producer `{producer}`"))?;
            let made = ids_in(&printed);
            ensure!(
                made.len() == count,
                "producer `{producer}` printed {} ids: {printed}",
                made.len()
            );
            ids.extend(made);
        }
        Ok(ids)
    }
}

/// The stubs of the gRPC API: the folder that they lie in.
fn python_stubs(checkout: &Checkout, folder: &Path, python: &Path) -> Result<PathBuf> {
    let stubs = folder.join("python-grpc");
    fs::create_dir_all(&stubs)?;
    let mut compiler = checkout.command(python);
    compiler.args(["-m", "grpc_tools.protoc", "--proto_path", CONTRACT]);
    for kind in ["--python_out", "--grpc_python_out"] {
        compiler.arg(kind).arg(&stubs);
    }
    for entry in fs::read_dir(checkout.root.join(CONTRACT_FILES))? {
        let name = entry?.file_name();
        compiler.arg(Path::new(CONTRACT_FILES).join(name));
    }
    run(&mut compiler)?;
    Ok(stubs)
}

fn produce(
    mut command: Command,
    server: &Node,
    (receiver, secret): (&str, &str),
    queue: &str,
) -> Result<String> {
    command
        .env("POSTHASTE_URL", &server.rest)
        .env("POSTHASTE_GRPC", &server.grpc)
        .env("POSTHASTE_KEY", &server.key)
        .env("RECEIVER_URL", receiver)
        .env("WEBHOOK_SECRET", secret)
        .env("QUEUE", queue);
    output(&mut command)
}

/// The lines that are an id and nothing else.
fn ids_in(printed: &str) -> Vec<String> {
    let is_id = |line: &&str| {
        line.len() == 36
            && line.bytes().enumerate().all(|(at, byte)| {
                if [8, 13, 18, 23].contains(&at) {
                    byte == b'-'
                } else {
                    byte.is_ascii_hexdigit()
                }
            })
    };
    printed
        .lines()
        .map(str::trim)
        .filter(is_id)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_line_of_its_own() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let printed = format!(
            "{{\"id\":\"{id}\"}}\n{id}\n  {id} \n{id}x\n{}\n",
            id.replace('-', "_")
        );
        assert_eq!(ids_in(&printed), [id, id]);
    }
}
