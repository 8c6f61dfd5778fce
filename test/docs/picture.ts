import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { createBench } from '../bench/scope.ts'
import { openPage } from '../load/browser.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'

/** Takes the picture of a report that README.md shows: `npm run picture -- REPORT.html`. */
const project = join(import.meta.dirname, '..', '..', '..')
const picture = join(project, 'test', 'docs', 'load-report.png')
const [report] = process.argv.slice(2)
if (report === undefined) throw new Error('usage: npm run picture -- REPORT.html')

const chromium = needs.filter(({ name }) => name === 'chromium-headless-shell')
const [outcome] = await prepareNeeds(chromium, {
  projectDir: project,
  cacheDir: cacheDirOf(project, process.env),
  env: process.env,
  signal: new AbortController().signal,
  mayFetch: () => true,
  onFetch: () => undefined,
})
if (outcome === undefined || outcome.state === 'missing')
  throw new Error('There is no Chromium here.')
const scope = createBench(new AbortController().signal)
try {
  const page = await openPage(scope, outcome.place.path, pathToFileURL(resolve(report)).href)
  writeFileSync(picture, await page.screenshot(1900))
} finally {
  await scope.end()
}
process.stdout.write(`wrote ${picture}\n`)
