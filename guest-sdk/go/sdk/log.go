package rosehip

// Lines for the people who read a flow change nothing about it, and the host keeps the first 64 KiB of a call. What is
// printed to os.Stdout reaches the flow as well, at the level info, and what is printed to os.Stderr at warn.

type level uint32

// The levels by the numbers of the import `rosehip.log`.
const (
	levelDebug level = iota
	levelInfo
	levelWarn
	levelError
)

// Debug writes a line for the author of the behavior.
func Debug(message string) { write(levelDebug, message) }

// Info writes a line about the normal course.
func Info(message string) { write(levelInfo, message) }

// Warn writes a line that an editor or operator may want to look at.
func Warn(message string) { write(levelWarn, message) }

// Error writes a line about something that went wrong.
func Error(message string) { write(levelError, message) }
