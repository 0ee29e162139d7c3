//! Profiles: servers and keys that were logged in with, in a file that only its owner reads.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Usage;

/// Where a server is that nobody named: the default of `gateway.listen`.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// A profile that nobody named.
pub(super) const DEFAULT_NAME: &str = "default";

const PROFILE: &str = "POSTHASTE_PROFILE";
const URL: &str = "POSTHASTE_URL";
/// The variable of the key.
pub(super) const KEY: &str = "POSTHASTE_KEY";

/// The environment's variables.
pub(super) type Environment = BTreeMap<String, String>;

/// All profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profiles {
    /// The one that is used unless another is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(super) profiles: BTreeMap<String, Profile>,
}

/// A server and a key of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// The server.
    pub(super) url: String,
    /// The key.
    pub(super) key: String,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Profile({:?}, …)", self.url)
    }
}

/// Which server is asked, and with which key.
pub(super) type Target = Profile;

impl Profiles {
    /// The file: `posthaste/profiles.toml` in the user's folder of configurations.
    pub(super) fn path(environment: &Environment) -> Result<PathBuf> {
        let folder = match (given(environment, "XDG_CONFIG_HOME"), given(environment, "HOME")) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, Some(home)) => Path::new(home).join(".config"),
            (None, None) => {
                let wrong = "neither HOME nor XDG_CONFIG_HOME is set, so there is no place for profiles: set POSTHASTE_URL and \
                             POSTHASTE_KEY instead";
                return Err(Usage(wrong.to_owned()).into());
            }
        };
        Ok(folder.join("posthaste/profiles.toml"))
    }

    /// What was stored; none if nothing was.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("the profiles in {} cannot be read", path.display()));
            }
        };
        // The parser's message shows the line, which may have the key.
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message())
        })
    }

    /// Stores them: whole or not at all, readable by nobody else at any moment.
    pub(super) fn store(&self, path: &Path) -> Result<()> {
        let failed = || format!("the profiles cannot be stored in {}", path.display());
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(failed)?;
        let fresh = path.with_extension(format!("toml.{}", std::process::id()));
        let written = write_private(&fresh, &toml::to_string(self)?).and_then(|()| fs::rename(&fresh, path));
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written.with_context(failed)
    }

    /// Which server is asked, and with which key. A profile that is named by flag holds; else `POSTHASTE_URL` and `POSTHASTE_KEY` come
    /// before the profile of `POSTHASTE_PROFILE`, or the current one. The key of a profile goes to its own server only.
    pub(super) fn choose(&self, flag: Option<&str>, environment: &Environment) -> Result<Target, Usage> {
        let named = flag.or_else(|| given(environment, PROFILE));
        let profile = match named {
            Some(name) => Some(self.find(name)?),
            None => self.current.as_deref().and_then(|name| self.profiles.get(name)),
        };
        if let (Some(_), Some(profile)) = (flag, profile) {
            return Ok(profile.clone());
        }
        let url = given(environment, URL)
            .or(profile.map(|profile| profile.url.as_str()))
            .unwrap_or(DEFAULT_URL);
        let stored = profile
            .filter(|profile| same_server(&profile.url, url))
            .map(|profile| profile.key.as_str());
        let key = given(environment, KEY).or(stored).ok_or_else(|| {
            Usage(format!(
                "no key for {url}: log in with `posthaste login`, or set {KEY}"
            ))
        })?;
        Ok(Target {
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The profile of this name.
    pub(super) fn find(&self, name: &str) -> Result<&Profile, Usage> {
        self.profiles.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            Usage(match names.as_slice() {
                [] => format!(
                    "there is no profile `{name}`, nor any other: `posthaste login --profile {name}` makes it"
                ),
                names => format!("there is no profile `{name}`; there is {}", names.join(", ")),
            })
        })
    }
}

/// A variable that says something.
pub(super) fn given<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    environment
        .get(name)
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
}

/// Where `login` logs in, unless it is told.
pub(super) fn url_to_log_in(environment: &Environment) -> &str {
    given(environment, URL).unwrap_or(DEFAULT_URL)
}

/// The name of the profile that a command means, if any is named.
pub(super) fn named<'a>(flag: Option<&'a str>, environment: &'a Environment) -> Option<&'a str> {
    flag.or_else(|| given(environment, PROFILE))
}

fn same_server(one: &str, other: &str) -> bool {
    let origin = |text: &str| text.parse::<Url>().map(|url| url.origin()).ok();
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        let profile = |url: &str, key: &str| Profile {
            url: url.to_owned(),
            key: key.to_owned(),
        };
        Profiles {
            current: Some("home".to_owned()),
            profiles: BTreeMap::from([
                ("home".to_owned(), profile("http://home:8080", "ph_home")),
                ("work".to_owned(), profile("https://work", "ph_work")),
            ]),
        }
    }

    #[test]
    fn flags_come_before_the_environment_and_that_before_what_is_stored() {
        let all = profiles();
        for (flag, environment, expected) in [
            (None, &[][..], Ok(("http://home:8080", "ph_home"))),
            (Some("work"), &[], Ok(("https://work", "ph_work"))),
            (None, &[(PROFILE, "work")], Ok(("https://work", "ph_work"))),
            (None, &[(PROFILE, "")], Ok(("http://home:8080", "ph_home"))),
            (None, &[(KEY, "ph_env")], Ok(("http://home:8080", "ph_env"))),
            (
                Some("work"),
                &[(KEY, "ph_env"), (URL, "http://env")],
                Ok(("https://work", "ph_work")),
            ),
            (
                None,
                &[(KEY, "ph_env"), (URL, "http://env"), (PROFILE, "work")],
                Ok(("http://env", "ph_env")),
            ),
            // A stored key is for its own server.
            (None, &[(URL, "http://env")], Err("no key for http://env")),
            (
                None,
                &[(URL, "http://home:8081")],
                Err("no key for http://home:8081"),
            ),
            (
                None,
                &[(URL, "http://home:8080/")],
                Ok(("http://home:8080/", "ph_home")),
            ),
            (
                Some("nowhere"),
                &[],
                Err("there is no profile `nowhere`; there is home, work"),
            ),
            (
                None,
                &[(PROFILE, "nowhere")],
                Err("there is no profile `nowhere`"),
            ),
        ] {
            let environment: Environment = environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            match (all.choose(flag, &environment), expected) {
                (Ok(target), Ok(expected)) => assert_eq!((&*target.url, &*target.key), expected),
                (Err(error), Err(words)) => assert!(error.0.contains(words), "{error}"),
                (chosen, expected) => panic!("{chosen:?} is not {expected:?} with {flag:?}, {environment:?}"),
            }
        }
        let nothing = Profiles::default();
        let error = nothing.choose(None, &Environment::new()).unwrap_err();
        assert!(error.0.contains("posthaste login"), "{error}");
    }

    #[test]
    fn they_are_stored_for_nobody_else_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/posthaste/profiles.toml");
        assert_eq!(Profiles::load(&path).unwrap(), Profiles::default());
        for mode in [0o600, 0o644] {
            profiles().store(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(Profiles::load(&path).unwrap(), profiles());
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        let folder = path.parent().unwrap();
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_broken_file_is_told_without_the_key_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles.toml");
        fs::write(&path, "current = \"a\"\n[profiles.a]\nurl = 7 # ph_hush").unwrap();
        let error = format!("{:#}", Profiles::load(&path).unwrap_err());
        assert!(
            error.contains("profiles.toml, line 3") && !error.contains("hush"),
            "{error}"
        );
    }

    #[test]
    fn the_file_has_its_place() {
        let environment = |pairs: &[(&str, &str)]| -> Environment {
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        let path = |pairs| Profiles::path(&environment(pairs)).map(|path| path.display().to_string());
        assert_eq!(
            path(&[("HOME", "/h")]).unwrap(),
            "/h/.config/posthaste/profiles.toml"
        );
        assert_eq!(
            path(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]).unwrap(),
            "/c/posthaste/profiles.toml"
        );
        assert!(path(&[]).unwrap_err().is::<Usage>());
    }
}
