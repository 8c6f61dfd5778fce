import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { systemClock } from '../../../src/ground/clock.ts'
import type { TemplateOutcome } from '../../../src/ground/events.ts'
import { createEvents } from '../../../src/ground/events.ts'
import type { LocalSpec, SandboxOptions } from '../../../src/workers/driver.ts'
import type { Templates } from '../../../src/workers/templates/templates.ts'
import { createTemplates } from '../../../src/workers/templates/templates.ts'
import { noSandbox } from '../../support/config.ts'
import { eventually } from '../../support/eventually.ts'
import type { Owner } from '../../support/temp.ts'
import type { Rig, RigOptions, SpecOptions } from '../rig.ts'
import { startRig } from '../rig.ts'

/** A rig whose server `fixture` is forked from a template. */
export interface ForkRig extends Rig {
  /** How its workers were started, in their order: `forked`, `refused`, `plain`. */
  outcomes: string[]
  /** Settles when its last worker is known to have been started this way. */
  was(outcome: TemplateOutcome): Promise<void>
  /** Sentences for the operator. */
  said: string[]
  templates: Templates
  /** Settles when a start would be a fork. */
  ready(): Promise<void>
  /** A worker that runs a file with this text, in the interpreter of the template. */
  python(text: string, options?: SpecOptions & { args?: string[]; words?: string[] }): LocalSpec
}

export interface ForkRigOptions extends RigOptions {
  preload?: string[] | 'auto'
  flags?: string[]
  env?: Record<string, string>
  /** Folder of the server; default: one of each session. */
  project?: string
  sandbox?: Partial<SandboxOptions>
}

export function startForkRig(t: Owner, python: string, options: ForkRigOptions = {}): ForkRig {
  const {
    preload = ['random', 'uuid', 'tempfile'],
    flags = [],
    env = {},
    project,
    sandbox = {},
    ...rest
  } = options
  const events = createEvents()
  const outcomes: string[] = []
  const said: string[] = []
  events.on('template.used', ({ outcome }) => outcomes.push(outcome))
  events.on('operator.warned', ({ message }) => said.push(message))
  let made: Templates | undefined
  const rig = startRig(t, {
    ...rest,
    templates(here) {
      made = createTemplates({
        ...here,
        clock: systemClock,
        events,
        servers: [
          {
            name: 'fixture',
            driver: rest.isolation ?? 'process',
            requireLimits: false,
            env: { PATH: process.env['PATH'] ?? '', ...env },
            ...(project === undefined ? {} : { cwd: project }),
            launch: {
              kind: 'local',
              shown: 'python',
              command: python,
              args: [...flags, 'server.py'],
              transport: 'stdio',
              path: '/mcp',
              relay: false,
              limits: {},
              preload,
              sandbox: { ...noSandbox, ...sandbox },
            },
          },
        ],
      })
      return made
    },
  })
  const templates = made!
  const spec: ForkRig['python'] = (text, { args = [], words, ...more } = {}) => {
    const local = rig.spec([python, ...flags, ...(words ?? ['server.py', ...args])], {
      ...more,
      env: { ...env, ...more.env },
    })
    writeFileSync(join(local.cwd, 'server.py'), text)
    return local
  }
  return {
    ...rig,
    outcomes,
    said,
    templates,
    was: (outcome) => eventually(() => assert.equal(outcomes.at(-1), outcome, said.join('\n'))),
    python: spec,
    ready: () =>
      eventually(() => {
        if (said.length > 0) throw new Error(said.join('\n'))
        if (!templates.isReady('fixture')) throw new Error('the template is not ready')
      }),
  }
}
