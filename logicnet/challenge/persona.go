package challenge

import "slices"

// Rand is the randomness with which personas and typos are drawn; a logicnet.Rand is one. Below returns a uniform integer in [0, n).
type Rand interface {
	Below(n int) int
}

// Persona is in whose words a problem is put. Section 6.2.
type Persona struct {
	Profile string `json:"profile"`
	Mood    string `json:"mood"`
	Tone    string `json:"tone"`
}

// Profiles returns the reference's profiles, in its order.
func Profiles() []string { return slices.Clone(texts().Personas.Profile) }

// Moods returns the reference's moods, in its order.
func Moods() []string { return slices.Clone(texts().Personas.Mood) }

// Tones returns the reference's tones, in its order.
func Tones() []string { return slices.Clone(texts().Personas.Tone) }

// Pick draws a persona: profile, mood and tone uniformly and independently of one another.
func Pick(r Rand) Persona {
	p := &texts().Personas
	return Persona{Profile: choice(r, p.Profile), Mood: choice(r, p.Mood), Tone: choice(r, p.Tone)}
}

func choice(r Rand, from []string) string { return from[r.Below(len(from))] }

// Personas draws n personas for the miners of one batch, no two alike while there are enough of them (756).
func Personas(r Rand, n int) []Persona {
	p := &texts().Personas
	moods, tones := len(p.Mood), len(p.Tone)
	total := len(p.Profile) * moods * tones
	all := make([]Persona, 0, max(0, n))
	var used map[int]bool
	for len(all) < n {
		if len(all)%total == 0 {
			used = make(map[int]bool, min(n, total))
		}
		k := r.Below(total)
		for used[k] { // the next free one: a batch is far smaller than the total
			k = (k + 1) % total
		}
		used[k] = true
		all = append(all, Persona{Profile: p.Profile[k/(moods*tones)], Mood: p.Mood[k/tones%moods], Tone: p.Tone[k%tones]})
	}
	return all
}
