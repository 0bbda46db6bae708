package validator

import "fmt"

func effectName(e Effect, done bool) string {
	if done {
		return fmt.Sprintf("after %T", e)
	}
	return fmt.Sprintf("before %T", e)
}
