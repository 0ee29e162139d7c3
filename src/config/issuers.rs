//! `[[auth.jwt]]`: whose tokens are accepted. The only part of the configuration that is a list, and so in the file alone.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use gateway::auth::jwt::Algorithm;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kind::{Kind, Time};
use super::problem::{Problems, Source, nearest};

/// Its name.
pub(super) const KEY: &str = "auth.jwt";

/// What an entry may hold, for `posthaste config --describe`.
pub(super) const HELP: &str = "Issuers whose tokens (JWT) are accepted beside API keys, an [[auth.jwt]] each, in the file only: \
    `issuer` (iss, exactly); `audience` (aud, one or a list); `algorithms` (a list of HS256, RS256, ES256, EdDSA); one of \
    `secret_file` (HS256: 32 bytes of text at least), `pem` (a public key) or `jwks` (a set of keys), each a file that is read \
    again when it changes; `leeway` (of clocks, default 1m); `scope_claim` (default scope) and `queues_claim` (default queues): \
    the claims with our scopes and with patterns of queues, as a text with spaces or a list.";

/// The fields of an entry.
const FIELDS: [&str; 9] = [
    "issuer",
    "audience",
    "algorithms",
    "secret_file",
    "pem",
    "jwks",
    "leeway",
    "scope_claim",
    "queues_claim",
];

/// An issuer, as the file describes it; its keys are not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Where it stands.
    pub source: Source,
    /// What tokens have in `iss`.
    pub issuer: String,
    /// What tokens may have in `aud`.
    pub audience: Vec<String>,
    /// What signs.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys are.
    pub keys: KeyFile,
    /// How far the clocks may differ.
    pub leeway: Duration,
    /// The claim with scopes.
    pub scope_claim: String,
    /// The claim with patterns of queues.
    pub queues_claim: String,
}

/// A file with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFile {
    /// A secret.
    Secret(PathBuf),
    /// A public key.
    Pem(PathBuf),
    /// A set of keys.
    Jwks(PathBuf),
}

impl KeyFile {
    /// The file.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Secret(path) | Self::Pem(path) | Self::Jwks(path) => path,
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let (audience, keys) = (self.audience.join(", "), self.keys.path().display());
        write!(
            f,
            "{} for {audience} by {} from {keys}",
            self.issuer,
            names.join(", ")
        )
    }
}

/// Reads the list. `at` says where an offset is.
pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    at: &dyn Fn(usize) -> Source,
    problems: &mut Problems,
) -> Vec<Issuer> {
    let source = at(value.span().start);
    let DeValue::Array(entries) = value.get_ref() else {
        problems.add(
            &source,
            format!("{KEY} is a list: write [[{KEY}]] above each issuer"),
        );
        return vec![];
    };
    let entries = entries.iter().filter_map(|entry| match entry.get_ref() {
        DeValue::Table(table) => one(table, at(entry.span().start), at, problems),
        other => {
            let source = at(entry.span().start);
            problems.add(
                &source,
                format!(
                    "{KEY} holds a {}; write [[{KEY}]] above each issuer",
                    other.type_str()
                ),
            );
            None
        }
    });
    entries.collect()
}

/// One entry. A problem of one field does not hide those of the others.
fn one(
    table: &DeTable<'_>,
    source: Source,
    at: &dyn Fn(usize) -> Source,
    problems: &mut Problems,
) -> Option<Issuer> {
    for name in table.keys() {
        if !FIELDS.contains(&&**name.get_ref()) {
            let unknown = format!("there is no field {:?} in {KEY}", name.get_ref());
            let message = match nearest(name.get_ref(), FIELDS.into_iter()) {
                Some(meant) => format!("{unknown}; did you mean {meant}?"),
                None => format!("{unknown}; there are {}", FIELDS.join(", ")),
            };
            problems.add(&at(name.span().start), message);
        }
    }
    let mut entry = Entry {
        table,
        source: &source,
        at,
        problems,
    };
    let issuer = entry.text("issuer");
    let audience = entry.list("audience");
    let algorithms = entry.list("algorithms").map(|names| entry.algorithms(&names));
    let keys = entry.keys();
    let leeway = entry.leeway();
    let scope_claim = entry.claim("scope_claim", "scope");
    let queues_claim = entry.claim("queues_claim", "queues");
    Some(Issuer {
        issuer: issuer?,
        audience: audience?,
        algorithms: algorithms??,
        keys: keys?,
        leeway: leeway?,
        scope_claim: scope_claim?,
        queues_claim: queues_claim?,
        source,
    })
}

/// An entry while it is read.
struct Entry<'a, 'b> {
    table: &'a DeTable<'b>,
    source: &'a Source,
    at: &'a dyn Fn(usize) -> Source,
    problems: &'a mut Problems,
}

impl Entry<'_, '_> {
    /// A problem of a field, at its place, or at the entry's if it is missing.
    fn wrong(&mut self, name: &str, what: &str) {
        let source = self
            .table
            .get_key_value(name)
            .map_or_else(|| self.source.clone(), |(key, _)| (self.at)(key.span().start));
        self.problems.add(&source, format!("{KEY}: {name} {what}"));
    }

    /// One or several texts.
    fn list(&mut self, name: &str) -> Option<Vec<String>> {
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        };
        let found = match self.table.get(name).map(Spanned::get_ref) {
            None => {
                self.wrong(name, "is missing");
                return None;
            }
            Some(DeValue::Array(items)) => items.iter().map(|item| text(item.get_ref())).collect(),
            Some(one) => text(one).map(|text| vec![text]),
        };
        let found = found.filter(|list: &Vec<String>| !list.is_empty());
        if found.is_none() {
            self.wrong(name, "is a text, or a list of texts, none of them empty");
        }
        found
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let list = self.list(name)?;
        if let [one] = list.as_slice() {
            return Some(one.clone());
        }
        self.wrong(name, "is one text");
        None
    }

    /// The name of a claim.
    fn claim(&mut self, name: &str, default: &str) -> Option<String> {
        if self.table.contains_key(name) {
            self.text(name)
        } else {
            Some(default.to_owned())
        }
    }

    fn algorithms(&mut self, names: &[String]) -> Option<Vec<Algorithm>> {
        let known = |name: &String| Algorithm::ALL.into_iter().find(|one| one.name() == name);
        let found: Option<Vec<Algorithm>> = names.iter().map(known).collect();
        if found.is_none() {
            self.wrong("algorithms", "may hold HS256, RS256, ES256 and EdDSA");
        }
        found
    }

    fn keys(&mut self) -> Option<KeyFile> {
        let names = ["secret_file", "pem", "jwks"];
        let mut given = names.into_iter().filter(|name| self.table.contains_key(*name));
        let (Some(name), None) = (given.next(), given.next()) else {
            self.problems.add(
                self.source,
                format!("{KEY}: give one of {}: where the keys are", names.join(", ")),
            );
            return None;
        };
        let path = PathBuf::from(self.text(name)?);
        Some(match name {
            "secret_file" => KeyFile::Secret(path),
            "pem" => KeyFile::Pem(path),
            _ => KeyFile::Jwks(path),
        })
    }

    fn leeway(&mut self) -> Option<Duration> {
        if !self.table.contains_key("leeway") {
            return Some(Duration::from_mins(1));
        }
        let kind = Time(Duration::ZERO, Duration::from_hours(1));
        let text = self.text("leeway")?;
        kind.parse(&text)
            .map_err(|why| self.wrong("leeway", &format!("{why}; allowed: {}", kind.allowed())))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::layers::from_file;
    use super::*;

    fn read(text: &str) -> Result<Vec<Issuer>, Vec<String>> {
        let mut problems = Problems::default();
        let (given, issuers) = from_file(text, Path::new("p.toml"), &mut problems);
        assert!(given.is_empty());
        if problems.0.is_empty() {
            return Ok(issuers);
        }
        let problems = problems.0.iter();
        Err(problems
            .map(|problem| format!("{}: {}", problem.source, problem.message))
            .collect())
    }

    const WHOLE: &str = r#"
[[auth.jwt]]
issuer = "https://login.example/"
audience = "posthaste"
algorithms = ["RS256", "EdDSA"]
jwks = "/etc/jwks.json"
leeway = "30s"
scope_claim = "permissions"
queues_claim = "https://example.com/queues"

[[auth.jwt]]
issuer = "internal"
audience = ["a", "b"]
algorithms = "HS256"
secret_file = "secret"
"#;

    #[test]
    fn issuers_are_a_list_with_defaults() {
        let issuers = read(WHOLE).unwrap();
        let [one, two] = issuers.as_slice() else {
            panic!("{issuers:?}")
        };
        assert_eq!(one.source, Source::File("p.toml".into(), 2));
        assert_eq!(one.algorithms, [Algorithm::Rs256, Algorithm::EdDsa]);
        assert_eq!(one.keys, KeyFile::Jwks("/etc/jwks.json".into()));
        assert_eq!(
            (one.leeway, one.scope_claim.as_str(), one.queues_claim.as_str()),
            (
                Duration::from_secs(30),
                "permissions",
                "https://example.com/queues"
            )
        );
        assert_eq!(
            (two.audience.as_slice(), &two.keys),
            (
                ["a".to_owned(), "b".to_owned()].as_slice(),
                &KeyFile::Secret("secret".into())
            )
        );
        assert_eq!(
            (two.leeway, two.scope_claim.as_str(), two.queues_claim.as_str()),
            (Duration::from_mins(1), "scope", "queues")
        );
        assert_eq!(
            one.to_string(),
            "https://login.example/ for posthaste by RS256, EdDSA from /etc/jwks.json"
        );
        assert!(read("[auth]\n").unwrap().is_empty());
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let all =
            "[[auth.jwt]]\nissuer = \"\"\naudience = []\nalgorithms = [\"none\"]\nleeway = \"2h\"\nkey = 1\n";
        let problems = read(all).unwrap_err();
        let of = |line: usize| {
            let at = format!("p.toml:{line}: ");
            problems
                .iter()
                .filter_map(|problem| problem.strip_prefix(&at))
                .collect::<Vec<_>>()
        };
        assert_eq!(problems.len(), 6, "{problems:#?}");
        assert!(of(2)[0].starts_with("auth.jwt: issuer is a text"));
        assert!(of(3)[0].starts_with("auth.jwt: audience is a text"));
        assert!(of(4)[0].contains("HS256, RS256, ES256 and EdDSA"));
        assert!(of(5)[0].contains("leeway") && of(5)[0].contains("1h"));
        assert!(of(6)[0].contains("no field \"key\""));
        assert!(of(1)[0].contains("one of secret_file, pem, jwks"));
    }

    #[test]
    fn what_is_no_list_of_issuers_is_told() {
        for (text, part) in [
            ("[auth.jwt]\nissuer = \"a\"\n", "[[auth.jwt]]"),
            ("[auth]\njwt = [1]\n", "[[auth.jwt]]"),
            ("[auth]\njwks = \"a\"\n", "no setting \"auth.jwks\""),
            ("auth = 1\n", "no setting \"auth\""),
            (
                &WHOLE.replace("jwks =", "pem = \"a\"\njwks ="),
                "one of secret_file",
            ),
            (
                &WHOLE.replace("algorithms = \"HS256\"\n", ""),
                "algorithms is missing",
            ),
            (
                &WHOLE.replace("issuer = \"internal\"", "isuer = \"internal\""),
                "did you mean issuer?",
            ),
            (&WHOLE.replace("\"secret\"", "7"), "secret_file is a text"),
            (
                &WHOLE.replace("\"secret\"", "[\"a\", \"b\"]"),
                "secret_file is one text",
            ),
        ] {
            let problems = read(text).unwrap_err();
            assert!(problems[0].contains(part), "{text}: {problems:?}");
        }
    }
}
