/** Routes share a quota by what they cost us: reading, commands, proving who one is, and what our own Jitsi asks. */
export const RATE_CLASSES = ["read", "write", "auth", "integration"] as const;
export type RateClass = (typeof RATE_CLASSES)[number];

/** How many requests of a class one caller may send in a minute. `refused`: those with a token that opens nothing. */
export type Quotas = Readonly<Record<RateClass | "refused", number>>;
export const QUOTA_NAMES = [...RATE_CLASSES, "refused"] as const;

/** What every quota is counted over, in seconds. */
export const WINDOW_S = 60;
