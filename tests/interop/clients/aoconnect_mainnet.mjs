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

  // Signed as HTTP messages; aoconnect's own signature of data is one that nobody can verify, and
  // it signs again as a data item when it hears so.
  const http = { method: 'POST', 'data-protocol': 'ao', variant: 'ao.N.1', 'signing-format': 'httpsig' }
  const told = async (asking) => {
    const { status, headers } = await asking
    return { status, slot: headers.get('slot'), process: headers.get('process') }
  }
  const httpSpawn = await outcome(told(ao.request({
    ...http, path: '/schedule', type: 'Process', device: 'process@1.0', module, scheduler: node.address
  })))
  const httpMessage = await outcome(told(ao.request({
    ...http, path: `/${unnamed}/schedule`, type: 'Message', target: unnamed, action: 'Ping'
  })))
  const httpData = await outcome(told(ao.request({
    ...http, path: `/${unnamed}/schedule`, type: 'Message', target: unnamed, data: 'hello'
  })))

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
    httpSpawn,
    httpMessage,
    httpData,
    result: await outcome(ao.result({ process, slot })),
    results: await outcome(ao.results({ process })),
    dryrun: await outcome(ao.dryrun({ process, tags: [{ name: 'Action', value: 'Info' }] })),
    asked
  }
})
