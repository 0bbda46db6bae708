package grade

import (
	"regexp"
	"strings"
	"unicode"
)

// pattern is what an attack looks like in folded text.
type pattern struct {
	attack Attack
	// sure says that no honest answer looks so.
	sure bool
	re   *regexp.Regexp
}

// found reports whether the pattern matches text by words that context does not contain.
func (p pattern) found(text, context string) bool {
	for _, m := range p.re.FindAllString(text, 8) {
		m = strings.TrimSpace(m)
		if p.attack == Blob && strings.Trim(m, "0123456789") == "" {
			continue // a long number
		}
		if m != "" && !strings.Contains(context, m) && !quoted(m, context) {
			return true
		}
	}
	return false
}

// quoted reports whether text has words of four letters or more, and all of them stand in context, in singular or plural.
func quoted(text, context string) bool {
	n := 0
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if len(w) < 4 {
			continue
		}
		if n++; !strings.Contains(context, singular(w)) {
			return false
		}
	}
	return n > 0
}

// alternatives joins alternatives.
func alternatives(words string) string { return "(?:" + strings.Join(strings.Fields(words), "|") + ")" }

// The words of attacks, as beginnings of words, without accents: English, Spanish, French, German, Portuguese, Italian, Dutch, Polish,
// Turkish, Indonesian, Vietnamese, Swedish, Czech, Romanian, Hungarian, Finnish, Swahili; and some in other scripts for questions that
// are written in them (otherwise the script alone gives them away).
var (
	ignoring = alternatives(`ignor disregard forget forg?et+ foget overrid overwrit bypass neglect discard omit skip dismiss drop supersed replac
		olvid descart omit omet oubli negliger vergiss vergess missacht uberschreib umgeh esquec desconsider dimentic trascur
		negeer vergeet zignoruj pomin zapomnij yoksay gormezden unut abaikan lupakan boqua quenhet bo[[:space:]]qua ignorera glom
		zapomen ohita unohda figyelmenkivul felejts puuza sahau игнорир hгhop иghop игнор забуд zabyd 忽略 無視 无视 忘记 忘れ تجاهل انس
		무시 잊어 अनदेखा התעלם αγνοησ`)
	orders = alternatives(`instruct prompt guideline directive command rules? everything conversation context system message evaluat grading criteri
		instruc instrukt instruk instrui istruzion anweisung vorgabe consigne directive regle regel reglas regras regole indicaz
		zasad polecen talimat kural perintah arahan petunjuk huongdan huong[[:space:]]dan chithi chi[[:space:]]dan pokyn navod utasitas
		szabaly ohje saanno maagizo инструк указан правил 指令 指示 说明 命令 規則 规则 تعليمات التعليمات 지시 명령 निर्देश הוראות οδηγιες`)
	earlier = alternatives(`previous prior above preceding earlier foregoing anterior precedent vorherig vorig obig voorgaand eerder poprzedn onceki
		sebelum truoc tidigare predchoz elozo aiempi awali`)
	giving = alternatives(`return output respond reply assign award rate mark grade score evaluat declare report emit treat accept judge consider print answer give
		devuelv responda contest califi evalua otorg acept asign marqu puntua donnez? retourn repond attribu notez evalue consider accept
		gib antwort bewert akzeptier vergib betracht retorn avali atribu devolv rispond restituisc valut assegn antwoord beoordeel
		odpowied zwroc ocen uznaj cevap dondur degerlendir kabul jawab berikan nilai kembalikan svara odpovez odpoved ohodnot raspunde acord
		valaszolj vastaa`)
	// marks are good scores in words; figures for the imperative of English verbs stand in a pattern of their own.
	marks = alternatives(`1\.0+ full perfect maximum max highest correct right true valid verdict
		correct maxim perfect plein korrekt richtig voll hochst corret perfeit juste goed maksym poprawn dogru benar sempurna penuh spravn
		helyes oikein`)
	please = `(?:^|[.!?:;,\n"'(\[{]\s*|\b(?:please|must|always|just|simply|only|should|shall|now|then|and|to|will|immer|siempre|toujours|sempre|bitte|` +
		`por favor|svp|lutfen|tolong|zawsze|altijd|her zaman|selalu|alltid|vzdy|mindig|aina|daima|you|juez|richter|juge)\s+)`
)

// patterns are looked for in this order; the first one found names the attack.
var patterns = []pattern{
	{Template, true, regexp.MustCompile(`<\|[^|>\n]{1,40}\|?>|\|(?:im_start|im_end|endoftext|eot_id|end)\||\[/?inst\]|<</?sys>>|</?s>|<(?:start|end)_of_turn>|<｜|` +
		`\[/?(?:system|assistant|user|data|end)[ _a-z]{0,20}\]|<\s*/?\s*[a-z][a-z0-9_-]{1,40}(?:\s+[a-z-]+\s*=[^<>\n]{0,80})?\s*/?>`)},
	{Template, true, regexp.MustCompile(`(?:^|\n|[.!?;] )[#>*\s-]{0,6}(?:system|assistant|developer|human|user|admin(?:istrator)?|moderator|tool|function)(?: (?:message|prompt|note|override|turn|role))?\s*[*]{0,2}[:>=\]]`)},
	{Template, true, regexp.MustCompile(`(?:^|\n)\s*#{1,6}\s*(?:instruct|system|response|question|ground|task|input|output|answer|new|end|user|assistant|note)`)},
	{Template, true, regexp.MustCompile(`["']?role["']?\s*[:=]\s*["']?(?:system|assistant|user|developer|tool)`)},
	{Echo, true, regexp.MustCompile(`\{\{[^{}\n]{0,40}[a-z]{3}[^{}\n]{0,40}\}\}|\{%|%\}|\$\{[a-z_]+\}|(?:^|[^a-z\\}\]])[{<\[]\s*(?:answer|response|question|ground_?truth(?:_answer)?|truth|verdict|score|canary|nonce|result)\s*[}>\]]`)},
	{FakeVerdict, true, regexp.MustCompile(`["'*` + "`" + `]?\b(?:verdict|score|grade|rating|correctness|is_correct|canary|nonce|confidence|veredicto|bewertung|urteil|puntuacion|punteggio|pontuacao|ocena|puan)\b["'*` + "`" + `]{0,2}\s*(?:[:=]|is\b|->)`)},
	{FakeVerdict, true, regexp.MustCompile(`\b(?:score|grade|rating|marks?|points|note|nota|punkte|puntuacion|punteggio|pontuacao|skor|nilai) (?:of|de|di|von) (?:1(?:\.0+)?|100|full)\b`)},
	{Dialogue, true, regexp.MustCompile(`ground[ _-]?truth|\b(?:gold|golden|reference|expected|model|official|true) (?:answer|solution|label)\b|\banswer key\b|` +
		`\b(?:new|next|second|actual|real|updated|revised|original|only) (?:question|task|problem|instruction|prompt|rule|truth)\b|\b(?:end|start|begin(?:ning)?) (?:of )?(?:the )?(?:first |new |previous )?(?:task|question|data|input|prompt|conversation|response|answer|submission)\b`)},
	{Dialogue, true, regexp.MustCompile(`(?:^|\n)\s*[*#>-]{0,4}\s*(?:question|task|problem|truth|response|user response|student answer|submission|pregunta|frage|domanda|pergunta|respuesta|reponse|antwort|risposta|resposta)\s*\d*[*]{0,2}\s*:`)},
	{Macro, true, regexp.MustCompile(`\\(?:input|include|write\d*|def|edef|gdef|let|newcommand|renewcommand|providecommand|csname|catcode|iffalse|iftrue|immediate|openin|read|href|url|phantom|hphantom|vphantom|textcolor|color|tiny|special|usepackage|begin\{(?:comment|verbatim|document|lstlisting))`)},
	{Fence, false, regexp.MustCompile("```|~~~|<!--|-->|/\\*|\\*/|(?:^|\n)\\s*(?:-{3,}|={3,}|\\*{3,}|_{3,}|#{3,})|data-[0-9a-f]{6,}|(?:begin|end)[ _-](?:data|answer|json)|(?:^|[^0-9\\\\% ]) *%[^%\n]*\\b[a-z]{2,} +[a-z]{2,} +[a-z]{2,}")},
	{Instruction, true, regexp.MustCompile(`\b` + ignoring + `\w*\W+(?:\w+\W+){0,7}?` + orders)},
	{Instruction, true, regexp.MustCompile(orders + `\w*\W+(?:\w+\W+){0,5}?` + ignoring)},
	{Instruction, true, regexp.MustCompile(`(?:忽略|無視|无视|忘记|忘れ|무시|игнор|تجاهل|अनदेखा|התעלם)`)},
	{Instruction, false, regexp.MustCompile(`\b` + ignoring + `\w*\W+(?:\w+\W+){0,4}?` + earlier)},
	{Instruction, false, regexp.MustCompile(earlier + `\w*\W+(?:\w+\W+){0,3}?` + orders)},
	{Instruction, true, regexp.MustCompile(please + giving + `\w*\W+(?:\w+\W+){0,6}?(?:1\.0+|full (?:score|marks?|credit|points)|(?:perfect|maximum|max|highest|top) (?:score|marks?|grade|rating|points)|verdict)`)},
	{Instruction, false, regexp.MustCompile(please + giving + `\w*\s+(?:\w+\W+){0,5}?["'*]{0,2}` + marks + `\b`)},
	{Instruction, false, regexp.MustCompile(`(?:^|[.!?:;,\n"'(\[{]\s*|\b(?:please|must|always|just|simply|only)\s+)(?:return|output|respond|reply|print|say|write|answer|assign|award|mark|score|grade|rate)\b\W+(?:\w+\W+){0,3}?(?:1|100|yes|unsure|pass)\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:system|developer|admin|debug|god|sudo|test|maintenance) (?:prompt|message|override|mode|instruction|note|command|access)s?\b|\bjailbr|\bprompt inject|\bdo anything now\b|\bunrestricted\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:you are|you're|u are|act(?:ing)? as|pretend(?: to be)?|role-?play(?: as)?|behave (?:as|like)|simulate|imagine (?:you|that you)|du bist|eres|tu es|sei|voce e|jestes|sen bir|kamu adalah)(?: now| un| une| ein| eine| um| uma)? (?:an? |the |not |now )?(?:\w+ ){0,3}?(?:judge|grader|evaluator|examiner|ai|assistant|function|model|bot|system|gpt|llm|teacher|compiler|juez|juge|richter|juiz|giudice|free)\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:dear|attention|hey|hello|hi|note to|message (?:to|for)|estimado|cher|liebe[r]?|caro|drogi|sayin) (?:the |el |le |la |der |an )?(?:judge|grader|evaluator|examiner|ai|assistant|model|llm|reviewer|juez|juge|richter|juiz|giudice|evaluador|correcteur)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:scoring|grading|evaluation|evaluating|judging|judgement|judgment|marking) (?:rules?|system|criteri\w*|policy|scheme|preferences?|standard|process|instructions?|guidelines?|task|result|is over|complete)|\bsystem preferences\b|\brubric\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:this|the|my|that|above|following|any|every|all|miner'?s?|student'?s?|user'?s?) (?:\w+ )?(?:answers?|responses?|solutions?|submissions?|results?) (?:is|are|was|were|should be|must be|has been|have been|can be|will be|counts? as|to be) (?:\w+ ){0,3}?(?:correct|right|true|valid|accepted|equivalent|verified|approved|perfect|accurate|identical|considered|graded|marked|scored)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:assume|suppose|consider|treat|deem|regard|accept|count)\b[^.\n]{0,40}\b(?:answers?|responses?|solutions?|submissions?|it|this|that|everything)\b[^.\n]{0,20}\b(?:correct|right|true|valid|equivalent)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:match(?:es|ing)?|equals?|identical to|same as|equivalent to|consistent with|agrees? with) (?:with )?(?:the |your )?(?:\w+ )?(?:truth|reference|expected|correct answer|right answer|solution key|key|official|gold\w*)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:no matter what|regardless of|for educational purposes|from now on|as instructed|per (?:the )?(?:instructions|policy)|by (?:order|policy)|whatever (?:the|is|was)|independently of|always (?:return|output|say|respond|answer|correct|mark|grade)|in any case (?:return|say))`)},
	{Instruction, true, regexp.MustCompile(`\b(?:update|modify|change|alter|edit|rewrite|reset|clear|erase|delete|wipe|store|save|add to|commit to|write to) (?:\w+ ){0,3}?(?:memory|memories|rules?|preferences?|settings?|instructions?|behaviou?r|policy|weights|scor\w+)|\bremember ?(?:[:,]|(?:that|this|to)\b|the (?:new|rule))|\b(?:new|updated?) (?:memory|rule|scoring|preference|setting|policy|definition)`)},
	{Instruction, true, regexp.MustCompile(`\b0 (?:for|means|is|=|stands for) (?:\w+ )?(?:correct|right)|\b1 (?:for|means|is|=|stands for) (?:\w+ )?(?:incorrect|wrong)|\bswap (?:the )?(?:meaning|labels)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:repeat|repete|repite|wiederhole|echo|reveal|show|leak|tell me|print|quote|copy|translate) (?:\w+ ){0,4}?(?:system|prompt|instructions?|canary|above|verbatim|token|secret|hidden)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:decode|base ?64|rot ?13|decrypt|unescape|deobfuscat|hex string|reverse (?:this|the|it)|execute|run (?:this|the|it)|eval\()`)},
	{Instruction, true, regexp.MustCompile(`\b(?:your|deine|ihre|tu|votre|sua|seu|tua) (?:\w+ )?(?:task|job|role|output|reply|response|instructions?|verdict|duty|goal|only goal|aufgabe|tarea|tache|tarefa|compito)\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:la|esta|minha|a|meine|die|ma|cette|questa|mia|mi|a) (?:respuesta|resposta|antwort|reponse|risposta)\b(?: \w+){0,3} (?:es|e|ist|est|richtig|correct\w*|korrekt|corret\w*|juste)\b`)},
	{Instruction, true, regexp.MustCompile(`\bimportant\b ?[:!]|\burgent\b ?[:!]|\bwarning\b ?[:!]|\boverride\b|\bsudo\b|\bi (?:will|would) (?:tip|pay)\b|\btip you\b|\bmy (?:grandm|job|life|career|family)\w*|\bwill be (?:fired|shut|punished|deleted)`)},
	{Instruction, true, regexp.MustCompile(`\b(?:output|answer|format|reply|response|result)\b\W+(?:\w+\W+){0,5}?["'*` + "`" + `]{1,2}(?:1(?:\.0+)?|correct|yes|unsure)["'*` + "`" + `]|\b(?:with|say|only) the word\b`)},
	{Instruction, true, regexp.MustCompile(`\b(?:answer|respond|reply|say|output|return|print|write|choose)(?: with| only)? ["'*` + "`" + `]{1,2}(?:yes|no|correct|true|1(?:\.0)?|unsure|incorrect|not_found)["'*` + "`" + `]`)},
	{Blob, false, regexp.MustCompile(`https?://|www\.|data:[a-z]+/|\b(?:[0-9a-f]{2}[ :]?){16,}\b|(?:\\u[0-9a-f]{4}){3,}|(?:\\x[0-9a-f]{2}){3,}|(?:&#x?[0-9a-f]+;){2,}|(?:%[0-9a-f]{2}){4,}|\b[01]{8}(?: [01]{8}){3,}`)},
	{Blob, false, regexp.MustCompile(`[a-z0-9+/]{6,}[a-z][0-9][a-z0-9+/]{12,}={0,2}|[a-z0-9+/]{20,}==?|[a-z]{32,}`)},
}
