import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import type { WorkerHandle } from '../../src/workers/driver.ts'
import type { Subject } from '../suites/driver.ts'
import { compiled } from '../support/config.ts'
import type { RigOptions, SpecOptions } from './rig.ts'
import { startRig } from './rig.ts'

/** A driver of local workers, for the driver suite. */
export function subject(t: TestContext, transport: SpecOptions, options: RigOptions = {}): Subject {
  const { driver, spec, running, markerDir } = startRig(t, options)
  const remote = { kind: 'remote', shown: '', url: 'http://127.0.0.1:9', headers: {} } as const
  return {
    driver,
    spec: (first, ...rest) => spec([first, ...rest.map(fixture)], transport),
    wrongSpec: {
      kind: 'remote',
      workerId: '0'.repeat(16),
      session: 's',
      server: 's',
      launch: remote,
    },
    strangers: (handle: WorkerHandle) => ({
      'another worker': { ...handle, workerId: '0'.repeat(16) },
      'a later process of the same pid': {
        ...handle,
        startTime: `${Number(handle.startTime) + 1}`,
      },
      'another pid': { ...handle, pid: process.pid },
      'the same pid after a restart of the machine': { ...handle, bootId: 'another' },
    }),
    hide: ({ workerId }) => rmSync(join(markerDir, `${workerId}.json`)),
    processes: () => running().length,
  }
}

/** An argument that is itself a fixture is meant as its file. */
const fixture = (word: string): string =>
  word.endsWith('.js') ? compiled(`test/fixtures/workers/${word}`) : word
