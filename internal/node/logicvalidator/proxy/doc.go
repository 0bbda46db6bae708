// Package proxy lets users outside of the network put questions to its miners, over HTTP.
//
//	POST /v1/answer        {"question": "...", "miners": 3}   -> {"answer", "reasoning", "miner", "seconds", ...}
//	POST /validator_proxy  {"authorization": KEY, "synapse_request": {"logic_question": "..."}}   the reference's form
//	GET  /openapi.json     the description of all this, for machines
//	GET  /health
//
// Every question needs a key: as bearer token, or in the body in the reference's form. Keys are kept as SHA-256 and compared in constant time, and each
// has a rate of its own. Bodies, questions, time and the number of questions in progress are bounded; beyond them the answer is 429 or 503 with
// Retry-After. What goes wrong inside is told by a code and a sentence, and nothing of a question is ever logged.
//
// The reference's own proxy checks a public key that everybody can read, and fails on every request; its paths and fields are kept, its check isn't
// (specification, logicnet 8.1).
package proxy
