import { keccak256 } from "ethers";
import type { CanonicalChain } from "./canonical.ts";
import { decodeRaw, type WatchedRaw } from "./raw-watch.ts";
import type { Row, World } from "./sources.ts";
import type { Findings } from "./violations.ts";

const place = (one: { readonly from: string; readonly nonce: number }): string =>
  `nonce ${one.nonce} of ${one.from}`;

const isCancel = (one: WatchedRaw): boolean => one.to === one.from && one.data === "0x";

/** What the nonces of the wallets carried, as recorded by the proxy and as stored: in the order of signing. */
export async function checkTransactions(
  world: World,
  chain: CanonicalChain,
  rows: readonly Row[],
  seen: readonly WatchedRaw[],
  findings: Findings,
): Promise<void> {
  const stored = rows.map((row) => decodeRaw(String(row["raw_transaction"])));
  for (const [index, row] of rows.entries()) {
    const decoded = stored[index] as WatchedRaw;
    const subject = `transaction ${String(row["hash"])}`;
    findings.same(
      "stored-bytes",
      subject,
      "hash",
      keccak256(String(row["raw_transaction"])),
      row["hash"],
    );
    findings.same("stored-bytes", subject, "nonce", row["nonce"], decoded.nonce);
    findings.same("stored-bytes", subject, "wallet", row["wallet"], decoded.from);
    if (["signed", "broadcast", "mined"].includes(String(row["state"])))
      findings.add("at-rest", subject, `is still ${String(row["state"])}`);
    const canonical = chain.transactions.some((one) => one.hash === row["hash"]);
    if ((row["state"] === "final") !== canonical)
      findings.add(
        "final-is-canonical",
        subject,
        `is ${String(row["state"])} and ${canonical ? "" : "not "}on the canonical chain`,
      );
  }
  for (const list of [stored, seen]) {
    for (const [subject, ofNonce] of Map.groupBy(list, place))
      checkNonce(subject, ofNonce, findings);
  }
  for (const wallet of world.wallets) {
    const latest = Number(await world.ask<string>("eth_getTransactionCount", wallet, "latest"));
    const pending = Number(await world.ask<string>("eth_getTransactionCount", wallet, "pending"));
    findings.same("at-rest", `wallet ${wallet}`, "pending nonce", pending, latest);
    // A nonce that was signed and never consumed would hold up everything after it.
    const highest = Math.max(
      -1,
      ...stored.filter((one) => one.from === wallet).map((one) => one.nonce),
    );
    if (highest >= latest)
      findings.add(
        "at-rest",
        `wallet ${wallet}`,
        `nonce ${highest} was signed, but only ${latest} are consumed`,
      );
  }
}

/** All transactions of one nonce carry the same call (or cancel it), each dearer than the one before by 10 % at least. */
function checkNonce(subject: string, ofNonce: readonly WatchedRaw[], findings: Findings): void {
  const calls = new Set(ofNonce.filter((one) => !isCancel(one)).map((one) => one.data));
  if (calls.size > 1)
    findings.add(
      "one-call-per-nonce",
      subject,
      `carries ${calls.size} different calls: ${ofNonce.map((one) => `${one.hash} (${one.operations.join(" ")})`).join(", ")}`,
    );
  for (const [index, next] of ofNonce.entries()) {
    const before = ofNonce[index - 1];
    if (before === undefined || before.hash === next.hash) continue;
    for (const cap of ["maxFeeWei", "maxTipWei"] as const) {
      if (next[cap] * 10n < before[cap] * 11n)
        findings.add(
          "replacement-dearer",
          subject,
          `${next.hash} replaces ${before.hash} with ${cap} ${next[cap]} after ${before[cap]}: less than 10 % more`,
        );
    }
  }
}

const EFFECT: Readonly<Record<string, string>> = {
  end: "AuctionEnded",
  mint: "Transfer",
  settle: "MeetingSettled",
};

/** Every operation is over, and says of its effect what the chain says. */
export function checkOperations(
  chain: CanonicalChain,
  rows: readonly Row[],
  findings: Findings,
): void {
  for (const row of rows) {
    const subject = `operation ${String(row["key"])}`;
    const effect = chain.logs.some(
      (log) =>
        log.name === EFFECT[String(row["kind"])] && log.auctionId === String(row["auction_id"]),
    );
    const state = String(row["state"]);
    if (state !== "final" && state !== "refused")
      findings.add("at-rest", subject, `is still ${state} (nonce ${String(row["nonce"])})`);
    if (state === "final" && !effect)
      findings.add(
        "operation-tells-truth",
        subject,
        "is final, but its effect is not on the chain",
      );
    if (state === "refused" && effect)
      findings.add(
        "operation-tells-truth",
        subject,
        `is refused (${String(row["reason"])}), but its effect is on the chain`,
      );
  }
}
