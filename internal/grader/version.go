package grader

import "strings"

// differences are where verdicts of the versions that are taken differ from the reference's, by minor version; the package comment has the counts.
var differences = map[string]string{
	"3.11": "programs that need the grammar of 3.12 (quotes of the same kind inside f-strings, type statements, generics in brackets) fail as syntax errors",
	"3.12": "",
	"3.13": "under the reference's rules an endless loop inside try can catch its timeout; code that is nested thousands deep compiles",
}

// Differences says for people how verdicts of an interpreter, such as "3.11.7", differ from those of the reference's CPython 3.12: empty where they don't.
// known is false for a version whose verdicts nobody has compared; the pool refuses it.
func Differences(version string) (text string, known bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return "", false
	}
	text, known = differences[parts[0]+"."+parts[1]]
	return text, known
}
