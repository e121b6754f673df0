import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./generated/api.ts";
import { ProblemError } from "./problem.ts";

/** An access token or what gives one; nothing for what anybody may ask. */
export type TokenSource =
  | string
  | undefined
  | (() => string | undefined | Promise<string | undefined>);

export interface ApiOptions {
  /** Where the service is, such as `https://api.example.org`. */
  readonly url: string;
  readonly token?: TokenSource;
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type Api = Client<paths>;

export const tokenFrom = async (source: TokenSource): Promise<string | undefined> =>
  typeof source === "function" ? source() : source;

/** Requests by method and path, typed by the API's document: `api.GET("/api/auctions/{id}", { params: { path: { id } } })`. */
export function createApi({ url, token, fetch }: ApiOptions): Api {
  const api = createClient<paths>({
    baseUrl: url.replace(/\/$/, ""),
    ...(fetch === undefined ? {} : { fetch }),
  });
  api.use({
    async onRequest({ request }) {
      const bearer = await tokenFrom(token);
      if (bearer !== undefined) request.headers.set("authorization", `Bearer ${bearer}`);
    },
  });
  return api;
}

/** What a request gives. */
export interface Answer {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** The data of a good answer. */
export type DataOf<A extends Answer> = Exclude<A["data"], undefined>;

/** The data of an answer. @throws ProblemError when it is a problem */
export async function ok<A extends Answer>(answer: A | Promise<A>): Promise<DataOf<A>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ProblemError(response, error);
  return data as DataOf<A>;
}

/**
 * Walks through a list of pages: `for await (const bid of each((cursor) => api.GET(…, { params: { path, query: { ...cursor } } })))`.
 * @throws ProblemError
 */
export async function* each<Row>(
  page: (cursor: {
    cursor?: string;
  }) => Promise<
    Answer & { data?: { readonly data: readonly Row[]; readonly nextCursor: string | null } }
  >,
): AsyncGenerator<Row, void, undefined> {
  let cursor: { cursor?: string } = {};
  for (;;) {
    const { data, nextCursor } = await ok(page(cursor));
    yield* data;
    if (nextCursor === null) return;
    cursor = { cursor: nextCursor };
  }
}
