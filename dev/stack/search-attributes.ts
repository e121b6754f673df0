import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { repositoryRoot } from "./paths.ts";
import type { SearchAttributes } from "./temporal.ts";

/**
 * The search attributes that the product registers, as the server wants them: `SEARCH_ATTRIBUTE_TYPES`
 * of src/workflows/search-attributes.ts (`{ AuctionId: "Keyword", … }`), or none while there is no such file.
 */
export async function productSearchAttributes(): Promise<SearchAttributes> {
  const file = join(repositoryRoot, "src/workflows/search-attributes.ts");
  if (!existsSync(file)) return {};
  const module: { SEARCH_ATTRIBUTE_TYPES?: SearchAttributes } = await import(
    pathToFileURL(file).href
  );
  return module.SEARCH_ATTRIBUTE_TYPES ?? {};
}
