//! Signing secrets, signed requests and the audit.

use proto::{
    ActorKind, AuditEntry, NewSecret, RevealedSecret, Secret, SignedRequest, SigningScheme, Verification,
    grpc::v1,
};
use uuid::Uuid;

use super::{Form, timestamp};
use crate::problem::Refusal;

/// A scheme, if one was chosen.
pub(super) fn read_scheme(given: i32, form: &mut Form) -> Option<SigningScheme> {
    match form.word(given, "scheme")? {
        v1::SigningScheme::Unspecified => None,
        v1::SigningScheme::V1 => Some(SigningScheme::V1),
        v1::SigningScheme::V1a => Some(SigningScheme::V1a),
    }
}

fn scheme(scheme: SigningScheme) -> i32 {
    let scheme = match scheme {
        SigningScheme::V1 => v1::SigningScheme::V1,
        SigningScheme::V1a => v1::SigningScheme::V1a,
    };
    scheme as i32
}

/// The endpoint, and the secret to be added.
pub(in crate::grpc) fn read_new(given: v1::AddSecretRequest) -> Result<(Uuid, NewSecret), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    let overlap = form.span(given.overlap, "overlap");
    let scheme = read_scheme(given.scheme, &mut form);
    form.finish()?;
    let new = NewSecret {
        scheme,
        secret: given.secret,
        overlap,
    };
    Ok((id, new))
}

pub(in crate::grpc) fn secret(secret: Secret) -> v1::Secret {
    v1::Secret {
        id: secret.id.to_string(),
        created_at: Some(timestamp(secret.created_at)),
        expires_at: secret.expires_at.map(timestamp),
        scheme: scheme(secret.scheme),
        public_key: secret.public_key,
    }
}

pub(in crate::grpc) fn revealed(secret: RevealedSecret) -> v1::RevealedSecret {
    v1::RevealedSecret {
        id: secret.id.to_string(),
        secret: secret.secret,
        created_at: Some(timestamp(secret.created_at)),
        expires_at: secret.expires_at.map(timestamp),
        scheme: scheme(secret.scheme),
        public_key: secret.public_key,
    }
}

/// The endpoint, and the request to be explained.
pub(in crate::grpc) fn read_signed(
    given: v1::VerifySignatureRequest,
) -> Result<(Uuid, SignedRequest, Option<Vec<u8>>), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    form.finish()?;
    let request = SignedRequest {
        headers: given.headers,
        secret: given.secret,
        ..SignedRequest::default()
    };
    Ok((id, request, given.body.map(|body| body.to_vec())))
}

pub(in crate::grpc) fn verification(told: Verification) -> v1::VerifySignatureResponse {
    let finding = |finding: proto::Finding| v1::Finding {
        code: finding.code,
        detail: finding.detail,
    };
    v1::VerifySignatureResponse {
        valid: told.valid,
        explanation: told.explanation,
        secret: told.secret.map(|id| id.to_string()),
        scheme: told.scheme.map(scheme).unwrap_or_default(),
        findings: told.findings.into_iter().map(finding).collect(),
    }
}

pub(in crate::grpc) fn audit_entry(entry: AuditEntry) -> v1::AuditEntry {
    let kind = match entry.actor.kind {
        ActorKind::Key => v1::ActorKind::Key,
        ActorKind::Token => v1::ActorKind::Token,
        ActorKind::User => v1::ActorKind::User,
        ActorKind::Server => v1::ActorKind::Server,
    };
    v1::AuditEntry {
        id: entry.id.to_string(),
        at: Some(timestamp(entry.at)),
        actor: Some(v1::Actor {
            kind: kind as i32,
            id: entry.actor.id,
            name: entry.actor.name,
        }),
        action: entry.action,
        subject: entry.subject,
        endpoint: entry.endpoint.map(|id| id.to_string()),
        queues: entry.queues,
    }
}
