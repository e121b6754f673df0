import type { App } from "../stack/app.ts";
import { type Narrator } from "./narrator.ts";
import { paceOf } from "./pace.ts";
import { type Answer, EVENT_TYPES, Person, fund, type World } from "./people.ts";
import {
  bid,
  ending,
  enterWhenOpen,
  type Lot,
  meetingOf,
  putUp,
  settlement,
  type Stage,
} from "./scenes.ts";

/** What the people did and saw, for the verification. */
export interface Told {
  readonly people: Readonly<
    Record<"ada" | "grace" | "linus" | "bob" | "carol" | "dave" | "mallory", Person>
  >;
  readonly lots: Readonly<Record<"war" | "quiet" | "cancelled" | "absent" | "held", Lot>>;
  readonly meetings: Readonly<Record<"war" | "absent" | "held", string>>;
  /** What happened that only the people can tell: a description and whether it went as it should. */
  readonly observations: readonly {
    readonly what: string;
    readonly ok: boolean;
    readonly seen: string;
  }[];
}

/** Plays five auctions at once. Takes about a minute. */
export async function play(
  world: World,
  chainId: number,
  app: App,
  narrator: Narrator,
): Promise<Told> {
  const stage = createStage(world, chainId, narrator);
  const observations: { what: string; ok: boolean; seen: string }[] = [];
  const observe = (what: string, ok: boolean, seen: string | Answer): void => {
    const answer =
      typeof seen === "string" ? seen : `${seen.status} ${seen.body?.code ?? seen.body?.phase}`;
    // A failed step shows the whole answer: it is what one looks for.
    const whole = typeof seen === "string" || ok ? answer : JSON.stringify(seen);
    observations.push({ what, ok, seen: whole });
  };
  const observeRefusal = (what: string, seen: Answer, status: number, code: string): void =>
    observe(what, seen.status === status && seen.body?.code === code, seen);

  const person = (name: string): Person => new Person(name, world);
  const people = {
    ada: person("Ada"),
    grace: person("Grace"),
    linus: person("Linus"),
    bob: person("Bob"),
    carol: person("Carol"),
    dave: person("Dave"),
    mallory: person("Mallory"),
  };
  const everyone = Object.values(people);
  const { ada, grace, linus, bob, carol, dave, mallory } = people;
  await fund(world, everyone);
  const startMs = performance.now();
  await Promise.all(everyone.map((one) => one.logIn()));
  await Promise.all(everyone.map((one) => one.listen(EVENT_TYPES)));
  const pace = paceOf(performance.now() - startMs);
  await world.provider.send("evm_setIntervalMining", [pace]);
  narrator.tell(
    "people",
    `${everyone.map((one) => one.name).join(", ")} have wallets, logged in through Para and listen`,
  );

  const block = await world.provider.getBlock("latest");
  const t0 = (block?.timestamp ?? 0) + 4 * pace;
  const at = (seconds: number): number => t0 + seconds * pace;
  const [war, quiet, cancelled, absent, held] = await Promise.all([
    putUp(stage, ada, {
      scene: "bidding war",
      title: "Strategy hour",
      reserveEther: "0.1",
      endsAtS: at(20),
      meetingStartsAtS: at(30),
      meetingDurationS: 7 * pace,
    }),
    putUp(stage, grace, {
      scene: "no bids",
      title: "Compiler tea",
      reserveEther: "5",
      endsAtS: at(18),
      meetingStartsAtS: at(40),
      meetingDurationS: 10,
    }),
    // One sender's transactions are sent one after the other.
    stage.blockTime(at(-2)).then(() =>
      putUp(stage, grace, {
        scene: "cancelled",
        title: "Nanosecond talk",
        reserveEther: "0.2",
        endsAtS: at(60),
        meetingStartsAtS: at(80),
        meetingDurationS: 10,
      }),
    ),
    putUp(stage, linus, {
      scene: "no host",
      title: "Kernel chat",
      reserveEther: "0.1",
      endsAtS: at(18),
      meetingStartsAtS: at(25),
      meetingDurationS: 8 * pace,
    }),
    stage.blockTime(at(-2)).then(() =>
      putUp(stage, ada, {
        scene: "held",
        title: "Mentoring",
        reserveEther: "0.3",
        endsAtS: at(18),
        meetingStartsAtS: at(30),
        meetingDurationS: 30 * pace,
      }),
    ),
  ]);
  const lots = { war, quiet, cancelled, absent, held };
  await Promise.all(
    everyone.flatMap((one) => Object.values(lots).map((lot) => one.follow(lot.auctionId))),
  );

  const crash = async (): Promise<void> => {
    narrator.tell(
      "worker",
      "the worker process is killed with SIGKILL, in the middle of everything",
    );
    await app.kill("worker", "SIGKILL");
    await app.restart("worker");
    narrator.tell("worker", "another worker is up, and the auctions go on where they were");
  };

  const warStory = async (): Promise<string> => {
    await bid(stage, war, bob, "0.1");
    await bid(stage, war, carol, "0.25");
    await bid(stage, war, bob, "0.5");
    // The bid comes a block later. The contract extends an auction for bids in its last six seconds.
    await stage.blockTime(war.endsAtS - 6);
    await bid(stage, war, carol, "0.8", ", seconds before the end");
    const { body } = await stage.until(
      "the extension to be seen",
      () => carol.api("GET", `/api/auctions/${war.auctionId}`),
      (answer) => answer.body.endsAt !== answer.body.originalEndsAt,
    );
    narrator.tell(
      "bidding war",
      `which moves the end from ${body.originalEndsAt} to ${body.endsAt}`,
    );
    await ending(stage, war, "sold");
    const meetingId = await meetingOf(stage, war);
    await enterWhenOpen(stage, war, ada, meetingId);
    narrator.tell("bidding war", "Carol, who won, does not come; the meeting runs to its end");
    await settlement(stage, war);
    return meetingId;
  };
  const quietStory = async (): Promise<void> => void (await ending(stage, quiet, "unsold"));
  const cancelledStory = async (): Promise<void> => {
    const receipt = await grace.send("cancel", [BigInt(cancelled.auctionId)]);
    narrator.tell("cancelled", "Grace takes it back before anybody has bid", {
      hash: receipt.hash,
      blockNumber: receipt.blockNumber,
    });
    await ending(stage, cancelled, "cancelled");
  };
  const absentStory = async (): Promise<string> => {
    await bid(stage, absent, dave, "0.4");
    await ending(stage, absent, "sold");
    const meetingId = await meetingOf(stage, absent);
    await enterWhenOpen(stage, absent, dave, meetingId);
    narrator.tell("no host", "Linus never comes; the meeting runs to its end");
    await settlement(stage, absent);
    return meetingId;
  };
  const heldStory = async (): Promise<string> => {
    await stage.blockTime(at(4));
    await bid(stage, held, mallory, "0.3");
    await bid(stage, held, dave, "0.6");
    await ending(stage, held, "sold");
    const meetingId = await meetingOf(stage, held);

    const stranger = await mallory.enter(meetingId);
    observeRefusal("a stranger is refused", stranger.access, 404, "meeting_not_found");
    narrator.tell(
      "held",
      `Mallory, who holds no pass, is refused (${stranger.access.status} ${stranger.access.body.code})`,
    );

    // Closing pays the host, so it takes a meeting that has begun and both in it.
    const tooSoon = await stage.until(
      "the meeting's process",
      () => ada.api("POST", `/api/meetings/${meetingId}/close`),
      (answer) => answer.status !== 503,
    );
    const early = "a meeting that has not begun cannot be closed";
    observeRefusal(early, tooSoon, 409, "meeting_not_started");
    narrator.tell(
      "held",
      `Ada cannot close it before it begins (${tooSoon.status} ${tooSoon.body.code})`,
    );

    await enterWhenOpen(stage, held, dave, meetingId);
    narrator.tell(
      "held",
      "which took Dave's signature, the Lit Action's look at ownerOf and the PKP's signature",
    );
    const { room } = await enterWhenOpen(stage, held, ada, meetingId);

    const forged = await fetch(`${world.urls.jitsi}/__sandbox/join`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ room, token: "a.b.c", name: "Mallory" }),
    });
    observe(
      "the room itself refuses a made-up token",
      forged.status === 401,
      String(forged.status),
    );

    const byGuest = await dave.api("POST", `/api/meetings/${meetingId}/extend`, { minutes: 1 });
    observeRefusal("only the host may extend", byGuest, 403, "not_the_host");
    const extended = await ada.api("POST", `/api/meetings/${meetingId}/extend`, { minutes: 1 });
    observe("the host extends the meeting", extended.status === 200, extended);
    narrator.tell("held", `Ada extends the meeting to ${extended.body.endsAt}`);
    // A tenth of its length together makes the meeting one that was held.
    await stage.blockTime(held.meetingStartsAtS + 5 * pace);
    const closed = await ada.api("POST", `/api/meetings/${meetingId}/close`);
    observe("the host closes the meeting", closed.status === 202, closed);
    narrator.tell("held", "Ada closes the meeting");
    const rooms = await (await fetch(`${world.urls.jitsi}/__sandbox/rooms`)).text();
    observe(
      "the room is gone",
      !rooms.includes(room),
      rooms.includes(room) ? "still there" : "gone",
    );
    await settlement(stage, held);
    return meetingId;
  };

  const [warMeeting, , , absentMeeting, heldMeeting] = await Promise.all([
    warStory(),
    quietStory(),
    cancelledStory(),
    absentStory(),
    heldStory(),
    stage.blockTime(at(2)).then(crash),
  ]);

  for (const receiver of [ada, dave]) {
    const receipt = await receiver.send("withdraw", []);
    narrator.tell(
      "money",
      `${receiver.name} withdraws what is credited to ${receiver === ada ? "her" : "him"}`,
      { hash: receipt.hash, blockNumber: receipt.blockNumber },
    );
  }
  return {
    people,
    lots,
    meetings: { war: warMeeting, absent: absentMeeting, held: heldMeeting },
    observations,
  };
}

/** Only a hang takes as long. */
const PATIENCE_MS = 5 * 60_000;
const ASK_EVERY_MS = 250;

function createStage(world: World, chainId: number, narrator: Narrator): Stage {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  return {
    world,
    narrator,
    chainId,
    async blockTime(timestampS) {
      while (((await world.provider.getBlock("latest"))?.timestamp ?? 0) < timestampS)
        await pause();
    },
    async until(what, ask, good) {
      const giveUpAtMs = Date.now() + PATIENCE_MS;
      for (;;) {
        const value = await ask();
        if (good(value)) return value;
        if (Date.now() > giveUpAtMs)
          throw new Error(
            `waited ${PATIENCE_MS / 1000} s for ${what}; the last answer was ${JSON.stringify(value)?.slice(0, 500)}`,
          );
        await pause();
      }
    },
  };
}
