// A bare Koa handler over the same SQL, without anything else a public API needs: the floor that the product's routes are measured
// against. Run as a process of its own (child_process.fork).
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { Database } from "../../src/db/database.ts";
import { activeAuctions, bidsOf, findAuction } from "../../src/db/reads.ts";

const [databaseUrl = "", contract = ""] = process.argv.slice(2);
const db = new Database({ url: databaseUrl, applicationName: "bare", maxConnections: 20 });
const at = { chainId: 31_337, contract };

const app = new Koa();
app.use(async (ctx) => {
  const [, , , id = "", list] = ctx.path.split("/");
  if (id === "active")
    ctx.body = await activeAuctions(db, at, { after: undefined, descending: false, limit: 21 });
  else if (list === "bids") ctx.body = await bidsOf(db, at, id, { before: undefined, limit: 21 });
  else ctx.body = await findAuction(db, at, id);
});
process.on("disconnect", () => process.exit(0));
const server = app.listen(0, "127.0.0.1", () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
