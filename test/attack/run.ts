import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { projectDir } from '../bench/nginx.ts'
import { createBench } from '../bench/scope.ts'
import type { Outcome } from './attack.ts'
import { sections } from './attack.ts'
import { attacks } from './attacks/index.ts'
import { prepareForAttacks } from './prepared.ts'
import { lineOf, tablesOf, withAttacks } from './report.ts'
import { tryAttack } from './run-attacks.ts'
import { createSharedStage } from './scene.ts'

const usage = `usage: npm run attack [-- OPTION ... [SECTION ...]]

Attacks gateways of its own, each in a process of its own with a session beside the attack, and says
what was tried and what held. Without a SECTION all of: ${Object.keys(sections).join(' ')}.

  --short    leaves out what takes long or much memory, as npm test does
  --write    writes the tables into test/attack/README.md
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const unknown = positionals.find((name) => !(name in sections))
  if (values.help || unknown !== undefined) {
    process.stdout.write(
      unknown === undefined ? usage : `There is no section ${unknown}.\n${usage}`,
    )
    return unknown === undefined ? 0 : 2
  }
  const chosen = attacks.filter(
    ({ section, isLong }) =>
      (positionals.length === 0 || positionals.includes(section)) && !(values.short && isLong),
  )
  const whole = createBench(new AbortController().signal)
  const outcomes: Outcome[] = []
  try {
    await prepareForAttacks(whole.signal)
    const shared = createSharedStage(whole)
    for (const attack of chosen) {
      const own = createBench(whole.signal)
      const outcome = await tryAttack(own, shared, attack)
      await own.end()
      outcomes.push(outcome)
      whole.say(lineOf(outcome))
    }
  } finally {
    await whole.end()
  }
  const tries = outcomes.flatMap((outcome) => outcome.tries)
  const broken = tries.filter(({ held }) => !held).length
  whole.say(`${tries.length} tried, ${tries.length - broken} held, ${broken} broke`)
  if (values.write) {
    const page = join(projectDir, 'test', 'attack', 'README.md')
    writeFileSync(page, withAttacks(readFileSync(page, 'utf8'), tablesOf(outcomes)))
  }
  return broken === 0 ? 0 : 1
}

process.exitCode = await main()
