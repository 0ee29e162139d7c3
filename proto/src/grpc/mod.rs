//! The contract of the gRPC API: the types, servers and clients that `cargo xtask proto` makes of `proto/posthaste/v1/*.proto`.
//!
//! They are what is on the wire, and nothing else: the types of the rest of this crate are what the product works with.

mod codec;

pub use codec::Codec;

/// Package `posthaste.v1`. `cargo xtask test` sees to it that it is what the `.proto` files give.
#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "generated: its style is the generator's, its comments are the .proto files'"
)]
pub mod v1 {
    include!("posthaste.v1.rs");
}

/// The compiled contract with its comments, and all that it imports, as a `google.protobuf.FileDescriptorSet`: for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("descriptors.binpb");

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        /// The `.proto` files, by the path under which they import one another, in the order of their names.
        pub const SOURCES: &[(&str, &str)] = &[
            $((concat!("posthaste/v1/", $name), include_str!(concat!("../../posthaste/v1/", $name)))),+
        ];
    };
}

sources!(
    "attempts.proto",
    "audit.proto",
    "dead_letters.proto",
    "endpoints.proto",
    "events.proto",
    "keys.proto",
    "overview.proto",
    "problems.proto",
    "queues.proto",
    "replays.proto",
    "settings.proto",
    "system.proto",
    "tasks.proto",
    "traffic.proto",
    "verdicts.proto",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_file_of_the_contract_is_handed_out() {
        let compiled = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let compiled: BTreeSet<&str> = compiled
            .file
            .iter()
            .map(prost_types::FileDescriptorProto::name)
            .collect();
        let handed_out: BTreeSet<&str> = SOURCES.iter().map(|(path, _)| *path).collect();
        let ours = compiled.into_iter().filter(|name| name.starts_with("posthaste/"));
        assert_eq!(ours.collect::<BTreeSet<_>>(), handed_out);
    }
}
