#!/usr/bin/env bash
# Makes a queue with one endpoint, and enqueues a task over gRPC with grpcurl, which asks the server for the contract. The last line it
# prints is the task's id.
#
# Environment:
#   POSTHASTE_GRPC   where Posthaste speaks gRPC; 127.0.0.1:50051 unless set
#   POSTHASTE_KEY    an API key: ph_...
#   RECEIVER_URL     where to deliver: what a receiver printed behind "listening on"
#   WEBHOOK_SECRET   the secret that the receiver has: whsec_...
#   QUEUE            the queue's name; "orders" unless set
set -euo pipefail

server=${POSTHASTE_GRPC:-127.0.0.1:50051}
key=${POSTHASTE_KEY:?is not set: an API key, ph_...}
receiver=${RECEIVER_URL:?is not set: what a receiver printed behind "listening on"}
secret=${WEBHOOK_SECRET:?is not set: the secret that the receiver has, whsec_...}
queue=${QUEUE:-orders}

# Calls a method of the API with a message in JSON. The key comes from the environment, out of the list of processes.
export POSTHASTE_KEY=$key
call() { grpcurl -plaintext -expand-headers -H 'authorization: Bearer ${POSTHASTE_KEY}' -d "$2" "$server" "posthaste.v1.$1"; }

if ! call QueueService/GetQueue "{\"name\": \"$queue\"}" >/dev/null 2>&1; then
    call QueueService/CreateQueue "{\"name\": \"$queue\"}"
    call EndpointService/CreateEndpoint "{\"queue\": \"$queue\", \"url\": \"$receiver\", \"secret\": \"$secret\"}"
fi

# `payload` is bytes, in base64 here.
order=$(date +%s)-$$
payload=$(printf '{"order": "%s", "amount": "12.50", "currency": "EUR"}' "$order" | base64 | tr -d '\n')
enqueued=$(call TaskService/Enqueue \
    "{\"queue\": \"$queue\", \"task\": {\"type\": \"order.paid\", \"payload\": \"$payload\", \"idempotency_key\": \"paid-$order\"}}")
echo "$enqueued"
grep --only-matching '"id" *: *"[^"]*"' <<<"$enqueued" | head -n 1 | cut -d '"' -f 4
