import { kind, type ProblemKinds } from "./kinds.ts";

/** Meetings: entering, extending, closing; and what Jitsi asks. */
export const MEETING_PROBLEMS: ProblemKinds = {
  meeting_not_found: kind(
    404,
    "No such meeting",
    "There is no such meeting, or it is neither hosted by you nor is its pass yours.",
    "Log in with the account whose wallet hosts the meeting or owns its pass now.",
  ),
  not_the_host: kind(
    403,
    "Only for the host",
    "The command belongs to the host of the meeting.",
    "Ask the host.",
  ),
  meeting_not_open: kind(
    403,
    "Not open yet",
    "The room opens some time before the meeting begins.",
    "Come back at opensAt of the meeting, or wait for the event meeting-opened.",
  ),
  meeting_over: kind(
    [403, 409],
    "Meeting over",
    "The meeting has ended, or is being closed.",
    "Nothing is left to do; the settlement of the meeting tells where the money went.",
  ),
  meeting_withdrawn: kind(
    403,
    "Meeting withdrawn",
    "A reorganisation of the chain took back the sale.",
    "Look at the auction: it tells how it stands now.",
  ),
  pass_not_minted_yet: kind(
    409,
    "Pass not minted yet",
    "You won, and your pass is being minted.",
    "Ask again when the event meeting-opened was told.",
  ),
  pass_moved: kind(
    409,
    "Pass changed hands",
    "The pass moved to another wallet while your proof was checked.",
    "Ask for a new challenge if the pass is still yours.",
  ),
  access_denied: kind(
    403,
    "No proof",
    "What was shown does not prove that you may enter: a signature or proof of another wallet, meeting or challenge.",
    "Ask for a new challenge, sign its message with the wallet it names, and send both.",
  ),
  signature_required: kind(
    422,
    "Signature needed",
    "A host enters by a signature, not by a proof of Lit: a host has no pass.",
    "Sign the challenge's message and send signature.",
  ),
  lit_bad_answer: kind(
    502,
    "Lit answered wrongly",
    "Lit's answer is not a proof about the challenge.",
    "Repeat with a new challenge; if it stays, an operator has to look at the Lit Action.",
  ),
  lit_unavailable: kind(
    503,
    "Lit away",
    "The Lit network does not answer.",
    "Repeat with a new challenge after the seconds of Retry-After.",
  ),
  bad_minutes: kind(
    422,
    "Not an extension",
    "A meeting is extended by whole minutes, one at least.",
    "Send minutes as a positive whole number.",
  ),
  extension_too_long: kind(
    422,
    "Extended too far",
    "The meeting would end after the latest end it may have.",
    "Ask for less: latestEndsAt of the meeting is the limit.",
  ),
  meeting_not_started: kind(
    409,
    "Not begun yet",
    "Closing pays the host, so a meeting cannot be closed before it begins.",
    "Wait until startsAt, with a fresh Idempotency-Key.",
  ),
  not_both_there_yet: kind(
    409,
    "Not both there yet",
    "A meeting is closed early only after both have been in the room together.",
    "Wait for the other side; without a command the meeting closes by itself at its end.",
  ),
  meeting_too_short: kind(
    409,
    "Too short so far",
    "Both were there together for less time than a held meeting needs.",
    "Wait as long as the detail says, and use a fresh Idempotency-Key then.",
  ),
  meeting_not_running: kind(
    503,
    "Process not running yet",
    "The process of the meeting is not running: it is being started, or started again.",
    "Repeat after the seconds of Retry-After.",
  ),
  meeting_command_failed: kind(
    [409, 503],
    "Command failed",
    "The process of the meeting could not do it.",
    "503: repeat with the same Idempotency-Key. 409: look at the meeting, which tells its state.",
  ),
  outcome_unknown: kind(
    503,
    "Outcome unknown",
    "No worker answered in time: the command may or may not take effect.",
    "Repeat it with the same Idempotency-Key, which has the effect of one; without one, look at the meeting first.",
  ),
  reservation_not_found: kind(
    404,
    "No such reservation",
    "There is no meeting with that id.",
    "Reserve the room by its name.",
  ),
  reservation_malformed: kind(
    400,
    "Not a reservation",
    "The form is not what mod_reservations sends.",
    "Compare the version of the module with docs/jitsi.md.",
  ),
  occupancy_event_malformed: kind(
    400,
    "Not an occupancy event",
    "The body is neither an event of event_sync_component nor a JaaS webhook.",
    "Compare the version of the component with docs/jitsi.md.",
  ),
  jitsi_unavailable: kind(
    503,
    "Jitsi away",
    "Somebody has to be sent out of the room, and Jitsi cannot be told now.",
    "Report the same event again after the seconds of Retry-After.",
  ),
  jitsi_token_input: kind(
    422,
    "No room token",
    "The room, the name or the end of the meeting cannot be put into a token.",
    "Look at the meeting: it may be over.",
  ),
};
