//! Forms that the derived schemas get nearly right: what may be left out is not what may be `null`, and an item of a page has a name.

use utoipa::openapi::{
    Components, Ref, RefOr, Required,
    path::Operation,
    schema::{ArrayItems, OneOf, Schema, SchemaType, Type},
};

/// Parameters and headers may be left out, and are never `null`; nor is a body that may be left out.
pub(super) fn tell_absent_from_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = &mut parameter.schema
        {
            never_null(schema);
        }
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for header in response.headers.values_mut() {
            if let RefOr::T(header) = header
                && let Some(schema) = &mut header.schema
            {
                never_null(schema);
            }
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        let mut may_be_absent = false;
        for content in body.content.values_mut() {
            if let RefOr::T(content) = content
                && let Some(schema) = &mut content.schema
            {
                may_be_absent |= never_null(schema);
            }
        }
        body.required = Some(if may_be_absent {
            Required::False
        } else {
            Required::True
        });
    }
}

/// Takes `null` out of what a schema allows; whether it was in there.
fn never_null(schema: &mut RefOr<Schema>) -> bool {
    let RefOr::T(inner) = schema else { return false };
    match inner {
        Schema::Object(object) => {
            let SchemaType::Array(types) = &mut object.schema_type else {
                return false;
            };
            let before = types.len();
            types.retain(|kind| *kind != Type::Null);
            let had_null = types.len() < before;
            if let [only] = types.as_slice() {
                object.schema_type = SchemaType::Type(only.clone());
            }
            had_null
        }
        Schema::OneOf(OneOf { items, .. }) => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            let before = items.len();
            items.retain(|item| !is_null(item));
            let had_null = items.len() < before;
            if items.len() == 1 {
                *schema = items.remove(0);
            }
            had_null
        }
        _ => false,
    }
}

/// The items of a page refer to the schema that they have.
pub(super) fn name_items(components: &mut Components) {
    let names: Vec<String> = components.schemas.keys().cloned().collect();
    for (page, schema) in &mut components.schemas {
        let Some(item) = page
            .strip_prefix("Page_")
            .filter(|item| names.iter().any(|name| name == item))
        else {
            continue;
        };
        if let RefOr::T(Schema::Object(object)) = schema
            && let Some(RefOr::T(Schema::Array(list))) = object.properties.get_mut("items")
        {
            list.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
        }
    }
}
