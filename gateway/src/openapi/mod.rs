//! The OpenAPI document: gathered from the handlers by the same list that makes the routes, and completed here with what holds for all.
//!
//! A handler says what is its own: path, parameters, bodies, successes, the refusals that only it gives, the scope it asks for. What
//! follows from that is added here once: the refusals that the form of a request allows ([`refusals`]), the sentence about the scope,
//! and the examples.

mod forms;
mod page;
mod refusals;

use std::collections::BTreeMap;

use proto::Problem;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, License, OpenApi, RefOr,
        path::{Operation, PathItem},
        schema::Schema,
        security::{Http, HttpAuthScheme, SecurityScheme},
        tag::Tag,
    },
};

pub(crate) use self::page::page;

/// Examples of bodies by the name of their schema. Tests send those of requests, and read those of answers.
const EXAMPLES: &str = include_str!("examples.json");

/// What the security scheme is called, to which handlers refer.
const SCHEME: &str = "key";

const ABOUT: &str = "Programs hand tasks to Posthaste; each is committed to PostgreSQL before it is accepted, and then posted, signed, \
to the endpoints registered on its queue, until it is delivered or a dead letter.\n\n\
Every error is a problem document (RFC 9457) that names each wrong field. Lists are paged: what `next_page` says is given as `page`. \
What a key may not see is not there: 404, as for an id that nobody has. Query parameters and fields that are not known are refused.";

/// The groups of operations, in the order in which they are read.
const TAGS: [(&str, &str); 15] = [
    ("Queues", "Named streams of tasks, with their defaults."),
    (
        "Endpoints",
        "URLs registered on a queue, with their signing secrets.",
    ),
    (
        "Tasks",
        "What was enqueued: any bytes, a type, headers, a due time, a priority.",
    ),
    (
        "Deliveries",
        "One task on its way to one endpoint, attempt by attempt.",
    ),
    (
        "Dead letters",
        "Deliveries that ran out of attempts or were refused for good.",
    ),
    (
        "Replays",
        "New deliveries of old tasks, made in the background at a rate of their own.",
    ),
    (
        "Keys",
        "API keys: what they allow, on which queues, and until when.",
    ),
    (
        "Users",
        "People who sign in to the console by a name and a password, each with a role.",
    ),
    (
        "Audit",
        "Who did what of consequence; and the key that secrets are sealed with.",
    ),
    ("System", "What runs, and what it takes on disk."),
    ("Session", "Signing in, for browsers."),
    ("Events", "What happens, as it happens."),
    (
        "Public keys",
        "What receivers verify signatures of scheme `v1a` with.",
    ),
    ("Node", "How this node is."),
    ("Documentation", "This document, for programs and for people."),
];

/// The whole document, from what the routes brought along.
pub(crate) fn complete(mut gathered: OpenApi) -> OpenApi {
    gathered.info = info();
    gathered.tags = Some(TAGS.map(|(name, about)| tag(name, about)).into());
    let components = gathered.components.get_or_insert_default();
    forms::name_items(components);
    add_problem(components);
    components.responses = refusals::shared();
    components.add_security_scheme(SCHEME, bearer());
    add_examples(components);
    for item in gathered.paths.paths.values_mut() {
        for operation in operations(item) {
            forms::tell_absent_from_null(operation);
            refusals::add(operation);
            say_scope(operation);
        }
    }
    gathered.paths.paths.sort_by_cached_key(|path, item| {
        let place = group(item).and_then(|group| TAGS.iter().position(|(name, _)| *name == group));
        (place, path.clone())
    });
    gathered
}

/// The group of a path: that of its first operation.
fn group(item: &PathItem) -> Option<String> {
    let mut item = item.clone();
    let first = operations(&mut item).next()?;
    first.tags.as_ref()?.first().cloned()
}

fn info() -> Info {
    let mut info = Info::new("Posthaste", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    info.license = Some(license);
    info
}

fn tag(name: &str, about: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(about.to_owned());
    tag
}

fn bearer() -> SecurityScheme {
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some(
        "`Authorization: Bearer ph_…`. Each operation names the scope that the key must have.".to_owned(),
    );
    SecurityScheme::Http(http)
}

/// No handler names the form of every error.
fn add_problem(components: &mut Components) {
    let mut nested = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut nested);
    components.schemas.extend(nested);
}

fn add_examples(components: &mut Components) {
    // A test reads it: a slip shows there.
    let examples: BTreeMap<String, Vec<Value>> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    for (name, given) in examples {
        if let Some(RefOr::T(schema)) = components.schemas.get_mut(&name)
            && let Some(examples) = examples_of(schema)
        {
            *examples = given;
        }
    }
}

fn examples_of(schema: &mut Schema) -> Option<&mut Vec<Value>> {
    match schema {
        Schema::Array(schema) => Some(&mut schema.examples),
        Schema::Object(schema) => Some(&mut schema.examples),
        Schema::OneOf(schema) => Some(&mut schema.examples),
        Schema::AllOf(schema) => Some(&mut schema.examples),
        Schema::AnyOf(schema) => Some(&mut schema.examples),
        _ => None,
    }
}

/// The operations of a path, by whichever method.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        patch,
        delete,
        ..
    } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

/// The scopes that an operation asks for; `None` if it asks for no key.
fn scopes(operation: &Operation) -> Option<Vec<String>> {
    let requirement = operation.security.as_ref()?.first()?;
    // A map from the scheme's name to the scopes.
    let map: BTreeMap<String, Vec<String>> =
        serde_json::from_value(serde_json::to_value(requirement).ok()?).ok()?;
    map.into_values().next()
}

fn say_scope(operation: &mut Operation) {
    let said = match scopes(operation).as_deref() {
        None => "Needs no key.".to_owned(),
        Some([]) => "Needs a key with any scope.".to_owned(),
        Some(scopes) => format!("Needs the scope `{}`.", scopes.join("`, `")),
    };
    let description = operation.description.get_or_insert_default();
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(&said);
}
