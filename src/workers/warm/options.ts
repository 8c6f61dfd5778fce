import type { Static } from 'typebox'

import { Type } from '../../ground/schema.ts'

const count = (description: string, standard: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, 'x-default': standard, description }))

const WarmMap = Type.Object(
  {
    min: count('Warm workers that there always are.', '0'),
    max: count('As many as there are at most, when many were asked for of late.', 'min'),
    maxAgeMs: Type.Optional(
      Type.Integer({
        minimum: 1000,
        maximum: 86_400_000,
        'x-default': '3600000',
        'x-unit': 'milliseconds',
        description:
          'Milliseconds that one waits for a session, before a younger one takes its place. Default: 1 h.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** The key of a server for workers that are started ahead of their sessions. */
export const warmOptions = {
  warm: Type.Union([Type.Integer({ minimum: 0, maximum: 1000 }), WarmMap], {
    default: 0,
    'x-expected': 'a number, or a map of min, max and maxAgeMs',
    examples: [2, { min: 1, max: 8 }],
    description:
      'Workers that are started ahead of the sessions that will have them; a number is min and max. Not for a url, a fixed port of this machine, or a server that is given something of its user.',
  }),
}

/** How many are kept warm, and for how long each. */
export interface WarmWish {
  min: number
  max: number
  maxAgeMs: number
}

const usualMaxAgeMs = 3_600_000

/** @returns undefined where none are */
export function warmWish(written: Static<typeof warmOptions.warm>): WarmWish | undefined {
  const {
    min = 0,
    max = min,
    maxAgeMs = usualMaxAgeMs,
  } = typeof written === 'number' ? { min: written } : written
  return max === 0 ? undefined : { min, max, maxAgeMs }
}
