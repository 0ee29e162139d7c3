//! Pages of a list. A page token says where to go on; it is authenticated, and bound to the list and the filters it was made for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proto::Page;
use queue::error::Problems;
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use utoipa::{
    IntoParams,
    openapi::{
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use crate::{config::Config, problem::Refusal, query::Query, state::Gateway};

/// Bytes of a token's code: beyond guessing, and half of what HMAC-SHA256 gives (RFC 2104, section 5, allows no less).
const CODE: usize = 16;

/// What a caller asked for: how much, and from where on.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: usize,
    token: Option<String>,
}

/// One list with its filters, of which a caller walks the pages.
#[derive(Debug)]
pub(crate) struct List<'a> {
    key: &'a [u8; 32],
    /// Names the list and everything that narrows it.
    scope: String,
    limit: usize,
}

impl Paging {
    /// What was asked for in whatever form; `limit` is cut to what a page may have.
    pub(crate) fn new(limit: Option<usize>, token: Option<String>, gateway: &Gateway) -> Self {
        let config = gateway.config();
        let limit = limit.unwrap_or(config.page_default).clamp(1, config.page_max);
        Self { limit, token }
    }

    /// Takes `limit` and `page` from the query.
    pub(crate) fn take(query: &mut Query<'_>, gateway: &Gateway) -> Self {
        let limit = query.count("limit", gateway.config().page_max);
        Self::new(limit, query.text("page"), gateway)
    }

    /// The same from the fields of a message.
    pub(crate) fn of_fields(
        limit: Option<usize>,
        page: Option<String>,
        gateway: &Gateway,
        problems: &mut Problems,
    ) -> Self {
        let config = gateway.config();
        let fine = limit.is_none_or(|limit| (1..=config.page_max).contains(&limit));
        problems.require(fine, "limit", format!("1 to {}", config.page_max));
        Self {
            limit: limit.unwrap_or(config.page_default),
            token: page,
        }
    }

    /// The list, and the position after which its next page begins: `None` at the first.
    pub(crate) fn of<C: DeserializeOwned>(
        self,
        scope: String,
        gateway: &Gateway,
    ) -> Result<(List<'_>, Option<C>), Refusal> {
        let list = List {
            key: gateway.queue().page_key(),
            scope,
            limit: self.limit,
        };
        let position = match self.token {
            None => None,
            Some(token) => Some(list.read(&token).ok_or_else(|| {
                Refusal::invalid(
                    "page",
                    "is no `next_page` of this list with these filters: begin again without it",
                )
            })?),
        };
        Ok((list, position))
    }
}

impl IntoParams for Paging {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let described = |name: &str, schema: ObjectBuilder, description: String| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .description(Some(description))
                .schema(Some(schema))
                .build()
        };
        let limits = Config::default();
        let (default, most) = (limits.page_default, limits.page_max);
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(most));
        let text = ObjectBuilder::new().schema_type(Type::String);
        vec![
            described(
                "limit",
                number,
                format!("How many items at most; {default} unless said."),
            ),
            described(
                "page",
                text,
                "The `next_page` of the page before; the filters must be the same.".to_owned(),
            ),
        ]
    }
}

impl List<'_> {
    /// How many items the page has at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many rows to ask for: one more than is shown tells whether there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The page of `rows`, of which there is one too many if more follow.
    pub(crate) fn page<T, C: Serialize>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> C) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_page = rows
            .last()
            .filter(|_| more)
            .map(|last| self.write(&position(last)));
        Page {
            items: rows,
            next_page,
        }
    }

    /// The token for a position.
    pub(crate) fn write(&self, position: &impl Serialize) -> String {
        // Ids, names and times: they have a form in JSON.
        let position = serde_json::to_vec(position).unwrap_or_default();
        let code = self.code(&position).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&code[..CODE], &position].concat())
    }

    /// The position in a token, if it was made for this list: what [`crate::fuzz`] drives.
    pub(crate) fn reads<C: DeserializeOwned>(key: &[u8; 32], list: &str, token: &str) -> Option<C> {
        let scope = list.to_owned();
        List { key, scope, limit: 1 }.read(token)
    }

    fn read<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (code, position) = bytes.split_at_checked(CODE)?;
        self.code(position).verify_truncated_left(code).ok()?;
        serde_json::from_slice(position).ok()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn code(&self, position: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key).expect("HMAC takes a key of any length");
        mac.update(&(self.scope.len() as u64).to_le_bytes());
        mac.update(self.scope.as_bytes());
        mac.update(position);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(key: &[u8; 32], scope: &str) -> String {
        List {
            key,
            scope: scope.to_owned(),
            limit: 2,
        }
        .write(&("cursor", 7))
    }

    fn read(key: &[u8; 32], scope: &str, token: &str) -> Option<(String, u32)> {
        List {
            key,
            scope: scope.to_owned(),
            limit: 2,
        }
        .read(token)
    }

    #[test]
    fn a_token_is_read_only_where_it_was_made() {
        let token = list(&[1; 32], "tasks of a");
        assert_eq!(
            read(&[1; 32], "tasks of a", &token),
            Some(("cursor".to_owned(), 7))
        );
        assert_eq!(read(&[1; 32], "tasks of b", &token), None);
        assert_eq!(read(&[2; 32], "tasks of a", &token), None);
        for none in ["", "a", "====", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(read(&[1; 32], "tasks of a", none), None, "{none}");
        }
    }

    #[test]
    fn there_is_a_next_page_only_if_more_follow() {
        let list = List {
            key: &[1; 32],
            scope: String::new(),
            limit: 2,
        };
        let page = list.page(vec![1, 2, 3], |last| *last);
        assert_eq!((page.items, page.next_page), (vec![1, 2], Some(list.write(&2))));
        assert_eq!(list.page(vec![1, 2], |last| *last).next_page, None);
        assert_eq!(list.page(Vec::<u32>::new(), |last| *last).next_page, None);
    }

    proptest! {
        #[test]
        fn a_token_that_was_tampered_with_is_refused(at: prop::sample::Index, flip in 1u8..) {
            let mut bytes = URL_SAFE_NO_PAD.decode(list(&[1; 32], "s")).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(read(&[1; 32], "s", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }
}
