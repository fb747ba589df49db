// The official Node client against a reckon server. Runs the journey that is named and prints what it saw as JSON;
// test_openai_node.py starts it and judges. BASE_URL, API_KEY and MODEL are in the environment.
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 })
const model = process.env.MODEL
const messages = [{ role: 'user', content: process.env.QUESTION ?? 'What is 37 + 58?' }]

const add = {
  type: 'function',
  function: {
    name: 'add',
    description: 'Adds two numbers.',
    parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
    parse: JSON.parse,
    function: ({ a, b }) => String(a + b),
  },
}

const journeys = {
  async create() {
    const { data, response, request_id } = await client.chat.completions
      .create({ model, messages, temperature: 0, seed: 7 })
      .withResponse()
    return { answer: data, request_id, seed: response.headers.get('x-reckon-seed') }
  },

  async stream() {
    const chunks = []
    for await (const chunk of await client.chat.completions.create({ model, messages, temperature: 0, stream: true })) {
      chunks.push(chunk)
    }
    return { text: chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join(''), usage: chunks.at(-1).usage }
  },

  async helper() {
    const pieces = []
    const stream = client.chat.completions
      .stream({ model, messages, temperature: 0, stream_options: { include_usage: true } })
      .on('content', (piece) => pieces.push(piece))
    const answer = await stream.finalChatCompletion()
    return { answer, text: pieces.join(''), usage: await stream.totalUsage() }
  },

  async tools() {
    const runner = client.chat.completions.runTools({ model, messages, tools: [add] })
    return { text: await runner.finalContent(), messages: runner.messages }
  },

  async streamedTools() {
    const runner = client.chat.completions.runTools({ model, messages, tools: [add], stream: true })
    return { text: await runner.finalContent(), messages: runner.messages }
  },

  async abort() {
    const stream = await client.chat.completions.create({
      model, messages, temperature: 1.3, seed: 3, max_tokens: 1500, ignore_eos: true, stream: true,
    })
    let id
    for await (const chunk of stream) {
      id = chunk.id
      if (chunk.choices[0].delta.content) stream.controller.abort()
    }
    return { id, models: (await client.models.list()).data.map((each) => each.id) }
  },

  async retry() {
    const begin = performance.now()
    const answer = await client.chat.completions.create({ model, messages }, { maxRetries: 1 })
    return { text: answer.choices[0].message.content, seconds: (performance.now() - begin) / 1000 }
  },

  async errors() {
    const refused = async (fields, options) => {
      try {
        return await client.chat.completions.create({ model, messages, ...fields }, options)
      } catch (error) {
        const { status, code, param, requestID } = error
        return { name: error.constructor.name, status, code, param, requestID }
      }
    }
    return [
      await refused({ temperature: 3 }),
      await refused({ model: 'no/model' }),
      await refused({ messages: [{ role: 'user', content: 'one two '.repeat(20000) }] }),
      await refused({}, { headers: { authorization: 'Bearer rk-wrong' } }),
    ]
  },
}

console.log(JSON.stringify(await journeys[process.argv[2]]()))
