package rosehip

import (
	"encoding/json"
	"fmt"
)

// Article is an article as the host hands it to a behavior. Members that it does not name are in [Call.Object].
type Article struct {
	// ID is an absolute URL.
	ID string
	// Name is the title.
	Name string
	// Content is the body as HTML.
	Content string
	// Source is the body as it was written; nil where the object has none.
	Source *Source
	// Category is empty where the editor gave none.
	Category string
	// Tags are in the editor's order.
	Tags []Tag
	// Slug is the last part of the page's path.
	Slug string
	// Status is `draft` or `published`.
	Status string
	// URL is the page's address.
	URL string
	// Published is when it was first published, RFC 3339.
	Published string
	// Updated is when it was last changed, RFC 3339.
	Updated string
	// AttributedTo is the id of the actor who wrote it.
	AttributedTo string
}

// Source is a body as it was written.
type Source struct {
	Content string
	// MediaType is such as `text/markdown`.
	MediaType string
}

// Tag is a tag of an object.
type Tag struct {
	// Kind is `Hashtag` or `Mention`.
	Kind string
	// Name is the text with its sign, such as `#roses`.
	Name string
}

// Article reads the object as an article. A member of another type than it should have is a fatal failure.
func (call *Call) Article() (*Article, error) {
	object := &members{of: "object"}
	object.read(call.Object)
	article := &Article{
		ID:           object.text("id"),
		Name:         object.text("name"),
		Content:      object.text("content"),
		Source:       object.source("source"),
		Category:     object.optional("category"),
		Tags:         object.tags("tag"),
		Slug:         object.text("slug"),
		Status:       object.text("status"),
		URL:          object.text("url"),
		Published:    object.optional("published"),
		Updated:      object.optional("updated"),
		AttributedTo: object.optional("attributedTo"),
	}
	return article, object.err
}

// members reads the members of an object by their exact names, where encoding/json would take `Name` for `name` and null
// for an empty text. It keeps the first error.
type members struct {
	of     string
	byName map[string]json.RawMessage
	err    error
}

func (object *members) read(document json.RawMessage) {
	object.decode(object.of, document, &object.byName)
	if object.byName == nil {
		object.fail(object.of, "null")
	}
}

// text is a text that may be left out.
func (object *members) text(name string) string {
	document, found := object.byName[name]
	if !found {
		return ""
	}
	var text *string
	object.decode(name, document, &text)
	if text == nil {
		object.fail(name, "null")
		return ""
	}
	return *text
}

// optional is a text that may be null or left out.
func (object *members) optional(name string) string {
	var text string
	if document, found := object.byName[name]; found {
		object.decode(name, document, &text)
	}
	return text
}

func (object *members) source(name string) *Source {
	document, found := object.byName[name]
	if !found || string(document) == "null" {
		return nil
	}
	inner := &members{of: name}
	inner.read(document)
	source := &Source{Content: inner.text("content"), MediaType: inner.text("mediaType")}
	object.take(inner)
	return source
}

func (object *members) tags(name string) []Tag {
	document, found := object.byName[name]
	if !found {
		return nil
	}
	var items []json.RawMessage
	object.decode(name, document, &items)
	if items == nil {
		object.fail(name, "null")
	}
	var tags []Tag
	for _, item := range items {
		inner := &members{of: "an item of " + name}
		inner.read(item)
		tags = append(tags, Tag{Kind: inner.text("type"), Name: inner.text("name")})
		object.take(inner)
	}
	return tags
}

func (object *members) decode(name string, document json.RawMessage, into any) {
	if err := json.Unmarshal(document, into); err != nil {
		object.fail(name, err.Error())
	}
}

func (object *members) take(inner *members) {
	if object.err == nil {
		object.err = inner.err
	}
}

func (object *members) fail(name, reason string) {
	if object.err == nil {
		object.err = Fatal(fmt.Sprintf("the object does not read: %s: %s", name, reason))
	}
}
