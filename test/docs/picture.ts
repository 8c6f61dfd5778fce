import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { createBench } from '../bench/scope.ts'
import { openPage } from '../load/browser.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import type { NeedName } from '../needs/table.ts'
import { needs } from '../needs/table.ts'
import type { Line } from './terminal-svg.ts'
import { linesOf, plainSpan, terminalSvg, textOf } from './terminal-svg.ts'

/**
 * Makes the pictures of the READMEs. `npm run picture` runs the demo at a terminal and draws what it
 * shows; `npm run picture -- REPORT.html` takes a picture of a report of the load test.
 */
const project = join(import.meta.dirname, '..', '..', '..')
const columns = 96

async function pathOf(name: NeedName): Promise<string> {
  const [outcome] = await prepareNeeds(
    needs.filter((need) => need.name === name),
    {
      projectDir: project,
      cacheDir: cacheDirOf(project, process.env),
      env: process.env,
      signal: new AbortController().signal,
      mayFetch: () => true,
      onFetch: () => undefined,
    },
  )
  if (outcome === undefined || outcome.state === 'missing') throw new Error(`There is no ${name}.`)
  return outcome.place.path
}

async function pictureOfDemo(): Promise<{ file: string; content: string }> {
  const command = 'npx mcp-berth demo'
  const { stdout } = await promisify(execFile)(
    await pathOf('python3'),
    [join(project, 'test/fixtures/python/terminal.py'), ...command.split(' ')],
    { cwd: project, timeout: 120_000, env: environment() },
  )
  const lines = shortened(linesOf(stdout.trim(), columns))
  return { file: 'demo.svg', content: terminalSvg(command, lines, columns) }
}

/** As in somebody's own shell: without what npm tells its scripts. Nor does npx show that it waits. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NO_COLOR$)/i.test(name))
  return { ...Object.fromEntries(own), TERM: 'xterm-256color', npm_config_progress: 'false' }
}

/** Leaves out most questions of the long scene: the first two are enough to see how it goes. */
function shortened(lines: readonly Line[]): Line[] {
  const answers = lines.flatMap((line, index) => (/^\S+ +│ > /.test(textOf(line)) ? [index] : []))
  const from = (answers[1] ?? 0) + 1
  const to = lines.findIndex((line) => textOf(line).includes(' 5/5 '))
  return [...lines.slice(0, from), [plainSpan('    ⋮')], ...lines.slice(to)]
}

async function pictureOfReport(report: string): Promise<{ file: string; content: Buffer }> {
  const scope = createBench(new AbortController().signal)
  try {
    const browser = await pathOf('chromium-headless-shell')
    const page = await openPage(scope, browser, pathToFileURL(resolve(report)).href)
    return { file: 'load-report.png', content: await page.screenshot(1900) }
  } finally {
    await scope.end()
  }
}

const [report] = process.argv.slice(2)
const { file, content } = await (report === undefined ? pictureOfDemo() : pictureOfReport(report))
writeFileSync(join(project, 'test', 'docs', file), content)
process.stdout.write(`wrote test/docs/${file}\n`)
