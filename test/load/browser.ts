import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

import { atEnd } from '../support/at-end.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

/** A page in a headless Chromium. */
export interface Page {
  /** Of a JSON value. */
  evaluate<T>(expression: string): Promise<T>
  /** As on paper, or in the dark. */
  emulate(media: { media?: 'print'; dark?: boolean }): Promise<void>
  /** PNG of its beginning, so many pixels high. */
  screenshot(height: number): Promise<Buffer>
  /** What it has asked for beside itself. */
  requests(): string[]
  /** Complaints of its console, of its own policy for one. */
  complaints(): string[]
}

interface Message {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: { message: string }
}

const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe'],
  ...['--window-size=1000,900', '--disable-dev-shm-usage', '--disable-background-networking'],
]

/** Opens a page by the DevTools protocol, on pipes: nothing listens anywhere. */
export async function openPage(t: Owner, browser: string, url: string): Promise<Page> {
  const child = spawn(browser, [...flags, `--user-data-dir=${tempDir(t)}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  const waiting = new Map<number, (message: Message) => void>()
  const listeners: ((message: Message) => void)[] = []
  let text = ''
  let count = 0
  output.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    const messages = text.split('\0')
    text = messages.pop() ?? ''
    for (const one of messages) {
      const message = JSON.parse(one) as Message
      if (message.id !== undefined) waiting.get(message.id)?.(message)
      for (const listener of listeners) listener(message)
    }
  })
  const send = async <T>(method: string, params: object = {}, sessionId?: string): Promise<T> => {
    const id = (count += 1)
    const answered = new Promise<Message>((resolve) => waiting.set(id, resolve))
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result as T
  }
  atEnd(t, async () => {
    input.on('error', () => undefined)
    input.write(`${JSON.stringify({ id: 0, method: 'Browser.close' })}\0`)
    const late = setTimeout(() => child.kill('SIGKILL'), 5000)
    await exited
    clearTimeout(late)
  })

  const { targetId } = await send<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  })
  const { sessionId } = await send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  })
  const inPage = <T>(method: string, params: object = {}): Promise<T> =>
    send<T>(method, params, sessionId)
  const requests: string[] = []
  const complaints: string[] = []
  const loaded = new Promise<void>((resolve) => {
    listeners.push(({ method, params = {} }) => {
      if (method === 'Page.loadEventFired') resolve()
      if (method === 'Network.requestWillBeSent') {
        requests.push((params['request'] as { url: string }).url)
      }
      if (method === 'Log.entryAdded') complaints.push(JSON.stringify(params['entry']))
    })
  })
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await inPage(`${domain}.enable`)
  await inPage('Page.navigate', { url })
  await loaded
  return {
    async evaluate<T>(expression: string) {
      const { result } = await inPage<{ result: { value: T } }>('Runtime.evaluate', {
        expression,
        returnByValue: true,
      })
      return result.value
    },
    async emulate({ media = '', dark = false }: { media?: string; dark?: boolean }) {
      const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]
      await inPage('Emulation.setEmulatedMedia', { media, features })
    },
    async screenshot(height) {
      const { data } = await inPage<{ data: string }>('Page.captureScreenshot', {
        format: 'png',
        captureBeyondViewport: true,
        clip: { x: 0, y: 0, width: 1000, height, scale: 1 },
      })
      return Buffer.from(data, 'base64')
    },
    requests: () => requests.filter((one) => one !== url),
    complaints: () => complaints,
  }
}
