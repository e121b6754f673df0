import { kind, type ProblemKinds } from "./kinds.ts";

/** Logging in, wallets, and the inbox. */
export const ACCOUNT_PROBLEMS: ProblemKinds = {
  para_token_invalid: kind(
    401,
    "Para token refused",
    "Para does not know the verification token, or it has expired.",
    "Get a fresh one with para.getVerificationToken() and send it at once.",
  ),
  para_token_spent: kind(
    401,
    "Para token used before",
    "A verification token logs in once.",
    "Get a fresh one with para.getVerificationToken().",
  ),
  para_session_inactive: kind(
    401,
    "Para session not active",
    "The exported session has expired or was ended at Para.",
    "Let the person log in with Para again and export the new session.",
  ),
  para_session_malformed: kind(
    400,
    "Not a Para session",
    "The text is not what para.exportSession() returns.",
    "Send the exported text unchanged.",
  ),
  para_jwt_invalid: kind(
    401,
    "Para's proof refused",
    "The token that Para issued for the session is not signed by Para, not for this service, or has expired.",
    "Let the person log in with Para again.",
  ),
  para_session_needed: kind(
    409,
    "Para session needed",
    "There is an account of this name from before names were told apart by provider.",
    "Log in once with POST /api/auth/para-session: the wallets in the session show whose account it is.",
  ),
  para_session_of_another: kind(
    403,
    "Session of somebody else",
    "The Para session belongs to another account than the access token.",
    "Send it without the token, or with the token of the same person.",
  ),
  para_unavailable: kind(
    503,
    "Para away",
    "Para does not answer.",
    "Repeat after the seconds of Retry-After.",
  ),
  challenge_spent: kind(
    409,
    "Challenge used before",
    "A challenge is good for one use.",
    "Ask for a new challenge and sign that.",
  ),
  signature_invalid: kind(
    403,
    "Signature wrong",
    "The signature is not that of the challenge's wallet over its message.",
    "Sign the message as it is with personal_sign, by the wallet the challenge names.",
  ),
  wallet_taken: kind(
    409,
    "Wallet of another account",
    "The wallet is bound to another account, and stays so.",
    "Log in to that account, or bind another wallet.",
  ),
  notification_not_found: kind(
    404,
    "No such notification",
    "There is no notification of yours with that id.",
    "Read the list again.",
  ),
};
