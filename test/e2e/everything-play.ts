import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import type { EverythingClient } from './everything-client.ts'

/** What a server answered to each step of a long play, free of what differs between two runs. */
export type Transcript = Record<string, unknown>

const document = 'demo://resource/static/document/features.md'
const dynamic = 'demo://resource/dynamic/text/7'
const page = { url: 'https://example.com/login', message: 'Log in, please.', elicitationId: 'e1' }

/** Plays through all that server-everything offers. */
export async function playEverything(everything: EverythingClient): Promise<Transcript> {
  const parts = await Promise.all([
    playLists(everything),
    playTools(everything),
    playResources(everything),
    playPrompts(everything),
    playQuestions(everything),
    playTasks(everything),
    playNews(everything),
  ])
  // Last, because a client of the SDK resumes the stream that an error came on, and then the server
  // repeats all that it has sent on any stream.
  const mistakes = await playMistakes(everything)
  const asked = [...everything.asked.values()].toSorted()
  // News come when they like, so only what there was counts.
  const kinds = new Set(everything.heard.map((text) => /"method":"([^"]+)"/.exec(text)?.[1] ?? ''))
  // Sent before there is a GET stream, this one is lost without a gateway that waits for it.
  kinds.delete('notifications/tools/list_changed')
  const transcript = Object.assign(
    { asked, kinds: [...kinds].toSorted(), mistakes },
    ...parts,
  ) as Transcript
  return JSON.parse(masked(JSON.stringify(transcript))) as Transcript
}

/** Ids and times differ from run to run. */
function masked(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'ID')
    .replaceAll(/\d{1,2}:\d{2}:\d{2} [AP]M/g, 'TIME')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, 'TIME')
}

async function playLists({ client }: EverythingClient): Promise<Transcript> {
  return {
    server: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
    tools: await client.listTools(),
    prompts: await client.listPrompts(),
    resources: (await client.listResources()).resources.filter(({ uri }) => !/session/.test(uri)),
    templates: await client.listResourceTemplates(),
    pong: await client.ping(),
  }
}

async function playTools({ call, progress }: EverythingClient): Promise<Transcript> {
  const long = 'trigger-long-running-operation'
  return {
    echo: await call('echo', { message: 'grüße ✓\n"quoted"' }),
    big: await call('echo', { message: 'x'.repeat(200_000) }),
    sum: await call('get-sum', { a: 2 ** 53 - 1, b: 0.5 }),
    wrongArguments: await call('get-sum', { a: 'one' }),
    structured: await call('get-structured-content', { location: 'Chicago' }),
    annotated: await call('get-annotated-message', { messageType: 'error', includeImage: true }),
    image: await call('get-tiny-image'),
    links: await call('get-resource-links', { count: 4 }),
    reference: await call('get-resource-reference', { resourceType: 'Text', resourceId: 3 }),
    zipped: await call('gzip-file-as-resource', { data: 'data:text/plain,hello', name: 'h.gz' }),
    long: await call(long, { duration: 0.3, steps: 3 }),
    longSteps: progress(long),
  }
}

async function playResources({ client }: EverythingClient): Promise<Transcript> {
  return {
    document: await client.readResource({ uri: document }),
    dynamic: await client.readResource({ uri: dynamic }),
    completedId: await client.complete({
      ref: { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' },
      argument: { name: 'resourceId', value: '12' },
    }),
  }
}

async function playPrompts({ client }: EverythingClient): Promise<Transcript> {
  const completable = { type: 'ref/prompt', name: 'completable-prompt' } as const
  return {
    simple: await client.getPrompt({ name: 'simple-prompt' }),
    withArguments: await client.getPrompt({
      name: 'args-prompt',
      arguments: { city: 'Lisbon' },
    }),
    embedded: await client.getPrompt({
      name: 'resource-prompt',
      arguments: { resourceType: 'Text', resourceId: '2' },
    }),
    departments: await client.complete({
      ref: completable,
      argument: { name: 'department', value: 'S' },
    }),
    names: await client.complete({
      ref: completable,
      argument: { name: 'name', value: 'G' },
      context: { arguments: { department: 'Marketing' } },
    }),
  }
}

async function playQuestions({ call }: EverythingClient): Promise<Transcript> {
  return {
    accepted: await call('trigger-elicitation-request'),
    declined: await call('trigger-elicitation-request'),
    cancelled: await call('trigger-elicitation-request'),
    page: await call('trigger-url-elicitation', { ...page, errorPath: false }),
    sampled: await call('trigger-sampling-request', { prompt: 'The answer?', maxTokens: 10 }),
    roots: await call('get-roots-list'),
  }
}

const asTask = { timeout: 30_000, task: { ttl: 60_000 } }

async function playTasks(everything: EverythingClient): Promise<Transcript> {
  const { client, call } = everything
  const research = async (): Promise<Transcript> => {
    const messages: string[] = []
    const { tasks } = client.experimental
    let taskId = ''
    let report: unknown
    const stream = tasks.callToolStream(
      { name: 'simulate-research-query', arguments: { topic: 'rivers', ambiguous: true } },
      CallToolResultSchema,
      asTask,
    )
    for await (const message of stream) {
      if (message.type === 'taskCreated') taskId = message.task.taskId
      if (message.type === 'result') report = message.result
      if (!messages.includes(message.type)) messages.push(message.type)
    }
    const { status } = await tasks.getTask(taskId)
    const { tasks: listed } = await tasks.listTasks()
    return { messages, report, status, listed: listed.length }
  }
  const cancelled = async (): Promise<unknown> => {
    const { tasks } = client.experimental
    const params = { name: 'simulate-research-query', arguments: { topic: 'seas' } }
    for await (const message of tasks.callToolStream(params, CallToolResultSchema, asTask)) {
      if (message.type === 'taskCreated') {
        return (await tasks.cancelTask(message.task.taskId)).status
      }
    }
    return 'no task'
  }
  // First, so that two runs of one server have the same number of tasks to list.
  const cancelledTask = await cancelled()
  const [researched, sampledLater, askedLater] = await Promise.all([
    research(),
    call('trigger-sampling-request-async', { prompt: 'Slowly?', maxTokens: 10 }),
    call('trigger-elicitation-request-async'),
  ])
  return { cancelledTask, researched, sampledLater, askedLater }
}

async function playNews({ client, call, hear }: EverythingClient): Promise<Transcript> {
  await client.setLoggingLevel('debug')
  const loggingOn = await call('toggle-simulated-logging')
  await hear(/[- ](level|Level)[- ]message/)
  const loggingOff = await call('toggle-simulated-logging')
  await client.subscribeResource({ uri: dynamic })
  await hear(/Received Subscribe Resource request/)
  const updatesOn = await call('toggle-subscriber-updates')
  await hear(/resources\/updated/)
  await client.unsubscribeResource({ uri: dynamic })
  await hear(/Received Unsubscribe Resource request/)
  const updatesOff = await call('toggle-subscriber-updates')
  return { loggingOn, loggingOff, updatesOn, updatesOff }
}

async function playMistakes({ client, call }: EverythingClient): Promise<Transcript> {
  const { tasks } = client.experimental
  const [task] = (await tasks.listTasks()).tasks
  return {
    unknownTool: await call('no-such-tool'),
    noResource: await textOfError(client.readResource({ uri: 'demo://nothing' })),
    noPrompt: await textOfError(client.getPrompt({ name: 'no-such-prompt' })),
    pageFirst: await call('trigger-url-elicitation', { ...page, errorPath: true }),
    endedTask: await textOfError(tasks.cancelTask(task?.taskId ?? '')),
    noTask: await textOfError(tasks.getTask('no-such-task')),
  }
}

async function textOfError(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `no error, but ${JSON.stringify(value)}`,
    (error: unknown) => String(error),
  )
}
