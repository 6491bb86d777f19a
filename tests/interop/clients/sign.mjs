// {keys, items: [{kind, target, anchor, tags, data}]} -> [{id, type, raw}], raw in base64.
import { run } from './script.mjs'
import { makeSigners } from './signers.mjs'

const arbundles = await import('@dha-team/arbundles')

await run(async ({ keys, items }) => {
  const signers = makeSigners(arbundles, keys)
  const signed = []
  for (const { kind, data, ...options } of items) {
    const item = arbundles.createData(data, signers[kind], options)
    await item.sign(signers[kind])
    signed.push({
      id: item.id, type: item.signatureType, raw: item.getRaw().toString('base64')
    })
  }
  return signed
})
