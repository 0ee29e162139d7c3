#!/usr/bin/env python3
"""Makes a queue with one endpoint, and enqueues tasks over gRPC: one alone, and some in a stream. Prints the id of each, a line each.

The stubs are generated from the contract, once: see examples/README.md.

Environment:
  POSTHASTE_GRPC   where Posthaste speaks gRPC; 127.0.0.1:50051 unless set
  POSTHASTE_KEY    an API key: ph_...
  RECEIVER_URL     where to deliver: what a receiver printed behind "listening on"
  WEBHOOK_SECRET   the secret that the receiver has: whsec_...
  QUEUE            the queue's name; "orders" unless set
"""

import json
import os
import sys
import time

import grpc

from posthaste.v1 import endpoints_pb2, endpoints_pb2_grpc, queues_pb2, queues_pb2_grpc, tasks_pb2, tasks_pb2_grpc

# How long to wait for an answer, in seconds. The server hears of it, and stops working for who waits no longer.
DEADLINE = 20


def given(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set: see the beginning of this file")
    return value


def order(number):
    """A task. Its key makes it safe to enqueue it again when no answer came: the same key is the same task."""
    return tasks_pb2.NewTask(
        type="order.paid",
        payload=json.dumps({"order": number, "amount": "12.50", "currency": "EUR"}).encode(),
        idempotency_key=f"paid-{number}",
    )


def make_queue(channel, metadata, queue):
    queues = queues_pb2_grpc.QueueServiceStub(channel)
    endpoints = endpoints_pb2_grpc.EndpointServiceStub(channel)
    try:
        queues.GetQueue(queues_pb2.GetQueueRequest(name=queue), metadata=metadata, timeout=DEADLINE)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        # This is the first run: only then are queue and endpoint made.
        queues.CreateQueue(queues_pb2.CreateQueueRequest(name=queue), metadata=metadata, timeout=DEADLINE)
        endpoints.CreateEndpoint(
            endpoints_pb2.CreateEndpointRequest(
                queue=queue, url=given("RECEIVER_URL"), secret=given("WEBHOOK_SECRET")
            ),
            metadata=metadata,
            timeout=DEADLINE,
        )


def enqueue_one(tasks, metadata, queue, number):
    request = tasks_pb2.EnqueueRequest(queue=queue, task=order(number))
    first = tasks.Enqueue(request, metadata=metadata, timeout=DEADLINE).enqueued
    again = tasks.Enqueue(request, metadata=metadata, timeout=DEADLINE).enqueued
    if again.id != first.id or not again.repeated:
        sys.exit(f"the same idempotency key made a second task: {again}")
    print(first.id)


def enqueue_stream(tasks, metadata, queue, numbers):
    # The answers come in the order of the tasks, each once its task is committed. Tasks are sent on meanwhile.
    requests = (
        tasks_pb2.EnqueueStreamRequest(correlation=at, queue=queue, task=order(number))
        for at, number in enumerate(numbers)
    )
    for answer in tasks.EnqueueStream(requests, metadata=metadata, timeout=DEADLINE):
        if answer.WhichOneof("result") == "rejected":
            sys.exit(f"{numbers[answer.correlation]} was not taken: {answer.rejected.detail}")
        print(answer.accepted.id)


def main():
    queue = os.environ.get("QUEUE", "orders")
    metadata = [("authorization", "Bearer " + given("POSTHASTE_KEY"))]
    run = f"{int(time.time())}-{os.getpid()}"
    with grpc.insecure_channel(os.environ.get("POSTHASTE_GRPC", "127.0.0.1:50051")) as channel:
        tasks = tasks_pb2_grpc.TaskServiceStub(channel)
        try:
            make_queue(channel, metadata, queue)
            enqueue_one(tasks, metadata, queue, run)
            enqueue_stream(tasks, metadata, queue, [f"{run}-{at}" for at in range(5)])
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
