import { createReadStream, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type Koa from "koa";
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

/** `/api/openapi.json`, and `/docs` to browse it, all from this server. */
export function docs(routes: readonly Route[]): Koa.Middleware {
  const document = JSON.stringify(openApiDocument(routes));
  const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return async (ctx, next) => {
    if (ctx.method !== "GET" && ctx.method !== "HEAD") return next();
    if (ctx.path === "/api/openapi.json") {
      ctx.state["route"] = ctx.path;
      ctx.set("Cache-Control", "no-cache");
      ctx.type = "application/json";
      ctx.body = document;
      return undefined;
    }
    if (ctx.path !== "/docs" && !ctx.path.startsWith("/docs/")) return next();
    const name = ctx.path.slice("/docs/".length);
    if (
      name !== "" &&
      name !== "start.js" &&
      (!ASSETS.has(name) || !existsSync(join(folder, name)))
    )
      return next();
    ctx.state["route"] = "/docs";
    ctx.set("Content-Security-Policy", PAGE_POLICY);
    ctx.set(
      "Cache-Control",
      name === "" || name === "start.js" ? "no-cache" : "public, max-age=86400",
    );
    ctx.type = name === "" ? "html" : extname(name);
    ctx.body =
      name === "" ? PAGE : name === "start.js" ? START : createReadStream(join(folder, name));
    return undefined;
  };
}
