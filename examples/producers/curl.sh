#!/usr/bin/env bash
# Makes a queue with one endpoint, and enqueues a task. The last line it prints is the task's id.
#
# Environment:
#   POSTHASTE_URL    where Posthaste listens; http://127.0.0.1:8080 unless set
#   POSTHASTE_KEY    an API key: ph_...
#   RECEIVER_URL     where to deliver: what a receiver printed behind "listening on"
#   WEBHOOK_SECRET   the secret that the receiver has: whsec_...
#   QUEUE            the queue's name; "orders" unless set
set -euo pipefail

url=${POSTHASTE_URL:-http://127.0.0.1:8080}
key=${POSTHASTE_KEY:?is not set: an API key, ph_...}
receiver=${RECEIVER_URL:?is not set: what a receiver printed behind "listening on"}
secret=${WEBHOOK_SECRET:?is not set: the secret that the receiver has, whsec_...}
queue=${QUEUE:-orders}

# Asks the API and prints its answer; that of an error goes to standard error.
api() {
    local answer
    if ! answer=$(curl --silent --show-error --fail-with-body --header "authorization: Bearer $key" \
        --header "content-type: application/json" "$@"); then
        echo "$answer" >&2
        return 1
    fi
    echo "$answer"
}

# 404 here is the first run: only then are queue and endpoint made.
status=$(curl --silent --show-error --output /dev/null --write-out '%{http_code}' \
    --header "authorization: Bearer $key" "$url/v1/queues/$queue")
if [ "$status" = 404 ]; then
    api "$url/v1/queues" --data "{\"name\": \"$queue\"}"
    api "$url/v1/queues/$queue/endpoints" --data "{\"url\": \"$receiver\", \"secret\": \"$secret\"}"
fi

order=$(date +%s)-$$
enqueue() {
    # The key makes it safe to ask again when no answer came: the same key is the same task.
    api "$url/v1/queues/$queue/tasks" --header "idempotency-key: \"paid-$order\"" \
        --data "{\"type\": \"order.paid\", \"payload\": {\"order\": \"$order\", \"amount\": \"12.50\", \"currency\": \"EUR\"}}"
}
first=$(enqueue)
again=$(enqueue)
echo "$first"

id_of() { grep --only-matching '"id" *: *"[^"]*"' <<<"$1" | head -n 1 | cut -d '"' -f 4; }
if [ "$(id_of "$first")" != "$(id_of "$again")" ]; then
    echo "the same idempotency key made a second task: $again" >&2
    exit 1
fi
id_of "$first"
