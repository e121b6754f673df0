import { z } from "zod";
import {
  activeAuctions,
  auctionsOfHosts,
  bidsOf,
  existingAuctions,
  findAuction,
} from "../../db/reads.ts";
import { refused } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import { pageOf } from "../cursor.ts";
import { deploymentOf } from "../deployment.ts";
import { AuctionParams, PageQuery } from "../schema.ts";
import { route } from "../route.ts";
import { creationStatus, recordCreated } from "./created.ts";
import {
  ActiveQuery,
  Auction,
  AuctionPage,
  auctionView,
  BidPage,
  bidView,
  CreatedAnswer,
  CreatedBody,
  PendingAnswer,
  summaryView,
  TransactionParams,
  TransactionStatus,
} from "./schema.ts";

const ActiveKey = z.tuple([z.int(), z.string()]);
const IdKey = z.tuple([z.string()]);
const BidKey = z.tuple([z.int(), z.int()]);

const placeOf = (deps: ApiDeps) => ({
  ...deploymentOf(deps),
  minIncrementBps: deps.rules.minIncrementBps,
});

const notFound = () =>
  refused(
    "auction_not_found",
    "there is no auction with that id (or it is not confirmed yet)",
    404,
  );

export const auctionRoutes = [
  route({
    method: "POST",
    path: "/api/auctions/created",
    operationId: "recordCreatedAuction",
    tag: "auctions",
    summary: "Record an auction that was created on chain",
    description: "Safe to repeat. 202 says how far it is; Location is where to ask again.",
    policy: "user",
    body: CreatedBody,
    responses: { 201: CreatedAnswer, 202: PendingAnswer },
    located: [201, 202],
    problems: [403, 409],
    acceptsIdempotencyKey: true,
    handler: async ({ body, user }, deps) => {
      const result = await recordCreated(deps, user, body);
      if (result.done)
        return {
          status: 201,
          body: { auctionId: result.auctionId, status: "recorded" as const },
          headers: { Location: `/api/auctions/${result.auctionId}` },
        };
      const { status, auctionId, confirmations } = result;
      return {
        status: 202,
        body: {
          status,
          auctionId,
          confirmations,
          confirmationsNeeded: deps.config.CHAIN_CONFIRMATIONS,
        },
        headers: {
          "Retry-After": "1",
          Location: `/api/auctions/transactions/${body.transactionHash}`,
        },
        isInterim: true,
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/auctions/transactions/{transactionHash}",
    operationId: "getCreationStatus",
    tag: "auctions",
    summary: "How far the transaction that creates an auction is",
    policy: "user",
    params: TransactionParams,
    responses: { 200: TransactionStatus },
    handler: async ({ params, user }, deps) => ({
      status: 200,
      body: await creationStatus(deps, user, params.transactionHash),
    }),
  }),
  route({
    method: "GET",
    path: "/api/auctions/active",
    operationId: "listActiveAuctions",
    tag: "auctions",
    summary: "Auctions that take bids, by end time",
    policy: "anyone",
    query: ActiveQuery,
    responses: { 200: AuctionPage },
    handler: async ({ query }, deps) => {
      const place = placeOf(deps);
      const sort = query.sort ?? "endsAt";
      const descending = sort === "-endsAt";
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: `active:${sort}`,
          key: ActiveKey,
          read: (after, limit) => activeAuctions(deps.db, place, { after, descending, limit }),
          keyOf: (row) => [row.endsAt.getTime(), row.auctionId],
        },
        query,
      );
      return {
        status: 200,
        body: { data: cut.rows.map((row) => summaryView(row, place)), nextCursor: cut.nextCursor },
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/auctions/user/created",
    operationId: "listOwnAuctions",
    tag: "auctions",
    summary: "Auctions hosted by the user's wallets, newest first",
    policy: "user",
    query: PageQuery,
    responses: { 200: AuctionPage },
    handler: async ({ query, user }, deps) => {
      const place = placeOf(deps);
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: "own-auctions",
          key: IdKey,
          read: (after, limit) =>
            auctionsOfHosts(deps.db, place, { wallets: user.wallets, before: after?.[0], limit }),
          keyOf: (row) => [row.auctionId],
        },
        query,
      );
      return {
        status: 200,
        body: { data: cut.rows.map((row) => summaryView(row, place)), nextCursor: cut.nextCursor },
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/auctions/{id}",
    operationId: "getAuction",
    tag: "auctions",
    summary: "One auction, with the on-chain proof of each step",
    description:
      "Amounts are wei. `phase` follows the chain's clock, of which `serverTime` is not a part.",
    policy: "anyone",
    params: AuctionParams,
    responses: { 200: Auction },
    problems: [404],
    handler: async ({ params }, deps) => {
      const row = await findAuction(deps.db, deploymentOf(deps), params.id);
      if (row === undefined) throw notFound();
      return { status: 200, body: auctionView(row, placeOf(deps), new Date()) };
    },
  }),
  route({
    method: "GET",
    path: "/api/auctions/{id}/bids",
    operationId: "listBids",
    tag: "auctions",
    summary: "The bids of an auction, newest first",
    policy: "anyone",
    params: AuctionParams,
    query: PageQuery,
    responses: { 200: BidPage },
    problems: [404],
    handler: async ({ params, query }, deps) => {
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: `bids:${params.id}`,
          key: BidKey,
          read: (before, limit) =>
            bidsOf(deps.db, deploymentOf(deps), params.id, { before, limit }),
          keyOf: (row) => [row.blockNumber, row.logIndex],
        },
        query,
      );
      if (
        cut.rows.length === 0 &&
        (await existingAuctions(deps.db, deploymentOf(deps), [params.id])).length === 0
      )
        throw notFound();
      return { status: 200, body: { data: cut.rows.map(bidView), nextCursor: cut.nextCursor } };
    },
  }),
];
