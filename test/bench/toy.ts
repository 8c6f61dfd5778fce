import { startToyGateway } from '../../src/load/self-test/gateway.ts'

/** The sound gateway of the self-test, which answers at once, in a process of its own. */
const { url } = await startToyGateway('none')
process.stdout.write(`${url}\n`)
