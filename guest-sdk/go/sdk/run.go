package rosehip

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// failed is a failure as a core module returns it.
type failed struct {
	Retry *string `json:"retry,omitempty"`
	Fatal *string `json:"fatal,omitempty"`
}

// run answers a Call, as a JSON document, with `{"ok": Outcome}` or `{"err": …}`.
func (behavior *Behavior) run(document []byte) []byte {
	outcome, err := behavior.answer(document)
	if err == nil {
		answer, notJSON := toJSON(struct {
			OK outcomeDocument `json:"ok"`
		}{outcome.document()})
		if notJSON == nil {
			return answer
		}
		err = Fatal(fmt.Sprintf("what the step returned is not JSON: %v", notJSON))
	}
	message := err.Error()
	failure := failed{Fatal: &message}
	if asksForRetry(err) {
		failure = failed{Retry: &message}
	}
	answer, err := toJSON(struct {
		Err failed `json:"err"`
	}{failure})
	if err != nil {
		panic("a text is always JSON: " + err.Error())
	}
	return answer
}

// answer runs the step that a Call names. A panic of the author's becomes a fatal failure with its place.
func (behavior *Behavior) answer(document []byte) (outcome *Outcome, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			message, stack := whatAndWhere(panicked)
			Error(stack)
			outcome, err = nil, Fatal(message)
		}
	}()
	call, err := ParseCall(document)
	if err != nil {
		return nil, err
	}
	return behavior.Answer(call)
}

// whatAndWhere is called while a panic is recovered. It returns what was thrown with the author's line that it came from,
// and the stack down to this package.
func whatAndWhere(panicked any) (message, stack string) {
	message = fmt.Sprintf("panic: %v", panicked)
	lines := []string{message}
	_, own, _, _ := runtime.Caller(0)
	sdk := path.Dir(own) + "/"
	project := path.Dir(path.Dir(own)) + "/"

	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	found, beneath := false, false
	for {
		frame, more := frames.Next()
		// Above the frame of the panic there is only what recovers from it.
		if beneath && strings.HasPrefix(frame.File, sdk) {
			break
		}
		if beneath {
			file := strings.TrimPrefix(frame.File, project)
			lines = append(lines, fmt.Sprintf("  %s (%s:%d)", frame.Function, file, frame.Line))
			if !found && strings.HasPrefix(frame.File, project) {
				found = true
				message = fmt.Sprintf("%s (%s, line %d, in %s)", message, file, frame.Line, frame.Function)
			}
		}
		beneath = beneath || frame.Function == "runtime.gopanic"
		if !more {
			break
		}
	}
	return message, strings.Join(lines, "\n")
}
