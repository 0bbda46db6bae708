package wallet

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
)

// PasswordVariable is the name of the environment variable in which btcli keeps the password of a key file: BT_PW_ and the absolute path in upper
// case, with _ for every slash and dot. A name with a dash cannot be exported by a shell; env(1) and service managers can set it.
func PasswordVariable(file string) string {
	name := strings.NewReplacer("/", "_", ".", "_").Replace(filepath.ToSlash(file))
	return "BT_PW_" + strings.ToUpper(name)
}

// EncodePassword gives the value of a password variable: base64 of the password xor the variable's name. It hides the password from a glance
// and from nothing else.
func EncodePassword(variable string, password Secret) string {
	raw := mask(variable, password.Reveal())
	defer clear(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// DecodePassword reads the value of a password variable. Errors never repeat it.
func DecodePassword(variable, value string) (Secret, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil || len(raw) == 0 || variable == "" {
		clear(raw)
		return Secret{}, hinted{fmt.Errorf("couldn't read password of variable %s: it is not base64", variable),
			"the value is base64 of the password xor the variable's name, as btcli saves it"}
	}
	defer clear(raw)
	return NewSecret(mask(variable, raw)), nil
}

func mask(variable string, text []byte) []byte {
	out := make([]byte, len(text))
	for i := range text {
		out[i] = text[i] ^ variable[i%len(variable)]
	}
	return out
}
