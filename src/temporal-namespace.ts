import { encodeSearchAttributeIndexedValueType } from "@temporalio/common/lib/search-attributes.js";
import type { Connection } from "@temporalio/client";
import { ConfigError } from "./config-error.ts";
import { messageOf } from "./errors.ts";
import { SEARCH_ATTRIBUTE_TYPES } from "./workflows/search-attributes.ts";

/** As the server numbers them. */
const CODES = {
  Keyword: encodeSearchAttributeIndexedValueType("KEYWORD") ?? 0,
  Datetime: encodeSearchAttributeIndexedValueType("DATETIME") ?? 0,
  Bool: encodeSearchAttributeIndexedValueType("BOOL") ?? 0,
};
const WANTED = new Map(
  Object.entries(SEARCH_ATTRIBUTE_TYPES).map(([name, type]) => [name, CODES[type]]),
);

/** What a namespace lacks, and what it has under the name with another type. */
export interface SearchAttributeGaps {
  readonly missing: readonly string[];
  readonly wrong: readonly string[];
}

/** Compares the search attributes of the namespace with the product's. @throws what the connection throws */
export async function searchAttributeGaps(
  connection: Connection,
  namespace: string,
): Promise<SearchAttributeGaps> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const types = [...WANTED].map(([name, wanted]) => {
    const actual: number | undefined = customAttributes?.[name];
    return { name, state: actual === undefined ? "missing" : actual === wanted ? "fine" : "wrong" };
  });
  const named = (state: string): string[] =>
    types.filter((one) => one.state === state).map((one) => one.name);
  return { missing: named("missing"), wrong: named("wrong") };
}

/**
 * Registers the product's search attributes where they are missing, and returns which were. Safe to repeat, and for several
 * processes at once.
 * @throws ConfigError when one has another type, or they may not be registered from here (Temporal Cloud)
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<readonly string[]> {
  const { missing, wrong } = await searchAttributeGaps(connection, namespace);
  const problem = (text: string): ConfigError =>
    new ConfigError([{ variable: "TEMPORAL_NAMESPACE", problem: text, example: "default" }]);
  if (wrong.length > 0)
    throw problem(
      `names the namespace ${namespace}, which has the search attributes ${wrong.join(", ")} with other types: use another namespace`,
    );
  if (missing.length === 0) return [];
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries([...WANTED].filter(([name]) => missing.includes(name))),
    });
  } catch (error) {
    // Somebody else may have been quicker.
    if ((await searchAttributeGaps(connection, namespace)).missing.length === 0) return [];
    throw problem(
      `names the namespace ${namespace}, which lacks the search attributes ${missing
        .map((name) => `${name} (${SEARCH_ATTRIBUTE_TYPES[name]})`)
        .join(
          ", ",
        )}, and they cannot be registered from here (${messageOf(error)}): register them by hand`,
    );
  }
  return missing;
}
