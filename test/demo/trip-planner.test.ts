import assert from 'node:assert/strict'
import { test } from 'node:test'

import { accept, open, textOf, ways, written } from './support.ts'

const answers = {
  destination: accept({ destination: 'Lisbon' }),
  kind: accept({ kind: 'beach' }),
  nights: accept({ nights: 4 }),
  adults: accept({ adults: 2, children: 1 }),
  book: accept({ book: true }),
}

for (const way of ways) {
  test(`a whole conversation ends with a booking (${way})`, async (t) => {
    const prompts: string[] = []
    const { client, asked, progress } = await open(t, 'trip-planner', way, {
      elicit: answers,
      sample: ({ messages }) => {
        prompts.push(JSON.stringify(messages))
        return written('Eat the tarts.')
      },
    })
    await client.listTools()
    const result = await client.callTool({ name: 'plan_trip' }, undefined, {
      onprogress: () => undefined,
    })

    assert.deepEqual(asked, ['destination', 'kind', 'nights', 'adults', 'book'])
    assert.deepEqual(
      progress.map((step) => step.progress),
      [1, 2, 3, 4, 5],
    )
    assert.deepEqual(progress[1], { progress: 2, total: 5, message: 'Comparing ways to get there' })
    assert.match(prompts.join(), /Lisbon, beach and sea, 4 nights, 2 adults, 1 child/)
    const { reference, ...booked } = result.structuredContent as Record<string, unknown>
    assert.match(String(reference), /^TRIP-[0-9A-F]{6}$/)
    assert.deepEqual(booked, {
      outcome: 'booked',
      plan: {
        destination: 'Lisbon',
        kind: 'beach',
        nights: 4,
        adults: 2,
        children: 1,
        priceEur: 1100,
      },
      tips: 'Eat the tarts.',
      tipsFrom: 'client',
      assumed: [],
    })
    const listed = await client.callTool({ name: 'list_trips' })
    const { trips } = listed.structuredContent as { trips: { reference: string }[] }
    assert.deepEqual(
      trips.map((trip) => trip.reference),
      [reference],
    )
  })

  test(`whoami tells the process, its session and its trips (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, { env: { BERTH_SESSION_ID: 's-1' } })
    const { structuredContent } = await call('whoami')
    assert.equal(typeof structuredContent?.['pid'], 'number')
    assert.match(String(structuredContent?.['process']), /^[0-9a-f]{8}$/)
    assert.equal(structuredContent?.['sessionId'], 's-1')
    assert.equal(structuredContent['trips'], 0)
  })

  test(`a client that cannot be asked is told so (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, { capabilities: { sampling: {} } })
    const result = await call('plan_trip')
    assert.equal(result.isError, true)
    assert.match(textOf(result), /cannot be asked questions \(elicitation\)/)
  })

  test(`a client without a language model gets the planner's own tips (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, {
      elicit: answers,
      capabilities: { elicitation: {} },
    })
    const result = await call('plan_trip')
    assert.equal(result.structuredContent?.['tipsFrom'], 'planner')
    assert.match(textOf(result), /Our own, because your client offers no language model/)
  })

  test(`a client that refuses to sample gets the planner's own tips (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, { elicit: answers })
    const result = await call('plan_trip')
    assert.equal(result.structuredContent?.['outcome'], 'booked')
    assert.match(
      textOf(result),
      /Our own, because your client said: User rejected sampling request/,
    )
  })

  test(`an answer that does not fit the question is refused (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, {
      elicit: { ...answers, nights: accept({ nights: 99 }) },
    })
    const result = await call('plan_trip')
    assert.equal(result.isError, true)
    assert.match(textOf(result), /question about the nights could not be asked/)
  })

  test(`a call that is cancelled at a question leaves the server usable (${way})`, async (t) => {
    const stop = new AbortController()
    const { client, call } = await open(t, 'trip-planner', way, {
      elicit: {
        get destination() {
          stop.abort('enough')
          return accept({ destination: 'Lisbon' })
        },
      },
    })
    await assert.rejects(
      client.callTool({ name: 'plan_trip' }, undefined, { signal: stop.signal }),
      /enough/,
    )
    assert.equal(textOf(await call('list_trips')), 'No trip is booked.')
  })
}
