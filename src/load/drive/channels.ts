/** The ways on which a canary goes to a session's worker and comes back. */
export const channels = [
  'arguments',
  'memory',
  'environment',
  'workspace',
  'temporary',
  'elicitation',
  'sampling',
  'progress',
  'log',
  'ownership',
] as const
export type Channel = (typeof channels)[number]

export const channelWords: Record<Channel, string> = {
  arguments: 'arguments of calls, and their answers',
  memory: "the worker's memory",
  environment: "the worker's environment",
  workspace: 'the workspace',
  temporary: 'the temporary directory',
  elicitation: 'questions to the user, and answers to them (elicitation)',
  sampling: 'requests to the language model, and answers to them (sampling)',
  progress: 'progress',
  log: 'log messages, on the stream of the session',
  ownership: 'the id, in the hands of another user',
}
