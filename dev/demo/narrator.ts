import { auctionWorkflowId, meetingWorkflowId } from "../../src/domain/process.ts";
import type { StackUrls } from "../stack/parts.ts";

/** Tells the story line by line. */
export class Narrator {
  readonly #write: (line: string) => void;
  readonly #urls: StackUrls;
  readonly #startedMs = performance.now();

  constructor(urls: StackUrls, write: (line: string) => void) {
    this.#urls = urls;
    this.#write = write;
  }

  /** One thing that happened; `proof` is the transaction that did it. */
  tell(
    scene: string,
    text: string,
    proof?: { readonly hash: string; readonly blockNumber: number },
  ): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(6);
    const where =
      proof === undefined ? "" : `   [tx ${proof.hash.slice(0, 10)}… block ${proof.blockNumber}]`;
    this.#write(`${seconds} s  ${scene.padEnd(14)} ${text}${where}`);
  }

  /** A line that belongs to the one before. */
  more(text: string): void {
    this.#write(`${" ".repeat(25)}${text}`);
  }

  auctionLink(chainId: number, contract: string, auctionId: string): string {
    return this.#link(auctionWorkflowId({ chainId, contract: contract.toLowerCase(), auctionId }));
  }

  meetingLink(meetingId: string): string {
    return this.#link(meetingWorkflowId(meetingId));
  }

  #link(workflowId: string): string {
    return `${this.#urls.temporalUi ?? "(no Web UI)"}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`;
  }
}
