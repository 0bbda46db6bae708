// Uses a server with the official JavaScript client, and prints what it saw as JSON: client.mjs FOLDER URL KEY EMBEDDINGS_URL IDS
import { createRequire } from "node:module";

const [folder, baseURL, apiKey, embedURL, idsText] = process.argv.slice(2);
const OpenAI = createRequire(folder + "/")("openai");
const ids = JSON.parse(idsText);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const seen = { version: "", models: [], errors: [] };
for await (const m of client.models.list()) seen.models.push(m.id);
seen.model = (await client.models.retrieve("base")).id;

const body = { model: "base", prompt: ids, max_tokens: 24, temperature: 0.7, top_p: 0.9, seed: 7, return_token_ids: true, skip_special_tokens: false,
  spaces_between_special_tokens: false, include_stop_str_in_output: true, top_k: 50, repetition_penalty: 1.1 };
const c = await client.completions.create({ ...body, n: 1, logprobs: 1 });
seen.completion = { ids: c.choices[0].token_ids, text: c.choices[0].text, finish: c.choices[0].finish_reason,
  logprobs: c.choices[0].logprobs.token_logprobs, usage: c.usage.completion_tokens };
seen.stream = { ids: [], text: "" };
for await (const e of await client.completions.create({ ...body, stream: true })) {
  seen.stream.ids.push(...e.choices[0].token_ids);
  seen.stream.text += e.choices[0].text;
}

const messages = [{ role: "system", content: "Be short." }, { role: "user", content: "12+30=?" }];
const ask = { model: "base", messages, max_completion_tokens: 30, seed: 3, n: 2 };
const chat = await client.chat.completions.create({ ...ask, logprobs: true, top_logprobs: 2 });
seen.chat = { texts: chat.choices.map((x) => x.message.content), tops: chat.choices[0].logprobs.content[0].top_logprobs.length };
seen.chat_stream = { texts: ["", ""], usage: [0, chat.usage.completion_tokens] };
for await (const e of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
  for (const x of e.choices) seen.chat_stream.texts[x.index] += x.delta.content ?? "";
  if (e.usage) seen.chat_stream.usage[0] = e.usage.completion_tokens;
}

for (const call of [
  () => client.completions.create({ model: "base", prompt: [1e6] }),
  () => client.completions.create({ model: "other", prompt: "x" }),
  () => client.chat.completions.create({ model: "base", messages, frequency_penalty: 1 }),
  () => new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list(),
]) {
  try {
    await call();
    seen.errors.push("none");
  } catch (e) {
    seen.errors.push([e.constructor.name, e.code]);
  }
}

const embed = await new OpenAI({ baseURL: embedURL, apiKey: "any" }).embeddings.create({ model: "mini", input: ["a", "bcd"] });
seen.embeddings = embed.data.map((d) => d.embedding);
const many = await Promise.all(Array.from({ length: 12 }, () => client.completions.create(body)));
seen.many = many.map((x) => x.choices[0].token_ids);
console.log(JSON.stringify(seen));
