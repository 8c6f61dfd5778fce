import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'

import { accept, open, textOf, ways, written } from './support.ts'

const answers = {
  destination: accept({ destination: 'Rome' }),
  kind: accept({ kind: 'city' }),
  nights: accept({ nights: 2 }),
  adults: accept({ adults: 1 }),
  book: accept({ book: true }),
}

const declined = [
  { key: 'destination', outcome: 'stopped', says: /no trip without a destination/ },
  { key: 'kind', outcome: 'booked', says: /left the kind of trip open: a bit of everything/ },
  { key: 'nights', outcome: 'booked', says: /did not say how many nights: three/ },
  { key: 'adults', outcome: 'booked', says: /did not say who comes along: one adult/ },
  { key: 'book', outcome: 'not-booked', says: /would rather not decide about the booking/ },
]

const cancelled = [
  { key: 'destination', about: 'the destination' },
  { key: 'kind', about: 'the kind of trip' },
  { key: 'nights', about: 'the nights' },
  { key: 'adults', about: 'the travellers' },
  { key: 'book', about: 'the booking' },
]

for (const way of ways) {
  test(`declining has its own outcome at each question (${way})`, async (t) => {
    const elicit: Record<string, ElicitResult> = {}
    const sample = () => written('Look up.')
    const { call, asked } = await open(t, 'trip-planner', way, { elicit, sample })
    for (const { key, outcome, says } of declined) {
      await t.test(key, async () => {
        asked.length = 0
        Object.assign(elicit, answers, { [key]: { action: 'decline' } })
        const result = await call('plan_trip')
        assert.notEqual(result.isError, true)
        assert.equal(result.structuredContent?.['outcome'], outcome)
        assert.match(textOf(result), says)
        assert.equal(asked.length, key === 'destination' ? 1 : 5)
      })
    }
  })

  test(`cancelling stops the conversation at each question (${way})`, async (t) => {
    const elicit: Record<string, ElicitResult> = {}
    const sample = () => written('Look up.')
    const { call, asked } = await open(t, 'trip-planner', way, { elicit, sample })
    for (const [index, { key, about }] of cancelled.entries()) {
      await t.test(key, async () => {
        asked.length = 0
        Object.assign(elicit, answers, { [key]: { action: 'cancel' } })
        const result = await call('plan_trip')
        assert.notEqual(result.isError, true)
        assert.equal(result.structuredContent?.['outcome'], 'stopped')
        assert.equal(
          textOf(result),
          `You cancelled at the question about ${about}. Nothing was done.`,
        )
        assert.equal(asked.length, index + 1)
        assert.equal(textOf(await call('list_trips')), 'No trip is booked.')
      })
    }
  })

  test(`a confirmation that says no books nothing (${way})`, async (t) => {
    const { call } = await open(t, 'trip-planner', way, {
      elicit: { ...answers, book: accept({ book: false }) },
      sample: () => written('Look up.'),
    })
    const result = await call('plan_trip')
    assert.equal(result.structuredContent?.['outcome'], 'not-booked')
    assert.equal(result.structuredContent['reference'], undefined)
    assert.match(textOf(result), /^Not booked/)
  })
}
