import { AppError } from "../errors.ts";
import type { AccessGate, AccessGateOptions } from "./types.ts";

/**
 * The gate over Lit's third generation, a REST service. Not built yet: its actions have another form
 * (no signEcdsa, no getRpcUrl), so it needs an action of its own beside this client.
 * @throws AppError `lit_configuration`
 */
export function createChipotleGate(_options: AccessGateOptions): AccessGate {
  throw new AppError({
    kind: "refuse",
    code: "lit_configuration",
    message:
      "The Lit network chipotle is not supported yet. Use datil-dev, datil-test, datil or custom.",
    status: 500,
  });
}
