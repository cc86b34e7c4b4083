package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"behavior/rosehip"
)

// titleChars is how long a title may be: most that show a longer one cut it.
const titleChars = 200

// findings is what is right and wrong with an article: title, slug, body, then its links and images in their order.
func findings(article *rosehip.Article) []rosehip.Finding {
	pieces := piecesOf(article.Content)
	var found list
	found.title(article.Name)
	found.slug(article.Slug)
	found.hasContent(pieces)
	for _, piece := range pieces {
		switch piece.kind {
		case pieceLink:
			found.link(piece.text)
		case pieceImage:
			found.image(piece.text, piece.alt)
		case pieceText:
			found.unfinished(piece.text)
		case pieceCode, pieceBreak:
		}
	}
	return found
}

// list is a list of findings that grows.
type list []rosehip.Finding

func (found *list) err(field, rule, message string) {
	*found = append(*found, rosehip.Finding{Field: field, Rule: rule, Message: message, Severity: rosehip.SeverityError})
}

func (found *list) warn(field, rule, message string) {
	*found = append(*found, rosehip.Finding{Field: field, Rule: rule, Message: message, Severity: rosehip.SeverityWarning})
}

func (found *list) title(title string) {
	switch {
	case isBlank(title):
		found.err("title", "required", "The article has no title.")
	case utf8.RuneCountInString(title) > titleChars:
		found.warn("title", "length", fmt.Sprintf("The title is longer than %d characters.", titleChars))
	}
}

func (found *list) slug(slug string) {
	if slug == "" {
		found.err("slug", "required", "The article has no slug.")
		return
	}
	for _, word := range strings.Split(slug, "-") {
		if word == "" || strings.ContainsFunc(word, isNotPlain) {
			message := `The slug "` + slug + `" is not made of lower-case letters, digits and single hyphens.`
			found.err("slug", "format", message)
			return
		}
	}
}

func isNotPlain(char rune) bool {
	return !('a' <= char && char <= 'z' || isDigit(char))
}

func (found *list) hasContent(pieces []piece) {
	for _, piece := range pieces {
		switch piece.kind {
		case pieceText, pieceCode:
			if !isBlank(piece.text) {
				return
			}
		case pieceImage:
			return
		case pieceLink, pieceBreak:
		}
	}
	found.err("body", "required", "The article has no body.")
}

func (found *list) link(target string) {
	switch check(target) {
	case flawEmpty:
		found.err("body", "link-empty", "A link goes nowhere.")
	case flawMalformed:
		found.err("body", "link-malformed", "The link "+target+" is not a working address.")
	case flawRelative:
		found.warn("body", "link-relative", "The link "+target+" only works on this site; use its full address.")
	case flawNone:
	}
}

func (found *list) image(source, alt string) {
	switch check(source) {
	case flawEmpty, flawMalformed:
		found.err("body", "image-source", `The image "`+source+`" has no working address.`)
	case flawRelative, flawNone:
		if isBlank(alt) {
			found.warn("body", "image-alt", "The image "+source+" has no text for those who do not see it.")
		}
	}
}

// unfinished looks for a link that Markdown could not read, whose signs it leaves in the text.
func (found *list) unfinished(text string) {
	at := strings.Index(text, "](")
	if at < 0 {
		return
	}
	from := strings.LastIndexByte(text[:at], '[')
	if from < 0 {
		from = at
	}
	found.err("body", "link-syntax", "A link is not finished: "+strings.TrimSpace(firstChars(text[from:], 60)))
}

func firstChars(text string, count int) string {
	for at := range text {
		if count == 0 {
			return text[:at]
		}
		count--
	}
	return text
}

// flaw is what is wrong with where a link goes.
type flaw int

const (
	flawNone flaw = iota
	flawEmpty
	flawMalformed
	flawRelative
)

// check looks at an address as RFC 3986 §3 splits it, as far as that tells a slip from a choice.
func check(target string) flaw {
	target = strings.TrimSpace(target)
	if target == "" || target == "#" {
		return flawEmpty
	}
	if strings.HasPrefix(target, "#") {
		return flawNone
	}
	if strings.ContainsFunc(target, isForbidden) {
		return flawMalformed
	}
	scheme, rest, found := strings.Cut(target, ":")
	if !found || !isScheme(scheme) {
		return flawRelative
	}
	if !isWellFormed(asciiLower(scheme), rest) {
		return flawMalformed
	}
	return flawNone
}

func isForbidden(char rune) bool {
	return unicode.IsSpace(char) || unicode.IsControl(char) || strings.ContainsRune("<>\"{}|\\^`", char)
}

func isScheme(scheme string) bool {
	for at, char := range scheme {
		if !isLetter(char) && (at == 0 || !isDigit(char) && !strings.ContainsRune("+-.", char)) {
			return false
		}
	}
	return scheme != ""
}

func isWellFormed(scheme, rest string) bool {
	switch scheme {
	case "http", "https":
		rest, found := strings.CutPrefix(rest, "//")
		return found && hasHost(rest)
	case "mailto":
		name, host, _ := strings.Cut(rest, "@")
		return name != "" && host != ""
	default:
		return rest != ""
	}
}

// hasHost is whether what follows `//` begins with a host: not empty, and no empty label in it.
func hasHost(rest string) bool {
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	if strings.HasPrefix(host, "[") {
		return strings.Contains(host, "]")
	}
	name, _, _ := strings.Cut(host, ":")
	for _, label := range strings.Split(strings.TrimRight(name, "."), ".") {
		if label == "" {
			return false
		}
	}
	return true
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

func isLetter(char rune) bool { return 'a' <= char && char <= 'z' || 'A' <= char && char <= 'Z' }

func isDigit(char rune) bool { return '0' <= char && char <= '9' }
