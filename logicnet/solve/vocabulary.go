package solve

import "strings"

// neutral are the words that don't change what a question asks for: courtesy, moods, professions, and the grammar around them. A word
// that negates, compares, multiplies or limits is none of them.
var neutral = words(`
	a an the this that these those here there it its itself one's his her my our your their
	i i'm i've i'd i'll me we we're we've we'd us you you're you've you'd he she they everyone everybody someone anyone somebody anybody folks friends
	am is are was be been being do does did has have had having can could would should might may will shall let let's lets what's that's
	here's there's how's where's who's
	what which how who where when while whenever if as so then and or of in on at for with by from into through using use used via to about upon within
	given giving gives give provided providing provides having take takes taking taken consider considering considered suppose supposing
	imagine imagining assume assuming say picture think thinking thought thoughts wonder wondering wondered curious puzzled eager
	analytical determined excited inquisitive thoughtful meticulous enthusiastic serious playful curiosity excitement eagerness intrigued
	intriguing fascinated fascinating interesting interested exciting fun neat cool great nice wonderful delightful lovely beautiful quick quickly little bit
	careful carefully precise precisely accurate accurately exactly really truly quite very rather just simply indeed actually currently
	today now again  okay ok well oh ah hmm hey hi hello alright greetings dear please thanks thank kindly appreciate
	math maths mathematics mathematical mathematically mathematician enthusiast student research theoretical physicist physics engineer
	engineering teacher researcher scientist data tutor hobbyist analyst classroom class homework study studying students colleagues
	perspective viewpoint work working project task exercise assignment
	problem problems question questions puzzle challenge challenging scenario situation case example topic concept inquiry
	calculate calculating calculated calculation calculations compute computing computed computation evaluate evaluating evaluated
	determine determining find finding figure figuring out work working works solve solving solved solution answer answers result results
	discover discovering explore exploring exploration investigate investigating identify identifying obtain obtaining get getting
	uncover uncovering derive deriving establish establishing ascertain know knowing known understand understanding see seeing look looking
	learn learning show showing tell telling share sharing explain explaining help helping helped assist need needing needed want wanting wanted
	wish like love try trying tried ask asking asked go going come coming came up came across encountered encounter stumbled faced facing
	presented working posed dive diving dig delve delving tackle tackling ponder pondering pondered
	equal equals equivalent value values number numbers amount corresponding resulting following specific particular certain
	possible able ready keen trying delve clear clarify insight insights guide assistance enlighten methodically
	myself some something anything everything lately recently always often sometimes ever still already maybe perhaps probably certainly definitely absolutely totally
	genuinely honestly passionate passion thrilled amazed amazing bit fascination love loves enjoy enjoying enjoyed enjoyable  better best good deep deeper
	further  geometry  algebra algebraic arithmetic trigonometry statistics calculus numerical  shape shapes
	figured concepts principles fundamentals basics world realm journey adventure mystery mysteries intricacies thoughts mental mindful attention matter topic topics subject
	percentages fractions exponents   moment while lately coming upcoming lesson lessons class experiment analysis analyses
	discussion context purposes purpose sake formula formulas approach method methods steps step process properly correctly correct  efficiently
	hoping hope glad happy eagerly desperately truly seem seems seemed feel feeling felt sounds sound wonders
	sort kind type way ways manner  specifically particularly especially essentially basically namely regarding concerning involving involves
	 walk  throughout clarity confident confidence expertise skills skill knowledge support advice thinker mathematicians data-driven everyone's
	person people fellow peers expert experts professional background field career daily life real-world practical 
	whose analyzing analysing mind interest task hand
`)

// asking are the words that ask for the value of an expression, leading those that may stand right before it, trailing those after it.
var (
	asking = words(`what what's much calculate calculating compute computing evaluate evaluating determine determining find finding figure
		solve solving`)
	leading  = words(`what what's much calculate compute evaluate determine find solve is are does do of the value result out expression : ,`)
	trailing = words(`together equal equals to is please exactly thanks , . ? =`)
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}
