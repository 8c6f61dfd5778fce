import { readFileSync, writeFileSync } from 'node:fs'

import { withTables } from './tables.ts'

// `npm run docs`: brings the tables of README.md up to date.
writeFileSync('README.md', await withTables(readFileSync('README.md', 'utf8')))
