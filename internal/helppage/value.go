package helppage

import (
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Choices are the options whose values are a few words.
var Choices = map[string]string{
	"lang": "en|zh", "on-fatal": "stay|exit", "page": "on|off", "prefer": "ours|theirs", "prove": "full|sample",
}

// placeholders say what the value of an option is. Those of times and numbers have their type for that.
var placeholders = []struct {
	what    msg.Message
	options string
}{
	{msg.M("FILE"), "config answers start bundle from check diff"},
	{msg.M("FILE,…"), "compare"},
	{msg.M("DIR"), "root pack backup backup-dir mount since"},
	{msg.M("PATH"), "out file leave"},
	{msg.M("PATH:KEY"), "text"},
	{msg.M("PORT"), "metadb-port"},
	{msg.M("[ADDRESS:]PORT"), "metrics-port"},
	{msg.M("VERSION"), "from-version release"},
	{msg.M("IMAGE"), "image boot"},
	{msg.M("NAME"), "container"},
	{msg.M("ADDRESS"), "host-ip"},
	{msg.M("DATABASE"), "heartbeat-db replace reinit-metadb"},
	{msg.M("TABLE"), "rows register"},
	{msg.M("OLD=NEW"), "collation"},
	{msg.M("KEY=VALUE"), "set"},
	{msg.M("ID"), "explain ignore"},
	{msg.M("STEP"), "only skip confirm"},
	{msg.M("COMMAND"), "record"},
	{msg.M("FORMAT"), "output"},
}

// Value returns what an option takes, nothing for one that takes nothing.
func Value(lang msg.Lang, f urfave.Flag) string {
	name := f.Names()[0]
	if _, ok := f.(*urfave.DurationFlag); ok {
		return lang.Sprintf("DURATION")
	}
	if words, ok := Choices[name]; ok {
		return words
	}
	for _, p := range placeholders {
		if slices.Contains(strings.Fields(p.options), name) {
			return p.what.In(lang)
		}
	}
	if _, ok := f.(*urfave.IntFlag); ok {
		return lang.Sprintf("N")
	}
	return ""
}

// About returns what an option takes and does, in a line.
func About(lang msg.Lang, f urfave.Flag) string {
	usage := f.(urfave.DocGenerationFlag).GetUsage()
	if value := Value(lang, f); value != "" {
		return lang.Sprintf("%s: %s", value, usage)
	}
	return usage
}

// StandsAlone reports whether an option may have a value behind an equals sign, or none.
func StandsAlone(f urfave.Flag) bool {
	g, ok := f.(*urfave.GenericFlag)
	if ok {
		_, ok = g.Value.(interface{ IsBoolFlag() bool })
	}
	return ok
}

// arguments are the words for what stands behind a command; those of options stand for themselves too.
var arguments = []msg.Message{msg.M("NODE"), msg.M("PROGRAM"), msg.M("REGION"), msg.M("SIGNAL"), msg.M("USER")}

var argument = pattern.New(`[A-Z]+(?:=[A-Z]+)?`)

// Arguments returns what stands behind a command in the language.
func Arguments(lang msg.Lang, usage string) string {
	if lang == msg.English || usage == "" {
		return usage
	}
	known := slices.Clone(arguments)
	for _, p := range placeholders {
		known = append(known, p.what)
	}
	return argument().ReplaceAllStringFunc(usage, func(word string) string {
		for _, m := range known {
			if m.String() == word {
				return m.In(lang)
			}
		}
		return word
	})
}
