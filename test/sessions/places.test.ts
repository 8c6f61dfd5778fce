import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { Place, Wanted } from '../../src/sessions/places.ts'
import { createPlaces, oneTooMany } from '../../src/sessions/places.ts'

const always = (): boolean => true
const names = ['a', 'b', 'c', 'd']
const wanted = fc.record({
  principal: fc.constantFrom(...names),
  server: fc.constantFrom(...names),
})
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: wanted.map((one) => ({ arrives: one })) },
    { weight: 2, arbitrary: fc.nat().map((at) => ({ ends: at })) },
  ),
  { maxLength: 60 },
)

test('whoever comes and goes, nobody holds all places, and nobody who may start is kept waiting', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), steps, (most, happenings) => {
      const places = createPlaces(most)
      const waiting: Wanted[] = []
      const held: (Wanted & { place: Place })[] = []
      const heldBy = (key: keyof Wanted, name: string): number =>
        held.filter((one) => one[key] === name).length

      for (const happening of happenings) {
        if ('arrives' in happening) waiting.push({ ...happening.arrives })
        else held.splice(happening.ends % Math.max(held.length, 1), 1)[0]?.place.release()
        for (
          let next = places.next(waiting, always);
          next !== undefined;
          next = places.next(waiting, always)
        ) {
          waiting.splice(waiting.indexOf(next), 1)
          held.push({ ...next, place: places.take(next) })
        }
        assert.ok(held.length <= most + 2)
        for (const one of names) {
          for (const other of names) {
            const both = held.filter(
              ({ principal, server }) => principal === one && server === other,
            )
            assert.ok(both.length <= most + 1, 'one client of one server holds all')
          }
        }
        if (waiting.length > 0) assert.ok(held.length >= most, 'a place is free')
        // Who holds nothing waits only for another of whom it was said when he was let in.
        const isFreshServer = waiting.some(({ server }) => heldBy('server', server) === 0)
        if (isFreshServer) assert.ok(held.length > most)
      }
      for (const { place } of held.splice(0)) {
        place.release()
        place.release()
      }
      let granted = 0
      for (const one of waiting) {
        const next = places.next([one], always)
        assert.ok(next, 'a place was lost')
        places.take(next).release()
        granted += 1
      }
      assert.equal(granted, waiting.length)
    }),
    { numRuns: 500 },
  )
})

test('places are dealt out in turn, however many wait of one', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<keyof Wanted>('principal', 'server'),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 8 }),
      (key, many, few) => {
        const places = createPlaces(1)
        const same: Wanted = { principal: 'same', server: 'same' }
        const of = (name: string, count: number): Wanted[] =>
          Array.from({ length: count }, () => ({ ...same, [key]: name }))
        const waiting = [...of('greedy', many), ...of('modest', few)]
        const served: string[] = []
        while (waiting.length > 0) {
          const next = places.next(waiting, always)
          assert.ok(next)
          waiting.splice(waiting.indexOf(next), 1)
          served.push(next[key])
          places.take(next).release()
        }
        assert.ok(served.lastIndexOf('modest') < 2 * few, served.join())
      },
    ),
  )
})

test('while one holds all and does not end, another principal and another server start', () => {
  const places = createPlaces(2)
  const hog: Wanted = { principal: 'mallory', server: 'slow' }
  const place = places.take(hog)
  places.take(hog)
  assert.equal(places.next([hog], always), undefined)
  const friend = { principal: 'alice', server: 'slow' }
  const elsewhere = { principal: 'mallory', server: 'quick' }
  assert.equal(places.next([hog, friend], always), friend)
  places.take(friend)
  assert.equal(places.next([hog, elsewhere], always), elsewhere)
  places.take(elsewhere)
  const late = { principal: 'bob', server: 'third' }
  assert.equal(places.next([hog, late], always), undefined)
  place.release()
  assert.equal(places.next([hog, late], always), late)
})

test('of too many who wait, the last of those with the most is sent away', () => {
  const of = (principal: string, server: string): Wanted => ({ principal, server })
  const greedy = [of('m', 'x'), of('m', 'y'), of('m', 'x')]
  assert.equal(oneTooMany([...greedy, of('a', 'x')]), greedy[2])
  const anonymous = [of('anonymous', 'x'), of('anonymous', 'x'), of('anonymous', 'y')]
  assert.equal(oneTooMany(anonymous), anonymous[1])
  const alone = [of('m', 'x')]
  assert.equal(oneTooMany(alone), alone[0])
  const nobody: Wanted[] = []
  const chosen = oneTooMany(nobody)
  assert.equal(chosen, undefined)
})
