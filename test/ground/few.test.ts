import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { FewMap, FewSet } from '../../src/ground/few.ts'
import type { Standing } from '../../src/ground/line.ts'
import { Line } from '../../src/ground/line.ts'

const steps = fc.array(fc.tuple(fc.constantFrom('add', 'delete', 'get'), fc.nat(6)), {
  maxLength: 40,
})

test('few things are kept as a Set keeps them', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const few = new FewSet<number>()
      const wanted = new Set<number>()
      for (const [step, item] of all) {
        if (step === 'delete') assert.equal(few.delete(item), wanted.delete(item))
        else if (step === 'add' && !wanted.has(item)) {
          few.add(item)
          wanted.add(item)
        }
        assert.deepEqual([...few], [...wanted])
        assert.equal(few.size, wanted.size)
        const newest = [...wanted].reverse().find((one) => one >= item)
        assert.equal(
          few.newest((one) => one >= item),
          newest,
        )
      }
    }),
  )
})

test('few things with a name are kept as a Map keeps them', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const few = new FewMap<string, number>()
      const wanted = new Map<string, number>()
      for (const [at, [step, number]] of all.entries()) {
        const key = `${number}`
        if (step === 'delete') assert.equal(few.delete(key), wanted.delete(key))
        else if (step === 'add') {
          few.set(key, at)
          wanted.set(key, at)
        }
        assert.equal(few.has(key), wanted.has(key))
        assert.equal(few.get(key), wanted.get(key))
        assert.equal(few.size, wanted.size)
        assert.deepEqual(few.values(), [...wanted.values()])
        assert.deepEqual(few.entries(), [...wanted])
      }
      few.clear()
      assert.deepEqual([few.size, few.get('0'), few.entries()], [0, undefined, []])
    }),
  )
})

class Someone implements Standing {
  line: Line<this> | undefined
  before: this | undefined
  behind: this | undefined
}

test('a line keeps the order in which they came, and each stands in one alone', () => {
  const lineNumbers = fc.array(fc.tuple(fc.nat(7), fc.constantFrom(0, 1, 2)), { maxLength: 60 })
  fc.assert(
    fc.property(lineNumbers, (moves) => {
      const people = Array.from({ length: 8 }, () => new Someone())
      const lines = [new Line<Someone>(), new Line<Someone>()] as const
      const wanted: Someone[][] = [[], []]
      for (const [who, to] of moves) {
        const one = people[who] as Someone
        const stood = wanted.map((row) => row.includes(one))
        for (const [at, row] of wanted.entries()) wanted[at] = row.filter((each) => each !== one)
        if (to === 2) {
          const left = lines.map((line) => line.delete(one))
          assert.deepEqual(left, stood)
        } else {
          lines[to].add(one)
          wanted[to]?.push(one)
        }
        for (const [at, line] of lines.entries()) {
          assert.deepEqual(
            [...line].map((each) => people.indexOf(each)),
            wanted[at]?.map((each) => people.indexOf(each)),
          )
          assert.equal(line.size, wanted[at]?.length)
          assert.equal(line.first, wanted[at]?.[0])
        }
      }
    }),
  )
})
