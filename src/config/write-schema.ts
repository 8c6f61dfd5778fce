import { writeFileSync } from 'node:fs'

import { configJsonSchema } from './schema.ts'

// `npm run schema`: config/berth.schema.json, for editors. Prettier gives it its form.
writeFileSync('config/berth.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
