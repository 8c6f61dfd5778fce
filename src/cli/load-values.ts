import type { ProfileName, ScenarioTool } from '../load/drive/plan.ts'
import { profileNames } from '../load/drive/plan.ts'
import { readScenario } from '../load/scenario.ts'
import { UsageError } from './command.ts'
import { readGiven } from './load-files.ts'

/** @throws UsageError, as all of these do when a value is not what it has to be. */
export function wholeValue(
  option: string,
  text: string | undefined,
  [least, most]: readonly [number, number],
): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new UsageError(`--${option} takes a whole number from ${least} to ${most}, not ${text}.`)
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `60s`, `500ms`, `5m`; a number alone is seconds. @returns milliseconds */
export function durationValue(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, digits = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  const ms = Number(digits) * (unitMs[unit] ?? 1)
  if (digits !== '' && ms > 0 && ms <= 24 * 3_600_000) return ms
  throw new UsageError(`--${option} takes a time such as 60s, 500ms or 5m, not ${text}.`)
}

/** `500/s`, or `max` (null): each session without a pause. */
export function rateValue(text: string | undefined, usual: number): number | null {
  if (text === undefined) return usual
  if (text === 'max') return null
  const [, digits = ''] = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text) ?? []
  const rate = Number(digits)
  if (digits !== '' && rate > 0 && rate <= 1_000_000) return rate
  throw new UsageError(`--rate takes exchanges a second such as 500/s, or max, not ${text}.`)
}

/** The name of a profile, or the file of a scenario. */
export function profileValue(
  text: string | undefined,
): ProfileName | { file: string; tools: ScenarioTool[] } {
  const name = profileNames.find((each) => each === (text ?? 'mixed'))
  if (name !== undefined) return name
  const file = text ?? ''
  if (!/\.(ya?ml|json)$/i.test(file)) {
    throw new UsageError(
      `There is no profile ${file}. There are ${profileNames.join(', ')}, or a file that ends in .yaml.`,
    )
  }
  return { file, tools: readScenario(readGiven('profile', file), file) }
}

/** Words of a command line, quoted as in a shell, without anything that a shell would do with them. */
export function commandWords(text: string): string[] {
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return words.map((word) => (/^(["']).*\1$/.test(word) ? word.slice(1, -1) : word))
}
