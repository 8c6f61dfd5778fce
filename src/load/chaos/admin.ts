import { request } from 'node:http'

import { parseJson } from '../../ground/json.ts'
import type { AdminAccess } from '../drive/plan.ts'

/** A running gateway, as its admin API shows it. */
export interface Admin {
  /** The process that a session's worker begins with; undefined where there is none to be killed. */
  pidOf(id: string): Promise<number | undefined>
  /** @returns whether it did */
  stop(id: string): Promise<boolean>
}

export function createAdmin({ url, token }: AdminAccess): Admin {
  const ask = (method: string, id: string): Promise<{ status: number; body: unknown }> =>
    new Promise((resolve, reject) => {
      const asked = request(
        new URL(`/api/sessions/${encodeURIComponent(id)}`, url),
        { method, headers: { authorization: `Bearer ${token}` } },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.once('error', reject)
          response.once('end', () => {
            const read = parseJson(text, Infinity)
            if (read.ok) resolve({ status: response.statusCode ?? 0, body: read.value })
            else reject(new Error('the admin API has answered with what is no JSON'))
          })
        },
      )
      asked.once('error', reject)
      asked.end()
    })
  return {
    async pidOf(id) {
      const { status, body } = await ask('GET', id)
      return status === 200 ? (body as { pid?: number }).pid : undefined
    },
    stop: async (id) => (await ask('DELETE', id)).status === 200,
  }
}
