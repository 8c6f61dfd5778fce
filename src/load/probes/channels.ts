import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a tool may say to its client while it runs. */
export interface Talk {
  /** @returns what the user answered to the question */
  ask(text: string): Promise<string>
  /** @returns what the language model wrote */
  sample(text: string): Promise<string>
  progress(at: number, total: number, text: string): Promise<void>
  log(text: string): Promise<void>
}

/** One way for a text to go through a session and come back, for the load test. */
export interface ChannelTool {
  title: string
  description: string
  /** Its arguments; all are required. */
  fields: Readonly<Record<string, 'string' | 'number'>>
  /** @returns the text of the answer */
  run(args: Record<string, string | number>, talk: Talk): Promise<string> | string
}

const variable = 'BERTH_LOAD_CANARY'
const fileName = `load-${randomBytes(4).toString('hex')}.txt`
const largestFile = 64 * 1024

// Kept by the process and not by the session: whoever shares this process shares them.
const memory: string[] = []

export const channelTools: Readonly<Record<string, ChannelTool>> = {
  echo: {
    title: 'Say it back',
    description: 'Answers with the text.',
    fields: { text: 'string' },
    run: ({ text }) => String(text),
  },
  keep: {
    title: 'Keep a text',
    description: 'Puts the text into memory, environment, workspace and temporary directory.',
    fields: { text: 'string' },
    run({ text }) {
      keep(String(text))
      return 'kept'
    },
  },
  recall: {
    title: 'Tell what was kept',
    description:
      'What is kept everywhere, whoever kept it; of the environment what has the marker.',
    fields: { marker: 'string' },
    run: ({ marker }) => JSON.stringify(recall(String(marker))),
  },
  ask: {
    title: 'Ask the user',
    description: 'Asks a question with the text in it (elicitation), and answers with both.',
    fields: { text: 'string' },
    run: async ({ text }, talk) => `${text} ${await talk.ask(String(text))}`,
  },
  sample: {
    title: 'Ask the language model',
    description: 'Sends the text to the language model (sampling), and answers with both.',
    fields: { text: 'string' },
    run: async ({ text }, talk) => `${text} ${await talk.sample(String(text))}`,
  },
  report: {
    title: 'Report progress',
    description: 'Reports so many steps, each with the text.',
    fields: { text: 'string', steps: 'number' },
    async run({ text, steps }, talk) {
      const total = Math.min(Number(steps), 1000)
      for (let at = 1; at <= total; at += 1) await talk.progress(at, total, String(text))
      return String(text)
    },
  },
  announce: {
    title: 'Write to the log',
    description: 'Sends the text as a log message, outside of the answer.',
    fields: { text: 'string' },
    async run({ text }, talk) {
      await talk.log(String(text))
      return 'announced'
    },
  },
}

function keep(text: string): void {
  if (memory.length === 0) process.once('exit', () => removeFiles())
  memory.push(text)
  process.env[variable] = text
  for (const folder of folders()) {
    appendFileSync(join(folder, fileName), `${text}\n`, { mode: 0o600 })
  }
}

/** Where no gateway gives it a workspace, it leaves nothing in the folder that it is started in. */
const workspaceOf = (): string => process.env['BERTH_WORKSPACE'] ?? tmpdir()

const folders = (): string[] => [...new Set([workspaceOf(), tmpdir()])]

function removeFiles(): void {
  for (const folder of folders()) rmSync(join(folder, fileName), { force: true })
}

function recall(marker: string): Record<string, unknown> {
  const environment = Object.entries(process.env).filter(
    ([, value = '']) => marker !== '' && value.includes(marker),
  )
  return {
    memory,
    environment: Object.fromEntries(environment),
    workspace: textsIn(workspaceOf()),
    temporary: textsIn(tmpdir()),
  }
}

/** What this or another session has left in a folder. */
function textsIn(folder: string): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const name of readdirSync(folder)) {
    if (!/^load-.*\.txt$/.test(name)) continue
    const file = join(folder, name)
    try {
      if (statSync(file).size <= largestFile) texts[name] = readFileSync(file, 'utf8')
    } catch {
      // Gone, or somebody else's.
    }
  }
  return texts
}
