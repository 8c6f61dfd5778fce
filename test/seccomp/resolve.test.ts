import assert from 'node:assert/strict'
import test from 'node:test'

import type { MobyRule } from './resolve.ts'
import { resolveProfile } from './resolve.ts'

const numbers = {
  amd64: new Map([
    ['open', 2],
    ['openat', 257],
    ['socket', 41],
    ['clone3', 435],
  ]),
  arm64: new Map([
    ['openat', 56],
    ['socket', 198],
    ['clone3', 435],
  ]),
}
const allow = 'SCMP_ACT_ALLOW'
const refuse = 'SCMP_ACT_ERRNO'

function resolve(...syscalls: MobyRule[]) {
  return resolveProfile({ defaultAction: refuse, defaultErrnoRet: 1, syscalls }, numbers)
}

test('calls are written with their numbers, and left out where nobody has them', () => {
  const { allowed, errno } = resolve({ names: ['openat', 'open', '_llseek'], action: allow })
  assert.equal(allowed, 'open:2/- openat:257/56')
  assert.equal(errno, 1)
})

test('a rule counts as for a container without capabilities on a new kernel', () => {
  const caps = ['CAP_SYS_ADMIN']
  const rules: [MobyRule['includes'], MobyRule['excludes'], string][] = [
    [undefined, { caps }, 'openat:257/56'],
    [{ caps }, undefined, ''],
    [{ minKernel: '4.8' }, undefined, 'openat:257/56'],
    [undefined, { minKernel: '4.8' }, ''],
    [{ arches: ['amd64', 'x32'] }, undefined, 'openat:257/-'],
    [undefined, { caps, arches: ['amd64'] }, 'openat:-/56'],
    [{ arches: ['s390x'] }, { caps }, ''],
  ]
  for (const [includes, excludes, allowed] of rules) {
    const rule: MobyRule = { names: ['openat'], action: allow }
    if (includes) rule.includes = includes
    if (excludes) rule.excludes = excludes
    assert.equal(resolve(rule).allowed, allowed, JSON.stringify(rule))
  }
})

test('rules about an argument are one rule, and one without any beats them', () => {
  const names = ['socket']
  const about = (op: string, value: number): MobyRule => ({
    names,
    action: allow,
    args: [{ index: 0, op, value }],
  })
  const rules = [about('SCMP_CMP_LT', 3), about('SCMP_CMP_EQ', 10)]
  assert.deepEqual(resolve(...rules).allowedIf, [
    { call: 'socket:41/198', argument: 0, oneOf: [0, 1, 2, 10] },
  ])
  assert.deepEqual(resolve(about('SCMP_CMP_MASKED_EQ', 240)).allowedIf, [
    { call: 'socket:41/198', argument: 0, mask: 240, oneOf: [0] },
  ])
  const { allowed, allowedIf } = resolve(...rules, { names, action: allow })
  assert.deepEqual([allowed, allowedIf], ['socket:41/198', []])
})

test('a call may fail in a way of its own', () => {
  const { failing } = resolve({ names: ['clone3'], action: refuse, errnoRet: 38 })
  assert.deepEqual(failing, [{ call: 'clone3:435/435', errno: 38 }])
})

test('what cannot be said is not left out in silence', () => {
  const names = ['socket']
  const args = [{ index: 0, op: 'SCMP_CMP_GT', value: 40 }]
  assert.throws(() => resolve({ names, action: allow, args }), /no words for this rule: .*CMP_GT/)
  assert.throws(() => resolve({ names, action: 'SCMP_ACT_LOG' }), /no words .*ACT_LOG/)
  const two = [0, 1].map((index) => ({ index, op: 'SCMP_CMP_EQ', value: 1 }))
  assert.throws(() => resolve({ names, action: allow, args: two }), /no words/)
  const [one, other] = two.map((arg) => ({ names, action: allow, args: [arg] }))
  assert.throws(() => resolve(one!, other!), /asks two things of socket/)
  assert.throws(
    () => resolve({ names, action: allow }, { names, action: refuse }),
    /says two things about socket/,
  )
})
