// {library, items: [base64]} -> [{valid, id, owner, target, anchor, tags, data}], in base64url;
// an item that cannot be read is {valid: false}.
import { run } from './script.mjs'

async function describe ({ DataItem }, raw) {
  try {
    if (!await DataItem.verify(raw)) return { valid: false }
    const item = new DataItem(raw)
    return {
      valid: true,
      id: item.id,
      signatureType: item.signatureType,
      owner: item.owner,
      target: item.target,
      anchor: item.rawAnchor.toString('base64url'),
      tags: item.tags,
      data: item.rawData.toString('base64url')
    }
  } catch {
    return { valid: false }
  }
}

await run(async ({ library, items }) => {
  const arbundles = await import(library)
  return Promise.all(items.map((item) => describe(arbundles, Buffer.from(item, 'base64'))))
})
