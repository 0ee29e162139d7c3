#!/usr/bin/env bash
# Receives what Posthaste delivers: verifies each request with openssl and prints one line for it. For a look at how little it takes, and for
# machines that have nothing else: socat takes the connections and runs this script once for each.
#
# Environment:
#   WEBHOOK_SECRET   the endpoint's secret: whsec_...
#   PORT             where to listen on 127.0.0.1; 9000 unless set
set -euo pipefail

# Bytes; Posthaste takes no larger payload unless it is configured to.
largest_body=1048576
# Seconds by which the clocks may differ, as every library of Standard Webhooks has it.
tolerance=300

secret=${WEBHOOK_SECRET:?is not set: the secret of the endpoint, whsec_...}

if [ "${1:-}" != connection ]; then
    port=${PORT:-9000}
    # Notes which ids were here. A real receiver keeps them in its database, and writes each in the same transaction as what the task makes
    # it do.
    seen=$(mktemp --directory)
    trap 'rm -rf "$seen"' EXIT
    # The lines go to this script's own output, for that of each connection is the answer.
    exec 3>&1
    export seen
    echo "listening on http://127.0.0.1:$port"
    socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "EXEC:$0 connection"
    exit
fi

answer() {
    printf 'HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n' "$1"
    exit 0
}

# The head: a request line, then headers up to an empty line. Only those are kept that matter here.
IFS=' ' read -r method _ || exit 0
id='' at='' signatures='' type='' length=''
while IFS= read -r header && header=${header%$'\r'} && [ -n "$header" ]; do
    value=${header#*:}
    value=${value# }
    case ${header%%:*} in
        [Ww]ebhook-[Ii]d) id=$value ;;
        [Ww]ebhook-[Tt]imestamp) at=$value ;;
        [Ww]ebhook-[Ss]ignature) signatures=$value ;;
        [Pp]osthaste-[Tt]ype) type=$value ;;
        [Cc]ontent-[Ll]ength) length=$value ;;
    esac
done
[ "$method" = POST ] || answer '405 Method Not Allowed'
[[ $length =~ ^[0-9]{1,9}$ ]] || answer '411 Length Required'
[ "$length" -le "$largest_body" ] || answer '413 Content Too Large'

# HMAC-SHA256 over id, time and body, in base64. The bytes of the body as they come: a shell's variable cannot hold them all.
key=$(base64 --decode <<<"${secret#whsec_}" | od -An -v -tx1 | tr -d ' \n')
expected="v1,$({ printf '%s.%s.' "$id" "$at"; head --bytes="$length"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)"

verified=false
if [[ $id =~ ^[0-9A-Za-z_-]+$ && $at =~ ^[0-9]{1,12}$ ]] && ((at - $(date +%s) <= tolerance && $(date +%s) - at <= tolerance)); then
    # A comparison that takes the same time whatever differs is beyond a shell; in a service that others can time, use another language.
    for signature in $signatures; do
        [ "$signature" = "$expected" ] && verified=true
    done
fi
# What is printed is JSON: from a forger's headers, nothing that would have to be escaped.
id=${id//[^0-9A-Za-z_-]/} type=${type//[^0-9A-Za-z_.:\/-]/}
if [ $verified = false ]; then
    echo "{\"id\": \"$id\", \"type\": \"$type\", \"verified\": false}" >&3
    answer '401 Unauthorized'
fi
# At least once means that a task may come again: say yes to it, and do nothing.
duplicate=true
(set -o noclobber && : >"$seen/$id") 2>/dev/null && duplicate=false
echo "{\"id\": \"$id\", \"type\": \"$type\", \"verified\": true, \"duplicate\": $duplicate}" >&3
answer '204 No Content'
