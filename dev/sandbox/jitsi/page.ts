import { roomProblem, verifyToken } from "./prosody-token.ts";
import type { TokenRules } from "./prosody-token.ts";

/** The meeting page: says what Prosody would say to this link. No camera, no microphone, no script. */
export function roomPage(rules: TokenRules, room: string, token: string): string {
  const verdict = verifyToken(rules, token);
  const problem = verdict.accepted
    ? roomProblem(rules, verdict.claims, room.toLowerCase())
    : verdict.text;
  const line =
    verdict.accepted && problem === undefined
      ? `Prosody lets <b>${escape(verdict.user.name ?? verdict.user.id ?? "this guest")}</b> in as ${verdict.user.affiliation}.`
      : `Prosody refuses this link: ${escape(problem ?? "")}.`;
  return `<!doctype html><meta charset="utf-8"><title>${escape(room)}</title><body style="font:16px sans-serif;margin:3em"><h1>Room ${escape(room)}</h1><p>${line}</p><p>This is the local sandbox of Jitsi Meet.</p>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
