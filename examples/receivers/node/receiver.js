// Receives what Posthaste delivers: verifies each request with the Standard Webhooks library and prints one line for it.
//
// Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

// Bytes; Posthaste takes no larger payload unless it is configured to.
const LARGEST_BODY = 1024 * 1024;

// An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
// in the same transaction as what the task makes it do.
const REMEMBERED_IDS = 10_000;

const secret = process.env.WEBHOOK_SECRET;
if (!secret) {
  console.error("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...");
  process.exit(1);
}
const webhook = new Webhook(secret);
const seen = new Set();

/** Notes the id; false when it was here before. */
function isNew(id) {
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > REMEMBERED_IDS) seen.delete(seen.values().next().value);
  return true;
}

/** The bytes as they came: a body that was parsed and written again has another signature. Null when it is too large. */
async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isVerified(body, headers) {
  try {
    webhook.verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

async function receive(request, response) {
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end();
  const body = await readBody(request);
  if (body === null) return response.writeHead(413, { connection: "close" }).end();
  const id = request.headers["webhook-id"] ?? null;
  // The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
  const type = request.headers["posthaste-type"] ?? null;
  if (!isVerified(body, request.headers)) {
    console.log(JSON.stringify({ id, type, verified: false }));
    return response.writeHead(401).end();
  }
  // At least once means that a task may come again: say yes to it, and do nothing.
  console.log(JSON.stringify({ id, type, verified: true, duplicate: !isNew(id) }));
  response.writeHead(204).end();
}

const server = createServer((request, response) => {
  // A sender that goes away in the middle of its body; there is nobody left to answer.
  receive(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
