import { commands } from '../../src/cli/commands/index.ts'
import { configReference } from '../../src/config/schema.ts'
import { attemptTable } from '../../src/load/probes/attempt-table.ts'
import { breakOuts } from '../../src/load/probes/break-outs.ts'
import { catalogue } from '../../src/ground/errors.ts'
import { createEvents } from '../../src/ground/events.ts'
import { createMetrics } from '../../src/telemetry/catalogue.ts'
import { saidOutcomes } from '../workers/isolation/expected.ts'

type Row = readonly string[]

const markdown = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')

/**
 * The tables of README.md, made from the code that they describe. Each stands between
 * `<!-- table: NAME -->` and `<!-- end -->`.
 */
export async function readmeTables(): Promise<Record<string, string>> {
  return {
    commands: markdown(
      ['Command', 'Does'],
      [...commands.values()].map(({ name, usage, summary }) => [
        `\`${name} ${usage.replace(/ \[options\]$/, '')}\``.replace(' [options]`', '`'),
        summary,
      ]),
    ),
    configuration: markdown(
      ['Key', 'Type', 'Default', 'Meaning'],
      configReference().map(({ key, type, default: standard, description }) => [
        `\`${key}\``,
        type,
        standard === '' ? '' : `\`${standard}\``,
        description,
      ]),
    ),
    errors: markdown(
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
    isolation: attemptTable(
      saidOutcomes(),
      Object.fromEntries(Object.entries(breakOuts).map(([name, { about }]) => [name, about])),
    ),
    metrics: markdown(
      ['Metric', 'Kind', 'Meaning'],
      (await createMetrics(createEvents(), []).registry.getMetricsAsJSON()).map((metric) => [
        `\`${metric.name}\``,
        String(metric.type),
        metric.help,
      ]),
    ),
  }
}

/** A text with every such table replaced. */
export async function withTables(text: string): Promise<string> {
  const tables = await readmeTables()
  return text.replaceAll(
    /(<!-- table: (\w+) -->)[\s\S]*?(<!-- end -->)/g,
    (_all, begin: string, name: string, end: string) => {
      const table = tables[name]
      if (table === undefined) throw new Error(`README.md has a table ${name} that nobody makes`)
      return `${begin}\n\n${table}\n\n${end}`
    },
  )
}
