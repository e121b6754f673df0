import { formatEther } from "ethers";
import { gasLimit } from "../../chain/sending/calls.ts";
import { QuantityBigint } from "../../chain/types.ts";
import type { Queryable } from "../../db/database.ts";
import { type Finding, listed, note, problem } from "../finding.ts";
import type { Sight } from "../sight.ts";
import type { ChainSight } from "./chain.ts";

/** A wallet tells of itself once a block. */
const SILENT_S = 120;
/** With less than so many ends to spare somebody should send it money. */
const LOW_ENDS = 50n;
/** Seconds after which an operation that is due should be on chain. */
const STUCK_S = 300;

export interface WalletRow {
  readonly address: string;
  readonly paused: boolean;
  readonly reason: string | null;
  readonly silent: boolean;
  readonly silentS: number;
  readonly owes: number;
  readonly pausedBy: string | null;
  readonly pauseReason: string | null;
}

/** The wallets that a worker has told of, with what each still has to do. */
export async function walletsOf(
  { db }: { readonly db: Queryable },
  chainId: number,
): Promise<WalletRow[]> {
  return db.query<WalletRow>(
    `SELECT w.address, w.state = 'paused' AS paused, w.reason, w.seen_at < now() - make_interval(secs => $2) AS silent,
       extract(epoch FROM now() - w.seen_at)::int AS "silentS", p.paused_by AS "pausedBy", p.reason AS "pauseReason",
       (SELECT count(*)::int FROM chain_operations o WHERE o.chain_id = w.chain_id AND o.wallet = w.address AND NOT o.settled) AS owes
     FROM chain_wallets w LEFT JOIN chain_wallet_pauses p USING (chain_id, address) WHERE w.chain_id = $1 ORDER BY w.address`,
    [chainId, SILENT_S],
  );
}

export async function checkWallets(
  { rpc }: Sight,
  wallets: readonly WalletRow[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const gasPriceWei = await rpc.call(QuantityBigint, "eth_gasPrice", []);
  const endWei = BigInt(gasLimit("end", 1)) * gasPriceWei * 2n;
  for (const one of wallets) {
    const { address } = one;
    if (one.pausedBy !== null)
      findings.push(
        note(
          "wallet-paused",
          `${one.pausedBy} has paused the wallet ${address}: ${one.pauseReason}`,
          `npm run ops -- resume-wallet ${address} when the reason is gone`,
        ),
      );
    else if (one.silent && one.owes > 0)
      findings.push(
        problem(
          "wallet-not-served",
          `no worker has served the wallet ${address} for ${one.silentS} s, and ${one.owes} operations are bound to its nonces`,
          "start a chain worker whose PLATFORM_PRIVATE_KEY holds its key, and take the key away only when nothing is bound to it any more",
        ),
      );
    if (one.silent && one.owes === 0) continue;
    const balanceWei = await rpc.call(QuantityBigint, "eth_getBalance", [address, "latest"]);
    if (one.paused || balanceWei < endWei)
      findings.push(
        problem(
          "wallet-without-funds",
          `the wallet ${address} has ${formatEther(balanceWei)} ETH, too little for what it has to send`,
          `send it at least ${formatEther(endWei * LOW_ENDS)} ETH: it goes on by itself`,
        ),
      );
    else if (balanceWei < endWei * LOW_ENDS)
      findings.push(
        problem(
          "wallet-low",
          `the wallet ${address} has ${formatEther(balanceWei)} ETH, enough for about ${balanceWei / endWei} ends`,
          "send it some soon",
        ),
      );
  }
  const working = wallets.filter((one) => !one.silent && one.pausedBy === null);
  if (working.length === 0)
    findings.push(
      problem(
        "wallet-none",
        "no wallet works: nothing can be ended, minted or settled",
        "start a chain worker, or resume a wallet",
      ),
    );
  return findings;
}

/** Operations that should be on chain by now, and transactions that are held at the fee cap. */
export async function checkOperations(
  { db }: Sight,
  { chainId, head }: ChainSight,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const stuck = await db.query<{ key: string }>(
    `SELECT key FROM chain_operations WHERE chain_id = $1 AND NOT settled AND state <> 'refused'
       AND greatest(to_timestamp(not_before_s), created_at) < to_timestamp($2) - make_interval(secs => $3) AND created_at < now() - make_interval(secs => $3)
     ORDER BY not_before_s LIMIT 500`,
    [chainId, head.timestampS, STUCK_S],
  );
  if (stuck.length > 0)
    findings.push(
      problem(
        "operation-stuck",
        `due for more than ${STUCK_S / 60} minutes and not done: ${listed(
          "operation",
          stuck.map((one) => one.key),
        )}`,
        "the other findings say why (wallets, endpoints); npm run ops -- show <auction id> shows where it is",
      ),
    );
  const held = await db.query<{ hash: string }>(
    `SELECT hash FROM chain_transactions WHERE chain_id = $1 AND held_reason = 'fee_cap' AND state IN ('signed', 'broadcast')`,
    [chainId],
  );
  if (held.length > 0)
    findings.push(
      problem(
        "fee-cap",
        `held because outbidding would cost more than CHAIN_MAX_FEE_GWEI allows: ${listed(
          "transaction",
          held.map((one) => one.hash),
        )}`,
        "wait until the market falls, or raise the cap and restart the chain worker",
      ),
    );
  return findings;
}
