import { z } from "zod";
import { AUCTIONS_PER_SOCKET, REPLAY_LIMIT } from "../realtime/types.ts";
import { Address, checksummed, MAX_PAGE_SIZE, Time } from "../schema.ts";
import { route } from "../route.ts";
import { serviceDomain } from "../service-domain.ts";
import { litActionRoute } from "./lit-action.ts";

const Meta = z
  .strictObject({
    chainId: z.int(),
    contracts: z.strictObject({ auction: Address, pass: Address }),
    confirmations: z.int(),
    finalityDepth: z.int(),
    domain: z.string().max(253).meta({ description: "The host that texts to sign name" }),
    jitsiDomain: z.string().max(253),
    lit: z.strictObject({
      network: z.string().max(40),
      actionIpfsCid: z.string().max(100),
      pkpPublicKey: z.string().max(200),
    }),
    auction: z.strictObject({
      minDurationS: z.int(),
      maxDurationS: z.int(),
      timeBufferS: z.int(),
      maxExtensionS: z.int(),
      minIncrementBps: z.int(),
    }),
    meeting: z.strictObject({ opensBeforeS: z.int(), maxExtensionMinutes: z.int() }),
    limits: z.strictObject({
      pageSize: z.int(),
      auctionsPerSocket: z.int(),
      eventsReplayed: z.int(),
    }),
    serverTime: Time,
  })
  .meta({ id: "Meta" });

const Alive = z.strictObject({ status: z.literal("alive") }).meta({ id: "Alive" });

const Readiness = z
  .strictObject({
    ready: z.boolean(),
    checks: z.record(
      z.string().max(40),
      z.strictObject({ ok: z.boolean(), detail: z.string().max(2_000).optional() }),
    ),
  })
  .meta({ id: "Readiness" });

export const metaRoutes = [
  route({
    method: "GET",
    path: "/api/meta",
    operationId: "getMeta",
    tag: "meta",
    summary: "Chain, contracts and limits, so that a frontend needs no constants",
    policy: "anyone",
    responses: { 200: Meta },
    handler: async (_request, { config, reader, rules }) => ({
      status: 200,
      body: {
        chainId: reader.chainId,
        contracts: {
          auction: checksummed(reader.auctionContract),
          pass: checksummed(reader.passContract),
        },
        confirmations: config.CHAIN_CONFIRMATIONS,
        finalityDepth: config.CHAIN_FINALITY_DEPTH,
        domain: serviceDomain(config),
        jitsiDomain: config.JITSI_DOMAIN,
        lit: {
          network: config.LIT_NETWORK,
          actionIpfsCid: config.LIT_ACTION_IPFS_CID,
          pkpPublicKey: config.LIT_PKP_PUBLIC_KEY,
        },
        auction: {
          minDurationS: rules.minDurationS,
          maxDurationS: rules.maxDurationS,
          timeBufferS: rules.timeBufferS,
          maxExtensionS: rules.maxExtensionS,
          minIncrementBps: rules.minIncrementBps,
        },
        meeting: {
          opensBeforeS: config.MEETING_OPENS_BEFORE_S,
          maxExtensionMinutes: config.MEETING_MAX_EXTENSION_MINUTES,
        },
        limits: {
          pageSize: MAX_PAGE_SIZE,
          auctionsPerSocket: AUCTIONS_PER_SOCKET,
          eventsReplayed: REPLAY_LIMIT,
        },
        serverTime: new Date().toISOString(),
      },
    }),
  }),
  litActionRoute,
  route({
    method: "GET",
    path: "/healthz",
    operationId: "getHealth",
    tag: "meta",
    summary: "The process is alive",
    policy: "anyone",
    rate: "none",
    responses: { 200: Alive },
    handler: async () => ({ status: 200, body: { status: "alive" as const } }),
  }),
  route({
    method: "GET",
    path: "/readyz",
    operationId: "getReadiness",
    tag: "meta",
    summary: "What this process depends on answers",
    policy: "anyone",
    rate: "none",
    responses: { 200: Readiness, 503: Readiness },
    handler: async (_request, deps) => {
      const { ready, checks } = await deps.health();
      // What went wrong names hosts and users: operators read it at METRICS_PORT and in the log.
      const isPublic = deps.config.NODE_ENV === "production";
      const shown = Object.entries(checks).map(
        ([part, check]) => [part, isPublic ? { ok: check.ok } : check] as const,
      );
      return { status: ready ? 200 : 503, body: { ready, checks: Object.fromEntries(shown) } };
    },
  }),
];
