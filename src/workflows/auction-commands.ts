import type { AuctionStory } from "./auction-story.ts";
import { type AuctionInput, endNowUpdate } from "./messages.ts";
import { refuse, setCommand, setCommonCommands } from "./operators.ts";
import type { Patience } from "./patience.ts";
import { steps } from "./steps.ts";

/** What operators may do with an auction. */
export function setAuctionCommands(
  input: AuctionInput,
  story: AuctionStory,
  patience: Patience,
): void {
  setCommand(
    endNowUpdate,
    "end-now",
    "Ask for the end again now: the auction is past its end and still open",
    () => {
      const { phase, endsAtMs } = story.current;
      if (story.isCancelled || (phase !== "bidding" && phase !== "ending"))
        refuse("auction_over", "this auction is not open any more");
      if (Date.now() < endsAtMs)
        refuse("not_over_yet", `this auction is open until ${new Date(endsAtMs).toISOString()}`);
    },
    async () => {
      await steps.requestEnd(input, Math.floor(story.endsAtMs / 1000));
      patience.nudge();
      return story.current;
    },
  );
  setCommonCommands(
    input,
    patience,
    () => story.current,
    ({ onChain }) => {
      // The process sleeps until an end that it was told of; what the contract says of it is the truth.
      const { phase } = story.current;
      if ((phase === "bidding" || phase === "ending") && onChain.state === "active")
        story.endsAtMs = onChain.endsAtMs;
      story.set({}, `an operator had the chain asked: ${onChain.state}`);
    },
  );
}
