//! A running `posthaste serve` for a check: with a data folder of its own, and a PostgreSQL unless it is given one, on ports that are free.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::checkout::{Checkout, output, run};
use crate::service::Service;

/// A server. It and its data go with this value.
pub(crate) struct Node {
    /// `http://` and the address of its REST API.
    pub(crate) rest: String,
    /// The address of its gRPC API.
    pub(crate) grpc: String,
    /// Its first key, which may do everything.
    pub(crate) key: String,
    service: Service,
    log: PathBuf,
    // Last: removed when nobody writes there any more.
    _data: DataFolder,
}

impl Node {
    /// Builds the server and starts it, with these settings besides, its log in `folder`.
    ///
    /// # Errors
    /// When it cannot be built, or does not start.
    pub(crate) fn start(checkout: &Checkout, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        run(&mut checkout.cargo(["build", "--locked", "--bin", "posthaste"]))?;
        let data = DataFolder::make()?;
        let mut serve = checkout.command(checkout.target.join("debug/posthaste"));
        serve
            .arg("serve")
            // Away from a `posthaste.toml` that the developer may have here.
            .current_dir(&data.0)
            .env("POSTHASTE_DATA_DIR", &data.0)
            .env("POSTHASTE_GATEWAY_LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied());
        let log = folder.join("server.log");
        let mut service = Service::start("posthaste", &mut serve, &log)?;
        Ok(Self {
            rest: service.line("its address", rest_address_in)?,
            grpc: service.line("its address for gRPC", grpc_address_in)?,
            key: service.line("its first key", |line| word_from(line, "ph_"))?,
            service,
            log,
            _data: data,
        })
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not end well.
    pub(crate) fn stop(self) -> Result<()> {
        let status = self.service.terminate()?;
        ensure!(
            status.success(),
            "posthaste ended with {status} after SIGTERM; see {}",
            self.log.display()
        );
        Ok(())
    }
}

/// A data folder for a server that starts for the first time; removed with this value.
struct DataFolder(PathBuf);

impl DataFolder {
    /// Outside the checkout, for a server that runs as root hands its PostgreSQL to another user, who may not be let in there.
    fn make() -> Result<Self> {
        let printed =
            output(Command::new("mktemp").args(["--directory", "--tmpdir", "posthaste-xtask-XXXXXX"]))?;
        let folder = Self(printed.into());
        // That other user must be able to pass through it.
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o711))?;
        Ok(folder)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The address in the server's line `REST API http://…/v1`.
fn rest_address_in(line: &str) -> Option<String> {
    let address = word_from(line.split_once("REST API")?.1, "http://")?;
    Some(address.trim_end_matches("/v1").to_owned())
}

/// The address in the server's line `gRPC API …, and where REST is`.
fn grpc_address_in(line: &str) -> Option<String> {
    let (address, _) = line.split_once("gRPC API")?.1.split_once(',')?;
    Some(address.trim().to_owned())
}

/// The word of the line that begins like this, as far as an address or a key goes.
pub(crate) fn word_from(line: &str, beginning: &str) -> Option<String> {
    let rest = &line[line.find(beginning)?..];
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.:/[]".contains(c);
    let word = rest.split(|c| !inside(c)).next()?.trim_end_matches(['.', '/']);
    (word.len() > beginning.len()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys_are_cut_out_of_a_sentence() {
        for (line, beginning, word) in [
            (
                "  listening on http://127.0.0.1:8080, console too",
                "http://",
                Some("http://127.0.0.1:8080"),
            ),
            (
                "REST http://[::1]:8080/ (HTTP/2 too)",
                "http://",
                Some("http://[::1]:8080"),
            ),
            ("key: ph_ab-C_9. Keep it.", "ph_", Some("ph_ab-C_9")),
            ("keys begin with ph_", "ph_", None),
            ("nothing here", "http://", None),
        ] {
            assert_eq!(word_from(line, beginning).as_deref(), word, "{line}");
        }
        let banner = "  REST API   http://127.0.0.1:8080/v1";
        assert_eq!(rest_address_in(banner).as_deref(), Some("http://127.0.0.1:8080"));
        let banner = "  gRPC API   127.0.0.1:50051, and where REST is";
        assert_eq!(grpc_address_in(banner).as_deref(), Some("127.0.0.1:50051"));
        assert_eq!(rest_address_in("  curl http://127.0.0.1:8080/v1/queues"), None);
    }
}
