import { createReadStream, existsSync, type ReadStream } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type Koa from "koa";
import { refused } from "../../errors.ts";
import { sendValidated } from "../conditional.ts";
import { PROBLEM_PAGES } from "../problems/catalog.ts";
import { PROBLEM_STYLE, problemPage } from "../problems/pages.ts";
import type { Route } from "../route.ts";
import { openApiDocument } from "./document.ts";

/** The files of swagger-ui-dist that the page uses; nothing else of the package is served. */
const ASSETS = new Set(["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"]);

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Meeting Auction API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`;

// A file of its own, so that the page needs no inline script.
const START = `window.ui = SwaggerUIBundle({ url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, persistAuthorization: false });
`;

/** The page may load from here and nowhere else; Swagger UI styles elements inline and draws with data: images. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const METHODS = ["GET", "HEAD", "OPTIONS"];
const FOLDER = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

interface Page {
  readonly type: string;
  readonly body: string | (() => ReadStream);
  readonly cacheControl: string;
}

const REVALIDATED = "no-cache";

/** What there is at a path of the documentation; undefined for nothing. */
function pageAt(path: string): Page | undefined {
  const text = (type: string, body: string): Page => ({ type, body, cacheControl: REVALIDATED });
  if (path === "/docs") return text("html", PAGE);
  if (path === "/docs/start.js") return text("js", START);
  if (path === `${PROBLEM_PAGES}.css`) return text("css", PROBLEM_STYLE);
  const problem = problemPage(path);
  if (problem !== undefined) return text("html", problem);
  const name = path.slice("/docs/".length);
  if (!path.startsWith("/docs/") || !ASSETS.has(name)) return undefined;
  const file = join(FOLDER, name);
  if (!existsSync(file)) return undefined;
  const body = (): ReadStream => createReadStream(file);
  return { type: extname(name), body, cacheControl: "public, max-age=86400" };
}

/** `/api/openapi.json`, `/docs` to browse it, and a page for each kind of problem, all from this server. */
export function docs(routes: readonly Route[]): Koa.Middleware {
  const document = JSON.stringify(openApiDocument(routes));
  return async (ctx, next) => {
    const isDocument = ctx.path === "/api/openapi.json";
    const page = isDocument ? undefined : pageAt(ctx.path);
    if (!isDocument && page === undefined) return next();
    ctx.state["route"] = isDocument ? ctx.path : "/docs";
    if (!METHODS.includes(ctx.method) || ctx.method === "OPTIONS") {
      ctx.set("Allow", METHODS.join(", "));
      if (ctx.method !== "OPTIONS")
        throw refused("method_not_allowed", `this path takes ${METHODS.join(", ")}`, 405);
      ctx.status = 204;
    } else if (page === undefined) {
      ctx.set("Cache-Control", REVALIDATED);
      sendValidated(ctx, document);
    } else {
      ctx.set("Content-Security-Policy", PAGE_POLICY);
      ctx.set("Cache-Control", page.cacheControl);
      ctx.type = page.type;
      ctx.body = typeof page.body === "string" ? page.body : page.body();
    }
    return undefined;
  };
}
