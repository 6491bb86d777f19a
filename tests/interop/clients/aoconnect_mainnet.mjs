// {node, jwk, module} -> what each call of aoconnect's mainnet mode gave.
import { outcome, run, standInFor } from './script.mjs'
import { GRAPHQL_URL, legacyWorld } from './world.mjs'

process.env.GRAPHQL_URL = GRAPHQL_URL
const { connect, createSigner } = await import('@permaweb/aoconnect')

await run(async ({ node, jwk, module }) => {
  standInFor(...legacyWorld(node))
  const signer = createSigner(jwk)
  const options = { MODE: 'mainnet', URL: node.url, signer }
  const ao = connect({ ...options, SCHEDULER: node.address })
  const askingFirst = connect(options)

  const process = await ao.spawn({ module, data: 'return 1', tags: [{ name: 'Name', value: 'x' }] })
  const unnamed = await askingFirst.spawn({ module })
  const slot = await ao.message({
    process, data: 'hello', tags: [{ name: 'Action', value: 'Ping' }]
  })
  const messageId = await ao.message({ process, returnMessageId: true })
  const both = await ao.message({ process, returnMessageId: true, returnAssignmentSlot: true })

  const asked = []
  const realFetch = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const reply = await realFetch(input, init)
    const { pathname } = new URL(input instanceof Request ? input.url : input)
    asked.push({
      pathname, status: reply.status, type: reply.headers.get('content-type'),
      body: await reply.clone().text()
    })
    return reply
  }
  return {
    process,
    unnamed,
    slot,
    messageId,
    both,
    result: await outcome(ao.result({ process, slot })),
    results: await outcome(ao.results({ process })),
    dryrun: await outcome(ao.dryrun({ process, tags: [{ name: 'Action', value: 'Info' }] })),
    asked
  }
})
