import type { Target } from '../target.ts'
import { client } from './client.ts'
import { readersTarget } from './readers.ts'
import { tokens } from './tokens.ts'
import { workerHttp } from './worker-http.ts'
import { workerStdio } from './worker-stdio.ts'

export const targets: readonly Target[] = [readersTarget, workerHttp, workerStdio, client, tokens]
