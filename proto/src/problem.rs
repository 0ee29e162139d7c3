use serde::{Deserialize, Serialize};

/// Every error of the API: a problem document (RFC 9457), sent as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A stable name of the kind of problem, as a relative URI: `/problems/invalid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status, once more.
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// The fields that are wrong, each with its reason; empty where no field is to blame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's path: `retry.attempts`, `filter[2]`, a header's or a query parameter's name.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}
