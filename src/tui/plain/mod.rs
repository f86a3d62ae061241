//! The plain mode: one line for each event, for screen readers and terminals that cannot move their cursor.
//!
//! The app behind it is the same state machine as behind the screen. What it shows becomes lines ([`teller`], with equal
//! lines of many hosts told once, [`gather`]); what the user types becomes keys and requests ([`words`]). Those are pure;
//! [`front`] is the loop around them, and the terminal stays in its line mode all the time.

pub mod front;
pub mod gather;
mod input;
mod output;
pub mod teller;
pub mod words;
