import { z } from "zod";
import { findMeeting, findMeetingOfAuction, type MeetingRow, meetingsOf } from "../../db/access.ts";
import { refused } from "../../errors.ts";
import { closeUpdate, extendUpdate, type MeetingState } from "../../workflows/messages.ts";
import { pageOf } from "../cursor.ts";
import { deploymentOf } from "../deployment.ts";
import { AuctionParams, checksummed, MeetingParams, PageQuery } from "../schema.ts";
import { route } from "../route.ts";
import { enter } from "./access.ts";
import { challengeAccess } from "./challenge.ts";
import { commandMeeting } from "./commands.ts";
import { knownRole, meetingNotFound, meetingOfHost, opensAt } from "./rights.ts";
import {
  Access,
  AccessBody,
  Challenge,
  CommandAccepted,
  CommandAnswer,
  ExtendBody,
  Meeting,
  MeetingPage,
  meetingView,
  OUTCOME_NAMES,
} from "./schema.ts";
import { Settlement, settlementOf } from "./settlement.ts";

const IdKey = z.tuple([z.uuid()]);

/** Accepted and still at work: the answer to a repeat may be the result. */
const accepted = (meeting: MeetingRow) =>
  ({
    status: 202,
    body: { meetingId: meeting.id, status: "accepted" },
    headers: { Location: `/api/meetings/auction/${meeting.auctionId}`, "Retry-After": "1" },
    isInterim: true,
  }) as const;

function stateView(meetingId: string, state: MeetingState) {
  const { phase, endsAtMs, outcome, settled } = state;
  return {
    meetingId,
    phase,
    endsAt: new Date(endsAtMs).toISOString(),
    outcome: OUTCOME_NAMES[outcome ?? 0] ?? null,
    settled,
  };
}

export const meetingRoutes = [
  route({
    method: "GET",
    path: "/api/meetings/user",
    operationId: "listOwnMeetings",
    tag: "meetings",
    summary: "Meetings the user hosts or owns the pass of, newest first",
    policy: "user",
    query: PageQuery,
    responses: { 200: MeetingPage },
    handler: async ({ query, user }, deps) => {
      const cut = await pageOf(
        {
          secret: deps.config.JWT_SECRET,
          list: "own-meetings",
          key: IdKey,
          read: (after, limit) =>
            meetingsOf(deps.db, { wallets: user.wallets, before: after?.[0], limit }),
          keyOf: (row) => [row.id],
        },
        query,
      );
      return {
        status: 200,
        body: {
          data: cut.rows.map((row) =>
            meetingView(row, knownRole(row, user.wallets) ?? "winner", opensAt(deps, row)),
          ),
          nextCursor: cut.nextCursor,
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/api/meetings/auction/{id}",
    operationId: "getMeetingOfAuction",
    tag: "meetings",
    summary: "The meeting of an auction, for its host and its pass owner",
    policy: "user",
    params: AuctionParams,
    responses: { 200: Meeting },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      const row = await findMeetingOfAuction(deps.db, deploymentOf(deps), params.id);
      const role = row === undefined ? undefined : knownRole(row, user.wallets);
      if (row === undefined || role === undefined) throw meetingNotFound();
      return { status: 200, body: meetingView(row, role, opensAt(deps, row)) };
    },
  }),
  route({
    method: "POST",
    path: "/api/meetings/{id}/challenge",
    operationId: "challengeAccess",
    tag: "meetings",
    summary: "A one-time text to sign, to enter the room",
    policy: "user",
    params: MeetingParams,
    responses: { 201: Challenge },
    problems: [403, 404, 409],
    handler: async ({ params, user }, deps) => {
      const { claim, message, standing } = await challengeAccess(deps, params.id, user);
      return {
        status: 201,
        body: {
          challenge: claim.nonce,
          message,
          claim,
          wallet: checksummed(standing.wallet),
          role: standing.role,
          expiresAt: new Date(claim.expiresAtS * 1_000).toISOString(),
        },
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/meetings/access/{id}",
    operationId: "enterMeeting",
    tag: "meetings",
    summary: "Enter the room by a signed challenge",
    policy: "user",
    params: MeetingParams,
    body: AccessBody,
    responses: { 200: Access },
    problems: [403, 404, 409, 502],
    handler: async ({ params, body, user }, deps) => {
      const granted = await enter(deps, params.id, user, body);
      return { status: 200, body: { ...granted, expiresAt: granted.expiresAt.toISOString() } };
    },
  }),
  route({
    method: "POST",
    path: "/api/meetings/{id}/extend",
    operationId: "extendMeeting",
    tag: "meetings",
    summary: "Extend the meeting by whole minutes, within the limit",
    description: "202: accepted, and takes effect soon; Location shows it.",
    policy: "user",
    params: MeetingParams,
    body: ExtendBody,
    acceptsIdempotencyKey: true,
    responses: { 200: CommandAnswer, 202: CommandAccepted },
    located: [202],
    problems: [403, 404, 409],
    handler: async ({ params, body, user, commandId }, deps) => {
      const meeting = await meetingOfHost(deps, params.id, user);
      if (body.minutes > deps.config.MEETING_MAX_EXTENSION_MINUTES) {
        throw refused(
          "extension_too_long",
          `a meeting can be extended by ${deps.config.MEETING_MAX_EXTENSION_MINUTES} minutes at most`,
          422,
          [{ pointer: "/minutes", code: "too_big", detail: "ask for less" }],
        );
      }
      const state = await commandMeeting(deps, {
        update: extendUpdate,
        args: [{ by: meeting.host, minutes: body.minutes }],
        meeting,
        commandId,
      });
      if (state === undefined) return accepted(meeting);
      return { status: 200, body: stateView(meeting.id, state) };
    },
  }),
  route({
    method: "POST",
    path: "/api/meetings/{id}/close",
    operationId: "closeMeeting",
    tag: "meetings",
    summary: "Close the meeting now: the pass is burned and the money settled",
    description:
      "Answered once it is decided how the meeting came out. The chain takes its time after that: Location tells how far it is.",
    policy: "user",
    params: MeetingParams,
    acceptsIdempotencyKey: true,
    responses: { 202: z.union([CommandAnswer, CommandAccepted]) },
    located: [202],
    problems: [403, 404, 409],
    handler: async ({ params, user, commandId }, deps) => {
      const meeting = await meetingOfHost(deps, params.id, user);
      const state = await commandMeeting(deps, {
        update: closeUpdate,
        args: [{ by: meeting.host }],
        meeting,
        commandId,
      });
      const headers = { Location: `/api/meetings/${meeting.id}/settlement`, "Retry-After": "1" };
      if (state === undefined) return { ...accepted(meeting), headers };
      return { status: 202, body: stateView(meeting.id, state), headers };
    },
  }),
  route({
    method: "GET",
    path: "/api/meetings/{id}/settlement",
    operationId: "getSettlement",
    tag: "meetings",
    summary: "How far the money of the meeting is, for its host and its pass owner",
    policy: "user",
    params: MeetingParams,
    responses: { 200: Settlement },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      const meeting = await findMeeting(deps.db, params.id);
      if (meeting === undefined || knownRole(meeting, user.wallets) === undefined)
        throw meetingNotFound();
      return { status: 200, body: await settlementOf(deps, meeting.id) };
    },
  }),
];
