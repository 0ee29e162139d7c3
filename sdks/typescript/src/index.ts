/** A client of Posthaste: enqueue tasks, manage what becomes of them, verify what is delivered. */

export { type NewTask, type Options, Posthaste, type Schemas, done } from "./client.js";
export { NotVerified, Refused } from "./errors.js";
export { type Retries } from "./retry.js";
export type { components, paths } from "./schema.js";
export { type Delivery, type IncomingHeaders, verify } from "./webhooks.js";
