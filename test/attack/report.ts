import type { Outcome, Section } from './attack.ts'
import { sections } from './attack.ts'

/** The tables of the README: what was tried, and what Berth did, section by section. */
export function tablesOf(outcomes: readonly Outcome[]): string {
  const names = Object.keys(sections) as Section[]
  return names
    .map((name) => {
      const rows = outcomes.filter(({ attack }) => attack.section === name).map(rowOf)
      if (rows.length === 0) return ''
      const head = ['| Attack | What Berth does | Tried | Held |', '| --- | --- | ---: | ---: |']
      return [`### ${sections[name]}`, '', ...head, ...rows, ''].join('\n')
    })
    .filter((text) => text !== '')
    .join('\n')
}

function rowOf({ attack, tries, missing }: Outcome): string {
  const held = tries.filter((each) => each.held).length
  const counts = missing === undefined ? [tries.length, held] : ['–', missing]
  return `| ${[attack.tries, attack.does, ...counts].join(' | ')} |`
}

/** One line for a terminal. */
export function lineOf({ attack, tries, missing }: Outcome): string {
  const what = `${attack.section}: ${attack.tries}`
  if (missing !== undefined) return `not tried  ${what} (${missing})`
  const broken = tries.filter((each) => !each.held)
  const verdict = broken.length === 0 ? 'held' : 'BROKE'
  const details = broken.map(({ what: tried, evidence }) => `\n           ${tried}: ${evidence}`)
  return `${verdict.padEnd(5)} ${String(tries.length).padStart(4)}  ${what}${details.join('')}`
}

const marks = ['<!-- attacks -->', '<!-- end of attacks -->'] as const

/** The page with these tables in the place of those that it has. */
export function withAttacks(page: string, tables: string): string {
  const [start, end] = marks.map((mark) => page.indexOf(mark)) as [number, number]
  if (start < 0 || end < start) throw new Error(`the page has no ${marks.join(' … ')}`)
  return `${page.slice(0, start + marks[0].length)}\n\n${tables}\n${page.slice(end)}`
}
