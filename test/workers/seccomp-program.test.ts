import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { seccompFilter } from '../../src/workers/sandbox/seccomp.ts'
import { profile } from '../../src/workers/sandbox/seccomp-profile.ts'
import { refusedCalls } from './seccomp-calls.ts'
import { runProgram } from './seccomp-machine.ts'

const eperm = 1
const enosys = 38
const machines = [
  { name: 'x64', column: 0, auditArch: 0xc000003e, other: 0x40000003 },
  { name: 'arm64', column: 1, auditArch: 0xc00000b7, other: 0x40000028 },
] as const

function numbersOf(calls: string, column: 0 | 1): Map<number, string> {
  const found = [...calls.matchAll(/(\w+):(\d+|-)\/(\d+|-)/g)].map(
    ([, name = '', ...numbers]) => [numbers[column], name] as const,
  )
  return new Map(found.flatMap(([at, name]) => (at === '-' ? [] : [[Number(at), name]])))
}

for (const { name, column, auditArch, other } of machines) {
  suite(`the seccomp program for ${name}`, () => {
    const program = seccompFilter(name)!
    const run = (number: number, ...args: bigint[]) =>
      runProgram(program, { number, auditArch, args })
    const numberOf = (call: string): number => {
      const numbers = numbersOf(profile.allowedIf.map((rule) => rule.call).join(' '), column)
      return [...numbers].find(([, known]) => known === call)![0]
    }

    test('says of every number what the profile says', () => {
      const always = numbersOf(profile.allowed, column)
      const sometimes = numbersOf(profile.allowedIf.map(({ call }) => call).join(' '), column)
      const failing = numbersOf(profile.failing.map(({ call }) => call).join(' '), column)
      const last = Math.max(...always.keys(), ...sometimes.keys(), ...failing.keys())
      assert.deepEqual([always.get(last), last], ['removexattrat', 466])
      for (let number = 0; number <= last; number++) {
        if (sometimes.has(number)) continue
        const expected = always.has(number) ? 'allow' : failing.has(number) ? enosys : eperm
        assert.equal(run(number), expected, `${number}`)
      }
    })

    test('answers numbers that the profile does not know as a kernel without them', () => {
      for (const number of [467, 468, 1000, 0x3fffffff, 0x7fffffff, 0xffffffff]) {
        assert.equal(run(number), enosys, `${number}`)
      }
      // x32: the same calls with a bit on top.
      for (let number = 0; number < 600; number++) {
        assert.equal(run(0x40000000 + number), enosys)
      }
    })

    test('kills what calls in the way of another architecture', () => {
      const foreign = machines.filter((one) => one.name !== name).map((one) => one.auditArch)
      for (const arch of [other, 0, ...foreign]) {
        for (const number of [0, 1, 11, 63, 0x40000000]) {
          assert.equal(runProgram(program, { number, auditArch: arch }), 'kill')
        }
      }
    })

    test('looks at all 64 bits of an argument', () => {
      const socket = numberOf('socket')
      for (const family of [0n, 1n, 2n, 10n, 16n, 45n]) {
        assert.equal(run(socket, family, 1n, 0n), 'allow', `${family}`)
        assert.equal(run(socket, family + (1n << 32n), 1n, 0n), eperm, `${family}`)
      }
      // AX.25, AF_ALG, AF_VSOCK and one that is not there yet.
      for (const family of [3n, 38n, 40n, 46n, -1n]) {
        assert.equal(run(socket, family, 1n, 0n), eperm, `${family}`)
      }
      const personality = numberOf('personality')
      assert.equal(run(personality, 0xffffffffn), 'allow')
      assert.equal(run(personality, 0x40000n), eperm)
      assert.equal(run(personality, -1n), eperm)
    })

    test('lets clone make processes and threads, but no namespaces', () => {
      const clone = numberOf('clone')
      const thread = 0x3d0f00n
      for (const flags of [17n, thread, 0x4111n, thread + (1n << 40n)]) {
        assert.equal(run(clone, flags), 'allow', `${flags}`)
      }
      // cgroup, user, PID, network, mount, UTS and IPC namespace
      const namespaces = [0x02000000n, 0x10000000n, 0x20000000n, 0x40000000n, 0x20000n]
      for (const flag of [...namespaces, 0x04000000n, 0x08000000n]) {
        assert.equal(run(clone, flag | 17n), eperm, `${flag}`)
      }
    })

    test('refuses what a container must not do', () => {
      for (const [call, numbers] of Object.entries(refusedCalls)) {
        const number = numbers[column]
        if (number !== undefined) assert.equal(run(number), eperm, call)
      }
    })
  })
}

test('there is no program for an architecture without a profile', () => {
  assert.equal(seccompFilter('riscv64'), undefined)
  assert.equal(seccompFilter('ia32'), undefined)
})
