//! Lists, which the API hands out by pages.

use std::{fmt::Write, marker::PhantomData};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::Method;
use proto::Page;
use serde::de::DeserializeOwned;

use crate::{Client, Result};

/// A list of the API, not fetched yet.
#[must_use]
pub struct List<T> {
    client: Client,
    path: Vec<String>,
    filters: Vec<(&'static str, String)>,
    page_size: Option<u32>,
    from: Option<String>,
    items: PhantomData<fn() -> T>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            path: self.path.clone(),
            filters: self.filters.clone(),
            page_size: self.page_size,
            from: self.from.clone(),
            items: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("List(")?;
        for part in &self.path {
            f.write_char('/')?;
            f.write_str(part)?;
        }
        f.write_char(')')
    }
}

impl<T: DeserializeOwned> List<T> {
    pub(crate) fn new(client: &Client, path: &[&str]) -> Self {
        Self {
            client: client.clone(),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            filters: vec![],
            page_size: None,
            from: None,
            items: PhantomData,
        }
    }

    /// Narrowed, if there is a value.
    pub(crate) fn filter(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.filters.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// How many items a page has at most: 1 to 1,000 unless the server is configured otherwise, and 50 if left out.
    pub fn page_size(mut self, items: u32) -> Self {
        self.page_size = Some(items);
        self
    }

    /// Begin at the page that a `next_page` names: of the same list, with the same filters.
    pub fn from_page(mut self, token: impl Into<String>) -> Self {
        self.from = Some(token.into());
        self
    }

    /// Fetches one page: the first, or the one of [`List::from_page`].
    pub async fn page(&self) -> Result<Page<T>> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let mut call = self.client.call(Method::GET, &path);
        for (name, value) in &self.filters {
            call = call.query(name, Some(value));
        }
        call.query("limit", self.page_size)
            .query("page", self.from.as_ref())
            .answer()
            .await
    }

    /// All pages from here on, each fetched when it is asked for. Ends after the first error.
    pub fn pages(self) -> impl Stream<Item = Result<Page<T>>> + Send {
        stream::try_unfold(Some(self), |list| async {
            let Some(list) = list else {
                return Ok(None);
            };
            let page = list.page().await?;
            let next = page.next_page.clone().map(|token| list.from_page(token));
            Ok(Some((page, next)))
        })
    }

    /// All items from here on. Ends after the first error.
    pub fn items(self) -> impl Stream<Item = Result<T>> + Send
    where
        T: Send,
    {
        self.pages()
            .map_ok(|page| stream::iter(page.items).map(Ok))
            .try_flatten()
    }
}
