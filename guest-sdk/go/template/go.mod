// The same for every project: a name that Go has itself, such as go or net, would hide the SDK beside it.
module behavior

go 1.24
