import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/**
 * The records that people own, as MikroORM entities. What the chain says (auctions, bids, logs, operations) is written
 * in SQL by the chain engine, next to the locks and batches it depends on: see docs/adr/0002.
 */
export const UserEntity = defineEntity({
  name: "User",
  tableName: "users",
  properties: {
    id: p.uuid().primary(),
    authType: p.string().fieldName("auth_type"),
    identifier: p.string(),
    displayName: p.string().fieldName("display_name").nullable(),
    sessionEpoch: p.integer().fieldName("session_epoch").default(0),
    createdAt: p.datetime().fieldName("created_at").defaultRaw("now()"),
  },
});

export const WalletEntity = defineEntity({
  name: "Wallet",
  tableName: "wallets",
  properties: {
    address: p.string().primary(),
    user: () => p.manyToOne(UserEntity).fieldName("user_id"),
    source: p.string(),
    createdAt: p.datetime().fieldName("created_at").defaultRaw("now()"),
  },
});

export const ParaSessionEntity = defineEntity({
  name: "ParaSession",
  tableName: "para_sessions",
  properties: {
    userId: p.uuid().fieldName("user_id").primary(),
    keyId: p.string().fieldName("key_id"),
    iv: p.blob(),
    ciphertext: p.blob(),
    authTag: p.blob().fieldName("auth_tag"),
    expiresAt: p.datetime().fieldName("expires_at").nullable(),
    createdAt: p.datetime().fieldName("created_at").defaultRaw("now()"),
  },
});

export type User = InferEntity<typeof UserEntity>;
export type Wallet = InferEntity<typeof WalletEntity>;
export type ParaSession = InferEntity<typeof ParaSessionEntity>;

export const entities = [UserEntity, WalletEntity, ParaSessionEntity];
