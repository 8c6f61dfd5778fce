import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { KernelSettings } from '../../../src/workers/doctor/kernel-settings.ts'
import { obstaclesTo } from '../../../src/workers/doctor/obstacles.ts'
import { settings } from './settings.ts'

const refused = 'unshare: unshare failed: Operation not permitted'
const noRights = 'unshare: write failed /proc/self/uid_map: Operation not permitted'
const exhausted = 'unshare: unshare failed: No space left on device'
const noProc = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
const docker = { isContainer: true, isRoot: true, appArmorProfile: 'docker-default (enforce)' }

/** What went wrong, what the kernel says, and for each cause its reason and its command. */
type Case = [string, Partial<KernelSettings>, [RegExp, RegExp | undefined][]]

const cases: Record<string, Case> = {
  'a kernel without user namespaces': [
    refused,
    { hasUserNamespaces: false, maxUserNamespaces: undefined },
    [[/CONFIG_USER_NS/, undefined]],
  ],
  'none allowed to anybody': [
    exhausted,
    { maxUserNamespaces: 0 },
    [[/user\.max_user_namespaces is 0/, /^sudo sysctl -w user\.max_user_namespaces=15000$/]],
  ],
  'all that are allowed in use': [
    exhausted,
    { maxUserNamespaces: 100, isRoot: true, isAdmin: true },
    [[/all 100 user namespaces .* in use/, /^sysctl -w user\.max_user_namespaces=200$/]],
  ],
  'none for ordinary users, on Debian': [
    refused,
    { unprivilegedClone: 0 },
    [[/only root/, /^sudo sysctl -w kernel\.unprivileged_userns_clone=1$/]],
  ],
  'a setting of Debian that is not what stands in the way of root': [
    refused,
    { unprivilegedClone: 0, isAdmin: true, isRoot: true },
    [[new RegExp(`^${refused}$`), undefined]],
  ],
  'AppArmor, on Ubuntu': [
    noRights,
    { appArmorRestriction: 1, appArmorProfile: 'unconfined' },
    [
      [
        /^AppArmor .*apparmor_restrict_unprivileged_userns is 1.*set to 0/,
        /^echo 'abi .*\/usr\/bin\/unshare .*userns, }' \| sudo tee (\/etc\/apparmor\.d\/\S+) && sudo apparmor_parser -r \1$/,
      ],
    ],
  ],
  'AppArmor that restricts nobody': [
    noRights,
    { appArmorRestriction: 0, appArmorProfile: 'unconfined' },
    [[new RegExp(`^${noRights}$`), undefined]],
  ],
  'a container of Docker': [
    refused,
    { ...docker, isFiltered: true },
    [
      [
        /\(seccomp\) and the AppArmor profile docker-default of this .*without CAP_/,
        /^docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined /,
      ],
    ],
  ],
  'a container of Docker on Ubuntu, whose restriction is not for it': [
    refused,
    { ...docker, isRoot: false, isFiltered: true, appArmorRestriction: 1 },
    [[/seccomp/, /^docker run /]],
  ],
  'a container on a host that allows none': [
    exhausted,
    { ...docker, isFiltered: true, maxUserNamespaces: 0 },
    [[/is 0/, /^sysctl -w user\.max_user_namespaces=15000 +# on the host$/]],
  ],
  'a container of which nothing is known': [
    refused,
    { isContainer: true },
    [[/^unshare: .*; a container may do so little/, /^docker run /]],
  ],
  'a container that covers parts of /proc': [
    noProc,
    { isContainer: true, coversOfProc: ['/proc/kcore', '/proc/keys', '/proc/sys'] },
    [[/\(\/proc\/kcore and 2 more\)/, /^docker run .*systempaths=unconfined/]],
  ],
  'a machine that covers a part of /proc': [
    'unshare: mount /proc failed: Operation not permitted',
    { coversOfProc: ['/proc/kcore'] },
    [[/\(\/proc\/kcore\)/, /^sudo umount \/proc\/kcore$/]],
  ],
  'a service or a sandbox': [
    refused,
    { isFiltered: true },
    [[/\(seccomp\) on this process .*RestrictNamespaces=/, undefined]],
  ],
  'two causes at once': [
    refused,
    { unprivilegedClone: 0, isFiltered: true, isContainer: true },
    [
      [/only root/, /on the host$/],
      [/seccomp/, /^docker run /],
    ],
  ],
  'a missing program, whatever else there is': [
    'unshare is not installed (package util-linux)',
    { unprivilegedClone: 0 },
    [[/^unshare is not installed/, undefined]],
  ],
  'nothing that is known': ['bwrap: something new', {}, [[/^bwrap: something new$/, undefined]]],
}

for (const [name, [problem, given, expected]] of Object.entries(cases)) {
  test(`finds the cause: ${name}`, () => {
    const found = obstaclesTo(problem, settings(given))
    assert.equal(found.length, expected.length, JSON.stringify(found))
    for (const [index, [why, help]] of expected.entries()) {
      assert.match(found[index]!.why, why)
      if (help === undefined) assert.equal(found[index]!.help, undefined)
      else assert.match(found[index]!.help ?? '', help)
    }
  })
}
