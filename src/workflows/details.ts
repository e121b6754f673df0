import { workflowInfo } from "@temporalio/workflow";
import {
  auctionWorkflowId,
  type AuctionInput,
  type AuctionState,
  type MeetingInput,
  type MeetingState,
  meetingWorkflowId,
} from "../domain/process.ts";

/** Markdown for the Web UI. Links are relative, so that they work under whatever address the UI has. */
function workflowLink(title: string, workflowId: string): string {
  return `[${title}](/namespaces/${workflowInfo().namespace}/workflows/${encodeURIComponent(workflowId)})`;
}

/** The processes that a search finds. */
function listLink(title: string, query: string): string {
  return `[${title}](/namespaces/${workflowInfo().namespace}/workflows?query=${encodeURIComponent(query)})`;
}

const needingOperator = (): string => listLink("needing an operator", "NeedsOperator = true");

const time = (ms: number): string => new Date(ms).toISOString();

/** Ether with the digits it has; operators think in ether, payloads in wei. */
function ether(wei: string): string {
  const padded = wei.padStart(19, "0");
  const fraction = padded.slice(-18).replace(/0+$/, "");
  return `${padded.slice(0, -18)}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

function problemLine(problem: string | null): string {
  return problem === null
    ? ""
    : `\n> **Needs attention:** ${problem}\n>\n> It is tried again by itself, ever more rarely; \`retryFailedStep\` tries it now. See docs/operations.md.\n`;
}

const AUCTION_STORY: Record<AuctionState["phase"], string> = {
  bidding: "People are bidding. The process sleeps until shortly before the end.",
  ending: "The end is asked for and waits for the first block that allows it.",
  sold: "Sold. The pass is being minted and the meeting arranged.",
  unsold: "Ended without a bid.",
  cancelled: "Cancelled by the host.",
  gone: "A reorg dropped its creation, and it has not come back under this id.",
  meeting: "The pass is minted and the meeting has its own process.",
};

/** The story of an auction so far. */
export function auctionDetails(input: AuctionInput, state: AuctionState, timeline: string): string {
  return `### Auction ${input.auctionId}: ${state.phase}
${AUCTION_STORY[state.phase]}
${problemLine(state.problem)}
| | |
| --- | --- |
| host | \`${input.host}\` |
| ends at | ${time(state.endsAtMs)} |
| winner | ${state.winner === null ? "–" : `\`${state.winner}\``} |
| winning bid | ${state.amountWei === null ? "–" : ether(state.amountWei)} |
| pass minted | ${state.passMinted ? "yes" : "no"} |
| meeting | ${state.meetingId === null ? "–" : workflowLink(state.meetingId, meetingWorkflowId(state.meetingId))} |
| contract | chain ${input.chainId}, \`${input.contract}\` |
| others | ${listLink("of this host", `Host = "${input.host}"`)}, ${needingOperator()} |

${timeline}
`;
}

const OUTCOMES = {
  1: "held: the money is credited to the host",
  2: "the host never came: the winner is refunded",
  3: "the winner never came: the money is credited to the host",
};

/** The story of a meeting so far. */
export function meetingDetails(input: MeetingInput, state: MeetingState, timeline: string): string {
  return `### Meeting of auction ${input.auctionId}: ${state.phase}
${problemLine(state.problem)}
| | |
| --- | --- |
| host | \`${input.host}\` |
| winner | \`${input.winner}\` |
| starts at | ${time(input.startsAtMs)} |
| ends at | ${time(state.endsAtMs)} |
| outcome | ${state.outcome === null ? "–" : OUTCOMES[state.outcome]} |
| settled on chain | ${state.settled ? "yes" : "no"} |
| auction | ${workflowLink(input.auctionId, auctionWorkflowId(input))} |
| others | ${listLink("of this host", `Host = "${input.host}"`)}, ${needingOperator()} |

${timeline}
`;
}
