import { lookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { messageOf } from "../errors.ts";
import { isPublicAddress } from "./public-address.ts";

/** Which addresses may be sent to. Only development sends to its own machine, and without TLS. */
export type Reach = "public" | "any";

/** Why nothing was sent, or no answer came. Safe to show to whoever gave the URL. */
export class NotSentError extends Error {
  override readonly name = "NotSentError";
}

const NOT_PUBLIC = "the host's address is not a public one";
/** Also said of a name that there is not: whoever asks must not learn which names this network knows. */
const LEADS_NOWHERE = "the host's name leads to no public address";

/** Looks up all addresses of a name, as `dns.lookup` does. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Resolves a name once, refuses it if any of its addresses is not public, and connects to what was looked at and nothing else. */
const publicLookup =
  (resolve: Resolve): LookupFunction =>
  (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(new NotSentError(LEADS_NOWHERE), "");
      const [one] = addresses;
      if (one === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
        return done(new NotSentError(LEADS_NOWHERE), "");
      if (options.all === true) return done(null, addresses);
      return done(null, one.address, one.family);
    });
  };

/** Why a URL cannot be sent to, as far as its text tells; undefined when it may. Its name is looked up when something is sent. */
export function urlRefusal(text: string, reach: Reach): string | undefined {
  // URL takes them out in silence, and whoever reads the webhook back sees another URL than is called.
  if (/[\s\p{Cc}]/u.test(text)) return "must not hold blanks or control characters";
  const url = URL.parse(text);
  if (url === null) return "must be a URL";
  if (url.protocol !== "https:" && !(reach === "any" && url.protocol === "http:"))
    return "must be an https URL";
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.hash !== "") return "must not hold a fragment";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // Nobody looks up an address, so it is looked at here.
  if (reach === "public" && isIP(host) !== 0 && !isPublicAddress(host)) return NOT_PUBLIC;
  if (reach === "public" && isIP(host) === 0 && !host.includes(".")) return NOT_PUBLIC;
  return undefined;
}

/**
 * Posts a text to a URL that a user gave, and returns the status of the answer, whose body nobody reads. A redirect is an answer
 * like any other: it is not followed. With reach "public" the connection goes to a public address, also when the name is
 * resolved to another one later.
 * @throws NotSentError
 */
export async function postPublicly(
  text: string,
  message: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  options: { readonly reach: Reach; readonly timeoutMs: number; readonly resolve?: Resolve },
): Promise<number> {
  const refusal = urlRefusal(text, options.reach);
  if (refusal !== undefined) throw new NotSentError(`the URL ${refusal}`);
  const url = new URL(text);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const signal = AbortSignal.timeout(options.timeoutMs);
  return new Promise<number>((done, fail) => {
    const request = send(
      url,
      {
        method: "POST",
        headers: { ...message.headers, "content-length": Buffer.byteLength(message.body) },
        // Each delivery looks the name up anew, over a connection of its own.
        agent: false,
        signal,
        maxHeaderSize: 16_384,
        ...(options.reach === "public" ? { lookup: publicLookup(options.resolve ?? lookup) } : {}),
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.on("error", () => undefined);
        response.destroy();
        done(statusCode);
      },
    );
    request.on("error", (error) => fail(new NotSentError(reasonOf(error, signal))));
    // An answer that would change the protocol is dropped by Node with the connection, and told by no other event.
    request.on("close", () => fail(new NotSentError("no answer (the connection was closed)")));
    request.end(message.body);
  });
}

function reasonOf(error: Error, signal: AbortSignal): string {
  if (error instanceof NotSentError) return error.message;
  if (signal.aborted) return "no answer in time";
  return "code" in error && typeof error.code === "string"
    ? `no answer (${error.code})`
    : messageOf(error).slice(0, 200);
}
