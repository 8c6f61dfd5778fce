import type { Target } from '../target.ts'
import { answers } from './answers.ts'
import { client } from './client.ts'
import { disk } from './disk.ts'
import { liveFrames } from './frames.ts'
import { readersTarget } from './readers.ts'
import { redis } from './redis.ts'
import { tokens } from './tokens.ts'
import { workerHttp } from './worker-http.ts'
import { workerStdio } from './worker-stdio.ts'

/** In the order in which they are tried. */
export const targets: readonly Target[] = [
  readersTarget,
  answers,
  workerHttp,
  workerStdio,
  liveFrames,
  client,
  tokens,
  redis,
  disk,
]
