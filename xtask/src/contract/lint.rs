//! The rules of buf's categories STANDARD and COMMENTS, as far as the contract could break them: no linter of them is written in Rust.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

// The numbers of the fields that lead to an item, as descriptor.proto has them: source information names items by them.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const FIELDS: i32 = 2;
const NESTED_MESSAGES: i32 = 3;
const NESTED_ENUMS: i32 = 4;
const ONEOFS: i32 = 8;
const VALUES: i32 = 2;
const METHODS: i32 = 2;

/// What is wrong with the files of a package: a line each, empty when nothing is.
pub(super) fn complaints(set: &FileDescriptorSet, package: &str) -> Vec<String> {
    let folder = package.replace('.', "/");
    let mut all = Vec::new();
    let mut used = BTreeMap::new();
    for file in set
        .file
        .iter()
        .filter(|file| file.name().starts_with("posthaste/"))
    {
        let mut lint = Lint::of(file);
        lint.require(file.package() == package, "package", &format!("is not {package}"));
        let in_place = file
            .name()
            .rsplit_once('/')
            .is_some_and(|(place, _)| place == folder);
        lint.require(in_place, "file", &format!("does not lie in {folder}"));
        lint.require(file.syntax() == "proto3", "syntax", "is not proto3");
        let name = file.name().rsplit('/').next().unwrap_or_default();
        lint.require(
            is_lower(name.trim_end_matches(".proto")),
            "file",
            "is not named in lower_snake_case",
        );
        lint.require(
            file.public_dependency.is_empty() && file.weak_dependency.is_empty(),
            "imports",
            "are public or weak",
        );
        lint.imports(set);
        for (at, message) in (0..).zip(&file.message_type) {
            lint.message(message, message.name(), &[MESSAGES, at]);
        }
        for (at, item) in (0..).zip(&file.enum_type) {
            lint.enumeration(item, item.name(), &[ENUMS, at]);
        }
        for (at, service) in (0..).zip(&file.service) {
            lint.service(service, &[SERVICES, at], &mut used);
        }
        all.extend(lint.complaints);
    }
    for (message, methods) in used {
        if methods > 1 {
            all.push(format!(
                "{message}: serves more than one method, or as request and response of one"
            ));
        }
    }
    all
}

struct Lint<'a> {
    file: &'a FileDescriptorProto,
    documented: BTreeSet<&'a [i32]>,
    complaints: Vec<String>,
}

impl<'a> Lint<'a> {
    fn of(file: &'a FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let documented = locations
            .filter(|place| !place.leading_comments().trim().is_empty())
            .map(|place| place.path.as_slice())
            .collect();
        Self {
            file,
            documented,
            complaints: Vec::new(),
        }
    }

    fn require(&mut self, fine: bool, item: &str, detail: &str) {
        if !fine {
            self.complaints
                .push(format!("{}: {item} {detail}", self.file.name()));
        }
    }

    fn document(&mut self, item: &str, path: &[i32]) {
        let documented = self.documented.contains(path);
        self.require(documented, item, "has no comment above it");
    }

    /// An import that names no type of the file's is left over.
    fn imports(&mut self, set: &FileDescriptorSet) {
        let mut named = BTreeSet::new();
        self.file
            .message_type
            .iter()
            .for_each(|message| types_of(message, &mut named));
        for method in self.file.service.iter().flat_map(|service| &service.method) {
            named.extend([method.input_type(), method.output_type()]);
        }
        for import in &self.file.dependency {
            let imported = set.file.iter().find(|other| other.name() == import);
            let used = imported.is_some_and(|other| {
                let messages = other.message_type.iter().map(DescriptorProto::name);
                let types = messages.chain(other.enum_type.iter().map(EnumDescriptorProto::name));
                types
                    .map(|name| format!(".{}.{name}", other.package()))
                    .any(|name| named.contains(name.as_str()))
            });
            self.require(used, import, "is imported and not used");
        }
    }

    fn message(&mut self, message: &DescriptorProto, name: &str, path: &[i32]) {
        if message
            .options
            .as_ref()
            .is_some_and(prost_types::MessageOptions::map_entry)
        {
            // What a `map` stands for: it is written nowhere.
            return;
        }
        self.document(name, path);
        self.require(is_pascal(message.name()), name, "is not named in PascalCase");
        for (at, field) in (0..).zip(&message.field) {
            let item = format!("{name}.{}", field.name());
            self.document(&item, &[path, &[FIELDS, at]].concat());
            self.require(is_lower(field.name()), &item, "is not named in lower_snake_case");
        }
        // The `oneof` that an `optional` stands for comes behind all others, and is written nowhere.
        let synthetic = message
            .field
            .iter()
            .filter(|field| field.proto3_optional())
            .count();
        let written = message.oneof_decl.len() - synthetic;
        for (at, oneof) in (0..).zip(&message.oneof_decl[..written]) {
            let item = format!("{name}.{}", oneof.name());
            self.document(&item, &[path, &[ONEOFS, at]].concat());
            self.require(is_lower(oneof.name()), &item, "is not named in lower_snake_case");
        }
        for (at, inner) in (0..).zip(&message.nested_type) {
            self.message(
                inner,
                &format!("{name}.{}", inner.name()),
                &[path, &[NESTED_MESSAGES, at]].concat(),
            );
        }
        for (at, inner) in (0..).zip(&message.enum_type) {
            self.enumeration(
                inner,
                &format!("{name}.{}", inner.name()),
                &[path, &[NESTED_ENUMS, at]].concat(),
            );
        }
    }

    fn enumeration(&mut self, item: &EnumDescriptorProto, name: &str, path: &[i32]) {
        self.document(name, path);
        self.require(is_pascal(item.name()), name, "is not named in PascalCase");
        let aliased = item
            .options
            .as_ref()
            .is_some_and(prost_types::EnumOptions::allow_alias);
        self.require(!aliased, name, "allows aliases");
        let prefix = format!("{}_", upper(item.name()));
        for (at, value) in (0..).zip(&item.value) {
            let item = format!("{name}.{}", value.name());
            self.document(&item, &[path, &[VALUES, at]].concat());
            self.require(is_upper(value.name()), &item, "is not named in UPPER_SNAKE_CASE");
            self.require(
                value.name().starts_with(&prefix),
                &item,
                &format!("does not begin with {prefix}"),
            );
            let unspecified = value.name() == format!("{prefix}UNSPECIFIED");
            self.require(
                (value.number() == 0) == unspecified && (at == 0) == unspecified,
                &item,
                "breaks the rule that the first value, zero, is …_UNSPECIFIED",
            );
        }
    }

    fn service(
        &mut self,
        service: &'a ServiceDescriptorProto,
        path: &[i32],
        used: &mut BTreeMap<&'a str, u32>,
    ) {
        let name = service.name();
        self.document(name, path);
        let fine = is_pascal(name) && name.ends_with("Service");
        self.require(fine, name, "is not named in PascalCase with the suffix Service");
        for (at, method) in (0..).zip(&service.method) {
            let item = format!("{name}.{}", method.name());
            self.document(&item, &[path, &[METHODS, at]].concat());
            self.require(is_pascal(method.name()), &item, "is not named in PascalCase");
            for (message, role) in [
                (method.input_type(), "Request"),
                (method.output_type(), "Response"),
            ] {
                *used.entry(message).or_default() += 1;
                let expected = format!(".{}.{}{role}", self.file.package(), method.name());
                self.require(
                    message == expected,
                    &item,
                    &format!("has {message} and not {expected}"),
                );
            }
        }
    }
}

fn types_of<'a>(message: &'a DescriptorProto, into: &mut BTreeSet<&'a str>) {
    into.extend(
        message
            .field
            .iter()
            .map(prost_types::FieldDescriptorProto::type_name),
    );
    message.nested_type.iter().for_each(|inner| types_of(inner, into));
}

fn is_lower(name: &str) -> bool {
    is_snake(name, |c| c.is_ascii_lowercase())
}

fn is_upper(name: &str) -> bool {
    is_snake(name, |c| c.is_ascii_uppercase())
}

fn is_snake(name: &str, letter: fn(char) -> bool) -> bool {
    name.starts_with(letter)
        && !name.ends_with('_')
        && !name.contains("__")
        && name.chars().all(|c| letter(c) || c.is_ascii_digit() || c == '_')
}

fn is_pascal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A name in `PascalCase` as `UPPER_SNAKE_CASE`.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !upper.is_empty() {
            upper.push('_');
        }
        upper.push(c.to_ascii_uppercase());
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of one file of these lines.
    fn said(name: &str, text: &str) -> Vec<String> {
        let folder =
            std::env::temp_dir().join(format!("posthaste-lint-{}-{}", std::process::id(), text.len()));
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let mut compiler = protox::Compiler::new([&folder]).unwrap();
        compiler.include_source_info(true).include_imports(true);
        let opened = compiler
            .open_file(&path)
            .map(|compiler| compiler.file_descriptor_set());
        std::fs::remove_dir_all(&folder).unwrap();
        complaints(&opened.unwrap(), "posthaste.v1")
    }

    const GOOD: &str = r#"syntax = "proto3";
package posthaste.v1;
import "google/protobuf/duration.proto";
// A service.
service DoorService {
  // Opens.
  rpc Open(OpenRequest) returns (OpenResponse);
}
// What to open.
message OpenRequest {
  // Which.
  optional string id = 1;
  // For how long.
  google.protobuf.Duration time = 2;
  // Notes.
  map<string, string> notes = 3;
  // One of two.
  oneof how {
    // The one.
    bool wide = 4;
  }
}
// It is open.
message OpenResponse {}
// How.
enum How {
  // Not said.
  HOW_UNSPECIFIED = 0;
  // Wide.
  HOW_WIDE = 1;
}
"#;

    #[test]
    fn what_keeps_the_rules_is_passed() {
        assert_eq!(said("posthaste/v1/doors.proto", GOOD), Vec::<String>::new());
    }

    #[test]
    fn every_breach_is_named() {
        for (from, to, expected) in [
            ("  // Which.\n", "", "OpenRequest.id has no comment"),
            ("  // One of two.\n", "", "OpenRequest.how has no comment"),
            ("  // Opens.\n", "", "DoorService.Open has no comment"),
            ("  // Wide.\n", "", "How.HOW_WIDE has no comment"),
            ("// A service.\n", "", "DoorService has no comment"),
            ("DoorService", "Door", "suffix Service"),
            (
                "string id",
                "string theId",
                "OpenRequest.theId is not named in lower_snake_case",
            ),
            (
                "rpc Open(",
                "rpc Shut(",
                "Shut has .posthaste.v1.OpenRequest and not .posthaste.v1.ShutRequest",
            ),
            (
                "returns (OpenResponse)",
                "returns (OpenRequest)",
                "more than one method",
            ),
            ("HOW_UNSPECIFIED", "HOW_NONE", "zero, is …_UNSPECIFIED"),
            ("HOW_WIDE", "WIDE", "does not begin with HOW_"),
            (
                "google.protobuf.Duration time",
                "bool time",
                "is imported and not used",
            ),
            (
                "package posthaste.v1",
                "package posthaste.v2",
                "package is not posthaste.v1",
            ),
        ] {
            let found = said("posthaste/v1/doors.proto", &GOOD.replace(from, to));
            assert!(
                found.iter().any(|line| line.contains(expected)),
                "{to:?}: {found:?}"
            );
        }
        assert!(said("posthaste/v1/Doors.proto", GOOD)[0].contains("lower_snake_case"));
        assert!(said("posthaste/doors.proto", GOOD)[0].contains("does not lie in posthaste/v1"));
    }

    #[test]
    fn names_become_upper() {
        assert_eq!(upper("TaskState"), "TASK_STATE");
        assert_eq!(upper("How"), "HOW");
    }
}
