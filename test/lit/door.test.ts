import { SigningKey } from "ethers";
import { claimDigest } from "../../src/lit/index.ts";
import type { AccessClaim } from "../../src/lit/index.ts";
import { AppError, unavailable } from "../../src/errors.ts";
import {
  type Answer,
  createTestWorld,
  FakeGate,
  type Person,
  seedSold,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

// The door over HTTP and the real database: each thing that can be wrong about a proof, alone; crowds; the policy.

const USES = 50;
const NO_CONTRACT = `0x${"0".repeat(39)}1`;

let world: TestWorld;
let api: TestApi;
let host: Person;
let winner: Person;
let meeting: { auctionId: string; meetingId: string };

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  [host, winner] = [await api.person(), await api.person()];
});
beforeEach(async () => {
  meeting = await seedSold(api, host, winner);
});
afterAll(() => world.close());

interface Given {
  readonly challenge: string;
  readonly message: string;
  readonly claim: AccessClaim;
}

async function challenge(person: Person = winner, meetingId = meeting.meetingId): Promise<Given> {
  const answer = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  expect(answer.status).toBe(201);
  return answer.body;
}

const enter = (json: object, person: Person = winner, at: TestApi = api): Promise<Answer> =>
  at.request(`/api/meetings/access/${meeting.meetingId}`, { token: person.token, json });

const proofOf = (claim: AccessClaim) => new FakeGate().prove({ claim, userSignature: "0x" });

const log = () =>
  world.db.query<{ granted: boolean; reason: string; checked: { policy?: string } }>(
    "SELECT granted, reason, checked FROM meeting_access_logs WHERE meeting_id = $1 ORDER BY id",
    [meeting.meetingId],
  );

/** The answer without what every answer has of its own. */
const plain = ({ status, body }: Answer): object => ({
  status,
  ...body,
  requestId: "",
  instance: "",
});

/** What is wrong with an attempt, its logged reason, and the attempt. */
type Attempt = readonly [string, string, () => Promise<object>];
const hex = (digit: string, bytes: number): string => `0x${digit.repeat(bytes * 2)}`;

/** A client that ran the action for a claim in which one thing is not that of its challenge. */
const proofWith = (
  change: (claim: AccessClaim) => Partial<AccessClaim> | Promise<Partial<AccessClaim>>,
): Attempt[2] => {
  return async () => {
    const { challenge: nonce, claim } = await challenge();
    const litProof = await proofOf({ ...claim, ...(await change(claim)) });
    return { challenge: nonce, litProof };
  };
};

const signedBy =
  (sign: (given: Given) => Promise<string>): Attempt[2] =>
  async () => {
    const given = await challenge();
    return { challenge: given.challenge, signature: await sign(given) };
  };

const ATTEMPTS: readonly Attempt[] = [
  ["the proof of another chain", "proof_of_other_chain", proofWith(() => ({ chainId: 1 }))],
  [
    "the proof of another meeting, with all the rest of it",
    "proof_of_other_meeting",
    proofWith(async () => {
      const other = await seedSold(api, host, winner);
      return { meetingId: other.meetingId, tokenId: other.auctionId };
    }),
  ],
  [
    "the proof of another meeting",
    "proof_of_other_meeting",
    proofWith(async () => ({ meetingId: (await seedSold(api, host, winner)).meetingId })),
  ],
  [
    "the proof of another token",
    "proof_of_other_token",
    proofWith(async () => ({ tokenId: (await seedSold(api, host, winner)).auctionId })),
  ],
  [
    "the proof of another wallet",
    "proof_of_other_wallet",
    proofWith(() => ({ user: host.wallet.address })),
  ],
  [
    "the proof of a later time",
    "proof_of_other_time",
    proofWith(({ expiresAtS }) => ({ expiresAtS: expiresAtS + 7 })),
  ],
  [
    "the proof of another challenge that was given for this meeting",
    "proof_of_other_challenge",
    async () => {
      const [one, two] = [await challenge(), await challenge()];
      return { challenge: one.challenge, litProof: await proofOf(two.claim) };
    },
  ],
  [
    "the proof of a challenge that was given for another meeting",
    "proof_of_other_meeting",
    async () => {
      const other = await seedSold(api, host, winner);
      const { claim } = await challenge(winner, other.meetingId);
      return { challenge: (await challenge()).challenge, litProof: await proofOf(claim) };
    },
  ],
  [
    "the proof of something that never was",
    "proof_of_unknown_claim",
    proofWith(() => ({ contract: NO_CONTRACT, tokenId: "1" })),
  ],
  [
    "a proof by another key",
    "lit_proof_other_key",
    async () => {
      const { challenge: nonce, claim } = await challenge();
      const key = new SigningKey(hex("5", 32));
      const digest = claimDigest(claim);
      const signature = key.sign(digest).serialized;
      const litProof = { signature, publicKey: key.publicKey, dataSigned: digest };
      return { challenge: nonce, litProof };
    },
  ],
  [
    "a proof whose signature is of another claim",
    "lit_proof_bad_signature",
    async () => {
      const { challenge: nonce, claim } = await challenge();
      const other = await proofOf({ ...claim, tokenId: "1" });
      return { challenge: nonce, litProof: { ...other, dataSigned: claimDigest(claim) } };
    },
  ],
  [
    "a proof whose key is none",
    "lit_proof_malformed",
    async () => {
      const { challenge: nonce, claim } = await challenge();
      return {
        challenge: nonce,
        litProof: { ...(await proofOf(claim)), publicKey: hex("0", 65) },
      };
    },
  ],
  [
    "another wallet's signature",
    "signature_invalid",
    signedBy(({ message }) => host.wallet.signMessage(message)),
  ],
  [
    "a signature of another text",
    "signature_invalid",
    signedBy(({ message }) => winner.wallet.signMessage(`${message} `)),
  ],
  ["a signature that is none", "signature_invalid", signedBy(async () => "0x00")],
  [
    "another meeting's challenge",
    "challenge_of_other_meeting",
    async () => {
      const other = await seedSold(api, host, winner);
      const given = await challenge(winner, other.meetingId);
      const signature = await winner.wallet.signMessage(given.message);
      return { challenge: given.challenge, signature };
    },
  ],
  [
    "another person's challenge",
    "challenge_of_other_user",
    async () => {
      const given = await challenge(host);
      return {
        challenge: given.challenge,
        signature: await host.wallet.signMessage(given.message),
      };
    },
  ],
  [
    "a challenge that was never given",
    "challenge_unknown",
    async () => ({ challenge: "never-given-to-anybody", signature: hex("1", 65) }),
  ],
  [
    "a challenge whose time has passed",
    "challenge_expired",
    async () => {
      const given = await challenge();
      await world.db.query(
        "UPDATE lit_gate_passes SET expires_at = now() WHERE meeting_id = $1 AND spent_at IS NULL",
        [meeting.meetingId],
      );
      return { challenge: given.challenge, litProof: await proofOf(given.claim) };
    },
  ],
];

test.each(ATTEMPTS)("%s is refused; the log says %s", async (_name, reason, attempt) => {
  const answer = await enter(await attempt());
  expect(answer.status).toBe(403);
  expect(await log()).toEqual([expect.objectContaining({ granted: false, reason })]);
});

test("the outside cannot tell one wrong proof from another", async () => {
  const seen = new Set<string>();
  for (const [, , attempt] of ATTEMPTS)
    seen.add(JSON.stringify(plain(await enter(await attempt()))));
  expect([...seen]).toEqual([expect.stringContaining('"code":"access_denied"')]);
});

test("what Lit denies is answered the same way", async () => {
  const gate = new FakeGate();
  gate.prove = async () =>
    Promise.reject(
      new AppError({ kind: "refuse", code: "lit_denied", message: "no", status: 403 }),
    );
  const denying = await world.start({ gate, reader: api.reader });
  const given = await challenge();
  const signature = await winner.wallet.signMessage(given.message);
  const denied = await enter({ challenge: given.challenge, signature }, winner, denying);
  const wrong = await enter({ challenge: "never-given-to-anybody", signature });
  expect(plain(denied)).toEqual(plain(wrong));
  expect((await log())[0]).toMatchObject({ granted: false, reason: "lit_denied" });
});

describe(`${USES} uses at once`, () => {
  function expectOneGrant(answers: readonly Answer[]): void {
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1);
    const others = answers.filter((one) => one.status !== 200);
    expect(new Set(others.map((one) => `${one.status} ${one.body.code}`))).toEqual(
      new Set(["409 challenge_spent"]),
    );
  }

  /** On two nodes of the API, so that nothing but the database can hold them apart. */
  async function atOnce(json: object, nodes: readonly TestApi[]): Promise<void> {
    const answers = await Promise.all(
      Array.from({ length: USES }, (_, index) =>
        enter(json, winner, nodes[index % nodes.length] ?? api),
      ),
    );
    expectOneGrant(answers);
    expect((await log()).filter((one) => one.granted)).toHaveLength(1);
  }

  test("of one proof open the door once", async () => {
    const second = await world.start({ reader: api.reader });
    const { challenge: nonce, claim } = await challenge();
    await atOnce({ challenge: nonce, litProof: await proofOf(claim) }, [api, second]);
  });

  test("of one signature open the door once, though every one of them gets its proof", async () => {
    const gate = new FakeGate();
    const prove = gate.prove.bind(gate);
    const { promise: allThere, resolve: allAreThere } = Promise.withResolvers<void>();
    gate.prove = async (input) => {
      const proof = await prove(input);
      if (gate.calls === USES) allAreThere();
      await allThere;
      return proof;
    };
    const nodes = [
      await world.start({ gate, reader: api.reader }),
      await world.start({ gate, reader: api.reader }),
    ];
    const given = await challenge();
    const signature = await winner.wallet.signMessage(given.message);
    await atOnce({ challenge: given.challenge, signature }, nodes);
    expect(gate.calls).toBe(USES);
  });
});

describe("while Lit is away", () => {
  const gate = new FakeGate();
  gate.prove = async () => Promise.reject(unavailable("lit_unavailable", "Lit is away"));

  async function attempt(at: TestApi): Promise<Answer> {
    const given = await challenge();
    const signature = await winner.wallet.signMessage(given.message);
    return enter({ challenge: given.challenge, signature }, winner, at);
  }

  test("the door stays shut by default, with word of when to try again", async () => {
    const strict = await world.start({ gate, reader: api.reader });
    const answer = await attempt(strict);
    expect([answer.status, answer.body.code, answer.headers.get("retry-after")]).toEqual([
      503,
      "lit_unavailable",
      "5",
    ]);
    // Whoever judges the meeting afterwards sees who stood at the door.
    expect(await log()).toMatchObject([{ granted: false, reason: "lit_unavailable" }]);
  });

  test("LIT_WHEN_UNREACHABLE=owner-of takes the signature and our own look at the chain; the log says so", async () => {
    const config = testConfig({ LIT_WHEN_UNREACHABLE: "owner-of" });
    const lenient = await world.start({ gate, reader: api.reader, config });
    expect((await attempt(lenient)).status).toBe(200);
    expect(await log()).toEqual([
      expect.objectContaining({
        granted: true,
        checked: expect.objectContaining({
          policy: "signature_and_owner_of",
          litProof: false,
          litUnreachable: "Lit is away",
        }),
      }),
    ]);
  });

  test("owner-of looks at the chain again: a pass that moved meanwhile opens nothing", async () => {
    const moving = new FakeGate();
    moving.prove = async () => {
      api.reader.passOwners.set(meeting.auctionId, host.wallet.address.toLowerCase());
      throw unavailable("lit_unavailable", "Lit is away");
    };
    const config = testConfig({ LIT_WHEN_UNREACHABLE: "owner-of" });
    const lenient = await world.start({ gate: moving, reader: api.reader, config });
    expect((await attempt(lenient)).body).toMatchObject({ status: 403, code: "access_denied" });
    expect((await log()).map((one) => one.reason)).toEqual(["not_the_pass_owner"]);
  });

  test("owner-of is for an absence: a signature that Lit gave and that does not hold opens nothing", async () => {
    const lying = new FakeGate();
    lying.prove = async () =>
      Promise.reject(
        new AppError({ kind: "retry", code: "lit_bad_answer", message: "bad", status: 502 }),
      );
    const config = testConfig({ LIT_WHEN_UNREACHABLE: "owner-of" });
    const lenient = await world.start({ gate: lying, reader: api.reader, config });
    expect((await attempt(lenient)).body).toMatchObject({ status: 502, code: "lit_bad_answer" });
    expect(await log()).toMatchObject([{ granted: false, reason: "lit_bad_answer" }]);
  });

  test("and neither does a wrong signature, nor a stranger's", async () => {
    const config = testConfig({ LIT_WHEN_UNREACHABLE: "owner-of" });
    const lenient = await world.start({ gate, reader: api.reader, config });
    const given = await challenge();
    const signature = await host.wallet.signMessage(given.message);
    const answer = await enter({ challenge: given.challenge, signature }, winner, lenient);
    expect(answer.body).toMatchObject({ status: 403, code: "access_denied" });
  });
});

test("each grant says by which policy it was given", async () => {
  const policies: unknown[] = [];
  for (const [person, use] of [
    [winner, "signature"],
    [winner, "litProof"],
    [host, "signature"],
  ] as const) {
    const given = await challenge(person);
    const answer =
      use === "signature"
        ? { signature: await person.wallet.signMessage(given.message) }
        : { litProof: await proofOf(given.claim) };
    expect((await enter({ challenge: given.challenge, ...answer }, person)).status).toBe(200);
    policies.push((await log()).at(-1)?.checked.policy);
  }
  expect(policies).toEqual(["lit_action", "lit_proof_of_client", "host_signature"]);
});
