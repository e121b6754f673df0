import { STATUS_CODES } from "node:http";
import type { ProblemKind } from "./kinds.ts";
import { PROBLEM_GROUPS, PROBLEM_PAGES, problemKind } from "./catalog.ts";

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const statusText = ({ statuses }: ProblemKind): string =>
  statuses.map((status) => `${status} ${STATUS_CODES[status] ?? ""}`.trim()).join(", ");

/** The one style sheet of these pages. */
export const PROBLEM_STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; }
dt { font-weight: 600; margin-top: 1rem; }
dd { margin: 0; }
td { padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
`;

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escapeHtml(title)}</title>
  <link rel="stylesheet" href="${PROBLEM_PAGES}.css">
</head>
<body>
${content}
</body>
</html>
`;
}

function index(): string {
  const groups = Object.entries(PROBLEM_GROUPS).map(([name, kinds]) => {
    const rows = Object.entries(kinds).map(
      ([code, one]) =>
        `<tr><td><a href="${PROBLEM_PAGES}/${code}"><code>${code}</code></a></td><td>${escapeHtml(statusText(one))}</td><td>${escapeHtml(one.title)}</td></tr>`,
    );
    return `<h2>${escapeHtml(name)}</h2>\n<table>\n${rows.join("\n")}\n</table>`;
  });
  return page(
    "Problems",
    `<p><a href="/docs">API</a></p>
<h1>Problems</h1>
<p>Every error is a problem document (RFC 9457, <code>application/problem+json</code>). Its <code>type</code> is one of these pages,
its <code>code</code> is for programs, its <code>detail</code> for people, and <code>errors</code> names the fields at fault by JSON
pointer. More kinds may be added: treat one you do not know by its status.</p>
${groups.join("\n")}`,
  );
}

function kindPage(code: string, one: ProblemKind): string {
  return page(
    one.title,
    `<p><a href="${PROBLEM_PAGES}">Problems</a></p>
<h1>${escapeHtml(one.title)}</h1>
<p><code>${code}</code>, ${escapeHtml(statusText(one))}</p>
<dl>
<dt>What it means</dt><dd>${escapeHtml(one.cause)}</dd>
<dt>What to do</dt><dd>${escapeHtml(one.remedy)}</dd>
</dl>`,
  );
}

/** The page at a path below PROBLEM_PAGES; undefined where there is none. */
export function problemPage(path: string): string | undefined {
  if (path === PROBLEM_PAGES) return index();
  const code = path.slice(PROBLEM_PAGES.length + 1);
  const one = path.startsWith(`${PROBLEM_PAGES}/`) ? problemKind(code) : undefined;
  return one === undefined ? undefined : kindPage(code, one);
}
