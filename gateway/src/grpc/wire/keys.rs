//! API keys.

use proto::{EnqueueRate, Key, KeyUpdate, NewKey, RotateKey, Scope, grpc::v1};
use uuid::Uuid;

use super::{Form, mask::Mask, timestamp};
use crate::problem::Refusal;

pub(in crate::grpc) fn read_new(given: v1::CreateKeyRequest) -> Result<NewKey, Refusal> {
    let mut form = Form::default();
    let new = NewKey {
        name: given.name,
        scopes: read_scopes(&given.scopes, &mut form),
        queues: given.queues,
        rate: given.rate.map(read_rate),
        expires_at: form.time(given.expires_at, "expires_at"),
    };
    form.finish()?;
    Ok(new)
}

/// The key that changes, and the change.
pub(in crate::grpc) fn read_update(given: v1::UpdateKeyRequest) -> Result<(Uuid, KeyUpdate), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    let known = ["name", "scopes", "queues", "rate", "expires_at"];
    let mask = Mask::read(given.update_mask, &known, &mut form);
    // A list cannot be absent: an empty one is given only if the mask says so.
    let scopes = (!given.scopes.is_empty()).then(|| read_scopes(&given.scopes, &mut form));
    let queues = (!given.queues.is_empty()).then_some(given.queues);
    let expires_at = form.time(given.expires_at, "expires_at");
    form.finish()?;
    let update = KeyUpdate {
        name: mask.take("name", given.name, String::new()),
        scopes: mask.take("scopes", scopes, Vec::new()),
        queues: mask.take("queues", queues, Vec::new()),
        rate: mask.take("rate", given.rate.map(read_rate).map(Some), None),
        expires_at: mask.take("expires_at", expires_at.map(Some), None),
    };
    Ok((id, update))
}

/// The key to be replaced, and how.
pub(in crate::grpc) fn read_rotate(given: &v1::RotateKeyRequest) -> Result<(Uuid, RotateKey), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    let rotate = RotateKey {
        grace: form.span(given.grace, "grace"),
        expires_at: form.time(given.expires_at, "expires_at"),
    };
    form.finish()?;
    Ok((id, rotate))
}

fn read_rate(given: v1::EnqueueRate) -> EnqueueRate {
    EnqueueRate {
        per_second: given.per_second,
        burst: given.burst,
    }
}

const SCOPES: [(Scope, v1::Scope); 5] = [
    (Scope::Enqueue, v1::Scope::Enqueue),
    (Scope::Read, v1::Scope::Read),
    (Scope::Manage, v1::Scope::Manage),
    (Scope::Replay, v1::Scope::Replay),
    (Scope::Admin, v1::Scope::Admin),
];

fn read_scopes(given: &[i32], form: &mut Form) -> Vec<Scope> {
    let mut scopes = Vec::with_capacity(given.len().min(SCOPES.len()));
    for (at, number) in given.iter().enumerate() {
        let found = SCOPES.iter().find(|(_, theirs)| *theirs as i32 == *number);
        match found {
            Some((ours, _)) => scopes.push(*ours),
            None => form
                .0
                .add(format!("scopes[{at}]"), format!("{number} is no scope")),
        }
    }
    scopes
}

fn scope(scope: Scope) -> v1::Scope {
    let found = SCOPES.iter().find(|(ours, _)| *ours == scope);
    found.map_or(v1::Scope::Unspecified, |(_, theirs)| *theirs)
}

pub(in crate::grpc) fn key(key: Key) -> v1::Key {
    v1::Key {
        id: key.id.to_string(),
        name: key.name,
        prefix: key.prefix,
        key: key.key,
        scopes: key.scopes.into_iter().map(|one| scope(one) as i32).collect(),
        queues: key.queues,
        rate: key.rate.map(|rate| v1::EnqueueRate {
            per_second: rate.per_second,
            burst: rate.burst,
        }),
        created_at: Some(timestamp(key.created_at)),
        expires_at: key.expires_at.map(timestamp),
        last_used_at: key.last_used_at.map(timestamp),
        revoked_at: key.revoked_at.map(timestamp),
        successor: key.successor.map(|id| id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;

    const ID: &str = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";

    #[test]
    fn every_scope_has_its_number() {
        let mut form = Form::default();
        for (ours, theirs) in SCOPES {
            assert_eq!(read_scopes(&[theirs as i32], &mut form), [ours]);
            assert_eq!(scope(ours), theirs);
        }
        assert!(read_scopes(&[2, 0, 99], &mut form).len() == 1);
        let fields: Vec<String> = form.0.into_vec().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["scopes[1]", "scopes[2]"]);
    }

    #[test]
    fn a_limit_is_taken_back_by_name() {
        let update = |paths: &[&str]| {
            let paths = paths.iter().map(ToString::to_string).collect();
            let given = v1::UpdateKeyRequest {
                id: ID.to_owned(),
                rate: Some(v1::EnqueueRate {
                    per_second: 5,
                    burst: None,
                }),
                update_mask: Some(FieldMask { paths }),
                ..v1::UpdateKeyRequest::default()
            };
            read_update(given).unwrap().1
        };
        let rate = EnqueueRate {
            per_second: 5,
            burst: None,
        };
        assert_eq!(update(&["rate"]).rate, Some(Some(rate)));
        assert_eq!(
            update(&["expires_at"]),
            KeyUpdate {
                expires_at: Some(None),
                ..KeyUpdate::default()
            }
        );
    }
}
