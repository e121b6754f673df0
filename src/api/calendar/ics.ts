/** iCalendar (RFC 5545), as much of it as one meeting needs. */

export interface CalendarEvent {
  /** Stays the same for ever; calendars tell by it that a newer file is of the same event. */
  readonly uid: string;
  /** Grows with every change. */
  readonly sequence: number;
  readonly createdAt: Date;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly summary: string;
  readonly description: string;
  readonly isCancelled: boolean;
  readonly alarmBeforeMinutes: number;
}

/** Octets of a line, its end not counted (§3.1). */
const LINE_OCTETS = 75;

/** 20261122T195638Z */
const utc = (time: Date): string => `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

/** TEXT (§3.3.11): what would end or split a value is escaped, and other control characters have no place in it. */
function text(value: string): string {
  return (
    value
      .replaceAll(/\r\n?|\u2028|\u2029/g, "\n")
      // oxlint-disable-next-line no-control-regex -- these are what is to go
      .replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f]/g, " ")
      .replaceAll(/[\\;,]/g, "\\$&")
      .replaceAll("\n", "\\n")
  );
}

/** Long lines go on in the next one after a space; never within a character. */
function folded(line: string): string {
  const lines: string[] = [];
  let current = "";
  let octets = 0;
  for (const character of line) {
    const size = Buffer.byteLength(character);
    if (octets + size > LINE_OCTETS) {
      lines.push(current);
      current = " ";
      octets = 1;
    }
    current += character;
    octets += size;
  }
  return [...lines, current].join("\r\n");
}

/** A calendar file with one event. */
export function calendarFile(event: CalendarEvent): string {
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//meeting-auction//backend//EN",
    "CALSCALE:GREGORIAN",
    "BEGIN:VEVENT",
    `UID:${text(event.uid)}`,
    `DTSTAMP:${utc(event.createdAt)}`,
    `SEQUENCE:${event.sequence}`,
    `DTSTART:${utc(event.startsAt)}`,
    `DTEND:${utc(event.endsAt)}`,
    `SUMMARY:${text(event.summary)}`,
    `DESCRIPTION:${text(event.description)}`,
    `STATUS:${event.isCancelled ? "CANCELLED" : "CONFIRMED"}`,
    ...(event.isCancelled
      ? []
      : [
          "BEGIN:VALARM",
          "ACTION:DISPLAY",
          `DESCRIPTION:${text(event.summary)}`,
          `TRIGGER:-PT${event.alarmBeforeMinutes}M`,
          "END:VALARM",
        ]),
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return `${lines.map(folded).join("\r\n")}\r\n`;
}
