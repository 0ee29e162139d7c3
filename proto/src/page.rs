use serde::{Deserialize, Serialize};

/// One page of a list, newest first unless the list says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    pub items: Vec<T>,
    /// Give this as `page` to go on with the same filters; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<String>,
}

/// How many things an action touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Count {
    /// The number of things.
    pub count: u64,
    /// Whether there are more left than one request could take: ask again to go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}
