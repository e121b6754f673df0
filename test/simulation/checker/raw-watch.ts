import { Transaction } from "ethers";
import { Pool } from "pg";
import { CALLS, KIND_OF_CALL } from "./abi.ts";
import { lower, type World } from "./sources.ts";
import { Findings } from "./violations.ts";

/** A raw transaction of the platform, decoded by the checker itself. */
export interface WatchedRaw {
  readonly hash: string;
  readonly from: string;
  readonly nonce: number;
  readonly to: string;
  readonly data: string;
  readonly maxFeeWei: bigint;
  readonly maxTipWei: bigint;
  /** `end:7`, `mint:7` …; none for a cancel. */
  readonly operations: readonly string[];
}

export function decodeRaw(raw: string): WatchedRaw {
  const transaction = Transaction.from(raw);
  const call = transaction.data === "0x" ? null : CALLS.parseTransaction(transaction);
  const kind = call === null ? undefined : KIND_OF_CALL[call.name];
  const ids: readonly unknown[] = kind === undefined || call === null ? [] : [...call.args[0]];
  return {
    hash: transaction.hash ?? "",
    from: lower(transaction.from),
    nonce: transaction.nonce,
    to: lower(transaction.to),
    data: transaction.data,
    maxFeeWei: transaction.maxFeePerGas ?? 0n,
    maxTipWei: transaction.maxPriorityFeePerGas ?? 0n,
    operations: ids.map((id) => `${kind}:${String(id)}`),
  };
}

/** Looks at Postgres and the chain at the instant a raw transaction first passes the proxy. */
export class RawWatch {
  readonly findings = new Findings();
  /** In the order in which they first passed. */
  readonly seen: WatchedRaw[] = [];
  readonly #world: World;
  readonly #pool: Pool;

  readonly #wasTaken: (hash: string) => boolean;

  /** `wasTaken`: whether the node ever took a transaction; one that it never took occupies no nonce. */
  constructor(world: World, wasTaken: (hash: string) => boolean) {
    this.#world = world;
    this.#wasTaken = wasTaken;
    this.#pool = new Pool({ connectionString: world.databaseUrl, max: 4 });
    this.#pool.on("error", () => undefined);
  }

  async look(hash: string, raw: string): Promise<void> {
    const { rows } = await this.#pool.query(
      "SELECT raw_transaction, wallet, nonce FROM chain_transactions WHERE hash = $1",
      [hash],
    );
    const sent = decodeRaw(raw);
    const subject = `nonce ${sent.nonce} of ${sent.from}, transaction ${hash}`;
    const [stored] = rows;
    if (stored === undefined) {
      this.findings.add("stored-before-sent", subject, "was sent before it was in Postgres");
    } else {
      const same = (field: string, actual: unknown, expected: unknown): void =>
        this.findings.same("stored-before-sent", subject, field, actual, expected);
      same("raw_transaction", stored.raw_transaction, raw);
      same("nonce", stored.nonce, sent.nonce);
      same("wallet", stored.wallet, sent.from);
    }
    await this.#checkOneNonce(sent, subject);
    this.seen.push(sent);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** An operation may come under another nonce only once the earlier nonce is consumed by a confirmed transaction. */
  async #checkOneNonce(sent: WatchedRaw, subject: string): Promise<void> {
    const { ask, confirmations } = this.#world;
    for (const operation of sent.operations) {
      for (const earlier of this.seen) {
        if (!earlier.operations.includes(operation)) continue;
        if (earlier.from === sent.from && earlier.nonce === sent.nonce) continue;
        if (!this.#wasTaken(earlier.hash)) continue;
        const head = Number(await ask<string>("eth_blockNumber"));
        const confirmed = `0x${Math.max(0, head - confirmations + 1).toString(16)}`;
        const consumed = Number(
          await ask<string>("eth_getTransactionCount", earlier.from, confirmed),
        );
        if (consumed <= earlier.nonce)
          this.findings.add(
            "one-live-nonce",
            `operation ${operation}`,
            `was sent as ${subject} while nonce ${earlier.nonce} of ${earlier.from} (${earlier.hash}), which carries it too, was not yet consumed by a confirmed transaction`,
          );
      }
    }
  }
}
