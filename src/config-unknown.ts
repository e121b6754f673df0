import leven from "leven";
import { API, AUCTION_WORKER, CHAIN_WORKER, CODEC, COMMON, MEETINGS } from "./config-variables.ts";

const KNOWN = [
  ...new Set(
    [COMMON, MEETINGS, API, AUCTION_WORKER, CHAIN_WORKER, CODEC].flatMap((part) =>
      Object.keys(part),
    ),
  ),
];
const isKnown = new Set(KNOWN);

/** Names of an environment are compared when they are short enough to be one of ours. */
const LONGEST = 2 * Math.max(...KNOWN.map((name) => name.length));
/** One wrong letter in so many: MEETING_OPENS_BEFORE is MEETING_OPENS_BEFORE_S, LOG and DIR are nobody. */
const LETTERS_FOR_A_MISTAKE = 6;

/** The name of ours that was probably meant by one that is not; undefined when it looks like none. */
function meantBy(name: string): string | undefined {
  if (isKnown.has(name) || name.length > LONGEST) return undefined;
  const mistakes = Math.floor(name.length / LETTERS_FOR_A_MISTAKE);
  const [nearest] = KNOWN.map((known) => ({ known, distance: leven(name, known) }))
    .filter(({ distance }) => distance <= mistakes)
    .toSorted((a, b) => a.distance - b.distance);
  return nearest?.known;
}

/** The variables that are set, are none of ours, and look like one. Nothing reads them. */
export function misspelt(
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly { readonly name: string; readonly meant: string }[] {
  return Object.keys(env).flatMap((name) => {
    const meant = meantBy(name);
    return meant === undefined ? [] : [{ name, meant }];
  });
}
