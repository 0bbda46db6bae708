package expr

// SameAnswer reports whether two answers have the same value.
func SameAnswer(a, b string) bool { return Compare(a, b).Value == Equal }
