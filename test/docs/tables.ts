import type { Command } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands/index.ts'
import { helpOf } from '../../src/cli/help.ts'
import { configReference } from '../../src/config/schema.ts'
import { catalogue } from '../../src/ground/errors.ts'
import { createEvents } from '../../src/ground/events.ts'
import { attemptTable } from '../../src/load/probes/attempt-table.ts'
import { breakOuts } from '../../src/load/probes/break-outs.ts'
import { createMetrics } from '../../src/telemetry/catalogue.ts'
import { saidOutcomes } from '../workers/isolation/expected.ts'

type Row = readonly string[]
type Maker = () => string | Promise<string>

const markdown = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')

/**
 * What is made from the code that it describes: file → name → maker. Each stands in that file
 * between `<!-- table: NAME -->` and `<!-- end -->`.
 */
export const generated: Readonly<Record<string, Readonly<Record<string, Maker>>>> = {
  'README.md': {
    commands: () =>
      markdown(
        ['Command', 'Does'],
        [...commands.values()].map(({ name, summary }) => [
          `[\`${name}\`](src/cli/README.md#${name})`,
          summary,
        ]),
      ),
  },
  'config/README.md': {
    configuration: () =>
      markdown(
        ['Key', 'Type', 'Default', 'Meaning'],
        configReference().map(({ key, type, default: standard, description }) => [
          `\`${key}\``,
          type,
          standard === '' ? '' : `\`${standard}\``,
          description,
        ]),
      ),
  },
  'src/cli/README.md': { help: () => [...commands.values()].map(chapterOf).join('\n\n') },
  'src/ground/README.md': {
    errors: () =>
      markdown(
        ['Code', 'HTTP', 'JSON-RPC', 'Whose', 'Again?', 'Message'],
        Object.entries(catalogue).map(([code, error]) => [
          `\`${code}\``,
          String(error.statusCode),
          String(error.rpcCode),
          error.fault,
          error.retry ? 'yes' : 'no',
          error.message,
        ]),
      ),
  },
  'src/telemetry/README.md': {
    metrics: async () =>
      markdown(
        ['Metric', 'Kind', 'Meaning'],
        (await createMetrics(createEvents(), []).registry.getMetricsAsJSON()).map((metric) => [
          `\`${metric.name}\``,
          String(metric.type),
          metric.help,
        ]),
      ),
  },
  'src/workers/README.md': {
    isolation: () =>
      attemptTable(
        saidOutcomes(),
        Object.fromEntries(Object.entries(breakOuts).map(([name, { about }]) => [name, about])),
      ),
  },
}

function chapterOf(command: Command): string {
  return [`## ${command.name}`, '', '```text', ...helpOf(command), '```'].join('\n')
}

/** The text of a file with all that is made for it in its place. */
export async function withTables(file: string, text: string): Promise<string> {
  let whole = text
  for (const [name, make] of Object.entries(generated[file] ?? {})) {
    const begin = `<!-- table: ${name} -->`
    const from = whole.indexOf(begin)
    const to = whole.indexOf('<!-- end -->', from)
    if (from < 0 || to < 0) throw new Error(`${file} has no place for ${name}: ${begin}`)
    whole = `${whole.slice(0, from)}${begin}\n\n${await make()}\n\n${whole.slice(to)}`
  }
  return whole
}
