import type { Question } from './question.ts'

export const kinds = {
  beach: { title: 'Beach and sea', perNightEur: 110, tips: 'Pack a hat, and swim before ten.' },
  city: { title: 'City and museums', perNightEur: 140, tips: 'Most museums are free one evening.' },
  mountains: {
    title: 'Mountains and huts',
    perNightEur: 80,
    tips: 'Start early; storms come late.',
  },
  countryside: { title: 'Countryside', perNightEur: 70, tips: 'Rent a bicycle and eat at noon.' },
  mixed: { title: 'A bit of everything', perNightEur: 100, tips: 'Leave one day without a plan.' },
} as const
export type Kind = keyof typeof kinds

export interface Travellers {
  adults: number
  children: number
}

export const destinationQuestion: Question<string> = {
  about: 'the destination',
  message: 'Where would you like to go?',
  schema: {
    type: 'object',
    properties: {
      destination: {
        type: 'string',
        title: 'Destination',
        description: 'A town, a region or a country',
        minLength: 2,
        maxLength: 60,
      },
    },
    required: ['destination'],
  },
  read: (content) => String(content['destination']),
  declined: { stop: 'There is no trip without a destination, so nothing was planned.' },
}

export const kindQuestion = (destination: string): Question<Kind> => ({
  about: 'the kind of trip',
  message: `What kind of trip to ${destination} shall it be?`,
  schema: {
    type: 'object',
    properties: {
      kind: {
        type: 'string',
        title: 'Kind of trip',
        oneOf: Object.entries(kinds).map(([kind, { title }]) => ({ const: kind, title })),
      },
    },
    required: ['kind'],
  },
  read: (content) => content['kind'] as Kind,
  declined: { assume: 'mixed', saying: 'You left the kind of trip open: a bit of everything.' },
})

export const nightsQuestion: Question<number> = {
  about: 'the nights',
  message: 'How many nights will you stay?',
  schema: {
    type: 'object',
    properties: {
      nights: { type: 'integer', title: 'Nights', minimum: 1, maximum: 30, default: 3 },
    },
    required: ['nights'],
  },
  read: (content) => Number(content['nights']),
  declined: { assume: 3, saying: 'You did not say how many nights: three.' },
}

export const travellersQuestion: Question<Travellers> = {
  about: 'the travellers',
  message: 'Who is coming along?',
  schema: {
    type: 'object',
    properties: {
      adults: { type: 'integer', title: 'Adults', minimum: 1, maximum: 8, default: 2 },
      children: { type: 'integer', title: 'Children', minimum: 0, maximum: 6, default: 0 },
    },
    required: ['adults'],
  },
  read: (content) => ({
    adults: Number(content['adults']),
    children: Number(content['children'] ?? 0),
  }),
  declined: {
    assume: { adults: 1, children: 0 },
    saying: 'You did not say who comes along: one adult.',
  },
}

export const bookQuestion = (plan: string): Question<boolean> => ({
  about: 'the booking',
  message: `${plan}\nShall it be booked?`,
  schema: {
    type: 'object',
    properties: { book: { type: 'boolean', title: 'Book this trip' } },
    required: ['book'],
  },
  read: (content) => content['book'] === true,
  declined: { assume: false, saying: 'You would rather not decide about the booking now.' },
})
