package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// scaled writes a number with three digits and a decimal prefix.
func scaled(x float64, unit string) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	prefixes := []string{"", "k", "M", "G", "T", "P"}
	i := 0
	for x >= 999.5 && i < len(prefixes)-1 {
		x, i = x/1000, i+1
	}
	return strings.TrimSpace(digits(x) + " " + prefixes[i] + unit)
}

// digits writes three significant digits without an exponent.
func digits(x float64) string {
	switch {
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// plain writes a number without a unit; integers in full.
func plain(x float64) string {
	if x > 0 && x < 1e6 && x == math.Trunc(x) {
		return grouped(int(x))
	}
	return scaled(x, "")
}

// micros writes a time given in microseconds.
func micros(us float64) string {
	switch {
	case us <= 0 || math.IsNaN(us) || math.IsInf(us, 0):
		return "–"
	case us >= 999_500:
		return digits(us/1e6) + " s"
	case us >= 999.5:
		return digits(us/1000) + " ms"
	}
	return digits(us) + " µs"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes an integer with thin spaces between groups of three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// stops says in words how a search ended.
var stops = map[string]string{
	"exhausted":   "The search looked at everything within its limits.",
	"budget":      "The search ended when its time was used up: the best so far.",
	"interrupted": "The search was interrupted: the best so far.",
}

// models says what a maximum was in the fields, which have no order of their own.
var models = map[string]string{
	"S": "A maximum counted as the set of its arguments (model S).",
	"H": "A maximum chose by a random order (model H).",
	"Q": "A value counted as smaller than another where their difference is a square (model Q).",
}

// verificationText is the record in plain words, a paragraph each.
func verificationText(t *Target) []string {
	v := t.Verification
	if v.Tests == 0 {
		if t.Reason != "" {
			return []string{"What runs is the program itself, operator by operator; there was nothing to verify."}
		}
		return nil
	}
	ps := []string{fmt.Sprintf("The kernels compute the same function as the program in exact arithmetic. Both were evaluated in %s with random inputs from finite fields (seed %d) and agreed everywhere; a different program would pass with a probability of at most 2%s.",
		count(v.Tests, "test", "tests"), v.Seed, superscript(v.ErrorLog2))}
	if len(v.Stability) > 0 || v.FloatMaxRelError > 0 {
		s := "In floating point they are no less stable than the program."
		if v.FloatMaxRelError > 0 {
			s += fmt.Sprintf(" The largest relative error that was seen is %.1e.", v.FloatMaxRelError)
		}
		for _, r := range v.Stability {
			s += fmt.Sprintf(" In %s the error is at most %s of what is allowed.", r.DType, strconv.FormatFloat(r.Ratio, 'g', 2, 64))
		}
		ps = append(ps, s)
	}
	if t.Executed {
		ps = append(ps, "Every kernel has run on a small instance with ragged tiles, and its results agreed with float64.")
	}
	return ps
}

// superscript writes an exponent, rounded up (a weaker claim) to an integer.
func superscript(x float64) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	var b strings.Builder
	for _, c := range strconv.Itoa(int(math.Ceil(x))) {
		if c == '-' {
			b.WriteRune('⁻')
			continue
		}
		b.WriteRune(digits[c-'0'])
	}
	return b.String()
}
