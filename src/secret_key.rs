//! The key that encrypts signing secrets at rest: from the configuration, else made once and kept in the data folder.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;

/// The key's file in the data folder.
const FILE: &str = "secret.key";
/// The file of the example's signing secret.
const EXAMPLE_FILE: &str = "example.secret";

/// 32 secret bytes. They are shown by [`SecretKey::expose`] only, never by formatting.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Reads 32 bytes in standard base64; white space around them is no matter.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(***)")
    }
}

/// Where the key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The setting `secrets.key`.
    Configured,
    /// The file, written by an earlier start.
    Kept(PathBuf),
    /// The file, written just now: whoever starts a second node must give it this key.
    Made(PathBuf),
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    /// The file could not be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there but holds something else.
    #[error(
        "{path} does not hold 32 bytes in base64. Restore it from a backup: without it the signing secrets in the \
         database cannot be read. If there is nothing to lose yet, delete it and a new key is made",
        path = _0.display()
    )]
    Damaged(PathBuf),
}

/// The key to use: the configured one, else the one in `data_dir`, made with `random` at the first start (mode 0600,
/// on disk before it is used: what is encrypted with a lost key is lost).
pub fn load(
    configured: Option<SecretKey>,
    data_dir: &Path,
    random: &mut impl Rng,
) -> Result<(SecretKey, Origin), SecretKeyError> {
    if let Some(key) = configured {
        return Ok((key, Origin::Configured));
    }
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => match SecretKey::from_base64(&text) {
            Some(key) => Ok((key, Origin::Kept(path))),
            None => Err(SecretKeyError::Damaged(path)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            random.fill_bytes(&mut bytes);
            let key = SecretKey(bytes);
            write_private(data_dir, FILE, &format!("{}\n", STANDARD.encode(key.0))).map_err(|source| {
                SecretKeyError::Io {
                    action: "write",
                    path: path.clone(),
                    source,
                }
            })?;
            Ok((key, Origin::Made(path)))
        }
        Err(source) => Err(SecretKeyError::Io {
            action: "read",
            path,
            source,
        }),
    }
}

/// The signing secret (`whsec_…`) of the example that a server prints, made with `random` the first time. It is kept,
/// so that what a later start prints fits the endpoint that was registered after an earlier one.
pub fn example(data_dir: &Path, random: &mut impl Rng) -> Result<String, SecretKeyError> {
    let path = data_dir.join(EXAMPLE_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // 24 bytes are the shortest that Standard Webhooks allows, and make the shortest line to paste.
            let mut bytes = [0; 24];
            random.fill_bytes(&mut bytes);
            let secret = format!("whsec_{}", STANDARD.encode(bytes));
            write_private(data_dir, EXAMPLE_FILE, &format!("{secret}\n")).map_err(|source| {
                SecretKeyError::Io {
                    action: "write",
                    path,
                    source,
                }
            })?;
            Ok(secret)
        }
        Err(source) => Err(SecretKeyError::Io {
            action: "read",
            path,
            source,
        }),
    }
}

/// Writes `name` in `folder`, readable by its owner only, whole or not at all, and on disk when this returns.
pub(crate) fn write_private(folder: &Path, name: &str, content: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{name}.new"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("not/yet/there");
        let mut random = StdRng::seed_from_u64(1);
        let (made, origin) = load(None, &data_dir, &mut random).unwrap();
        let path = data_dir.join(FILE);
        assert_eq!(origin, Origin::Made(path.clone()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(made.expose(), &[0; 32]);

        let (kept, origin) = load(None, &data_dir, &mut random).unwrap();
        assert_eq!((kept, origin), (made.clone(), Origin::Kept(path.clone())));

        let given = SecretKey::from_base64(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(given, made);
    }

    #[test]
    fn the_example_keeps_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = StdRng::seed_from_u64(1);
        let made = example(folder.path(), &mut random).unwrap();
        assert!(
            made.starts_with("whsec_") && standardwebhooks::Webhook::new(&made).is_ok(),
            "{made}"
        );
        assert_eq!(example(folder.path(), &mut random).unwrap(), made);
    }

    #[test]
    fn a_half_written_key_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret.key.new"), "half").unwrap();
        let (_, origin) = load(None, folder.path(), &mut StdRng::seed_from_u64(1)).unwrap();
        assert!(matches!(origin, Origin::Made(_)));
    }

    #[test]
    fn a_damaged_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "c2hvcnQ=").unwrap();
        let error = load(None, folder.path(), &mut StdRng::seed_from_u64(1)).unwrap_err();
        assert!(matches!(error, SecretKeyError::Damaged(_)));
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "c2hvcnQ=");
    }

    #[test]
    fn the_configured_key_wins_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let configured = SecretKey([7; 32]);
        let (key, origin) = load(
            Some(configured.clone()),
            folder.path(),
            &mut StdRng::seed_from_u64(1),
        )
        .unwrap();
        assert_eq!((key, origin), (configured.clone(), Origin::Configured));
        assert!(!folder.path().join(FILE).exists());
        assert_eq!(format!("{configured:?}"), "SecretKey(***)");
    }
}
