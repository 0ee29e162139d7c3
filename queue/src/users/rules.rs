//! The rules that a user must meet.

use proto::{NewUser, Role};

use crate::{
    error::{Error, Problems, Result},
    rights,
};

/// Fewest and most characters of a password. Twelve that nobody guesses are enough against guesses that are slowed down; a phrase has room.
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=200;

/// Longest name: an address of mail.
const NAME: usize = 64;

/// A user that meets the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) queues: Vec<String>,
}

/// A name as it is kept and compared.
pub(super) fn kept(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// Checks a new user, the password included.
pub(super) fn check(new: &NewUser) -> Result<Checked> {
    let mut problems = Problems::default();
    let name = kept(&new.name);
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._@+-".contains(&b);
    problems.require(
        (1..=NAME).contains(&name.len()) && name.bytes().all(fine),
        "name",
        format!("1 to {NAME} of a-z 0-9 . _ @ + -"),
    );
    check_password(&new.password, &name, "password", &mut problems);
    check_queues(&new.queues, &mut problems);
    problems.finish()?;
    Ok(Checked {
        name,
        role: new.role,
        queues: new.queues.clone(),
    })
}

/// Notes what is wrong with a password of the user of this name.
pub(super) fn check_password(password: &str, name: &str, field: &str, problems: &mut Problems) {
    let (least, most) = (PASSWORD.start(), PASSWORD.end());
    problems.require(
        PASSWORD.contains(&password.chars().count()),
        field,
        format!("{least} to {most} characters"),
    );
    let one_letter = password
        .chars()
        .next()
        .is_some_and(|first| password.chars().all(|c| c == first));
    let little_more = password.len() < 2 * name.len() && password.to_ascii_lowercase().contains(name);
    problems.require(
        !(one_letter || little_more),
        field,
        "one that is harder to guess: neither one character again and again, nor the name with little more",
    );
}

/// Notes what is wrong with queue patterns.
pub(super) fn check_queues(queues: &[String], problems: &mut Problems) {
    problems.require(
        (1..=100).contains(&queues.len()),
        "queues",
        "1 to 100 patterns; `*` is every queue",
    );
    for (i, pattern) in queues.iter().enumerate() {
        problems.require(
            rights::is_pattern(pattern),
            format!("queues[{i}]"),
            "1 to 100 of a-z A-Z 0-9 . _ - and *, such as `shop-*`",
        );
    }
}

/// The role that a word names.
pub(super) fn role(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.word() == word)
}

/// There is somebody of this name.
pub(super) fn taken(name: &str) -> Error {
    Error::Conflict(format!("there is a user {name} already: choose another name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> NewUser {
        NewUser {
            name: "Ada".into(),
            password: "analytical engine".into(),
            role: Role::Viewer,
            queues: vec!["shop-*".into()],
        }
    }

    #[test]
    fn names_are_kept_in_lower_case() {
        let checked = check(&user()).unwrap();
        assert_eq!((checked.name.as_str(), checked.role), ("ada", Role::Viewer));
    }

    #[test]
    fn every_rule_names_its_field() {
        let with = |change: fn(&mut NewUser)| {
            let mut user = user();
            change(&mut user);
            user
        };
        for (wrong, field) in [
            (with(|u| u.name.clear()), "name"),
            (with(|u| u.name = "a b".into()), "name"),
            (with(|u| u.name = "ä".into()), "name"),
            (with(|u| u.name = "a".repeat(65)), "name"),
            (with(|u| u.password = "short".into()), "password"),
            (with(|u| u.password = "x".repeat(12)), "password"),
            (with(|u| u.password = "x".repeat(201)), "password"),
            (
                with(|u| {
                    u.name = "administrator".into();
                    u.password = "Administrator1".into();
                }),
                "password",
            ),
            (with(|u| u.queues.clear()), "queues"),
            (with(|u| u.queues = vec!["a b".into()]), "queues[0]"),
        ] {
            let Err(Error::Invalid(errors)) = check(&wrong) else {
                panic!("{wrong:?}")
            };
            assert_eq!(errors[0].field, field, "{wrong:?}");
        }
    }

    #[test]
    fn every_role_is_found_by_its_word() {
        for one in Role::ALL {
            assert_eq!(role(one.word()), Some(one));
        }
        assert_eq!(role("root"), None);
    }
}
