package challenge

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

// The reference's texts, byte for byte.
//
//go:embed texts/reference.json
var referenceTexts []byte

type textSet struct {
	Rewrite struct {
		Code struct {
			Template     string   `json:"template"`
			Placeholders []string `json:"placeholders"`
			Role         Role     `json:"role"`
			Messages     int      `json:"messages"`
		} `json:"code_task"`
		Persona struct {
			System    string `json:"system"`
			Assistant string `json:"assistant"`
			User      string `json:"user"`
		} `json:"persona"`
		MaxTokens   int     `json:"max_tokens"`
		Temperature float64 `json:"temperature"`
	} `json:"rewrite"`
	Reasoning struct {
		Messages    []Message `json:"messages"`
		MaxTokens   int       `json:"max_tokens"`
		LastTokens  int       `json:"max_tokens_after_3_failures"`
		Temperature float64   `json:"temperature"`
	} `json:"reference_reasoning"`
	Default struct {
		Question string `json:"question"`
		Answer   string `json:"answer"`
	} `json:"default_challenge"`
	Dummy    string `json:"dummy_challenge_frame"`
	Personas struct {
		Profile []string `json:"profile"`
		Mood    []string `json:"mood"`
		Tone    []string `json:"tone"`
	} `json:"personas"`
}

// texts reads the embedded file, which the tests hold against the vectors; it cannot fail in a binary that passed them.
var texts = sync.OnceValue(func() *textSet {
	var t textSet
	d := json.NewDecoder(bytes.NewReader(referenceTexts))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		panic("couldn't read embedded texts: " + err.Error())
	}
	return &t
})

// fill replaces {name} by values, given as pairs of name and value, once each and without looking into what was inserted.
func fill(template string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
