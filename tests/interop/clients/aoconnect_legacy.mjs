// {node, jwk, module} -> what each call of aoconnect's legacy mode gave.
import { outcome, run, standInFor } from './script.mjs'
import { GRAPHQL_URL, MU_URL, legacyWorld } from './world.mjs'

// The reads find their scheduler through this variable, not through connect().
process.env.GRAPHQL_URL = GRAPHQL_URL
const { connect, createDataItemSigner } = await import('@permaweb/aoconnect')

const MODULE_TAGS = [
  { name: 'Data-Protocol', value: 'ao' },
  { name: 'Type', value: 'Module' },
  { name: 'Module-Format', value: 'wasm64-unknown-emscripten-draft_2024_02_15' },
  { name: 'Input-Encoding', value: 'JSON-1' },
  { name: 'Output-Encoding', value: 'JSON-1' }
]

await run(async ({ node, jwk, module }) => {
  standInFor(...legacyWorld(node, MODULE_TAGS))
  const ao = connect({ MODE: 'legacy', GRAPHQL_URL, MU_URL, noLog: true })
  const signer = createDataItemSigner(jwk)

  const process = await ao.spawn({
    module, scheduler: node.address, signer, data: 'return 1', tags: [{ name: 'Name', value: 'x' }]
  })
  const message = await ao.message({
    process, signer, data: 'hello', anchor: '0'.repeat(31) + '1',
    tags: [{ name: 'Action', value: 'Ping' }]
  })
  const bare = await ao.message({ process, signer })
  const withSlot = await ao.message({ process, signer, returnAssignmentSlot: true })
  const withSlotAndId = await ao.message({
    process, signer, returnAssignmentSlot: true, returnMessageId: true
  })
  // A `from` leaves the process itself out, as an ao unit does; the client insists on one.
  const always = { from: '0', to: String(Date.now() + 1e6) }
  return {
    process,
    message,
    bare,
    withSlot,
    withSlotAndId,
    assigned: await ao.assign({ process, message }),
    assignedUnknown: await outcome(ao.assign({ process, message: module })),
    toNobody: await outcome(ao.message({ process: module, signer })),
    lastSlot: await ao.getLastSlot({ processId: process }),
    byId: await ao.getMessageById({ processId: process, messageId: message }),
    allMessages: await ao.getMessages({ processId: process, ...always }),
    pageOfTwo: await ao.getMessages({ processId: process, ...always, limit: '2' })
  }
})
