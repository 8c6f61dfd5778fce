import { isAbsolute } from 'node:path'

import type { TestEvent } from './events.ts'
import type { TestFile } from './files.ts'
import { announced, couldNotLoad } from './shared-process.ts'
import type { Progress } from './shared-process.ts'
import { inSource } from './sources.ts'

export interface SortedOut {
  /** What is to be shown and counted, each failure under the name of its own file. */
  events: TestEvent[]
  /** Files that were not done, or not heard to the end, when their process died in another one. */
  again: TestFile[]
}

export interface EndedProcess {
  files: readonly TestFile[]
  /** What the process ran; node reports its end as that of a test with this name. */
  program: string
  progress: Progress | undefined
}

/** What node tells in the order of the tests. The rest comes as it happens, and is not shown. */
const inOrder = /^test:(start|plan|pass|fail)$/
const asItHappens = /^test:(enqueue|dequeue|complete)$/

/** Finds out whose events are whose, and in which file the process died if it did. */
export function sortOut(events: readonly TestEvent[], ended: EndedProcess): SortedOut {
  const { files, program } = ended
  const isOfProcess = ({ data }: TestEvent): boolean => data.name === program
  const death = events.find((event) => event.type === 'test:fail' && isOfProcess(event))
  const culprit = death && culpritOf(events, ended)
  const again = culprit === undefined ? [] : unheard(events, files, culprit)

  const shown: TestEvent[] = []
  let file: TestFile | undefined
  for (const event of events) {
    if (asItHappens.test(event.type)) continue
    if (event === death) shown.push(deathOf(event, culprit, { events, ended }))
    if (isOfProcess(event)) continue
    const name = announced(event.data.name)
    if (name !== undefined) file = files.find((one) => one.name === name)
    else if (!inOrder.test(event.type)) shown.push(event)
    else if (isHook(event)) shown.push(hookOf(event, files))
    else if (file === undefined || !again.includes(file)) show(shown, inSource(event), file)
  }
  return { events: shown, again }
}

/** The file in which the process died, if it did not die after all of them. */
function culpritOf(
  events: readonly TestEvent[],
  { files, progress }: EndedProcess,
): TestFile | undefined {
  if (progress === undefined || progress.phase === 'ending') return undefined
  if (progress.phase === 'running' && isOver(events, progress)) return undefined
  return files.find(({ name }) => name === progress.name)
}

/** Whether the test that began last has ended, as far as was heard. */
function isOver(events: readonly TestEvent[], progress: { test?: string }): boolean {
  const names = (type: string): number =>
    events.filter((event) => event.type === type && event.data.name === progress.test).length
  return names('test:complete') > 0 && names('test:complete') === names('test:dequeue')
}

/** What follows the beginning of another file was told after all that the file before it told. */
function unheard(
  events: readonly TestEvent[],
  files: readonly TestFile[],
  culprit: TestFile,
): TestFile[] {
  const begun = events
    .filter(({ type }) => type === 'test:start')
    .flatMap(({ data }) => announced(data.name) ?? [])
  const heard = new Set(begun.slice(0, -1))
  return files.filter((file) => file !== culprit && !heard.has(file.name))
}

/** How a process died, told of the file that it died in, or of those that it may have been. */
function deathOf(
  event: TestEvent,
  culprit: TestFile | undefined,
  { events, ended }: { events: readonly TestEvent[]; ended: EndedProcess },
): TestEvent {
  const { files, progress } = ended
  if (progress === undefined) return toldOf(event, files, 'before it was loaded')
  if (culprit === undefined) {
    // Node says so when something goes wrong in a test that is long over.
    const words = events.filter(({ type }) => type === 'test:diagnostic')
    return toldOf(event, mentioned(files, [event, ...words]), 'after the tests')
  }
  if (progress.phase !== 'running') return toldOf(event, [culprit], 'while it was loaded')
  return toldOf(event, [culprit], progress.test === undefined ? '' : `in "${progress.test}"`)
}

function toldOf(event: TestEvent, files: readonly TestFile[], when: string): TestEvent {
  const [first] = files
  const place = first === undefined ? {} : { file: first.source, line: 1, column: 1 }
  const name = `${files.map((file) => `test/${file.name}`).join(', ')} ${when}`.trimEnd()
  const { error } = event.data.details ?? {}
  if (error?.cause === 'test failed') {
    error.cause = `the process ended with ${error.signal ?? `exit code ${error.exitCode ?? ''}`}`
  }
  return { ...event, data: { ...event.data, name, ...place } }
}

/** Node reports a hook that failed as a test with the name of a file: that of the hook. */
function isHook({ type, data }: TestEvent): boolean {
  return type === 'test:fail' && data.nesting === 0 && isAbsolute(data.name ?? '')
}

function hookOf(event: TestEvent, files: readonly TestFile[]): TestEvent {
  return toldOf(inSource(event), mentioned(files, [event]), 'in a hook of the file')
}

/** The file that the words are about, or else every one. */
function mentioned(files: readonly TestFile[], events: readonly TestEvent[]): readonly TestFile[] {
  const words = events.map(({ data: { name, message, details } }) => {
    const { error } = details ?? {}
    const cause = error?.cause instanceof Error ? error.cause.stack : ''
    return [name, message, error?.stack, cause].join('\n')
  })
  const found = files.find(({ name }) =>
    words.some((text) => text.includes(`/test/${name.replace(/ts$/, '')}`)),
  )
  return found === undefined ? files : [found]
}

/** Where a test that failed stands in another file, a suite for one, it is told with its own. */
function show(shown: TestEvent[], event: TestEvent, file: TestFile | undefined): void {
  const { name, nesting, file: place } = event.data
  shown.push(event)
  if (event.type !== 'test:fail' || file === undefined || isIn(file, place)) return
  const start = shown.findLastIndex(
    ({ type, data }) => type === 'test:start' && data.name === name && data.nesting === nesting,
  )
  const told = `${name ?? ''} (test/${file.name})`
  const own = name === couldNotLoad ? { file: file.source, line: 1, column: 1 } : {}
  // Reporters take an end only for what began under the same name.
  for (const at of [start, shown.length - 1]) {
    const one = shown[at]
    if (one !== undefined) shown[at] = { ...one, data: { ...one.data, name: told, ...own } }
  }
}

function isIn({ source, compiled }: TestFile, place: string | undefined): boolean {
  return place === undefined || place === source || place === compiled
}
