import { afterAll, beforeAll, expect } from "@jest/globals";
import { getTestTemporal } from "../support/stack.ts";
import { createWorld, type World } from "./world.ts";

/**
 * Gives the tests of a file a world of their own whose workers run. At the end every execution must replay, and no workflow task may
 * have failed.
 */
export function useOwnWorld(use: (world: World) => void): void {
  let world: World;
  beforeAll(async () => {
    world = await createWorld(await getTestTemporal());
    use(world);
    await world.startWorkers();
  });
  afterAll(async () => {
    await world.close();
    expect(world.taskFailures).toEqual([]);
  });
}
