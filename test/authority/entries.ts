// Who may do what: one entry for every route, by its operationId. A route without an entry fails the matrix test.
import { randomBytes } from "node:crypto";
import type { Person } from "../support/api.ts";
import type { Role, Stage } from "./stage.ts";

/** Everybody who asks: the people of the scene, nobody, whoever has a bad token, and Jitsi's servers. */
export type Caller = "nobody" | Role | "badToken" | "integration";

export interface Call {
  readonly path: string;
  readonly method?: string;
  readonly json?: object;
}

/**
 * One use of a route. `answers` are `<status>`, followed by the problem's code where it matters, or by "shown" or "hidden":
 * whether the answer holds what `shows` looks for.
 */
export interface Case {
  readonly when?: string;
  readonly call: (stage: Stage, caller: Caller) => Call | Promise<Call>;
  readonly shows?: (body: Body, stage: Stage) => boolean;
  readonly answers: Readonly<Record<Caller, string>>;
}

// Tests look into answers by what they expect; the router has checked the shape.
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any;

const BAD = { badToken: "401 token_invalid", integration: "401 token_invalid" } as const;
const LOGGED_IN = { nobody: "401 token_missing", ...BAD } as const;
const everybody = (answer: string) => ({
  host: answer,
  winner: answer,
  former: answer,
  other: answer,
});
/** Everybody who is logged in. */
const users = (answer: string) => ({ ...LOGGED_IN, ...everybody(answer) });
/** Public: a token, good or bad, makes no difference. */
const anyone = (answer: string) => ({
  nobody: answer,
  ...everybody(answer),
  badToken: answer,
  integration: answer,
});
/** Jitsi's servers alone: no token of a person's opens it. */
const jitsi = (answer: string) => ({
  ...anyone("401 integration_secret_wrong"),
  integration: answer,
});

const get = (path: string | ((stage: Stage) => string)): Case["call"] => {
  return (stage) => ({ path: typeof path === "string" ? path : path(stage) });
};
const post = (path: (stage: Stage) => string, json?: object): Case["call"] => {
  return (stage) => ({
    path: path(stage),
    method: "POST",
    ...(json === undefined ? {} : { json }),
  });
};

/** A session at Para of the person with that identity. */
function paraSession(stage: Stage, identifier: string): Call {
  const session = randomBytes(8).toString("hex");
  stage.api.para.sessions.set(session, {
    identity: { authType: "email", identifier },
    paraUserId: "p",
    wallets: [],
  });
  return { path: "/api/auth/para-session", json: { session } };
}

/** Before the pass is minted: the chain knows of none, and the projection has never seen one. */
async function beforeTheMint({ api, auctionId }: Stage): Promise<void> {
  api.reader.passOwners.delete(auctionId);
  await api.db.query(
    "UPDATE auctions SET pass_owner = NULL, last_pass_owner = NULL WHERE auction_id = $1",
    [auctionId],
  );
}

const HOSTS_WEBHOOK = "https://example.org/of-the-host";

/** The id of a webhook of the host's. */
async function webhookOfHost({ api, people }: Stage): Promise<string> {
  const { body } = await api.request("/api/webhooks", {
    token: people.host.token,
    json: { url: HOSTS_WEBHOOK },
  });
  if (body.id !== undefined) return body.id as string;
  const all = await api.request("/api/webhooks", { token: people.host.token });
  return all.body.data[0].id as string;
}

/** A challenge of the person, answered by their wallet. */
async function signedAccess({ api, meetingId }: Stage, person: Person): Promise<Call> {
  const { body } = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  const signature = await person.wallet.signMessage(body.message);
  return {
    path: `/api/meetings/access/${meetingId}`,
    json: { challenge: body.challenge, signature },
  };
}

/** A stranger to everybody, who has nothing to lose. */
const stranger = (): string => `${randomBytes(6).toString("hex")}@example.org`;

export const ENTRIES: Readonly<Record<string, readonly Case[]>> = {
  logInByParaToken: [
    {
      call: ({ api }) => {
        const verificationToken = randomBytes(8).toString("hex");
        api.para.tokens.set(verificationToken, { authType: "email", identifier: stranger() });
        return { path: "/api/auth/para-auth", json: { verificationToken } };
      },
      answers: anyone("200"),
    },
  ],
  importParaSession: [
    {
      when: "the session is somebody else's",
      call: (stage) => paraSession(stage, stranger()),
      answers: { ...everybody("403 para_session_of_another"), ...BAD, nobody: "200" },
    },
    {
      when: "the session is the host's",
      call: (stage) => paraSession(stage, stage.people.host.account.identifier),
      answers: {
        ...everybody("403 para_session_of_another"),
        ...BAD,
        nobody: "200",
        host: "200",
      },
    },
  ],
  verifyToken: [{ call: get("/api/auth/verify"), answers: users("200") }],
  logOut: [{ call: post(() => "/api/auth/logout"), answers: users("204") }],
  challengeWallet: [
    {
      call: post(() => "/api/auth/wallet-challenge", {
        address: `0x${"ab".repeat(20)}`,
      }),
      answers: users("201"),
    },
  ],
  bindWallet: [
    {
      when: "the challenge is the host's",
      call: async ({ api, people: { host } }) => {
        const { body } = await api.request("/api/auth/wallet-challenge", {
          token: host.token,
          json: { address: host.wallet.address },
        });
        const signature = await host.wallet.signMessage(body.message);
        return {
          path: "/api/auth/wallets",
          json: { challengeId: body.challengeId, signature },
        };
      },
      answers: { ...users("409 challenge_spent"), host: "200" },
    },
  ],

  recordCreatedAuction: [
    {
      when: "the host's wallet created it",
      call: ({ transactionHash }) => ({
        path: "/api/auctions/created",
        json: { transactionHash, title: "T", description: "D" },
      }),
      answers: { ...users("403 wallet_not_yours"), host: "201" },
    },
  ],
  getCreationStatus: [
    {
      call: get(({ transactionHash }) => `/api/auctions/transactions/${transactionHash}`),
      answers: users("200"),
    },
  ],
  listActiveAuctions: [{ call: get("/api/auctions/active"), answers: anyone("200") }],
  listOwnAuctions: [
    {
      call: get("/api/auctions/user/created?limit=100"),
      shows: (body, { auctionId }) => body.data.some((one: { id: string }) => one.id === auctionId),
      answers: { ...users("200 hidden"), host: "200 shown" },
    },
  ],
  getAuction: [
    { call: get(({ auctionId }) => `/api/auctions/${auctionId}`), answers: anyone("200") },
  ],
  listBids: [
    { call: get(({ auctionId }) => `/api/auctions/${auctionId}/bids`), answers: anyone("200") },
  ],

  listOwnMeetings: [
    {
      call: get("/api/meetings/user?limit=100"),
      shows: (body, { meetingId }) => body.data.some((one: { id: string }) => one.id === meetingId),
      answers: { ...users("200 hidden"), host: "200 shown", winner: "200 shown" },
    },
  ],
  getMeetingOfAuction: [
    {
      call: get(({ auctionId }) => `/api/meetings/auction/${auctionId}`),
      answers: { ...users("404 meeting_not_found"), host: "200", winner: "200" },
    },
    {
      when: "the pass is not minted yet",
      call: async (stage) => {
        await beforeTheMint(stage);
        return { path: `/api/meetings/auction/${stage.auctionId}` };
      },
      shows: (body) => body.passOwner === null,
      answers: { ...users("404 meeting_not_found"), host: "200 shown", former: "200 shown" },
    },
  ],
  challengeAccess: [
    {
      call: post(({ meetingId }) => `/api/meetings/${meetingId}/challenge`),
      answers: { ...users("404 meeting_not_found"), host: "201", winner: "201" },
    },
    {
      when: "the pass is not minted yet, and the winner of the auction is who later sells it",
      call: async (stage) => {
        await beforeTheMint(stage);
        return { path: `/api/meetings/${stage.meetingId}/challenge`, method: "POST" };
      },
      answers: {
        ...users("404 meeting_not_found"),
        host: "201",
        former: "409 pass_not_minted_yet",
      },
    },
  ],
  enterMeeting: [
    {
      when: "the challenge is the winner's, and signed by the winner",
      call: (stage) => signedAccess(stage, stage.people.winner),
      answers: { ...users("404 meeting_not_found"), host: "403", winner: "200" },
    },
    {
      when: "the challenge is the host's, and signed by the host",
      call: (stage) => signedAccess(stage, stage.people.host),
      answers: { ...users("404 meeting_not_found"), host: "200", winner: "403" },
    },
  ],
  extendMeeting: [
    {
      call: post(({ meetingId }) => `/api/meetings/${meetingId}/extend`, { minutes: 5 }),
      answers: { ...users("404 meeting_not_found"), host: "200", winner: "403 not_the_host" },
    },
  ],
  closeMeeting: [
    {
      call: post(({ meetingId }) => `/api/meetings/${meetingId}/close`),
      answers: { ...users("404 meeting_not_found"), host: "202", winner: "403 not_the_host" },
    },
  ],
  getSettlement: [
    {
      call: get(({ meetingId }) => `/api/meetings/${meetingId}/settlement`),
      answers: { ...users("404 meeting_not_found"), host: "200", winner: "200" },
    },
  ],

  listNotifications: [
    {
      call: get("/api/notifications?limit=100"),
      shows: (body, { notificationId }) =>
        body.data.some((one: { id: string }) => one.id === notificationId),
      answers: { ...users("200 hidden"), host: "200 shown" },
    },
  ],
  markNotificationRead: [
    {
      when: "the notification is the host's",
      call: post(({ notificationId }) => `/api/notifications/${notificationId}/read`),
      answers: { ...users("404 notification_not_found"), host: "200" },
    },
  ],
  markAllNotificationsRead: [
    {
      when: "the host has one that is unread",
      call: post(() => "/api/notifications/read-all"),
      shows: (body) => body.marked > 0,
      answers: { ...users("200 hidden"), host: "200 shown" },
    },
  ],
  listEvents: [
    {
      when: "one of them is for the host",
      call: async ({ api }) => {
        const [row] = await api.db.query<{ seq: number }>(
          "SELECT greatest(0, last_seq - 20) AS seq FROM event_sequence",
        );
        return { path: `/api/events?limit=100&after=${row?.seq ?? 0}` };
      },
      shows: (body, { eventType }) =>
        body.data.some((one: { type: string }) => one.type === eventType),
      answers: { ...users("200 hidden"), host: "200 shown" },
    },
  ],

  getMeetingCalendar: [
    {
      call: get(({ meetingId }) => `/api/meetings/${meetingId}/calendar`),
      answers: { ...users("404 meeting_not_found"), host: "200", winner: "200" },
    },
  ],
  addWebhook: [
    {
      call: () => ({ path: "/api/webhooks", json: { url: "https://example.org/events" } }),
      answers: users("201"),
    },
  ],
  listWebhooks: [
    {
      when: "the host has one",
      call: async (stage) => {
        await webhookOfHost(stage);
        return { path: "/api/webhooks" };
      },
      shows: (body) => body.data.some((one: { url: string }) => one.url === HOSTS_WEBHOOK),
      answers: { ...users("200 hidden"), host: "200 shown" },
    },
  ],
  listWebhookDeliveries: [
    {
      when: "the webhook is the host's",
      call: async (stage) => ({ path: `/api/webhooks/${await webhookOfHost(stage)}/deliveries` }),
      answers: { ...users("404 webhook_not_found"), host: "200" },
    },
  ],
  rotateWebhookSecret: [
    {
      when: "the webhook is the host's",
      call: async (stage) => ({
        path: `/api/webhooks/${await webhookOfHost(stage)}/rotate-secret`,
        method: "POST",
      }),
      answers: { ...users("404 webhook_not_found"), host: "200" },
    },
  ],
  enableWebhook: [
    {
      when: "the webhook is the host's",
      call: async (stage) => ({
        path: `/api/webhooks/${await webhookOfHost(stage)}/enable`,
        method: "POST",
      }),
      answers: { ...users("404 webhook_not_found"), host: "200" },
    },
  ],
  removeWebhook: [
    {
      when: "the webhook is the host's",
      call: async (stage) => ({
        path: `/api/webhooks/${await webhookOfHost(stage)}`,
        method: "DELETE",
      }),
      answers: { ...users("404 webhook_not_found"), host: "204" },
    },
  ],

  reserveRoom: [
    {
      call: ({ roomName }) => ({
        path: "/conference",
        json: {
          name: roomName,
          start_time: new Date().toISOString(),
          mail_owner: "somebody@meet.example.org",
        },
      }),
      answers: jitsi("200"),
    },
  ],
  getReservation: [
    { call: get(({ meetingId }) => `/conference/${meetingId}`), answers: jitsi("200") },
  ],
  releaseReservation: [
    {
      call: ({ meetingId }) => ({ path: `/conference/${meetingId}`, method: "DELETE" }),
      answers: jitsi("204"),
    },
  ],
  ...Object.fromEntries(
    (
      [
        ["reportOccupancy", ""],
        ["reportRoomEvent", "/room/created"],
        ["reportOccupantEvent", "/occupant/joined"],
      ] as const
    ).map(([operationId, suffix]): [string, Case[]] => [
      operationId,
      [
        {
          call: ({ roomName }) => ({
            path: `/api/integrations/jitsi/events${suffix}`,
            json: {
              event_name: "muc-occupant-joined",
              room_name: roomName,
              occupant: { occupant_jid: "a@b/c", joined_at: 1_700_000_000 },
            },
          }),
          answers: jitsi("200"),
        },
      ],
    ]),
  ),

  getMeta: [{ call: get("/api/meta"), answers: anyone("200") }],
  getLitAction: [{ call: get("/api/meta/lit-action"), answers: anyone("200") }],
  getHealth: [{ call: get("/healthz"), answers: anyone("200") }],
  getReadiness: [{ call: get("/readyz"), answers: anyone("200") }],
};

/** Routes whose answer may hold the room's name, or a token for it. */
export const TELLS_THE_ROOM = new Set(["enterMeeting", "reserveRoom", "getReservation"]);
