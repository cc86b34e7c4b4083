package rosehip

import "errors"

// Retry is the error of a step that may succeed at another attempt: the host tries again by the node's policy, then fails
// the node. The message is for people. An error that wraps it asks for the same.
func Retry(message string) error { return retry{message} }

// Fatal is the error of a step that no attempt will mend: the node and its flow fail now. The message is for people. So is
// every error that is no [Retry].
func Fatal(message string) error { return errors.New(message) }

type retry struct{ message string }

func (err retry) Error() string { return err.message }

func asksForRetry(err error) bool {
	var wanted retry
	return errors.As(err, &wanted)
}
