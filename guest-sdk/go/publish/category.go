package main

import (
	"strings"
	"unicode"

	"behavior/rosehip"
)

// The branches of the step that sorts by category.
const (
	urgent     = "urgent"
	newsletter = "newsletter"
	other      = "other"
)

// categoryOf is what an article was filed under, in lower case: the category field, else the first hashtag, else nothing.
// It decides who hears of it.
func categoryOf(article *rosehip.Article) string {
	if category := normal(article.Category); category != "" {
		return category
	}
	for _, tag := range article.Tags {
		if tag.Kind == "Hashtag" {
			return normal(tag.Name)
		}
	}
	return ""
}

// branchOf is the branch to take. An article that says nothing is never urgent.
func branchOf(category string) string {
	switch category {
	case urgent, newsletter:
		return category
	default:
		return other
	}
}

func normal(name string) string {
	return lower(strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(name), "#")))
}

// lower is the lower case of a text by the Unicode Standard (§3.13), where strings.ToLower goes character by character: a
// sigma at the end of a word has a form of its own, and a dotted capital I becomes two characters.
func lower(text string) string {
	runes := []rune(text)
	var lowered strings.Builder
	for at, char := range runes {
		switch {
		case char == 'İ':
			lowered.WriteString("i\u0307")
		case char == 'Σ' && endsWord(runes, at):
			lowered.WriteRune('ς')
		default:
			lowered.WriteRune(unicode.ToLower(char))
		}
	}
	return lowered.String()
}

// endsWord is whether a letter stands before a place, and none after it.
func endsWord(runes []rune, at int) bool {
	before, after := at-1, at+1
	for before >= 0 && isCaseIgnorable(runes[before]) {
		before--
	}
	for after < len(runes) && isCaseIgnorable(runes[after]) {
		after++
	}
	return before >= 0 && isCased(runes[before]) && !(after < len(runes) && isCased(runes[after]))
}

func isCased(char rune) bool {
	return unicode.In(char, unicode.Upper, unicode.Lower, unicode.Title, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func isCaseIgnorable(char rune) bool {
	return unicode.In(char, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("'.:·\u0387\u055f\u05f4‘’․‧\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", char)
}
