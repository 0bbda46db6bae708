package config

import (
	"os"
	"strings"
)

// passwordPrefix begins the variables in which btcli keeps the passwords of key files.
const passwordPrefix = "BT_PW_"

// Password looks up the variable of a key file's password, as package wallet names it, in the environment of the process. The value is masked in btcli's
// way. Other variables than those of passwords are never there. The file .env is not asked: it lies next to what it would protect.
func Password(variable string) (Secret, bool) {
	if !strings.HasPrefix(variable, passwordPrefix) {
		return "", false
	}
	value, ok := os.LookupEnv(variable)
	return Secret(value), ok && value != ""
}
