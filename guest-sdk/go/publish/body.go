package main

// Reads the HTML that the host rendered and sanitized. It is well formed, so this is a scanner of tags, not a parser of
// whatever the web may hold; of what it does not understand it makes text, never a failure.

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pieceKind says what a piece of a body is.
type pieceKind int

const (
	// pieceText is text between tags, entities resolved.
	pieceText pieceKind = iota
	// pieceCode is text inside `code` or `pre`.
	pieceCode
	// pieceLink is where an `a` goes.
	pieceLink
	// pieceImage is an `img`.
	pieceImage
	// pieceBreak is the start or end of any other element that is not part of a line of text.
	pieceBreak
)

// piece is a piece of a body. Its text is what is read, where a link goes, or where an image is.
type piece struct {
	kind pieceKind
	text string
	// alt describes an image; it is empty where the image has none.
	alt string
}

// isInline says of an element whether it stands within a line of text.
func isInline(name string) bool {
	switch name {
	case "a", "abbr", "b", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "s", "small", "span", "strong", "sub",
		"sup", "u":
		return true
	default:
		return false
	}
}

// piecesOf splits a body into pieces, in its order.
func piecesOf(html string) []piece {
	var pieces []piece
	codeDepth := 0
	rest := html
	for rest != "" {
		start := strings.IndexByte(rest, '<')
		if start < 0 {
			start = len(rest)
		}
		pieces = pushText(pieces, rest[:start], codeDepth > 0)
		tag, after, found := cutTag(rest[start:])
		if !found {
			return pushText(pieces, rest[start:], codeDepth > 0)
		}
		switch {
		case (tag.name == "code" || tag.name == "pre") && tag.closes:
			codeDepth = max(0, codeDepth-1)
		case tag.name == "code" || tag.name == "pre":
			codeDepth++
		case tag.name == "a" && !tag.closes:
			if target, found := tag.attribute("href"); found {
				pieces = append(pieces, piece{kind: pieceLink, text: target})
			}
		case tag.name == "img":
			source, _ := tag.attribute("src")
			alt, _ := tag.attribute("alt")
			pieces = append(pieces, piece{kind: pieceImage, text: source, alt: alt})
		}
		if !isInline(tag.name) {
			pieces = append(pieces, piece{kind: pieceBreak})
		}
		rest = after
	}
	return pieces
}

// excerpt is the first `chars` characters of the text of a body, on one line, cut at a word.
func excerpt(html string, chars int) string {
	var text strings.Builder
	for _, piece := range piecesOf(html) {
		switch piece.kind {
		case pieceText, pieceCode:
			text.WriteString(piece.text)
		case pieceBreak:
			text.WriteByte(' ')
		case pieceLink, pieceImage:
		}
	}
	var excerpt strings.Builder
	taken := 0
	for _, word := range strings.Fields(text.String()) {
		taken += utf8.RuneCountInString(word) + 1
		if taken > chars {
			excerpt.WriteString("…")
			break
		}
		if excerpt.Len() > 0 {
			excerpt.WriteByte(' ')
		}
		excerpt.WriteString(word)
	}
	return excerpt.String()
}

// pushText appends text, to the text before it if there is some, since an inline tag ends no sentence.
func pushText(pieces []piece, text string, code bool) []piece {
	if text == "" {
		return pieces
	}
	text = unescape(text)
	kind := pieceText
	if code {
		kind = pieceCode
	}
	if last := len(pieces) - 1; last >= 0 && pieces[last].kind == kind {
		pieces[last].text += text
		return pieces
	}
	return append(pieces, piece{kind: kind, text: text})
}

type tag struct {
	// name is in lower case.
	name       string
	closes     bool
	attributes string
}

// cutTag splits a tag off the text that begins with its `<`. A `>` in a quoted attribute does not end it.
func cutTag(text string) (tag, string, bool) {
	inner, found := strings.CutPrefix(text, "<")
	if !found {
		return tag{}, "", false
	}
	end := endOfTag(inner)
	if end < 0 {
		return tag{}, "", false
	}
	within := strings.TrimRight(strings.TrimLeft(inner[:end], "/"), "/")
	name, attributes := cutAtSpace(within)
	return tag{asciiLower(name), strings.HasPrefix(inner, "/"), attributes}, inner[end+1:], true
}

// endOfTag is where the `>` of a tag stands; -1 where there is none.
func endOfTag(inner string) int {
	var quote byte
	for at := range len(inner) {
		char := inner[at]
		switch {
		case quote != 0:
			if char == quote {
				quote = 0
			}
		case char == '>':
			return at
		case char == '"' || char == '\'':
			quote = char
		}
	}
	return -1
}

// attribute is an attribute's value, entities resolved.
func (tag tag) attribute(wanted string) (string, bool) {
	rest := trimStart(tag.attributes)
	for rest != "" {
		end := strings.IndexFunc(rest, func(char rune) bool { return char == '=' || unicode.IsSpace(char) })
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		value, after := cutValue(trimStart(rest[end:]))
		if asciiLower(name) == wanted {
			return unescape(value), true
		}
		rest = trimStart(after)
	}
	return "", false
}

// cutValue splits an attribute's value, if it has one, off the text after its name.
func cutValue(text string) (value, after string) {
	text, found := strings.CutPrefix(text, "=")
	if !found {
		return "", text
	}
	text = trimStart(text)
	for _, quote := range []string{`"`, "'"} {
		if inner, found := strings.CutPrefix(text, quote); found {
			value, after, _ := strings.Cut(inner, quote)
			return value, after
		}
	}
	return cutAtSpace(text)
}

// unescape resolves the entities that an HTML serializer writes (HTML §13.3) and numeric ones.
func unescape(text string) string {
	var plain strings.Builder
	for {
		at := strings.IndexByte(text, '&')
		if at < 0 {
			plain.WriteString(text)
			return plain.String()
		}
		plain.WriteString(text[:at])
		char, length := entity(text[at:])
		plain.WriteRune(char)
		text = text[at+length:]
	}
}

// entity is the character of the entity that the text begins with, and its length in bytes; where it is none, the `&`.
func entity(text string) (char rune, length int) {
	name, _, found := strings.Cut(text[1:], ";")
	if !found {
		return '&', 1
	}
	length = len(name) + 2
	switch name {
	case "amp":
		return '&', length
	case "lt":
		return '<', length
	case "gt":
		return '>', length
	case "quot":
		return '"', length
	case "nbsp":
		return '\u00a0', length
	}
	digits, found := strings.CutPrefix(name, "#")
	if !found {
		return '&', 1
	}
	base := 10
	if strings.HasPrefix(digits, "x") || strings.HasPrefix(digits, "X") {
		base, digits = 16, digits[1:]
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(digits, "+"), base, 32)
	// The comparison comes first, because a rune is an int32 and would wrap around.
	if err != nil || number > unicode.MaxRune || !utf8.ValidRune(rune(number)) {
		return '&', 1
	}
	return rune(number), length
}

func trimStart(text string) string { return strings.TrimLeftFunc(text, unicode.IsSpace) }

// cutAtSpace is what stands before the first white space, and the rest with it.
func cutAtSpace(text string) (before, after string) {
	at := strings.IndexFunc(text, unicode.IsSpace)
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at:]
}

// asciiLower is the text with the letters A to Z, and no others, in lower case.
func asciiLower(text string) string {
	return strings.Map(func(char rune) rune {
		if 'A' <= char && char <= 'Z' {
			return char + ('a' - 'A')
		}
		return char
	}, text)
}
