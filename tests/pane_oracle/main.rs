//! Panes beside what programs and people trust: the same bytes go into a pane and into tmux, the same keys are encoded by
//! both, and terminfo's entry for the TERM that hosts are told is kept, key by key and capability by capability.

mod keys;
mod live;
mod programs;
mod recording;
mod terminfo;
mod tmux;
