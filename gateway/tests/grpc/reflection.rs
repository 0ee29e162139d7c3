//! Reflection, as grpcurl uses it: the server is asked what it has, and called by what it answers, with no `.proto` file at hand.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use prost_types::FileDescriptorProto;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_reflection::pb::v1alpha;

use crate::kit::Server;

async fn ask(server: &Server, request: MessageRequest) -> MessageResponse {
    let mut client = ServerReflectionClient::new(server.channel().await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let answers = client
        .server_reflection_info(stream::iter([request]))
        .await
        .unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    answer.message_response.unwrap()
}

#[tokio::test]
async fn the_services_are_listed_without_a_key() {
    let server = Server::new().await;
    let listed = ask(&server, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = listed else {
        panic!("{listed:?}")
    };
    let names: BTreeSet<String> = listed.service.into_iter().map(|service| service.name).collect();
    let contract = prost_types::FileDescriptorSet::decode(proto::grpc::DESCRIPTORS).unwrap();
    let ours = contract.file.iter().flat_map(|file| &file.service);
    for service in ours {
        assert!(
            names.contains(&format!("posthaste.v1.{}", service.name())),
            "{names:?}"
        );
    }
    assert!(names.contains("grpc.health.v1.Health"), "{names:?}");

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut old = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let answers = old.server_reflection_info(stream::iter([request])).await.unwrap();
    assert!(answers.into_inner().next().await.unwrap().is_ok());
}

/// Everything that a symbol needs, asked for file by file.
async fn pool_of(server: &Server, symbol: &str) -> DescriptorPool {
    let (mut files, mut wanted) = (Vec::<FileDescriptorProto>::new(), Vec::new());
    let mut answer = ask(server, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
    loop {
        let MessageResponse::FileDescriptorResponse(found) = answer else {
            panic!("{answer:?}")
        };
        for bytes in found.file_descriptor_proto {
            let file = FileDescriptorProto::decode(bytes.as_slice()).unwrap();
            wanted.extend(file.dependency.iter().cloned());
            if files.iter().all(|known| known.name() != file.name()) {
                files.push(file);
            }
        }
        wanted.retain(|name| files.iter().all(|known| known.name() != name));
        let Some(next) = wanted.pop() else { break };
        answer = ask(server, MessageRequest::FileByFilename(next)).await;
    }
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(files).unwrap();
    pool
}

#[tokio::test]
async fn the_server_is_called_by_what_it_tells_of_itself() {
    let server = Server::new().await;
    let pool = pool_of(&server, "posthaste.v1.TaskService").await;
    let tasks = pool.get_service_by_name("posthaste.v1.TaskService").unwrap();
    let enqueue = tasks.methods().find(|method| method.name() == "Enqueue").unwrap();
    // The comments come along: `grpcurl describe` prints them.
    let file = enqueue.parent_file().file_descriptor_proto().clone();
    assert!(file.source_code_info.is_some_and(|info| {
        info.location
            .iter()
            .any(|place| place.leading_comments().contains("answers when it is committed"))
    }));

    server.make_queue("q").await;
    let mut task = message(&pool, "posthaste.v1.NewTask");
    task.set_field_by_name("type", Value::String("a".into()));
    task.set_field_by_name("payload", Value::Bytes("{}".into()));
    let mut request = DynamicMessage::new(enqueue.input());
    request.set_field_by_name("queue", Value::String("q".into()));
    request.set_field_by_name("task", Value::Message(task));
    let answer = call(&server, &enqueue, request).await.unwrap();
    let enqueued = answer.get_field_by_name("enqueued").unwrap();
    let id = enqueued.as_message().unwrap().get_field_by_name("id").unwrap();
    assert!(
        id.as_str().is_some_and(|id| id.parse::<uuid::Uuid>().is_ok()),
        "{id:?}"
    );
    assert_eq!(server.count_tasks("q").await, 1);
    let refused = call(&server, &enqueue, DynamicMessage::new(enqueue.input()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
}

fn message(pool: &DescriptorPool, name: &str) -> DynamicMessage {
    DynamicMessage::new(pool.get_message_by_name(name).unwrap())
}

async fn call(
    server: &Server,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<DynamicMessage, Status> {
    let mut client = Grpc::new(server.keyed().await);
    client.ready().await.unwrap();
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let answer = client
        .unary(
            Request::new(request),
            path.parse().unwrap(),
            Dynamic(method.clone()),
        )
        .await?;
    Ok(answer.into_inner())
}

/// Messages that are known by their descriptors alone.
#[derive(Clone)]
struct Dynamic(MethodDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let read = DynamicMessage::decode(self.0.output(), buffer);
        read.map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
