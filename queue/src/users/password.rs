//! Passwords: hashed with Argon2id, compared in constant time, made up where nobody chose one.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rand::RngExt;
use subtle::ConstantTimeEq;

/// KiB of memory, passes and lanes of a hash: what OWASP's cheat sheet on password storage asks for at least. About 20 ms.
const MEMORY: u32 = 19 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Bytes of a hash.
const HASH: usize = 32;

/// Bytes of a salt.
pub(super) const SALT: usize = 16;

/// What a name that nobody has is compared with: as much work as for one that somebody has.
pub(super) const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash of a password, as a PHC string. Takes some 20 ms and 19 MiB.
///
/// # Errors
/// If there is no memory for it.
pub(super) fn hash(password: &str, salt: &[u8; SALT]) -> Result<String, argon2::Error> {
    let hash = argon2id(password, salt, MEMORY, PASSES, LANES)?;
    let [salt, hash] = [&salt[..], &hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!(
        "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${hash}"
    ))
}

/// Whether this is the password of that hash, by the parameters that stand in it. What is no such hash has no password.
pub(super) fn verify(password: &str, hashed: &str) -> bool {
    let Some(parts) = parse(hashed) else { return false };
    argon2id(password, &parts.salt, parts.memory, parts.passes, parts.lanes)
        .is_ok_and(|hash| hash[..].ct_eq(&parts.hash).into())
}

fn argon2id(
    password: &str,
    salt: &[u8],
    memory: u32,
    passes: u32,
    lanes: u32,
) -> Result<[u8; HASH], argon2::Error> {
    let params = Params::new(memory, passes, lanes, Some(HASH))?;
    let mut hash = [0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        password.as_bytes(),
        salt,
        &mut hash,
    )?;
    Ok(hash)
}

/// What stands in a PHC string.
struct Parts {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

fn parse(text: &str) -> Option<Parts> {
    let rest = text.strip_prefix("$argon2id$v=19$")?;
    let [params, salt, hash] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
    let [memory, passes, lanes] = params.split(',').collect::<Vec<_>>().try_into().ok()?;
    let number = |text: &str, name: &str| text.strip_prefix(name)?.parse().ok();
    Some(Parts {
        memory: number(memory, "m=")?,
        passes: number(passes, "t=")?,
        lanes: number(lanes, "p=")?,
        salt: STANDARD_NO_PAD.decode(salt).ok()?,
        hash: STANDARD_NO_PAD.decode(hash).ok()?,
    })
}

/// A password of 99 random bits, in groups that are easily typed: digits and letters of which none looks like another.
pub(super) fn random(rng: &mut impl RngExt) -> String {
    const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
    let mut group = || -> String {
        (0..5)
            .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
            .collect()
    };
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let hashed = hash("correct horse battery", &[7; SALT]).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        assert!(verify("correct horse battery", &hashed));
        for wrong in ["", "correct horse batterY", "correct horse battery "] {
            assert!(!verify(wrong, &hashed), "{wrong:?}");
        }
        assert_ne!(hashed, hash("correct horse battery", &[8; SALT]).unwrap());
    }

    #[test]
    fn a_hash_of_other_parameters_is_verified_by_those() {
        let made = argon2id("password", b"somesaltsomesalt", 1 << 10, 1, 1).unwrap();
        let text = format!(
            "$argon2id$v=19$m=1024,t=1,p=1${}${}",
            STANDARD_NO_PAD.encode("somesaltsomesalt"),
            STANDARD_NO_PAD.encode(made)
        );
        assert!(verify("password", &text) && !verify("Password", &text));
    }

    #[test]
    fn what_is_no_hash_has_no_password() {
        assert!(parse(NOBODYS).is_some(), "it must cost as much as any");
        for text in [
            "",
            NOBODYS,
            "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA",
            "$argon2id$v=19$m=1,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
            "$argon2id$v=19$m=x,t=2,p=1$AAAA$AAAA",
            "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA$AAAA",
        ] {
            assert!(!verify("", text) && !verify("a", text), "{text}");
        }
    }

    #[test]
    fn passwords_that_are_made_up_are_long_and_easily_typed() {
        let mut rng = StdRng::seed_from_u64(7);
        let (one, other) = (random(&mut rng), random(&mut rng));
        assert_ne!(one, other);
        assert_eq!(one.len(), 23);
        assert!(
            one.bytes()
                .all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
        );
        assert!(!one.contains(['0', '1', 'i', 'l', 'o']));
    }
}
