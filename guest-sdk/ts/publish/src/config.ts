// What the operator may configure.

export const config_schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  properties: {
    digest: {
      description: "When the digest goes out: a daily or weekly schedule, or one moment (RFC 3339).",
      default: { at: "09:00", tz: "UTC" },
      type: ["object", "string"],
      minLength: 20,
      additionalProperties: false,
      required: ["at", "tz"],
      properties: {
        at: {
          description: "The time of day, on a 24-hour clock.",
          type: "string",
          pattern: "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
        },
        days: {
          description: "The days of the week; every day where it is left out.",
          type: "array",
          minItems: 1,
          uniqueItems: true,
          items: { enum: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] },
        },
        tz: {
          description: "The time zone by its IANA name, such as Europe/Berlin.",
          type: "string",
          minLength: 1,
        },
      },
    },
    channel: {
      description: "The channel that is notified.",
      default: "log",
      type: "string",
      minLength: 1,
    },
  },
} as const;
