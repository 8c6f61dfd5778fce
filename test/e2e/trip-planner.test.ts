import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { handleOf } from '../../src/ground/handle.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import type { ConnectOptions } from '../support/mcp-client.ts'
import { demoServers, transports } from './transports.ts'
import type { TransportName } from './transports.ts'

const gateway = await startTestGateway({ after }, demoServers('trip-planner'))

type Answers = Record<string, string | number | boolean>
const answers: Answers = {
  destination: 'Lisbon',
  kind: 'city',
  nights: 4,
  adults: 2,
  children: 1,
  book: true,
}
const questions = [
  'Where would you like to go?',
  'What kind of trip to Lisbon shall it be?',
  'How many nights will you stay?',
  'Who is coming along?',
  'Lisbon, city and museums, 4 nights, 2 adults, 1 child: 1400 EUR.\nShall it be booked?',
]
const subjects = ['destination', 'kind of trip', 'nights', 'travellers', 'booking']
const steps = [
  'Looking at the map of Lisbon',
  'Comparing ways to get there',
  'Finding beds for 4 nights',
  'Asking about the weather',
  'Adding up the price',
]

describe('the official client and the trip planner', { concurrency: 4 }, () => {
  for (const transport of transports) {
    it(`hold the whole conversation over ${transport}`, async (t) => {
      const talk = await converse(t, transport)
      const { connected, asked, prompts } = talk
      const reported: unknown[] = []
      const result = await connected.call('plan_trip', {}, { onProgress: (p) => reported.push(p) })

      assert.deepEqual(asked, questions)
      assert.deepEqual(
        reported,
        steps.map((message, index) => ({ progress: index + 1, total: 5, message })),
      )
      assert.deepEqual(prompts, [
        'What should nobody miss on this trip? Lisbon, city and museums, 4 nights, 2 adults, 1 child: 1400 EUR.',
      ])
      const { reference, ...booking } = result.structuredContent as { reference: string }
      assert.match(reference, /^TRIP-[0-9A-F]{6}$/)
      assert.deepEqual(booking, {
        outcome: 'booked',
        plan: {
          destination: 'Lisbon',
          kind: 'city',
          nights: 4,
          adults: 2,
          children: 1,
          priceEur: 1400,
        },
        tips: 'Ride the tram.',
        tipsFrom: 'client',
        assumed: [],
      })
      assert.match(textOf(await connected.call('list_trips')), new RegExp(`^${reference}: Lisbon`))

      const handle = handleOf(connected.sessionId!)
      await connected.terminate()
      const { reason, counts } = await gateway.saw(
        'session.closed',
        ({ session }) => session === handle,
      )
      assert.equal(reason, 'client-deleted')
      assert.deepEqual(counts, { calls: 2, elicitations: 5, samplings: 1, progress: 5 })
    })

    it(`carry on over ${transport} when answers are declined`, async (t) => {
      const { connected } = await converse(t, transport, {
        answer: (content) => ('destination' in content ? accept(content) : { action: 'decline' }),
      })
      const { structuredContent } = await connected.call('plan_trip')
      const { outcome, assumed } = structuredContent as { outcome: string; assumed: string[] }
      assert.equal(outcome, 'not-booked')
      assert.deepEqual(assumed, [
        'You left the kind of trip open: a bit of everything.',
        'You did not say how many nights: three.',
        'You did not say who comes along: one adult.',
        'You would rather not decide about the booking now.',
      ])
    })

    it(`stop over ${transport} at whichever question is cancelled`, async (t) => {
      let cancelAt = 0
      let at = 0
      const { connected } = await converse(t, transport, {
        answer: (content) => (at++ === cancelAt ? { action: 'cancel' } : accept(content)),
      })
      for (const [index, subject] of subjects.entries()) {
        cancelAt = index
        at = 0
        const result = await connected.call('plan_trip')
        assert.equal(
          textOf(result),
          `You cancelled at the question about the ${subject}. Nothing was done.`,
        )
      }
      assert.equal(textOf(await connected.call('list_trips')), 'No trip is booked.')
    })

    it(`end well over ${transport} when the client can neither be asked nor sample`, async (t) => {
      const { call } = await connectClient(t, gateway.mcp(transport))
      const result = await call('plan_trip')
      assert.equal(result.isError, true)
      assert.match(textOf(result), /your client cannot be asked questions/)
    })

    it(`go on over ${transport} without the tips of a model that fails`, async (t) => {
      const { connected } = await converse(t, transport, {
        sampling: () => Promise.reject(new Error('The model is asleep.')),
      })
      const { structuredContent } = await connected.call('plan_trip')
      const { outcome, tipsFrom } = structuredContent as Record<string, string>
      assert.deepEqual([outcome, tipsFrom], ['booked', 'planner'])
    })
  }
})

interface Talk {
  connected: Awaited<ReturnType<typeof connectClient>>
  asked: string[]
  prompts: string[]
}

async function converse(
  t: TestContext,
  transport: TransportName,
  options: {
    answer?: (content: Answers) => ElicitResult
    sampling?: ConnectOptions['sampling']
  } = {},
): Promise<Talk> {
  const { answer = accept } = options
  const asked: string[] = []
  const prompts: string[] = []
  const connected = await connectClient(t, gateway.mcp(transport), {
    elicitation(params) {
      asked.push(params.message)
      assert.ok('requestedSchema' in params)
      const keys = Object.keys(params.requestedSchema.properties)
      return answer(Object.fromEntries(keys.map((key) => [key, answers[key] ?? ''])))
    },
    sampling(params) {
      const { content } = params.messages[0]!
      prompts.push(!Array.isArray(content) && content.type === 'text' ? content.text : '')
      return options.sampling?.(params) ?? 'Ride the tram.'
    },
  })
  return { connected, asked, prompts }
}

function accept(content: Answers): ElicitResult {
  return { action: 'accept', content }
}
