//! Every language that `rosehip new` knows, from an empty folder to the effects in a running host. Nothing is skipped:
//! `scripts/language-tools` installs what builds them, and a tool that is missing fails its language.

mod announce;
mod pins;
mod publish;
mod raised;
