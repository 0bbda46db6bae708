# Uses a server with the official Python client, and prints what it saw as JSON: client.py URL KEY EMBEDDINGS_URL IDS
import asyncio, json, sys

import openai

url, key, embed_url, ids = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
seen = {"version": openai.__version__, "models": [m.id for m in client.models.list()], "model": client.models.retrieve("base").id}

extra = {"return_token_ids": True, "skip_special_tokens": False, "spaces_between_special_tokens": False,
         "include_stop_str_in_output": True, "top_k": 50, "repetition_penalty": 1.1}
c = client.completions.create(model="base", prompt=ids, max_tokens=24, temperature=0.7, top_p=0.9, n=1, seed=7, logprobs=1, extra_body=extra)
seen["completion"] = {"ids": c.choices[0].model_extra["token_ids"], "text": c.choices[0].text, "finish": c.choices[0].finish_reason,
                      "logprobs": c.choices[0].logprobs.token_logprobs, "usage": c.usage.completion_tokens}
text, got = "", []
for e in client.completions.create(model="base", prompt=ids, max_tokens=24, temperature=0.7, top_p=0.9, seed=7, stream=True, extra_body=extra):
    text += e.choices[0].text
    got += e.choices[0].model_extra["token_ids"]
seen["stream"] = {"ids": got, "text": text}

messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "12+30=?"}]
chat = client.chat.completions.create(model="base", messages=messages, max_completion_tokens=30, seed=3, n=2, logprobs=True, top_logprobs=2)
seen["chat"] = {"texts": [x.message.content for x in chat.choices], "tops": len(chat.choices[0].logprobs.content[0].top_logprobs)}
parts, usage = ["", ""], None
for e in client.chat.completions.create(model="base", messages=messages, max_completion_tokens=30, seed=3, n=2, stream=True,
                                        stream_options={"include_usage": True}):
    for x in e.choices:
        parts[x.index] += x.delta.content or ""
    usage = e.usage or usage
seen["chat_stream"] = {"texts": parts, "usage": [usage.completion_tokens, chat.usage.completion_tokens]}

seen["errors"] = []
for call in (
    lambda: client.completions.create(model="base", prompt=[10**6]),
    lambda: client.completions.create(model="other", prompt="x"),
    lambda: client.chat.completions.create(model="base", messages=messages, frequency_penalty=1),
    lambda: openai.OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list(),
):
    try:
        call()
        seen["errors"].append("none")
    except openai.APIStatusError as e:
        seen["errors"].append([type(e).__name__, e.code])

seen["embeddings"] = [d.embedding for d in openai.OpenAI(base_url=embed_url, api_key="any").embeddings.create(model="mini", input=["a", "bcd"]).data]


async def many():
    async with openai.AsyncOpenAI(base_url=url, api_key=key) as a:
        return await asyncio.gather(*[a.completions.create(model="base", prompt=ids, max_tokens=24, temperature=0.7, top_p=0.9, seed=7, extra_body=extra)
                                      for _ in range(12)])


seen["many"] = [x.choices[0].model_extra["token_ids"] for x in asyncio.run(many())]
print(json.dumps(seen))
