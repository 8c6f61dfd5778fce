import { readFileSync, writeFileSync } from 'node:fs'

import { generated, withTables } from './tables.ts'

// `npm run docs`: brings whatever is made from the code up to date, in every README.
for (const file of Object.keys(generated)) {
  writeFileSync(file, await withTables(file, readFileSync(file, 'utf8')))
}
