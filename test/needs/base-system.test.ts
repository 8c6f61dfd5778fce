import assert from 'node:assert/strict'
import test from 'node:test'

import { baseSystemIn } from './base-system.ts'

const paragraph = (name: string, more: string[] = [], state = 'install ok installed'): string =>
  [
    `Package: ${name}`,
    `Status: ${state}`,
    ...more,
    `Description: ${name}`,
    ' Priority: required',
  ].join('\n')

test('the base system is what is essential or required, and what that depends on', () => {
  const status = [
    paragraph('bash', ['Essential: yes', 'Pre-Depends: libc6 (>= 2.36), libtinfo6 | libtinfo5']),
    paragraph('login', ['Priority: required', 'Depends: pam-runtime:any, awk']),
    paragraph('libc6', ['Priority: optional']),
    paragraph('libtinfo6', ['Priority: optional']),
    paragraph('pam-runtime'),
    paragraph('mawk', ['Provides: awk (= 1), other-awk']),
    paragraph('redis-server', ['Priority: optional', 'Depends: redis-tools']),
    paragraph('redis-tools', ['Priority: optional', 'Depends: libc6']),
    paragraph('cron', ['Priority: important'], 'deinstall ok config-files'),
  ].join('\n\n')
  const names = [...baseSystemIn(`${status}\n\n`).matchAll(/^Package: (.*)$/gm)].map(
    ([, name]) => name,
  )
  assert.deepEqual(names, ['bash', 'login', 'libc6', 'libtinfo6', 'pam-runtime', 'mawk'])
})
