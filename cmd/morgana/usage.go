package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/morgana-ml/morgana/ugraph/spell"
)

// description is what stands above the list of commands.
const description = `Turns tensor programs into fused kernels that it has proved equal to them.

X is a .ug file (FILE#NAME picks one program of it), a bundle folder, or the name of an embedded program.

Exit codes: 0 done; 1 the answer is no; 2 bad input, or something that the environment refuses; 3 a bug; 130 interrupted.

Environment: MORGANA_CACHE (folder of the kernel store), MORGANA_THREADS (threads of kernels), MORGANA_DEBUG (0 to 5: what goes on, on stderr), NO_COLOR.`

var negative = regexp.MustCompile(`^-[0-9.]`)

// arguments puts what people type into the form that kong reads: "help COMMAND" is "COMMAND --help", and a
// negative number after a flag is its value, so that the command can say what it wants instead.
func arguments(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		return append(append([]string{}, args[1:]...), "--help")
	}
	var out []string
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		if last := len(out) - 1; last >= 0 && negative.MatchString(a) && strings.HasPrefix(out[last], "--") && !strings.Contains(out[last], "=") {
			out[last] += "=" + a
			continue
		}
		out = append(out, a)
	}
	return out
}

// advice puts kong's errors into sentences that say what to do; the first that matches is taken.
var advice = []struct {
	kong *regexp.Regexp
	say  string
}{
	{regexp.MustCompile(`^(--\S+): expected .* but got "EOL"`), `$1 needs a value`},
	{regexp.MustCompile(`^(--\S+): expected .* but got "(-.*)" \((?:long|short) flag\)`), `$1 needs a value; after it comes the flag $2`},
	{regexp.MustCompile(`^(--\S+): expected a valid 64 bit int but got "(.*)"(?: \(from envar (.*)\))`), `$3: want an integer of 64 bits`},
	{regexp.MustCompile(`^(--\S+): expected a valid 64 bit int but got "(.*)"`), `$1 $2: want an integer of 64 bits`},
	{regexp.MustCompile(`^(--\S+): expected a valid 64 bit uint but got "(.*)"`), `$1 $2: want an integer from 0 to 2^64-1`},
	{regexp.MustCompile(`^(--\S+): expected a float but got "(.*)"`), `$1 $2: want a number`},
	{regexp.MustCompile(`^(--\S+): expected duration but got "(.*?)"`), `$1 $2: want a time with its unit, such as 10s, 1.5m or 300ms`},
	{regexp.MustCompile(`^(--\S+): bool value must be .* but got "(.*)"`), `$1 $2: want true or false`},
	{regexp.MustCompile(`^unexpected argument (\S*)`), `unexpected argument "$1"`},
	{regexp.MustCompile(`^expected one of .*\.\.\.$`), `a command is missing`},
	{regexp.MustCompile(`^expected one of (.*)`), `a command is missing: one of $1`},
	{regexp.MustCompile(`^expected "(.*)"`), `an argument is missing: $1`},
}

var candidates = regexp.MustCompile(`, did you mean (?:one of )?(.*)\?$`)

// usageError is an error of the command line with what to do about it, and where its flags are listed.
func usageError(err error) error {
	text := err.Error()
	meant := ""
	if at := candidates.FindStringSubmatchIndex(text); at != nil {
		meant = suggestion(text[:at[0]], strings.Split(text[at[2]:at[3]], ", "))
		text = text[:at[0]]
	}
	for _, a := range advice {
		if at := a.kong.FindStringSubmatchIndex(text); at != nil {
			text = string(a.kong.ExpandString(nil, a.say, text, at))
			break
		}
	}
	text = strings.Replace(text, " : want", ` "": want`, 1) // an empty value is to be seen
	help, group := "morgana --help lists commands and flags", true
	var parsing *kong.ParseError
	if errors.As(err, &parsing) && parsing.Context != nil {
		if node := parsing.Context.Selected(); node != nil {
			help, group = node.FullPath()+" --help lists its arguments and flags", len(node.Children) > 0
		}
	}
	if group {
		text = strings.Replace(text, "unexpected argument", "unknown command", 1)
	}
	return fmt.Errorf("%s%s (%s)", text, meant, help)
}

// suggestion is which of kong's candidates for the last word of an error may be meant: kong offers what two
// changes lead to, however short the word is.
func suggestion(text string, quoted []string) string {
	word := strings.TrimLeft(text[strings.LastIndexByte(text, ' ')+1:], "-")
	var near []string
	for _, q := range quoted {
		if c := strings.TrimLeft(strings.Trim(q, `"`), "-"); spell.Near(word, c) || len(word) > 1 && strings.HasPrefix(c, word) {
			near = append(near, q)
		}
	}
	switch len(near) {
	case 0:
		return ""
	case 1:
		return "; did you mean " + near[0] + "?"
	}
	return "; did you mean one of " + strings.Join(near, ", ") + "?"
}
