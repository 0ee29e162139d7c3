/** What can go wrong. */

import type { components } from "./schema.js";

/** The server answered with a status that is not 2xx. Where no answer came, it is the error of `fetch`. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The problem document (RFC 9457); `errors` in it names each wrong field. */
    readonly problem: components["schemas"]["Problem"],
    /** The milliseconds after which the server asks to be asked again. */
    readonly retryAfter: number | undefined,
  ) {
    const wrong = (problem.errors ?? []).map((error) => `; ${error.field}: ${error.detail}`).join("");
    super(`${status} ${problem.title}: ${problem.detail}${wrong}`);
  }
}

/** The request does not carry a signature of this secret: answer it with 401. */
export class NotVerified extends Error {
  override readonly name = "NotVerified";
}
