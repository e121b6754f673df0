// `npm run demo`: the embedded stack, then whole auctions on the real local chain, told line by line.
import { demoUsers } from "../stack/demo-users.ts";
import { launch, print } from "../stack/launch.ts";
import type { Stack } from "../stack/stack.ts";
import { summary } from "../stack/summary.ts";
import { Narrator } from "./narrator.ts";
import type { World } from "./people.ts";
import { play } from "./story.ts";
import { createProvider, table, verify } from "./verify.ts";

/** Meetings of the story last seconds, so the room opens seconds before. */
const STORY_ENVIRONMENT = { MEETING_OPENS_BEFORE_S: "5", MEETING_REMINDER_BEFORE_S: "8" };

/** Plays the story and returns whether everything was as it should be. */
async function tell(stack: Stack): Promise<boolean> {
  if (stack.app === undefined) throw new Error("there is no product to tell a story about");
  const { contracts, urls } = stack;
  const provider = createProvider(urls.chain, contracts.chainId);
  const world: World = {
    urls,
    provider,
    auctionAddress: contracts.auctionAddress,
    passAddress: contracts.passAddress,
  };
  print(
    "\nFive auctions at once, on a real chain. Every line is something that has just happened.\n",
  );
  const told = await play(world, contracts.chainId, stack.app, new Narrator(urls, print));
  const checks = await verify(world, urls.postgres, told);
  for (const person of Object.values(told.people)) person.hangUp();
  provider.destroy();
  const failed = checks.filter((one) => !one.ok).length;
  print(
    `\nWhat was verified, by reading the chain, Postgres and the sockets:\n\n${table(checks, process.stdout.columns)}\n`,
  );
  print(`${checks.length - failed} verified, ${failed} failed\n`);
  return failed === 0;
}

const USAGE = {
  title: "npm run demo: everything on this machine, and five auctions on a local chain",
  flags: { "--once": "exit when the story ends; 0: all is verified" },
};

await launch({
  usage: USAGE,
  flags: { once: { type: "boolean" } },
  options: (given) => ({ ...given, env: { ...given.env, ...STORY_ENVIRONMENT } }),
  async run(stack, values) {
    print(summary(stack, []));
    const good = await tell(stack);
    if (values["once"] === true) return good ? 0 : 1;
    print(summary(stack, await demoUsers(stack)));
    print("Everything stays up. Ctrl-C stops it.");
    return undefined;
  },
});
