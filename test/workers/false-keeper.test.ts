import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'

import { createKeeperClient } from '../../src/workers/keeper-client.ts'
import { atEnd } from '../support/at-end.ts'
import { tempDir } from '../support/temp.ts'

const megabyte = 'x'.repeat(1_000_000)

/** What a server says that has put itself in the place of its keeper. */
const answers: [string, string[]][] = [
  ['100 MB', Array.from({ length: 100 }, () => megabyte)],
  ['what is no JSON', ['{"a":']],
  ['half a million levels', ['['.repeat(500_000)]],
]

for (const [what, chunks] of answers) {
  test(`who answers with ${what} is no keeper, and is not believed`, async (t) => {
    let isCut = false
    const server = createServer((_request, response) => {
      response.once('close', () => (isCut ||= !response.writableFinished))
      void (async () => {
        for (const chunk of chunks) if (!response.write(chunk)) await once(response, 'drain')
        response.end()
      })()
    })
    const socketPath = join(tempDir(t), 'keeper.sock')
    server.listen(socketPath)
    await once(server, 'listening')
    atEnd(t, () => void server.close())
    const client = createKeeperClient(socketPath, 'nonce')
    await assert.rejects(client.call('GET', '/keeper/lines'), Error)
    assert.equal(await (await client.watch())?.over, undefined)
    assert.equal(await client.advice(), undefined)
    assert.equal(isCut, chunks.length > 1)
    server.closeAllConnections()
  })
}
