import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import type { LoadPlan } from '../../src/load/drive/plan.ts'
import { htmlReport } from '../../src/load/report/html.ts'
import { junitReport } from '../../src/load/report/junit.ts'
import type { LoadReport, ReportInput } from '../../src/load/report/report.ts'
import { makeReport } from '../../src/load/report/report.ts'
import { textReport } from '../../src/load/report/text.ts'
import type { Flaw } from '../../src/load/self-test/flaws.ts'
import { need } from '../support/needs.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import { openPage } from './browser.ts'
import { drive, planFor, toy } from './rig.ts'

const containment: ReportInput['containment'] = {
  columns: ['process', 'sandbox'],
  rows: [
    {
      name: 'read-session',
      about: "Read another session's folder",
      attempts: {
        process: { outcome: 'got-through', how: 'listed 1 name in <folder>' },
        sandbox: { outcome: 'stopped', how: 'ENOENT' },
      },
    },
  ],
  required: { level: 'sandbox', column: 'sandbox', verdict: 'PASS', reasons: [] },
}

/** Of a real run against a toy. */
async function realReport(
  t: Owner,
  flaw: Flaw,
  changes: Partial<LoadPlan> = {},
): Promise<LoadReport> {
  // What a sound gateway does not answer in time has only waited for the processor.
  const timeoutMs = flaw === 'none' ? longEnoughMs : 2000
  const plan = planFor(await toy(t, flaw), { durationMs: 500, timeoutMs, ...changes })
  return makeReport({
    plan,
    result: await drive(plan),
    startedAt: new Date('2026-01-02T03:04:05Z'),
    machine: 'a machine',
    target: 'http://toy/<&">',
    configuration: { sessions: '4', profile: 'mixed' },
    containment,
    selfTest: [
      { flaw: 'none', about: 'sound', isRight: true, leaks: 0, how: 'PASS', tookMs: 1 },
      { flaw: 'stale-session', about: 'stale', isRight: true, leaks: 3, how: 'seen', tookMs: 1 },
    ],
    bytesPerSession: 21 * 1024 ** 2,
  })
}

/** How the page looks to somebody who reads it. */
const seen = `({
  verdicts: [...document.querySelectorAll('.verdict strong')].map((one) => one.textContent),
  charts: [...document.querySelectorAll('svg')].map((svg) => {
    const { width, height } = svg.getBoundingClientRect()
    const marks = [...svg.querySelectorAll('rect, path, circle')].map((one) => one.getBoundingClientRect())
    const box = svg.getBoundingClientRect()
    const inside = marks.every(({ left, right, top, bottom }) =>
      left >= box.left - 1 && right <= box.right + 1 && top >= box.top - 1 && bottom <= box.bottom + 1)
    return { title: svg.querySelector('title').textContent, width, height, marks: marks.length, inside }
  }),
  ink: getComputedStyle(document.body).color,
  paper: getComputedStyle(document.body).backgroundColor,
  width: document.documentElement.scrollWidth,
  text: document.body.innerText,
})`

interface Seen {
  verdicts: string[]
  charts: { title: string; width: number; height: number; marks: number; inside: boolean }[]
  ink: string
  paper: string
  width: number
  text: string
}

test('the page shows verdicts and charts in a browser, by day, in the dark and on paper', async (t) => {
  const browser = need(t, 'chromium-headless-shell')
  if (browser === undefined) return
  const report = await realReport(t, 'none', { chaos: { admin: undefined, everyMs: 10 } })
  const file = join(tempDir(t), 'report.html')
  writeFileSync(file, htmlReport(report))
  const page = await openPage(t, browser, pathToFileURL(file).href)

  const day = await page.evaluate<Seen>(seen)
  assert.deepEqual(day.verdicts, ['PASS', 'PASS', 'PASS', 'PASS'])
  assert.deepEqual(
    day.charts.map(({ title }) => title),
    [
      'Exchanges each second and open sessions, over time',
      'Latency by kind of exchange',
      'How many exchanges took how long',
      ...(Object.keys(report.failures).length > 0 ? ['Failed exchanges by code'] : []),
      'Injected faults over time',
    ],
  )
  for (const { title, width, height, marks, inside } of day.charts) {
    assert.ok(width > 600 && height > 40 && marks > 0 && inside, title)
  }
  assert.ok(day.width <= 1000, 'nothing sticks out')
  assert.match(day.text, /p99\.9/)
  assert.match(day.text, /one principal: ownership not tested/)
  assert.match(day.text, /GOT THROUGH: listed 1 name in <folder>/)
  assert.match(day.text, /http:\/\/toy\/<&">/)
  const shot = await page.screenshot(900)
  assert.ok(shot.length > 20_000, 'it is not blank')

  await page.emulate({ dark: true })
  const dark = await page.evaluate<Seen>(seen)
  assert.notEqual(dark.paper, day.paper)
  assert.notEqual(dark.ink, day.ink)
  await page.emulate({ media: 'print', dark: true })
  const paper = await page.evaluate<Seen>(seen)
  assert.deepEqual([paper.ink, paper.paper], ['rgb(0, 0, 0)', 'rgb(255, 255, 255)'])
  assert.deepEqual(page.requests(), [])
  assert.deepEqual(page.complaints(), [])
})

test('a leak is told in full: who saw whose, in which message, when', async (t) => {
  const report = await realReport(t, 'crossed-streams', { profile: 'streams', durationMs: 2000 })
  assert.equal(report.verdict, 'FAIL')
  const [leak] = report.separation.leaks
  const words = textReport(report).join('\n')
  const said = `session ${leak?.session ?? ''} got the canary of session ${leak?.owner ?? ''} in the stream`
  assert.ok(words.includes(said), words)
  assert.match(words, /Separation: FAIL/)
  const page = htmlReport(report)
  assert.match(page, /<strong>FAIL<\/strong>/)
  assert.match(page, new RegExp(`<td>${leak?.session ?? ''}</td><td>${leak?.owner ?? ''}</td>`))
  assert.match(page, /stream of the session \(GET\)/)
  const junit = junitReport(report)
  assert.match(junit, /<failure type="FAIL" message="\d+ leaks? between sessions\.">/)
  assert.match(junit, /<testsuites tests="3" failures="1"/)
})

test('the XML and the page are well-formed, whatever a server has written', async (t) => {
  const report = await realReport(t, 'none', { profile: 'calls', durationMs: 50 })
  const nasty = {
    ...report,
    target: `"'<script>&amp;]]>`,
    failures: { '<b>&"': 3 },
    configuration: { a: '\u0000\u001b[31m' },
  }
  nasty.separation.reasons.push('it said \u0001\u202e<')
  const folder = tempDir(t)
  const files = { 'junit.xml': junitReport(nasty), 'report.html': htmlReport(nasty) }
  for (const [name, text] of Object.entries(files)) {
    assert.doesNotMatch(text, /<script|<b>|[\u0000\u0001\u001b\u202e]/)
    writeFileSync(join(folder, name), text)
  }
  const python = need(t, 'python3')
  if (python === undefined) return
  const parse =
    'import sys, xml.dom.minidom as d; print(d.parse(sys.argv[1]).documentElement.tagName)'
  const parsed = spawnSync(python, ['-c', parse, join(folder, 'junit.xml')], { encoding: 'utf8' })
  assert.equal(parsed.stdout.trim(), 'testsuites', parsed.stderr)
})

test('what --json prints has the figures, and survives being written and read', async (t) => {
  const report = await realReport(t, 'none')
  const read = JSON.parse(JSON.stringify(report)) as LoadReport
  assert.deepEqual(read, report)
  const { separation, latencies, histogram, timeline } = read
  assert.equal(read.verdict, 'PASS')
  assert.ok(separation.sessions >= 4 && separation.answersMatched > 20)
  assert.deepEqual(latencies.map(({ kind }) => kind).slice(0, 4), [
    'initialize',
    'keep',
    'call',
    'recall',
  ])
  const counted = latencies.reduce((sum, { count }) => sum + count, 0)
  assert.equal(
    histogram.reduce((sum, { count }) => sum + count, 0),
    counted,
  )
  assert.equal(
    timeline.spans.reduce((sum, { exchanges }) => sum + exchanges, 0),
    counted,
  )
  for (const { p50, p99, p999, max } of latencies)
    assert.ok(p50 <= p99 && p99 <= p999 && p999 <= max)
})
